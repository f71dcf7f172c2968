/* details: see the header. */
#include "restore/check/details.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "restore/check/expectation.h"

#define BATCH 500                         /* leaves in a request */
#define DOCUMENT_MAX (1024 * 1024 * 1024) /* bytes of one leaf's JSON */

/* Leaves asked for with one request: a row for each. */
struct batch {
    GByteArray *rows;
    GArray *places; /* guint32 */
    guint at;       /* the leaf whose answer comes next */
    GString *body;
    struct http_call *call;
};

struct details {
    struct http *http;
    struct packed_where where;
    struct patience *patience;
    char *path;
    details_differ differ;
    void *context;
    struct batch filling, asked;
    struct leaf leaf;
};

static void
batch_init(struct batch *batch)
{
    batch->rows = g_byte_array_new();
    batch->places = g_array_new(FALSE, FALSE, sizeof(guint32));
    batch->body = g_string_new(NULL);
}

static void
batch_empty(struct batch *batch)
{
    g_clear_pointer(&batch->call, http_call_free);
    g_byte_array_set_size(batch->rows, 0);
    g_array_set_size(batch->places, 0);
    batch->at = 0;
}

static void
batch_clear(struct batch *batch)
{
    batch_empty(batch);
    g_byte_array_unref(batch->rows);
    g_array_free(batch->places, TRUE);
    g_string_free(batch->body, TRUE);
}

struct details *
details_new(struct http *http, const char *database, struct patience *patience,
            details_differ differ, void *context)
{
    struct details *details = g_new0(struct details, 1);
    details->http = http;
    details->where = (struct packed_where){http, database};
    details->patience = patience;
    details->path = server_path(database, "/_bulk_get?revs=true&att_encoding_info=true");
    details->differ = differ;
    details->context = context;
    batch_init(&details->filling);
    batch_init(&details->asked);
    return details;
}

void
details_free(struct details *details)
{
    if (details == NULL)
        return;
    batch_clear(&details->filling);
    batch_clear(&details->asked);
    leaf_clear(&details->leaf);
    g_free(details->path);
    g_free(details);
}

static struct row
row_at(const struct batch *batch, guint i, struct row_leaf *leaf)
{
    struct row row = row_decode(batch->rows->data + g_array_index(batch->places, guint32, i));
    struct slice rest = row.leaves;
    row_next_leaf(&rest, leaf);
    return row;
}

/* Asks for those whose answers have not come yet. */
static void
ask(struct details *details, struct batch *batch)
{
    g_string_assign(batch->body, "{\"docs\":[");
    for (guint i = batch->at; i < batch->places->len; i++) {
        struct row_leaf leaf;
        struct row row = row_at(batch, i, &leaf);
        g_string_append(batch->body, i > batch->at ? ",{\"id\":" : "{\"id\":");
        json_append_string(batch->body, row.id);
        g_string_append(batch->body, ",\"rev\":");
        json_append_string(batch->body, leaf.rev);
        g_string_append_c(batch->body, '}');
    }
    g_string_append(batch->body, "]}");
    struct http_request request = {.path = details->path,
                                   .body = {batch->body->str, batch->body->len}};
    http_call_free(batch->call);
    batch->call = http_start(details->http, &request);
}

static gboolean
take_leaf(struct details *details, struct batch *batch, struct slice element, GError **error)
{
    struct row_leaf expected;
    struct slice json;
    struct row row = row_at(batch, batch->at, &expected);
    if (!json_member(element, "ok", &json)) {
        g_autofree char *text =
            g_strdup_printf("cannot be read back: " SLICE_FORMAT, SLICE_ARGS(element));
        details->differ(details->context, row.id, expected.rev, text);
        return TRUE;
    }
    if (!leaf_parse(&details->leaf, json, error))
        return FALSE;
    g_autofree char *difference = NULL;
    if (slice_compare(details->leaf.rev, expected.rev) != 0)
        difference = g_strdup("another revision was given");
    else if (!expectation_compare(&expected, &details->leaf, &details->where, &difference, error))
        return FALSE;
    if (difference != NULL)
        details->differ(details->context, row.id, expected.rev, difference);
    return TRUE;
}

static gboolean
read_answer(struct details *details, struct batch *batch, GError **error)
{
    AUTO(json_split) *split = json_split_new("results", "docs", DOCUMENT_MAX);
    if (!http_expect_success(batch->call, error))
        return FALSE;
    for (;;) {
        struct slice input, element;
        enum json_event event;
        if (!http_peek(batch->call, &input, error))
            return FALSE;
        if (input.size == 0)
            return batch->at == batch->places->len
                       ? TRUE
                       : fail_set(error, FAIL_FAILED,
                                  "the server gave fewer documents than asked for");
        gsize size = input.size;
        while ((event = json_split_feed(split, &input, &element, error)) == JSON_ELEMENT ||
               event == JSON_BREAK) {
            if (batch->at == batch->places->len)
                return fail_set(error, FAIL_FAILED,
                                "the server gave more documents than asked for");
            if (event == JSON_BREAK)
                batch->at++;
            else if (!take_leaf(details, batch, element, error))
                return FALSE;
        }
        if (event == JSON_FAILED)
            return FALSE;
        http_skip(batch->call, size);
    }
}

/* Takes the answer to the batch under way, asking again for the rest of it when that breaks off. */
static gboolean
settle(struct details *details, GError **error)
{
    GError *failure = NULL;
    if (details->asked.places->len == 0)
        return TRUE;
    while (!read_answer(details, &details->asked, &failure)) {
        http_blame_transport(&failure);
        if (!patience_again(details->patience, &failure, error))
            return FALSE;
        ask(details, &details->asked);
    }
    patience_progress(details->patience);
    batch_empty(&details->asked);
    return TRUE;
}

static gboolean
send(struct details *details, GError **error)
{
    if (!settle(details, error))
        return FALSE;
    struct batch empty = details->asked;
    details->asked = details->filling;
    details->filling = empty;
    if (details->asked.places->len > 0)
        ask(details, &details->asked);
    return TRUE;
}

gboolean
details_ask(struct details *details, struct slice id, const struct row_leaf *expected,
            GError **error)
{
    struct batch *batch = &details->filling;
    guint32 place = batch->rows->len;
    gsize mark = row_begin(batch->rows, id);
    struct slice rest = expected->attachments;
    struct row_attachment attachment;
    guint n = 0;
    while (row_next_attachment(&rest, &attachment))
        n++;
    row_add_leaf(batch->rows, expected->rev, n);
    g_byte_array_append(batch->rows, (const guint8 *)expected->attachments.data,
                        (guint)expected->attachments.size);
    row_end(batch->rows, mark);
    g_array_append_val(batch->places, place);
    return batch->places->len < BATCH ? TRUE : send(details, error);
}

gboolean
details_end(struct details *details, GError **error)
{
    return send(details, error) && settle(details, error);
}
