/*
 * force: puts what is to be served in force on this node: the files for CHT's nginx, then the hook,
 * then the web child is told.
 *
 *     install/files → changed, or the hook has not run for it yet → hook/certificate → "told"
 *                                                                 → web/certificate
 *
 * STATE/cert/told holds the fingerprint that the hook ran for last, so that one that failed, or
 * that a power cut came before, is run again. What fails is an alert, and is tried at the next
 * look.
 */
#pragma once

#include "netsvc/cert/site/site.h"
#include "netsvc/child/child.h"

struct force;

struct force *force_new(struct child *child, const struct site *site);
void force_free(struct force *force);
AUTO_DEFINE(force)

/* What is in force at `now` (0: the clock is not believed) is put there, unless it is already.
 * `all`: the web child is told in any case. */
void force_apply(struct force *force, gint64 now, gboolean all);
