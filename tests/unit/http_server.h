/*
 * http_server: for tests, an HTTP/1.1 server in this process that answers as a callback says, and
 * misbehaves as it says.
 *
 * It listens on 127.0.0.1 on a port of its own, with a thread for each connection; the callback is
 * called by one thread at a time.
 */
#pragma once

#include "lib/http/http.h"

struct server_request {
    guint number; /* from 0, in the order of coming */
    const char *method;
    const char *path;    /* with its query */
    const char *headers; /* all lines, as they came */
    struct slice body;
};

/* Zeroed but for body and type, which the callback fills. Status 0 counts as 200. */
struct server_answer {
    guint status;
    const char *type; /* static; application/json */
    GString *body;
    guint times;    /* the body is sent so often; 0: once */
    gsize chunk;    /* bytes of a chunk; 0: not chunked */
    gsize piece;    /* bytes given to the socket at a time; 0: all */
    gboolean cut;   /* the connection is closed after `cut_at` bytes of the body, */
    gboolean stall; /* or nothing more comes after them until the client hangs up */
    gboolean drip;  /* nothing more but line ends */
    gsize cut_at;
    const char *headers; /* more lines, each with its CR LF; or NULL */
};

typedef void (*server_callback)(void *context, const struct server_request *request,
                                struct server_answer *answer);

struct http_server;
struct http_server *http_server_new(server_callback callback, void *context);
void http_server_free(struct http_server *server); /* ends all connections */
AUTO_DEFINE(http_server)

/* A client of it. `stall_seconds` as in http_options. */
struct http *http_server_client(struct http_server *server, guint stall_seconds);
char *http_server_url(struct http_server *server,
                      const char *credentials); /* "user:password@" or "" */
guint http_server_requests(struct http_server *server);
guint64 http_server_sent(struct http_server *server); /* bytes of bodies */
