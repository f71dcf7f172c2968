/*
 * tcp_inside: what the two halves of tcp share: tcp_connection.c serves one connection, tcp.c has
 * them all.
 */
#pragma once

#include "netsvc/dns/dns.h"
#include "netsvc/dns/serve/backlog.h"
#include "netsvc/dns/serve/tcp.h"

#include <event2/event_struct.h>

#define TCP_PREFIX 2 /* bytes of a message's length (RFC 1035, 4.2.2) */
#define TCP_MESSAGE_ROOM (TCP_PREFIX + DNS_TCP_MAX)
#define TCP_READ (16 << 10) /* at once: a few hundred queries, a millisecond's work */
#define TCP_IN (TCP_MESSAGE_ROOM + TCP_READ)
#define TCP_OUT (2 * TCP_MESSAGE_ROOM) /* written when no answer of any size fits any more */
#define TCP_LISTENERS 64
#define TCP_CLIENT 16 /* bytes of an address */

struct stream {
    struct tcp_stream role;
    struct stream *next;
};

struct connection {
    struct tcp *tcp;
    int fd; /* -1: nobody has it */
    struct asker asker;
    guint8 client[TCP_CLIENT]; /* address, without the port */
    struct event readable, writable;
    gboolean reads, writes; /* which of them is awaited */
    struct backlog in;      /* a query in part, or such as have to wait */
    struct backlog out;
    struct stream *streams; /* the first one runs */
    guint outstanding;      /* streams are among them */
    gint64 active;          /* second of the last whole query, or when answers went out */
    gint64 drained;         /* second in which `out` was empty last */
    gboolean asked;         /* at least once */
    gboolean ended;         /* the peer sends no more */
    gboolean serving;       /* `serve` runs for it */
    gboolean broken;        /* is cut when it is safe to */
};

struct tcp {
    struct event_base *events;
    struct tcp_role role;
    struct event tick;
    struct event *listeners[TCP_LISTENERS];
    guint listener_count;
    gboolean deaf; /* out of descriptors: accepts nothing until the next tick */
    gint64 now;    /* the second of the last tick */
    guint64 next_number;
    struct tcp_counts counts;
    gsize held;                     /* bytes of all backlogs */
    struct connection *connections; /* role.connections of them */
    guint8 in[TCP_IN], out[TCP_OUT];
};

/* Whether it may end only when something has gone out. */
static inline gboolean
tcp_is_busy(const struct connection *connection)
{
    return connection->outstanding > 0 || backlog_size(&connection->out) > 0;
}

/* Of a place that has `fd`, `tcp` and the rest. */
void tcp_connection_begin(struct connection *connection);

/* Reads and serves what can be, unless it is held back. It may be broken then: settle. */
void tcp_connection_take(struct connection *connection);

/* What comes next for it, after anything that happened. It may be gone then. */
void tcp_connection_settle(struct connection *connection);

/* The place is nobody's then. Cut: because of what it did. */
void tcp_connection_drop(struct connection *connection);
void tcp_connection_cut(struct connection *connection);
