/*
 * holding: all zones that the dns child has, and where they come from:
 *
 *     files                 zone/load.h
 *     the configuration     zone/site.h, with the zone of addresses (zone/address_names.h)
 *     other servers         transfer/secondary.h: they come and expire while it runs
 *     DHCP's clients        zone/clients.h: names come and go in zones of ours
 *
 * Those that are to be signed are, and again before their signatures run out.
 */
#pragma once

#include "netsvc/dns/zone/address_names.h"
#include "netsvc/dns/zone/clients.h"

#include <event2/event.h>

struct holding;

struct holding_role {
    const struct config *config; /* outlives it */
    int folder;                  /* the only one that may be written to; the caller's */
    gint64 clock_floor;  /* seconds since 1970: a wall clock below it is not sure (clock_floor.h) */
    gint64 (*now)(void); /* the wall clock, for tests; NULL: the system's */
    gboolean lenient;    /* a zone that cannot be read is one that is lacking, and told */
    /* A zone is there, or has changed. */
    void (*changed)(gpointer context, struct zone *zone);
    void (*tell)(gpointer context, const char *text);
    void (*trouble)(gpointer context, const struct config_zone *config, const char *text);
    gpointer context;
};

/* With root's rights still: reads files and keys. */
struct holding *holding_new(const struct holding_role *role, GError **error);
void holding_begin(struct holding *holding, struct event_base *events);

/* Whether signatures are to be made anew, which begins then. Each hour by itself, but for tests. */
void holding_look(struct holding *holding);
void holding_free(struct holding *holding);
AUTO_DEFINE(holding)

const struct zones *holding_zones(const struct holding *holding);
const struct address_names *holding_address_names(const struct holding *holding); /* NULL: none */
const struct journal *holding_journal(const struct holding *holding, const struct name *origin);

/* A batch of MESSAGE_NAMES. */
void holding_take_names(struct holding *holding, const void *data, gsize size);

/* One of another server's has come, which is the holding's now; or is not to be served any more. */
void holding_arrived(struct holding *holding, struct zone *zone);
void holding_expired(struct holding *holding, const struct config_zone *config);

/* Whether the name is in a zone of another server's that is not here (any more): SERVFAIL. */
gboolean holding_lacks(const struct holding *holding, const struct name *name);

/* "file", "names", "clients", "address", "reverse", "secondary" */
const char *holding_kind(const struct holding *holding, const struct zone *zone);
/* What the zone above a signed one must have; NULL: it is not signed by us. */
const char *holding_ds(const struct holding *holding, const struct zone *zone);
guint holding_clients(const struct holding *holding);
