/*
 * uplink: a forwarder between clients and servers that are scripted by the test, on loopback, with
 * a clock that stands still unless the test moves it.
 *
 *     uplink_listen …, uplink_begin        so many servers; they answer only when told to
 *     uplink_ask(…)                        a client's query; its answer comes out of uplink_next
 *     uplink_take(server)                  the next query that the server got, but for pulses
 *     uplink_answer(server, …)             what it answers
 */
#pragma once

#include "netsvc/dns/forward/forward.h"
#include "tests/unit/dns_packet.h"

#define UPLINK_SERVERS_MAX 4

struct uplink_server {
    int fd, listener, connection; /* UDP; TCP: -1 where there is none */
    struct sockaddr_in address, client;
    GByteArray *query; /* the last one */
    gboolean mute;     /* pulses (upstream.h) are not answered, as they are otherwise */
};

struct uplink {
    struct event_base *events;
    struct event *guard;
    struct config_dns config;
    struct forward *forward;
    struct asker asker;
    gint64 now;
    const char *parent;  /* a name that has ours below it */
    struct zones *zones; /* ours, which are asked first; NULL: none */
    GString *alerts;     /* "name: text\n" */
    struct uplink_server servers[UPLINK_SERVERS_MAX];
    guint count;
};

struct uplink *uplink_new(void);
void uplink_free(struct uplink *uplink);
AUTO_DEFINE(uplink)

/* A server at a port of its own; one that is not there when `absent`. */
struct uplink_server *uplink_listen(struct uplink *uplink, gboolean absent);
void uplink_begin(struct uplink *uplink);

/* The next query that came in at the server; waits for it. */
void uplink_take(struct uplink *uplink, struct uplink_server *server);
gboolean uplink_has_none(struct uplink *uplink, struct uplink_server *server);

/* An answer to what was taken last, ready for records; and on its way. */
GByteArray *uplink_answer(const struct uplink_server *server, guint rcode);
void uplink_send(const struct uplink_server *server, const GByteArray *answer);
void uplink_send_address(const struct uplink_server *server, const char *address, guint32 ttl);

/* The TCP connection that follows, its query taken; what uplink_send does goes there then. */
void uplink_take_tcp(struct uplink *uplink, struct uplink_server *server);

/* Takes the server's probe and answers it. */
void uplink_is_alive(struct uplink *uplink, struct uplink_server *server);

/* A client's query, with RD and EDNS. The answer if there is one at once, NULL if it is to come. */
GByteArray *uplink_ask(struct uplink *uplink, guint id, const char *name, guint16 type);
GByteArray *uplink_ask_with(struct uplink *uplink, guint flags, gboolean dnssec_ok,
                            const char *name, guint16 type);

/* The next answer that went to a client; waits for it. */
GByteArray *uplink_next(struct uplink *uplink);
guint
uplink_answers(struct uplink *uplink); /* that were not taken yet, after all has come to rest */

/* Time goes by, and what is due is done. */
void uplink_pass(struct uplink *uplink, gint64 milliseconds);

char *uplink_json(struct uplink *uplink);

/* One with one server, which lives. */
struct uplink *uplink_alive(struct uplink_server **server);

/* ---- what a test expects ---- */

void uplink_expect_state(struct uplink *uplink, const char *state); /* that a server has */

/* That the answer is one A record, or none, with the root's SOA record, so many seconds to keep. */
void uplink_expect_address(const GByteArray *wire, const char *owner, guint32 ttl,
                           const char *address);
void uplink_expect_absent(const GByteArray *wire, guint rcode, guint32 ttl, int error);
