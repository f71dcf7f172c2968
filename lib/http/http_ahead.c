/* http_ahead: answers that are asked for before somebody reads them (http.h). */
#include "lib/http/http_inside.h"

static void
call_free(gpointer call)
{
    http_call_free(call);
}

gboolean
http_ahead(struct http *http, const char *path)
{
    const struct http_request request = {.path = path};
    if (http->ahead == NULL)
        http->ahead = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, call_free);
    if (g_hash_table_contains(http->ahead, path))
        return TRUE;
    if (g_hash_table_size(http->ahead) >= HTTP_AHEAD_MAX)
        return FALSE;
    g_hash_table_insert(http->ahead, g_strdup(path), http_start(http, &request));
    return TRUE;
}

void
http_ahead_end(struct http *http)
{
    g_clear_pointer(&http->ahead, g_hash_table_unref);
}

static gboolean
is_plain(const struct http_request *request)
{
    return (request->method == NULL || g_str_equal(request->method, "GET")) &&
           request->body.data == NULL && request->source == NULL && request->accept == NULL &&
           request->headers == NULL && !request->endless;
}

struct http_call *
http_ahead_take(struct http *http, const struct http_request *request)
{
    g_autofree char *path = NULL;
    gpointer call = NULL;
    if (http->ahead != NULL && is_plain(request))
        g_hash_table_steal_extended(http->ahead, request->path, (gpointer *)&path, &call);
    return call;
}
