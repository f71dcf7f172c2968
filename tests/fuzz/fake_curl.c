/* fake_curl: see the header. It keeps to what libcurl promises: whole header lines, a body in
 * pieces, none while it is paused, and one message for each transfer that has ended. */
#include "tests/fuzz/fake_curl.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdio.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define SEPARATOR 0xff
#define DEFAULT_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

struct transfer {
    curl_write_callback on_header, on_body;
    void *header_context, *body_context, *private;
    GString *answer;
    gsize at;
    long status;
    gboolean gone, cut, in_body, paused, ended, told;
    CURLcode result;
};

struct multi {
    GPtrArray *transfers;
    CURLMsg message;
};

static struct slice script;
static gsize piece_size = 1;

void
fake_curl_script(struct slice answers, gsize piece)
{
    script = answers;
    piece_size = MAX(piece, 1);
}

static void
take_answer(struct transfer *transfer)
{
    transfer->gone = script.size == 0;
    if (transfer->gone)
        return;
    const char *end = memchr(script.data, SEPARATOR, script.size);
    gsize size = end != NULL ? (gsize)(end - script.data) : script.size;
    if (size < 5 || memcmp(script.data, "HTTP/", 5) != 0)
        g_string_append(transfer->answer, DEFAULT_HEAD);
    g_string_append_len(transfer->answer, script.data, (gssize)size);
    script.data += size + (end != NULL);
    script.size -= size + (end != NULL);
    transfer->cut = size > 0 && transfer->answer->str[transfer->answer->len - 1] == '\0';
    g_string_truncate(transfer->answer, transfer->answer->len - transfer->cut);
}

/* ---- a step of a transfer ---- */

static void
end(struct transfer *transfer, CURLcode result)
{
    transfer->ended = TRUE;
    transfer->result = result;
}

/* An exact copy, so that a sanitizer sees one byte too far. */
static size_t
give(curl_write_callback callback, void *context, const char *data, gsize size)
{
    g_autofree char *copy = g_memdup2(data, size);
    return callback(copy, 1, size, context);
}

static void
give_head(struct transfer *transfer)
{
    while (!transfer->in_body && !transfer->ended) {
        const char *line = transfer->answer->str + transfer->at;
        const char *feed = memchr(line, '\n', transfer->answer->len - transfer->at);
        if (feed == NULL) {
            end(transfer, CURLE_RECV_ERROR);
            return;
        }
        gsize size = (gsize)(feed + 1 - line);
        transfer->at += size;
        sscanf(line, "HTTP/%*s %3ld", &transfer->status);
        if (give(transfer->on_header, transfer->header_context, line, size) != size)
            end(transfer, CURLE_WRITE_ERROR);
        transfer->in_body = (size == 1 || (size == 2 && *line == '\r')) && transfer->status >= 200;
    }
}

static void
give_body(struct transfer *transfer)
{
    gsize size = MIN(piece_size, transfer->answer->len - transfer->at);
    if (size == 0) {
        end(transfer, transfer->cut ? CURLE_PARTIAL_FILE : CURLE_OK);
        return;
    }
    size_t taken =
        give(transfer->on_body, transfer->body_context, transfer->answer->str + transfer->at, size);
    if (taken == CURL_WRITEFUNC_PAUSE)
        transfer->paused = TRUE;
    else if (taken != size)
        end(transfer, CURLE_WRITE_ERROR);
    else
        transfer->at += size;
}

static void
step(struct transfer *transfer)
{
    if (transfer->ended || transfer->paused)
        return;
    if (transfer->gone)
        end(transfer, CURLE_COULDNT_CONNECT);
    else if (transfer->in_body)
        give_body(transfer);
    else
        give_head(transfer);
}

/* ---- libcurl's functions ---- */

CURL *
curl_easy_init(void)
{
    struct transfer *transfer = g_new0(struct transfer, 1);
    transfer->answer = g_string_new(NULL);
    return transfer;
}

