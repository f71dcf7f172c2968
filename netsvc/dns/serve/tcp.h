/*
 * tcp: DNS over TCP (RFC 7766, RFC 9210): many connections, many queries on each, answered as soon
 * as their answers are there.
 *
 *     socket → `in` → serve → `out` → socket       one recv, many queries, one writev
 *
 * `in` and `out` are two buffers that all connections share, for they are used only while one is
 * being served; a connection keeps bytes of its own only where a query came in part or an answer
 * did not go out whole. So a query allocates nothing, and a hundred pipelined ones cost two system
 * calls.
 *
 * A peer is held back before it is cut: while its answers do not drain, or too many of its queries
 * are forwarded and not answered yet, nothing more is read from it. It is cut when it
 *
 *     - has asked nothing for the idle limit, be it because it sends a query byte by byte. The
 *       limit shrinks when more than half of all connections are taken;
 *     - does not take its answers in TCP_DRAIN seconds, or more of them wait than TCP_BUFFERED,
 *       or than TCP_HELD of all;
 *     - sends what is no query: shorter than a header, or an answer.
 *
 * When all connections are taken the one that has been idle longest makes room for a new one; of
 * a client that has all that one may have, one of its own. Where descriptors run out, likewise.
 *
 * A zone transfer is a stream: a callback gives its messages one by one as the socket drains, so
 * that a zone of any size costs one message's memory.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/serve/asker.h"

#include <event2/event.h>

#define TCP_CONNECTIONS 512
#define TCP_PER_CLIENT 256       /* connections of one address */
#define TCP_OUTSTANDING 128      /* queries of a connection that have no answer yet */
#define TCP_BUFFERED (256 << 10) /* bytes of answers that wait on a connection */
#define TCP_HELD (32 << 20)      /* bytes that wait on all connections, either way */
#define TCP_IDLE 10              /* seconds (RFC 7766, 6.2.3) */
#define TCP_DRAIN 30             /* seconds that answers may wait for a peer to take them */

struct tcp_role {
    /* One query: the size of the answer in `out`, which has room for DNS_TCP_MAX; 0: it comes later
     * through the asker. */
    gsize (*serve)(gpointer context, const struct asker *asker, const guint8 *wire, gsize size,
                   guint8 *out);
    gpointer context;
    gint64 (*seconds)(void); /* a clock that never goes back; NULL: the system's */
    /* 0: as above. */
    guint connections, per_client, outstanding, idle;
    gsize held;
};

struct tcp *tcp_new(struct event_base *events, const struct tcp_role *role);

/* Cuts all; their streams end. */
void tcp_free(struct tcp *tcp);
AUTO_DEFINE(tcp)

/* Accepts there from now on. `fd` listens, is non-blocking, and stays the caller's, who closes it
 * after tcp_free or tcp_close. */
void tcp_listen(struct tcp *tcp, int fd);

/* Accepts no more, and reads no more than what has come in: for a process whose successor serves
 * already. Connections are gone as soon as all that they asked is answered, most of them at once;
 * others when tcp_count says so, within TCP_IDLE or TCP_DRAIN. */
void tcp_close(struct tcp *tcp);

/* A connection that was accepted elsewhere: takes it over, or closes it. */
void tcp_adopt(struct tcp *tcp, int fd, const struct sockaddr_storage *client, socklen_t size);

/* An answer that comes later. Where the connection is gone, so is the answer. */
void tcp_send(struct tcp *tcp, guint64 connection, const guint8 *wire, gsize size);

/* ---- streams ---- */

#define TCP_STREAM_END 0
#define TCP_STREAM_BROKEN (-1) /* cannot be gone on with: the connection is cut */

struct tcp_stream {
    /* The next message's size, in `out` with room for DNS_TCP_MAX, or one of the above. */
    gssize (*next)(gpointer context, guint8 *out);
    /* Once, after the last message or when the connection is gone. */
    void (*end)(gpointer context);
    gpointer context;
};

/* Instead of an answer: from within `serve`, which then gives 0, or later. Streams of a connection
 * go one after the other, with other answers between their messages. Where the connection is gone,
 * the stream ends at once. By TCP only. */
void tcp_stream(const struct asker *asker, struct tcp_stream stream);

/* ---- in numbers ---- */

struct tcp_counts {
    guint connections; /* now */
    guint64 accepted, refused, cut, queries;
};
void tcp_count(const struct tcp *tcp, struct tcp_counts *counts);

/* The idle limit in force, in seconds: what edns-tcp-keepalive (RFC 7828) would tell. */
guint tcp_idle(const struct tcp *tcp);

/* Cuts who has been idle for too long. Once a second by itself. */
void tcp_sweep(struct tcp *tcp);
