/*
 * http_inside: what http.c (servers), http_call.c (calls, and the wait for them), http_answer.c
 * (whole answers, and what is wrong with them) and http_ahead.c share. For nobody else.
 */
#pragma once

#include "lib/http/http.h"

#include <curl/curl.h>

/* What several servers may share, so that a wait for one lets the calls of all go on. */
struct loop {
    CURLM *multi;
    guint users;
    struct rate *rate;  /* of one of the servers; NULL: none has one */
    gboolean streaming; /* bytes of an answer came the last time, and no call ended */
};

struct http {
    struct loop *loop;
    char *base; /* scheme://host:port/prefix without credentials or a slash at the end */
    char *user, *password;
    const char *login_option;
    char *ca_file;
    char *signature; /* CURLOPT_AWS_SIGV4; NULL: requests are not signed */
    guint64 bytes_per_second;
    guint stall_seconds;
    struct rate *rate;         /* NULL: as fast as it goes */
    struct patience *patience; /* of http_fetch; NULL: none */
    http_stop stop;
    void *stop_context;
    GError *wrong_password; /* what the server said; NULL: nothing of the kind */
    GHashTable *ahead;      /* path → struct http_call (http_ahead.c); NULL: none was */
};

struct http_call {
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    char *what; /* "GET http://host/db/_changes", for messages */
    char curl_error[CURL_ERROR_SIZE];
    guint status;
    GHashTable *answer_headers;
    gsize header_bytes;
    GByteArray *buffer;
    gsize consumed; /* bytes of the buffer already read */
    gboolean paused, head_done, ended;
    gboolean unsent;  /* for the password is known to be wrong */
    gboolean json;    /* blanks in the answer say nothing */
    gint64 blank;     /* since when nothing else has come, monotonic; 0: something has */
    gboolean endless; /* a feed, whose blanks say that it lives */
    gint64 heard;     /* when the last bytes came, monotonic */
    CURLcode result;
    http_source source;
    void *source_context;
    GError *own_error; /* what a callback of ours gave up for */
};

/* http_ahead.c: the call that was started for that request; NULL: none was. */
struct http_call *http_ahead_take(struct http *http, const struct http_request *request);
