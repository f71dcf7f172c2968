/* links: tells when interfaces or addresses of this machine change (rtnetlink). */
#pragma once

#include "lib/base/cleanup.h"

#include <event2/event.h>

struct links;

/* `changed` comes once for what changes within LINKS_SETTLE_MS. */
#define LINKS_SETTLE_MS 200
struct links *links_new(struct event_base *events, void (*changed)(void *context), void *context,
                        GError **error);
/* What comes and goes at that address is no change: it is the service address of a pair, which the
 * address child puts there and renews. 0: none. */
void links_ignore(struct links *links, guint32 address);
/* As if one had changed. */
void links_look(struct links *links);
void links_free(struct links *links);
AUTO_DEFINE(links)
