/*
 * request: one HTTP request, whole, as a handler takes it, and its answer, now or later. The server
 * beneath (web_server.h) has checked it: a method that is known, the raw path as it came, a body
 * that is all there and within WEB_BODY_MAX, a sender whom it lets in.
 *
 * Paths are matched exactly, byte by byte as they came, without decoding: what is not in a table is
 * 404. HEAD is GET whose body is not sent, with its Content-Length.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <sys/socket.h>

#define WEB_BODY_MAX 65536  /* bytes of a request's body */
#define WEB_PATH_MAX 1024   /* bytes of path and query */
#define WEB_SECONDS 10      /* to a full request, and to take an answer */
#define WEB_CLIENTS_MAX 256 /* connections */
#define WEB_SHARE_MAX 16    /* of one address */

enum web_method {
    WEB_GET,
    WEB_HEAD,
    WEB_POST,
};

struct web_request {
    enum web_method method;
    const char *path;  /* before the '?': '/' and visible ASCII */
    const char *query; /* behind it; NULL: none */
    const char *host;  /* what the client calls us, with its port where it said one; "" */
    const char *type;  /* Content-Type; "" */
    const char *agent; /* User-Agent; "" */
    struct slice body;
    const struct sockaddr_storage *from;
    gboolean tls;
};

struct web_answer;

/* To be called before web_answer_send; a field's value has no line ends. */
void web_answer_field(struct web_answer *answer, const char *name, const char *value);

/* Sends it, and frees it. Each answer is sent once; where the client is gone, that is all. */
void web_answer_send(struct web_answer *answer, int status, const char *type, const void *body,
                     gsize size);

/* The same with a body for people that says what was wrong. */
void web_answer_refuse(struct web_answer *answer, int status, const char *text);

/* FALSE: the path is not this handler's; nothing was done. */
typedef gboolean (*web_handler)(void *context, const struct web_request *request,
                                struct web_answer *answer);
