/*
 * hints: which databases of the source may have changed.
 *
 *   _db_updates   one feed for the whole server; _global_changes, which it needs, is made where it
 *                 is absent
 *   feeds         _changes of the databases that changed last: at once, where _db_updates takes a
 *                 moment
 *   a sweep       the names of all, and their update sequences 100 at a time, now and then: finds
 *                 what the others missed
 *
 * None of them is believed any further: followed_hint is all that comes of it. A feed that ends
 * means that the source was lost from sight: followed_doubt.
 */
#pragma once

#include "lib/base/cleanup.h"

struct hints;
struct standby;

struct hints *hints_new(struct standby *standby);
void hints_free(struct hints *hints);
AUTO_DEFINE(hints)

/* Waits for hints, for so long at most. FALSE: the source does not answer. */
gboolean hints_wait(struct hints *hints, guint milliseconds, GError **error);

/* Looks at all databases, if it is time to. *complete: none is unknown any more. */
gboolean hints_sweep(struct hints *hints, GError **error);

/* A database is not where it was: the next look is at once. */
void hints_look_soon(struct hints *hints);

/* The source was lost, or may have been: all begins anew. */
void hints_reset(struct hints *hints);

/* When the next sweep is due, monotonic. */
gint64 hints_due(const struct hints *hints);
