/*
 * clients: the names of DHCP's clients in our zones. A name comes with its lease and goes with it:
 * an A record in the zone that it is in, and a PTR record in the address' reverse zone, at once;
 * each raises its zone's serial and stands in its journal.
 *
 * A name belongs to whoever had it first:
 *
 *     - what the configuration or a zone file says stays as it is;
 *     - 'wpad', 'isatap' and 'localhost' nobody may have;
 *     - a name that another living lease has stays there, and goes over when that one ends;
 *     - such a dispute is told once.
 *
 * Records may be kept for a third of the lease, 300 s at most.
 *
 * When DHCP tells all that it has (FIRST … LAST), whatever was not among it is gone. Until LAST a
 * name that was told before the FIRST does not stand in anybody's way.
 */
#pragma once

#include "netsvc/dns/zone/journal.h"
#include "netsvc/dns/zone/zones.h"
#include "netsvc/message.h"

#define CLIENTS_MAX 262144 /* names: four /16 */
#define CLIENTS_DISPUTES_MAX 1024
#define CLIENTS_TTL_MAX 300 /* seconds */

struct clients;

struct clients_role {
    /* Whether the zone is ours to change: one that is transferred from elsewhere is not, and may
     * be replaced at any time. Signed ones are not asked about, and not changed. NULL: all are. */
    gboolean (*is_ours)(gpointer context, const struct zone *zone);
    /* A sentence for the log. NULL: nobody is told. */
    void (*tell)(gpointer context, const char *text);
    /* A batch has changed the zone: for NOTIFY, and for serial_reached. NULL: nobody is told. */
    void (*changed)(gpointer context, struct zone *zone);
    gpointer context;
};

/* Zones that are ours are there as long as it is. */
struct clients *clients_new(struct zones *zones, const struct clients_role *role);
void clients_free(struct clients *clients); /* before the zones; their records stay */
AUTO_DEFINE(clients)

/* A batch of MESSAGE_NAMES, whose size and texts are checked here. FALSE: it is none, or only its
 * beginning is one. */
gboolean clients_take(struct clients *clients, const void *data, gsize size);

guint clients_count(const struct clients *clients); /* names that are there */

/* The changes of a zone that clients are in; NULL: it has had none. */
const struct journal *clients_journal(const struct clients *clients, const struct zone *zone);