void
curl_easy_cleanup(CURL *easy)
{
    struct transfer *transfer = easy;
    g_string_free(transfer->answer, TRUE);
    g_free(transfer);
}

CURLcode
curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    struct transfer *transfer = easy;
    va_list arguments;
    va_start(arguments, option);
    if (option == CURLOPT_HEADERFUNCTION)
        transfer->on_header = va_arg(arguments, curl_write_callback);
    else if (option == CURLOPT_WRITEFUNCTION)
        transfer->on_body = va_arg(arguments, curl_write_callback);
    else if (option == CURLOPT_HEADERDATA)
        transfer->header_context = va_arg(arguments, void *);
    else if (option == CURLOPT_WRITEDATA)
        transfer->body_context = va_arg(arguments, void *);
    else if (option == CURLOPT_PRIVATE)
        transfer->private = va_arg(arguments, void *);
    va_end(arguments);
    return CURLE_OK;
}

CURLcode
curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    const struct transfer *transfer = easy;
    va_list arguments;
    va_start(arguments, info);
    if (info == CURLINFO_RESPONSE_CODE)
        *va_arg(arguments, long *) = transfer->status;
    else if (info == CURLINFO_PRIVATE)
        *va_arg(arguments, void **) = transfer->private;
    va_end(arguments);
    return CURLE_OK;
}

CURLcode
curl_easy_pause(CURL *easy, int bitmask)
{
    struct transfer *transfer = easy;
    (void)bitmask;
    transfer->paused = FALSE;
    step(transfer);
    return CURLE_OK;
}

CURLM *
curl_multi_init(void)
{
    struct multi *multi = g_new0(struct multi, 1);
    multi->transfers = g_ptr_array_new();
    return (CURLM *)multi;
}

CURLMcode
curl_multi_cleanup(CURLM *handle)
{
    struct multi *multi = (struct multi *)handle;
    g_assert(multi->transfers->len == 0);
    g_ptr_array_unref(multi->transfers);
    g_free(multi);
    return CURLM_OK;
}

CURLMcode
curl_multi_setopt(CURLM *handle, CURLMoption option, ...)
{
    (void)handle;
    (void)option;
    return CURLM_OK;
}

CURLMcode
curl_multi_add_handle(CURLM *handle, CURL *easy)
{
    struct multi *multi = (struct multi *)handle;
    take_answer(easy);
    g_ptr_array_add(multi->transfers, easy);
    return CURLM_OK;
}

CURLMcode
curl_multi_remove_handle(CURLM *handle, CURL *easy)
{
    struct multi *multi = (struct multi *)handle;
    g_assert(g_ptr_array_remove(multi->transfers, easy));
    return CURLM_OK;
}

CURLMcode
curl_multi_perform(CURLM *handle, int *running)
{
    struct multi *multi = (struct multi *)handle;
    *running = 0;
    for (guint i = 0; i < multi->transfers->len; i++) {
        struct transfer *transfer = multi->transfers->pdata[i];
        step(transfer);
        *running += !transfer->ended;
    }
    return CURLM_OK;
}

CURLMcode
curl_multi_poll(CURLM *handle, struct curl_waitfd extra[], unsigned int n, int timeout, int *ready)
{
    (void)handle;
    (void)extra;
    (void)n;
    (void)timeout;
    (void)ready;
    return CURLM_OK;
}

CURLMsg *
curl_multi_info_read(CURLM *handle, int *left)
{
    struct multi *multi = (struct multi *)handle;
    *left = 0;
    for (guint i = 0; i < multi->transfers->len; i++) {
        struct transfer *transfer = multi->transfers->pdata[i];
        if (!transfer->ended || transfer->told)
            continue;
        transfer->told = TRUE;
        multi->message = (CURLMsg){
            .msg = CURLMSG_DONE, .easy_handle = transfer, .data.result = transfer->result};
        return &multi->message;
    }
    return NULL;
}
