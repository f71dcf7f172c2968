/*
 * choose: which address a client gets, and whether it may have the one that it asks for. All that
 * decides about addresses is here; who changes a lease says so by choose_changed.
 *
 * The order, RFC 2131 4.3.1 and what keeps a clinic's addresses stable:
 *
 *     its reservation        unless somebody has it, or it rests
 *     its own                leased, or given up and nobody else's yet
 *     what it was offered    a moment ago
 *     what it asks for       if that is free
 *     its place by hash      the same on both nodes; then the next free one
 *     given up longest ago   another client's, which is remembered until now
 *     offered longest ago    and not taken: so that a flood of DISCOVERs never uses up all
 *
 * Of a pair, each node gives new addresses of its own half first, and may be limited to that
 * (choose_limit): what it gives then, the other one cannot have given meanwhile.
 *
 * Never: the service address, our own ones, the network's and the broadcast address, those of the
 * routers and servers that the subnet's clients are told, what is reserved for others, what rests.
 */
#pragma once

#include "netsvc/dhcp/choose/offers.h"
#include "netsvc/dhcp/lease/lease.h"

#define CHOOSE_LEASES_MAX 200000 /* records; beyond that only those given up are used again */
#define CHOOSE_OURS_MAX 64       /* addresses of our own */
#define CHOOSE_NO_SUBNET G_MAXUINT

/* Who asks. `host` and `client` are filled by choose_know. */
struct choose_who {
    guint subnet; /* its place in the configuration */
    const guint8 *key;
    gsize key_size;
    const guint8 *mac; /* Ethernet; NULL: none */
    const char *name;  /* hostname, a clean label; "" none */
    const guint8 *id;  /* option 61; NULL: none */
    gsize id_size;
    const struct config_host *host; /* its reservation in the subnet; NULL: none */
    guint64 client;
};

enum choose_verdict {
    CHOOSE_OWN,     /* its own: no probe is needed */
    CHOOSE_FREE,    /* may be given to it, if it is quiet */
    CHOOSE_FOREIGN, /* provably not this client's */
    CHOOSE_UNKNOWN, /* of our network, but not ours to give: nothing can be said */
    CHOOSE_NOT_NOW, /* not without the other node's word: it may have given it to this client */
};

/* What a node of a pair may give out now. */
struct choose_limits {
    gboolean paired; /* FALSE: all of it, and nothing else counts */
    guint32 parity;  /* of the own half's addresses */
    gboolean half;   /* what is new comes of the own half */
    gboolean keeps;  /* what was given up stays its client's */
    /* Whether the other node has seen that; for `half` without `keeps`. */
    gboolean (*known)(void *context, const struct lease *lease);
    void *context;
};

#define CHOOSE_GIVEN_UP_SECONDS 60 /* until one without the other's word gives it to another */

struct choose;

/* `config` and `leases` must outlive it. Of a lease that was given up and is offered to somebody
 * else it changes `since`, in memory. */
struct choose *choose_new(const struct config *config, struct leases *leases);
void choose_free(struct choose *choose);
AUTO_DEFINE(choose)

/* The subnet that an address is in, by its place; CHOOSE_NO_SUBNET. */
guint choose_subnet_of(const struct choose *choose, guint32 address);

void choose_limit(struct choose *choose, const struct choose_limits *limits);

/* Whether it would be a new binding of an address that is of the other node's half. */
gboolean choose_is_strange(const struct choose *choose, const struct choose_who *who,
                           guint32 address);

/* An address of the node itself: never given out from now on. */
void choose_ours(struct choose *choose, guint32 address);
gboolean choose_is_ours(const struct choose *choose, guint32 address);

void choose_know(const struct choose *choose, struct choose_who *who);

/* The address to offer and what it is, CHOOSE_OWN or CHOOSE_FREE; 0: there is none. `tight` tells
 * that nothing was free or given up. */
guint32 choose_offer(struct choose *choose, const struct choose_who *who, guint32 requested,
                     gint64 now, enum choose_verdict *verdict, gboolean *tight);

/* Of an address in the client's subnet. */
enum choose_verdict choose_verdict(const struct choose *choose, const struct choose_who *who,
                                   guint32 address, gint64 now);

/* The client has that offer now and no other in the subnet, nor has anyone else one of it. */
void choose_promise(struct choose *choose, const struct choose_who *who, guint32 address,
                    gint64 until, gboolean held);
void choose_withdraw(struct choose *choose, const struct choose_who *who);
void choose_withdraw_address(struct choose *choose, guint32 address);

/* Offers that are over go; when the next is. */
gint64 choose_expire(struct choose *choose, gint64 now);

/* The lease of that address is new, another's, or gone. */
void choose_changed(struct choose *choose, guint32 address);

/* That address rests now. So that nobody makes a whole pool rest, only a part of it may: the
 * address that rested longest and has to be freed for it; 0: none. */
guint32 choose_rested(struct choose *choose, guint32 address);

/* Whether there is an address for a client that has none. */
gboolean choose_has_room(const struct choose *choose, guint subnet);

struct offers *choose_offers(struct choose *choose);
