/*
 * session: one connection between the nodes, from the first packet on.
 *
 *     call    connect → TLS → HELLO out → HELLO in → `greeted`
 *     accept            TLS → HELLO in  → `greeted`: session_greet, or session_free
 *
 * A call is given up when the other side has not taken it up within SESSION_CONNECT_MS, or the rest
 * takes longer than SESSION_CALL_MS; one that came in has SESSION_ACCEPT_MS. After that whoever
 * owns the session minds its time. It is the owner's until session_free, also when it is `gone`,
 * and may be freed within any of the calls below.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/failover/link/keys/tls.h"
#include "netsvc/failover/link/wire/wire.h"

#include <event2/event.h>

#define SESSION_CONNECT_MS 500
#define SESSION_CALL_MS 2000
#define SESSION_ACCEPT_MS 5000
#define SESSION_END_MS 1000                  /* for the last words */
#define SESSION_UNSENT_MAX (8 * 1024 * 1024) /* bytes */

struct session;

struct session_ears {
    /* The two are through TLS, and the other side has said who it is. */
    void (*greeted)(void *context, struct session *session);
    /* A frame, but no HELLO; NULL: whatever comes is ignored. */
    void (*take)(void *context, struct session *session, guint8 kind, const guint8 *data,
                 gsize size);
    void (*drained)(void *context, struct session *session); /* unsent is little; or NULL */
    void (*gone)(void *context, struct session *session, const char *why);
    void *context;
};

struct session_world {
    struct event_base *events;
    struct tls *tls;
    const struct wire_hello *hello; /* this node's; each session has its own purpose */
};

struct session *session_call(const struct session_world *world, const struct config_peer *to,
                             enum wire_purpose purpose, const struct session_ears *ears);
struct session *session_accept(const struct session_world *world, int fd,
                               const struct session_ears *ears);
void session_free(struct session *session);
void session_set_ears(struct session *session, const struct session_ears *ears);

/* The answer to a call: its purpose, or WIRE_REVOKED. From then on there is no limit of time. */
void session_greet(struct session *session, enum wire_purpose purpose);
/* FALSE: more than SESSION_UNSENT_MAX would wait. It is to be freed. */
gboolean session_send(struct session *session, guint8 kind, const void *data, gsize size);
/* Where the other side is; FALSE: it is there no longer. */
gboolean session_address(const struct session *session, struct sockaddr_storage *address);
/* No more is read; it is `gone` when what was sent is on its way, or after SESSION_END_MS. */
void session_end(struct session *session);
/* Nothing is taken until it may go on. */
void session_pause(struct session *session, gboolean paused);
/* Of frames: WIRE_EARLY_MAX until this is called. */
void session_trust(struct session *session);

gboolean session_is_call(const struct session *session);
const struct wire_hello *session_hello(const struct session *session); /* the other's */
const guint8 *session_pin(const struct session *session);              /* … of its key */
gboolean session_export(struct session *session, guint8 out[TLS_EXPORT_SIZE]);
gsize session_unsent(const struct session *session);

/* Milliseconds of session_now: when it was greeted, heard last, sent last. */
gint64 session_now(void);
gint64 session_since(const struct session *session);
gint64 session_heard(const struct session *session);
gint64 session_sent(const struct session *session);
