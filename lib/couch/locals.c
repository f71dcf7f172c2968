#include "lib/couch/locals.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

static gboolean
take_row(struct slice row, locals_take take, void *context, GError **error)
{
    struct slice document;
    return !json_member(row, "doc", &document) || take(context, document, error);
}

static gboolean
read_rows(struct http_call *call, locals_take take, void *context, GError **error)
{
    AUTO(json_split) *split = json_split_new("rows", NULL, HTTP_ANSWER_MAX);
    struct slice input, row;
    enum json_event event = JSON_MORE;
    if (!http_expect_success(call, error) || !http_peek(call, &input, error))
        return FALSE;
    while (input.size > 0) {
        gsize size = input.size;
        while ((event = json_split_feed(split, &input, &row, error)) == JSON_ELEMENT)
            if (!take_row(row, take, context, error))
                return FALSE;
        http_blame_transport(error);
        http_skip(call, size);
        if (event == JSON_FAILED || !http_peek(call, &input, error))
            return FALSE;
    }
    gboolean whole = event == JSON_END && json_split_found(split);
    if (!whole)
        g_set_error(error, HTTP, HTTP_TRANSPORT, "the list of _local documents was cut off");
    return whole;
}

gboolean
locals_each(struct http *http, const char *database, locals_take take, void (*again)(void *context),
            void *context, GError **error)
{
    g_autofree char *path = server_path(database, "/_local_docs?include_docs=true");
    const struct http_request request = {.path = path};
    for (;;) {
        GError *failure = NULL;
        AUTO(http_call) *call = http_start(http, &request);
        if (read_rows(call, take, context, &failure))
            return TRUE;
        if (server_is_unknown(failure)) {
            g_error_free(failure);
            return TRUE;
        }
        if (!http_again(http, &failure, error))
            return FALSE;
        again(context);
    }
}
