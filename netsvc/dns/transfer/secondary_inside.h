/*
 * secondary_inside: what the two halves of secondary share: secondary_ask.c asks a primary, over
 * one connection; secondary.c knows the zone, and when it is time.
 */
#pragma once

#include "netsvc/dns/transfer/incoming.h"
#include "netsvc/dns/transfer/records.h"
#include "netsvc/dns/transfer/secondary.h"

#include <event2/bufferevent.h>

struct secondary {
    struct secondary_role role;
    struct name origin;
    const struct tsig_key *key;
    struct zone *zone; /* the context's; NULL: there is none */
    struct soa soa;    /* of it */
    gint64 checked;    /* boot seconds when it was known to be the newest */
    gint64 due;        /* boot seconds of the next check */
    gint64 save_due;   /* boot seconds when what is new is saved; -1: nothing is */
    gint64 saved;      /* boot seconds when it was last; -1: never */
    gboolean zone_unsaved;
    guint failures; /* of all primaries, in a row */
    char *trouble;
    struct event *timer;
    gint64 *skews; /* of each primary */

    /* ---- while it asks ---- */
    struct bufferevent *connection; /* NULL: it waits */
    struct event *deadline;
    struct incoming *incoming;
    enum incoming_kind kind;
    guint primary;         /* which one is asked */
    gboolean whole;        /* no IXFR */
    gboolean clock_learnt; /* of this primary, this time */
    gboolean again;        /* a NOTIFY came meanwhile */
    GString *errors;       /* of the primaries before */
};

/* ---- secondary.c ---- */

const char *secondary_name(const struct secondary *secondary);

/* Of a zone that is whole. */
void secondary_read_soa(struct secondary *secondary, const struct zone *zone);

/* It is the zone from now on. */
void secondary_arrive(struct secondary *secondary, struct zone *zone);

/* In a while; without `zone_too` only when it was checked. */
void secondary_must_save(struct secondary *secondary, gboolean zone_too);

/* What is asked of a primary ends so: it is known to be the newest, or this one is of no use. */
void secondary_succeed(struct secondary *secondary);
void secondary_fail(struct secondary *secondary, const char *text);

/* ---- secondary_ask.c ---- */

/* The one that is asked now. */
const struct config_peer *secondary_peer(const struct secondary *secondary);

/* Asks it; secondary_succeed or secondary_fail comes, maybe at once. */
void secondary_ask(struct secondary *secondary);

void secondary_hang_up(struct secondary *secondary);
