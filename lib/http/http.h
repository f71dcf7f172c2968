/*
 * http: requests to one server over libcurl's multi interface, several under way at once, read as
 * blocking streams.
 *
 * A call's answer is pulled: http_peek waits until there are bytes, and while it waits all other
 * calls of the same server go on, each up to HTTP_BUFFER bytes ahead of its reader, then held back.
 * So memory is bounded whatever the answers are, and code that reads an answer looks like code that
 * reads a file.
 *
 * Nothing is retried here, except that http_is_transient tells what may be. What it calls transient
 * ends a program with FAIL_LATER, but for a plain 500.
 * CouchDB locks an account after five wrong passwords: once it has called ours wrong, every later
 * call fails with the same words and is not sent.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"
#include "lib/http/http_error.h"

#define HTTP_BUFFER (1024 * 1024)          /* bytes that an answer may run ahead of its reader */
#define HTTP_HEADERS_MAX (256 * 1024)      /* bytes of headers accepted */
#define HTTP_AHEAD_MAX 8                   /* answers of a server that nobody reads yet */
#define HTTP_ANSWER_MAX (64 * 1024 * 1024) /* bytes of an answer read whole (http_fetch) */

/* ---- server ---- */

struct http_credentials {
    char *user;
    char *password;
};

/*
 * Reads a credentials file: `user:password` in its first line, or `user = …` and `password = …`
 * lines. Refuses one that others can read (FAIL_USAGE with the chmod command).
 */
gboolean http_credentials_read(const char *path, struct http_credentials *credentials,
                               GError **error);
void http_credentials_clear(struct http_credentials *credentials); /* wipes */

struct rate;

struct http_options {
    const char *url;                            /* http:// or https://, user:password@ allowed */
    const struct http_credentials *credentials; /* NULL: those of the URL, or none */
    const char *login_option; /* that names a file with them, for hints; NULL: --credentials */
    const char *ca_file;      /* NULL: the system's */
    guint stall_seconds; /* no byte, or only blanks in JSON, for so long ends a call; 0: 120 s */
    guint connections;   /* at most; 0: 8 */
    struct rate *rate;   /* of the bytes of all answers (rate.h), stays the caller's; NULL: none */
    struct http *beside; /* while a call of one of the two waits, those of the other go on, too */
    guint64 bytes_per_second; /* of each call, in each direction, at most; 0: as many as go */

    /* Signs each request for an S3-compatible bucket there (AWS Signature Version 4, with the
     * credentials as key and secret) instead of sending the credentials; NULL: no. A request then
     * has a header x-amz-content-sha256, and its query is sorted by name. */
    const char *sign_for_region;
};

struct http;

/* FAIL_USAGE on a URL that cannot be used. No connection is made yet. */
struct http *http_new(const struct http_options *options, GError **error);

/* The same with the credentials that a file holds, or with those of the URL where it is NULL. */
struct http *http_connect(const struct http_options *options, const char *credentials_file,
                          GError **error);
void http_free(struct http *http);
AUTO_DEFINE(http)

/* Asked now and then while a call waits for the network: TRUE ends the wait, and whatever call is
 * read fails with FAIL_LATER. NULL: nobody is asked. */
typedef gboolean (*http_stop)(void *context);
void http_set_stop(struct http *http, http_stop stop, void *context);

/* The URL without credentials, for messages. */
const char *http_name(const struct http *http);

/* Whether both say the same user and password. */
gboolean http_same_login(const struct http *a, const struct http *b);

/* ---- calls ---- */

/* Fills `data` with up to `size` bytes of a request's body; *got 0 is an error, the sizes being
 * known. */
typedef gboolean (*http_source)(void *context, void *data, gsize size, gsize *got, GError **error);

struct http_request {
    const char *method;         /* NULL: GET, or POST with a body */
    const char *path;           /* begins with '/', escaped, with its query */
    struct slice body;          /* must stay until the call is freed */
    const char *content_type;   /* NULL: application/json when there is a body */
    const char *accept;         /* NULL: application/json */
    const char *const *headers; /* more header lines, ends with NULL; or NULL */
    http_source source;         /* instead of body: a stream of source_size bytes */
    void *source_context;
    guint64 source_size;
    gboolean endless; /* a feed: it is for its reader to say when it was silent for too long */
};

struct http_call;

/* Starts a call; errors come when it is read. */
struct http_call *http_start(struct http *http, const struct http_request *request);
void http_call_free(struct http_call *call); /* ends it if still under way */
AUTO_DEFINE(http_call)

/*
 * Starts a GET that is soon asked for, so that its answer comes while others are read: the next
 * http_start of a GET of that path, without a body or headers of its own, is given it. For what
 * nothing changes in the meantime. FALSE: HTTP_AHEAD_MAX wait for their readers already.
 */
gboolean http_ahead(struct http *http, const char *path);
void http_ahead_end(struct http *http); /* of what was started so nothing is asked for any more */

/* Waits for the answer's head and gives its status. */
gboolean http_status(struct http_call *call, guint *status, GError **error);

/* The same, but a status of 400 or more is an error of domain HTTP that says what CouchDB says. */
gboolean http_expect_success(struct http_call *call, GError **error);

/* "GET http://host/path", for messages. */
const char *http_what(const struct http_call *call);

/* A header of the answer (name in lower case) or NULL; after http_status. */
const char *http_header(const struct http_call *call, const char *name);

/* Waits for bytes of the body and shows those that are there; size 0 at its clean end. A cut body
 * is an error. */
gboolean http_peek(struct http_call *call, struct slice *bytes, GError **error);
void http_skip(struct http_call *call, gsize size); /* they are consumed */

/* Whether something can be read (or has ended or failed) without waiting. */
gboolean http_ready(struct http_call *call);

/* Waits until one of the calls is ready, or the wait is to stop; gives its index. NULL ones are
 * passed over; there must be one. */
guint http_wait_any(struct http *http, struct http_call *const *calls, guint n_calls);

/* The same for so long at most, and not once it is to stop; n_calls when none is ready. */
guint http_wait_while(struct http *http, struct http_call *const *calls, guint n_calls,
                      guint milliseconds);

/* Seconds since bytes came, or since it began. */
gint64 http_silence(const struct http_call *call);

/* ---- whole answers ---- */

/* One request, its answer whole and checked as JSON; a status of 400 or more is an error. */
GString *http_fetch(struct http *http, const char *method, const char *path, struct slice body,
                    GError **error);

/* From now on http_fetch, whose requests must be safe to repeat, goes through failures with
 * patience (patience.h), which stays the caller's. NULL: no more. */
struct patience;
void http_be_patient(struct http *http, struct patience *patience);

/* For others that read an answer whole: after a failure, patience_again with that patience. */
gboolean http_again(struct http *http, GError **failure, GError **error);

/* Reads the rest of a call's answer, at most `cap` bytes. */
GString *http_read_all(struct http_call *call, gsize cap, GError **error);

/* Appends text percent-encoded but for RFC 3986's unreserved characters. */
void http_escape(GString *out, struct slice text);
