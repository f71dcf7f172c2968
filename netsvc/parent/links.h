/* links: tells when interfaces or addresses of this machine change (rtnetlink). */
#pragma once

#include "lib/base/cleanup.h"

#include <event2/event.h>

struct links;

/* `changed` comes once for what changes within LINKS_SETTLE_MS. */
#define LINKS_SETTLE_MS 200
struct links *links_new(struct event_base *events, void (*changed)(void *context), void *context,
                        GError **error);
/* As if one had changed. */
void links_look(struct links *links);
void links_free(struct links *links);
AUTO_DEFINE(links)
