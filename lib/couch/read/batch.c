#include "lib/couch/read/batch.h"

#include "lib/couch/read/fetch.h"
#include "lib/json/json.h"

struct batch *
batch_new(void)
{
    struct batch *batch = g_new0(struct batch, 1);
    batch->rows = g_byte_array_new();
    batch->places = g_array_new(FALSE, FALSE, sizeof(guint32));
    batch->body = g_string_new(NULL);
    return batch;
}

void
batch_add(struct batch *batch, const struct row *listed, const struct row *held)
{
    guint32 place = batch->rows->len;
    g_array_append_val(batch->places, place);
    row_append(batch->rows, listed);
    row_append(batch->rows, held);
    batch->span = batch->places->len;
}

struct row
batch_listed(const struct batch *batch, guint document)
{
    return row_decode(batch->rows->data + g_array_index(batch->places, guint32, document));
}

struct row
batch_held(const struct batch *batch, guint document)
{
    const guint8 *listed = batch->rows->data + g_array_index(batch->places, guint32, document);
    const guint8 *held = listed + row_size(listed);
    struct row row = row_decode(held);
    return row.id.size > 0 ? row : (struct row){{NULL, 0}, {NULL, 0}};
}

void
batch_hang_up(struct batch *batch)
{
    g_clear_pointer(&batch->call, http_call_free);
    g_clear_pointer(&batch->split, json_split_free);
}

void
batch_free(struct batch *batch)
{
    batch_hang_up(batch);
    g_byte_array_unref(batch->rows);
    g_array_free(batch->places, TRUE);
    g_string_free(batch->body, TRUE);
    g_free(batch);
}

/* Asks for the documents from `at` on. */
void
batch_ask(struct batch *batch, struct http *http, const char *path)
{
    batch->asked_to = batch->at + MIN(batch->span, batch->places->len - batch->at);
    g_string_assign(batch->body, "{\"docs\":[");
    for (guint i = batch->at; i < batch->asked_to; i++) {
        g_string_append(batch->body, i > batch->at ? ",{\"id\":" : "{\"id\":");
        json_append_string(batch->body, batch_listed(batch, i).id);
        g_string_append_c(batch->body, '}');
    }
    g_string_append(batch->body, "]}");
    struct http_request request = {.path = path, .body = {batch->body->str, batch->body->len}};
    batch->split = json_split_new("results", "docs", FETCH_DOCUMENT_MAX);
    batch->call = http_start(http, &request);
}
