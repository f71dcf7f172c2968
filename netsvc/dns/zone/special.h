/*
 * special: names whose answers are fixed by an RFC (IANA's registries of special-use names and of
 * locally served zones) and which never leave the LAN. A zone of ours with such a name wins, as all
 * zones are looked at before.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/wire/reply.h"

#define SPECIAL_TTL 3600 /* seconds */

struct special;

struct special *special_new(void);
void special_free(struct special *special);
AUTO_DEFINE(special)

/* What there is to say of `name`, into a reply that has begun. FALSE: it is not special. `exists`:
 * there are names of ours below it, so that NXDOMAIN is wrong. */
gboolean special_answer(const struct special *special, const struct name *name, gboolean exists,
                        struct reply *reply);

/* Whether it is above a special name that exists, or one itself. */
gboolean special_exists(const struct special *special, const struct name *name);
