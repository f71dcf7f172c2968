/*
 * server: what DHCP clients are answered (RFC 2131 4.3). No sockets here and no waiting: a request
 * goes in, and what is to be done comes out.
 *
 *     server_take ─→ SERVER_NOTHING                 not for us
 *                    SERVER_SEND   reply            at once (OFFER, NAK, ACK to INFORM)
 *                    SERVER_COMMIT reply            after store_commit (ACK; nothing to send after
 *                                                   RELEASE and DECLINE: reply.size is 0)
 *                    SERVER_PROBE  reply, address   OFFER now, and ask by ARP at the same time; the
 *                                                   answer comes by server_probed
 *                    SERVER_HOLD   address          the ACK waits for the probe's end (at most
 *                                                   SERVER_PROBE_MS after its begin; one begins
 *                                                   now, unless it runs); the request is to be
 *                                                   taken again then
 *
 * Which address: choose/. What changes a lease, with all that follows: book.h. The bytes: reply.h.
 *
 * REQUEST, RFC 2131 4.3.2, by server identifier (54), requested address (50) and ciaddr:
 *
 *     SELECTING    54           the offer is confirmed; with another's 54 it is forgotten
 *     INIT-REBOOT      50       the client knows its address from before
 *     RENEWING            ciaddr, sent to us alone
 *     REBINDING           ciaddr, sent to all
 *
 * NAK says what we know: the address is of another network, another's, rests, or must never be
 * given out. Of an address of our network that is in no pool and reserved for nobody we know
 * nothing, and are silent. One that is ours and free is given to a client that says it has it,
 * though we have no record of that (RFC 2131 would be silent): so a clinic whose lease file was
 * lost goes on with the addresses that its phones have, each probed first. `authoritative = no`
 * leaves NAKs only to those who chose us by 54.
 */
#pragma once

#include "netsvc/dhcp/choose/choose.h"
#include "netsvc/dhcp/lease/store.h"
#include "netsvc/dhcp/packet/packet.h"

#define SERVER_OFFER_SECONDS 60 /* that an offered address is held */
#define SERVER_PROBE_MS 300     /* of silence that make an address free */
#define SERVER_QUIET_SECONDS 60 /* for so long after that it needs no probe */

enum server_act { SERVER_NOTHING, SERVER_SEND, SERVER_COMMIT, SERVER_PROBE, SERVER_HOLD };

/* Where a request came in. */
struct server_link {
    guint32 index;         /* of the interface; 0: none in particular */
    guint32 own;           /* our address there, host byte order */
    const char *interface; /* its name; NULL: not known, then `own` tells the subnet */
    gboolean to_all;       /* it was sent to all, not to us alone */
};

/* Where a reply goes, RFC 2131 4.1. */
enum server_to {
    SERVER_TO_RELAY,    /* giaddr, port 67 */
    SERVER_TO_CLIENT,   /* `address`, port 68, by the kernel: it has that address */
    SERVER_TO_HARDWARE, /* `address` and `mac`, by a frame: it has it not yet */
    SERVER_TO_ALL,      /* broadcast */
};

struct server_reply {
    gsize size; /* 0: none */
    guint8 data[PACKET_SEND_MAX];
    enum packet_type type;
    enum server_to to;
    guint32 address;
    guint32 from; /* source address: the server identifier where we have it */
    guint8 mac[16];
    guint8 mac_size;
    /* Of an ACK of a pair's node: */
    guint64 change; /* the lease's version.counter; 0: it needs no word of the other node */
    guint64 client; /* offers_client */
    guint32 lease;  /* its address */
    guint32 brief;  /* seconds that it may have without that word */
};

#define SERVER_MCLT 600 /* seconds that a lease may last beyond what the other node knows */

/* Who keeps a pair's nodes alike (pair/). */
struct server_pair {
    void (*changed)(void *context, struct lease *lease); /* before it is put: gives the version */
    void (*gone)(void *context, guint32 address);
    gboolean (*known)(void *context, const struct lease *lease); /* by the other node */
    void *context;
};

/* What others must learn of: names for DNS, alerts. */
struct server_ears {
    void (*name)(void *context, const struct lease *lease, const struct config_subnet *subnet,
                 gboolean gone);
    void (*exhausted)(void *context, const struct config_subnet *subnet, gboolean is);
    void (*conflict)(void *context, guint32 address, const guint8 *mac); /* declined or answered */
    void *context;
};

struct server;

/* `config`, `leases`, `store` and `clock` must outlive it; `ears` is copied, its functions may be
 * NULL. Without a store (NULL) leases are in memory only, for tests. */
struct server *server_new(const struct config *config, struct leases *leases, struct store *store,
                          const struct clock *clock, const struct server_ears *ears);
void server_free(struct server *server);
AUTO_DEFINE(server)

/* `reply` and `probe` are set only where the act says so. */
enum server_act server_take(struct server *server, const struct server_link *link,
                            const struct packet *packet, struct server_reply *reply,
                            guint32 *probe);

/* What a probe, or the passive look at ARP, found: `used` by `mac`, or quiet. */
void server_probed(struct server *server, guint32 address, gboolean used, const guint8 *mac);

/* ---- a pair's node ---- */

/* It must outlive the server. `word`: whether the other node's word will come, so that leases have
 * their full time. */
void server_join(struct server *server, const struct server_pair *pair);
void server_limit(struct server *server, const struct choose_limits *limits, gboolean word);

/* What the other node says of a lease, taken as it is; and that it is gone. */
void server_copy(struct server *server, const struct lease *lease);
void server_drop(struct server *server, guint32 address);

/* What has become of an ACK, by its `lease` and `change`: the word came, so that what was pending
 * is not any more; or it did not, and the lease is shorter, or gone if it was pending. */
void server_confirmed(struct server *server, struct server_reply *reply);
void server_unconfirmed(struct server *server, struct server_reply *reply);

/* Leases that are over; to be committed like all else. When to be called next: boot clock,
 * G_MAXINT64: never. */
gint64 server_expire(struct server *server);
