/*
 * notify: tells secondaries that a zone has changed (RFC 1996), by UDP.
 *
 * Changes within NOTIFY_WAIT are one: with a hundred clients at once the secondaries are told
 * once. One that does not answer is told again after 2 s, 4 s, 8 s, …, NOTIFY_TRIES times; then it
 * finds out by itself when its refresh comes. A newer change begins anew. Signed with the zone's
 * key, if it has one.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/tsig.h"
#include "netsvc/dns/zone/zone.h"

#include <event2/event.h>

#define NOTIFY_WAIT 1 /* seconds */
#define NOTIFY_RETRY 2
#define NOTIFY_TRIES 6

struct notify;

/* For the zones of `config` that name secondaries; both stay the caller's. Opens its sockets. */
struct notify *notify_new(struct event_base *events, const struct config_dns *config,
                          const struct tsig_keys *keys, GError **error);
void notify_free(struct notify *notify);
AUTO_DEFINE(notify)

/* The zone is new, or its serial is. Cheap: it is for each change. */
void notify_changed(struct notify *notify, const struct zone *zone);
