/*
 * bucket: one request to an S3-compatible bucket, signed, repeated while that may help, and its
 * failure told in words.
 *
 *     https://HOST[:PORT]/BUCKET[/FOLDER]      all our keys begin with FOLDER/
 *
 * Path-style addresses only: every S3-compatible server has them. curl signs (SigV4); what it signs
 * is made here: the path escaped as RFC 3986 has it, the query sorted, the SHA-256 of the body.
 *
 * Repeated, with the patience that was given: no answer, a cut one, 408, 429, 5xx, and what S3
 * tells by its own codes as passing (RequestTimeout, OperationAborted). Never a 403: it will not be
 * better the next time. Errors are of domain HTTP with the status, name the URL of the object, and
 * tell S3's <Code> and <Message>; a hint where the operator can act.
 */
#pragma once

#include "lib/base/hash.h"
#include "lib/http/http.h"
#include "lib/http/patience.h"

#define BUCKET_ANSWER_MAX (4 * 1024 * 1024) /* bytes of one read whole: a list of 1,000 keys */

struct bucket_options {
    const char *url;
    const char *region;      /* "us-east-1" */
    const char *credentials; /* file with KEY:SECRET */
    const char *ca;          /* as of http.h */
    guint stall_seconds;
    guint64 bytes_per_second; /* 0: as many as go */
    struct patience patience;
};

struct bucket {
    struct http *http;
    char *url;    /* for messages, without a slash at the end */
    char *path;   /* "/BUCKET", escaped */
    char *prefix; /* "FOLDER/" or "", as it is in keys */
    struct patience patience;
};

/* FAIL_USAGE on a URL that names no bucket, or holds credentials. No connection is made yet. */
struct bucket *bucket_open(const struct bucket_options *options, GError **error);
void bucket_free(struct bucket *bucket);
AUTO_DEFINE(bucket)

struct bucket_request {
    const char *method;
    const char *key;    /* behind the prefix, as it is; NULL: of the bucket itself */
    const char *query;  /* escaped and sorted by name, without the question mark; or NULL */
    struct slice body;  /* data NULL: none */
    gboolean checked;   /* the server is to compare what comes with its MD5, too */
    gboolean kept;      /* and to keep its SHA-256, and tell it; not of a part, whose upload would
                           have to announce it */
    gboolean xml;       /* the answer is XML; an <Error> is a failure whatever the status, for
                           CompleteMultipartUpload may begin with 200 and fail then */
    const char *header; /* one more line, or NULL */
};

struct bucket_answer {
    GString *text; /* of at most BUCKET_ANSWER_MAX bytes */
    char *etag;    /* without its quotes; NULL: none */
    char *sha256;  /* x-amz-checksum-sha256, in base64; NULL: none */
};

/* Once more and again, until it is answered well or that will not be. `answer` may be NULL. */
gboolean bucket_ask(struct bucket *bucket, const struct bucket_request *request,
                    struct bucket_answer *answer, GError **error);
void bucket_answer_clear(struct bucket_answer *answer);

/* One try of it, its body left to be read. Not NULL without an error: the status is 2xx. */
struct http_call *bucket_start(struct bucket *bucket, const struct bucket_request *request,
                               GError **error);

/* After a failure: waits and returns TRUE to try again; or moves it to *error. */
gboolean bucket_again(struct bucket *bucket, GError **failure, GError **error);

/* An ETag as it is told, without its quotes; NULL for NULL. Caller frees. */
char *bucket_bare_etag(const char *etag);

/* Appends "&name=value", escaped; without the & at the beginning. */
void bucket_add_query(GString *query, const char *name, const char *value);
