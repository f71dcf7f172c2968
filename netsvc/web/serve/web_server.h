/*
 * web_server: HTTP and HTTPS on sockets that were handed over, on libevent's evhttp, and the limits
 * that it has not (guests.h).
 *
 *     socket → evhttp: head and body, capped → checked here → handler → answer → evhttp → socket
 *
 * A handler never sees a request that is not whole, has another method than GET, HEAD and POST, or
 * a path that does not begin with '/'. Each answer tells the browser to guess and fetch nothing.
 * What is no HTTP, and what is too large, evhttp refuses itself.
 *
 * TLS 1.2 and 1.3. Until there is a certificate, connections to HTTPS are closed as they come. A
 * new one is for connections that come from then on; others keep theirs until they end.
 */
#pragma once

#include "netsvc/web/request.h"

#include <event2/event.h>

#define WEB_SERVER_HEAD_MAX 8192    /* bytes of a request's head */
#define WEB_SERVER_REQUESTS_MAX 100 /* on one connection; then it is closed */

struct web_server;

/* What `handler` does not take is 404. */
struct web_server *web_server_new(struct event_base *events, web_handler handler, void *context);
void web_server_free(struct web_server *server);
AUTO_DEFINE(web_server)

/* Serves there from now on. `fd` listens and is non-blocking; it stays the caller's. */
void web_server_listen(struct web_server *server, int fd, gboolean tls);

/* PEM: the leaf and what stands between it and the root, and its key. Where they make no sense
 * those before stay. */
gboolean web_server_certificate(struct web_server *server, const char *chain, const char *key,
                                GError **error);

/* Accepts no more, for a process whose successor serves already. Answers that are on their way are
 * finished; who asks within a second is answered for the last time. Then it has `ended`. */
void web_server_close(struct web_server *server, void (*ended)(void *context), void *context);

/* Loads what OpenSSL reads of the disk: before the sandbox. */
void web_server_prepare(void);

guint web_server_clients(const struct web_server *server); /* connections now */
