#include "tests/unit/couch_world.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"

#define OUTER "--outer0"
#define INNER "--inner0"

static void
document_free(gpointer pointer)
{
    struct world_document *document = pointer;
    g_free(document->id);
    g_free(document->listed);
    g_free(document->feed);
    g_ptr_array_unref(document->leaves);
    g_hash_table_unref(document->bytes);
    g_free(document);
}

static void
string_free(gpointer string)
{
    g_string_free(string, TRUE);
}

struct world *
world_new(void)
{
    struct world *world = g_new0(struct world, 1);
    world->documents = g_ptr_array_new_with_free_func(document_free);
    world->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    world->log = g_string_new(NULL);
    world->row = g_byte_array_new();
    return world;
}

void
world_free(struct world *world)
{
    if (world == NULL)
        return;
    g_hash_table_unref(world->by_id);
    g_ptr_array_unref(world->documents);
    g_string_free(world->log, TRUE);
    g_byte_array_unref(world->row);
    g_free(world);
}

struct world_document *
world_add(struct world *world, const char *id, const char *listed, const char *leaf)
{
    struct world_document *document = g_new0(struct world_document, 1);
    document->id = g_strdup(id);
    document->listed = g_strdup(listed);
    document->leaves = g_ptr_array_new_with_free_func(g_free);
    document->bytes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, string_free);
    if (leaf != NULL)
        g_ptr_array_add(document->leaves, g_strdup(leaf));
    g_ptr_array_add(world->documents, document);
    g_hash_table_insert(world->by_id, document->id, document);
    return document;
}

/* ---- the server's side ---- */

static void
append_json_string(GString *out, const char *text)
{
    json_append_string(out, slice_of(text));
}

static void
append_error(GString *out, const char *id, const char *error)
{
    g_string_append(out, "{\"id\":");
    append_json_string(out, id);
    g_string_append_printf(out, ",\"rev\":\"undefined\",\"error\":\"%s\",\"reason\":\"scripted\"}",
                           error);
}

static void
answer_bulk(struct world *world, GPtrArray *asked, struct server_answer *answer)
{
    GString *out = answer->body;
    world->bulk_requests++;
    world->most_asked = MAX(world->most_asked, asked->len);
    g_string_append(out, "{\"results\":[");
    for (guint i = 0; i < asked->len; i++) {
        const struct world_document *document = g_hash_table_lookup(world->by_id, asked->pdata[i]);
        g_string_append(out, i > 0 ? ",{\"id\":" : "{\"id\":");
        append_json_string(out, asked->pdata[i]);
        g_string_append(out, ",\"docs\":[");
        if (document == NULL || document->fails || document->leaves->len == 0) {
            g_string_append(out, "{\"error\":");
            append_error(out, asked->pdata[i],
                         document != NULL && document->fails ? "badmatch" : "not_found");
            g_string_append(out, "}");
        } else {
            for (guint k = 0; k < document->leaves->len; k++)
                g_string_append_printf(out, "%s{\"ok\":%s}", k > 0 ? "," : "",
                                       (const char *)document->leaves->pdata[k]);
        }
        g_string_append(out, "]}");
    }
    g_string_append(out, "]}");
}

/* The leaf of that revision with its attachments marked as following. */
static gboolean
find_leaf(const struct world_document *document, struct slice rev, struct leaf *leaf)
{
    for (guint i = 0; document != NULL && i < document->leaves->len; i++)
        if (leaf_parse(leaf, slice_of(document->leaves->pdata[i]), NULL) &&
            slice_compare(leaf->rev, rev) == 0) {
            for (guint k = 0; k < leaf->n_attachments; k++)
                leaf->attachments[k].here = TRUE;
            return TRUE;
        }
    return FALSE;
}

static const GString *
bytes_of(const struct world_document *document, const struct attachment *attachment)
{
    g_autofree char *name = slice_dup(attachment->name);
    return g_hash_table_lookup(document->bytes, name);
}

static void
append_attachment(GString *out, const struct world_document *document,
                  const struct attachment *attachment)
{
    const GString *bytes = bytes_of(document, attachment);
    g_string_append(out, "\r\nContent-Disposition: attachment; filename=\"");
    json_unescape(attachment->name, out);
    g_string_append(out, "\"\r\nContent-Type: ");
    json_unescape(attachment->type, out);
    g_string_append_printf(out, "\r\nContent-Length: %" G_GSIZE_FORMAT "%s\r\n\r\n", bytes->len,
                           attachment->encoded ? "\r\nContent-Encoding: gzip" : "");
    g_string_append_len(out, bytes->str, (gssize)bytes->len);
    g_string_append(out, "\r\n--" INNER);
}

static void
append_part(GString *out, const struct world_document *document, const char *id, struct slice rev)
{
    struct leaf leaf = {0};
    g_string_append(out, "\r\n--" OUTER);
    if (!find_leaf(document, rev, &leaf)) {
        g_string_append(out, "\r\nContent-Type: application/json; error=\"true\"\r\n\r\n");
        append_error(out, id, "not_found");
        leaf_clear(&leaf);
        return;
    }
    if (leaf.n_attachments > 0)
        g_string_append_printf(out,
                               "\r\nX-Doc-Id: %s\r\nX-Rev-Id: " SLICE_FORMAT
                               "\r\nContent-Type: multipart/related; boundary=" INNER
                               "\r\n\r\n--" INNER,
                               id, SLICE_ARGS(rev));
    g_string_append(out, "\r\nContent-Type: application/json\r\n\r\n");
    leaf_append_marked(&leaf, out);
    if (leaf.n_attachments > 0)
        g_string_append(out, "\r\n--" INNER);
    for (guint k = 0; k < leaf.n_attachments; k++)
        append_attachment(out, document, &leaf.attachments[k]);
    if (leaf.n_attachments > 0)
        g_string_append(out, "--");
    leaf_clear(&leaf);
}

static void
answer_multipart(struct world *world, struct slice body, struct server_answer *answer)
{
    struct slice docs, one, rev;
    world->multipart_requests++;
    answer->type = "multipart/related; boundary=\"" OUTER "\"";
    g_assert_true(json_member(body, "docs", &docs));
    for (gsize place = 0; json_next_element(docs, &place, &one);) {
        g_autofree char *id = NULL;
        g_assert_true(json_member_text(one, "id", &id) && json_member(one, "rev", &rev));
        append_part(answer->body, g_hash_table_lookup(world->by_id, id), id,
                    (struct slice){rev.data + 1, rev.size - 2});
    }
    g_string_append(answer->body, "\r\n--" OUTER "--\r\n");
}

static void
answer_feed(struct world *world, GPtrArray *asked, struct server_answer *answer)
{
    const struct world_document *document = g_hash_table_lookup(world->by_id, asked->pdata[0]);
    g_auto(GStrv) revs =
        g_strsplit(document->feed != NULL ? document->feed : document->listed, " ", -1);
    world->feed_requests++;
    g_string_append(answer->body, "{\"results\":[");
    for (char **rev = revs; *rev != NULL && **rev != '\0'; rev++)
        g_string_append_printf(answer->body, "%s{\"rev\":\"%s\"}",
                               rev == revs ? "{\"id\":\"x\",\"changes\":[" : ",", *rev);
    g_string_append(answer->body, revs[0] != NULL && *revs[0] != '\0' ? "]}" : "");
    g_string_append(answer->body, "],\"last_seq\":\"1\",\"pending\":0}");
}

/* GET /db/ID/NAME?rev=REV, refused as CouchDB does for a design document whose slash is escaped. */
static void
answer_single(struct world *world, const struct server_request *request,
              struct server_answer *answer)
{
    struct leaf leaf = {0};
    world->single_requests++;
    answer->status = 404;
    answer->type = "application/octet-stream";
    g_auto(GStrv) parts = g_strsplit(request->path + strlen("/db/"), "?rev=", 2);
    gboolean design = g_str_has_prefix(parts[0], "_design/");
    char *slash = strchr(parts[0] + (design ? strlen("_design/") : 0), '/');
    g_assert_nonnull(slash);
    *slash = '\0';
    g_autofree char *id = g_uri_unescape_string(parts[0], NULL);
    g_autofree char *name = g_uri_unescape_string(slash + 1, NULL);
    g_autoptr(GString) raw = g_string_new(NULL);
    append_json_string(raw, name);
    const struct world_document *document = g_hash_table_lookup(world->by_id, id);
    const GString *bytes = document != NULL ? g_hash_table_lookup(document->bytes, raw->str) : NULL;
    if (g_str_has_prefix(parts[0], "_design%2F"))
        answer->status = 301;
    else if (bytes != NULL && find_leaf(document, slice_of(parts[1]), &leaf)) {
        answer->status = 200;
        g_string_append_len(answer->body, bytes->str, (gssize)bytes->len);
    }
    leaf_clear(&leaf);
}

static GPtrArray *
asked_ids(struct slice body)
{
    GPtrArray *asked = g_ptr_array_new_with_free_func(g_free);
    struct slice docs, one;
    if (body.size == 0)
        return asked;
    g_assert_true(json_check(body, NULL));
    if (json_member(body, "docs", &docs))
        for (gsize place = 0; json_next_element(docs, &place, &one);) {
            char *id = NULL;
            g_assert_true(json_member_text(one, "id", &id));
            g_ptr_array_add(asked, id);
        }
    if (json_member(body, "doc_ids", &docs))
        for (gsize place = 0; json_next_element(docs, &place, &one);) {
            g_autoptr(GString) id = g_string_new(NULL);
            json_unescape(one, id);
            g_ptr_array_add(asked, g_strdup(id->str));
        }
    return asked;
}

static void
answer_request(void *context, const struct server_request *request, struct server_answer *answer)
{
    struct world *world = context;
    g_autoptr(GPtrArray) asked = asked_ids(request->body);
    if (g_str_equal(request->path, "/db"))
        g_string_assign(answer->body, "{}");
    else if (strstr(request->path, "/_changes?") != NULL)
        answer_feed(world, asked, answer);
    else if (strstr(request->path, "/_bulk_get?") == NULL)
        answer_single(world, request, answer);
    else if (strstr(request->path, "attachments=true") == NULL || world->no_multipart)
        answer_bulk(world, asked, answer);
    else
        answer_multipart(world, request->body, answer);
    if (world->fault != NULL)
        world->fault(world, request, asked, answer);
}

gboolean
world_asks(GPtrArray *asked, const char *id)
{
    return g_ptr_array_find_with_equal_func(asked, id, g_str_equal, NULL);
}

/* ---- the reader's side ---- */

static gboolean
next_wanted(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    struct world *world = context;
    (void)error;
    *end = world->next == world->documents->len;
    if (*end)
        return TRUE;
    const struct world_document *document = world->documents->pdata[world->next++];
    g_auto(GStrv) revs = g_strsplit(document->listed, " ", -1);
    g_byte_array_set_size(world->row, 0);
    gsize mark = row_begin(world->row, slice_of(document->id));
    for (char **rev = revs; *rev != NULL && **rev != '\0'; rev++)
        row_add_leaf(world->row, slice_of(*rev), 0);
    row_end(world->row, mark);
    wanted->listed = row_decode(world->row->data);
    return TRUE;
}

static void
choose(void *context, struct leaf *leaf, const struct row *held)
{
    const struct world *world = context;
    (void)held;
    for (guint i = 0; i < leaf->n_attachments; i++)
        leaf->attachments[i].here = !world->choose_none;
}

static gboolean
take_leaf(void *context, const struct leaf *leaf, GError **error)
{
    struct world *world = context;
    if (++world->leaves_seen == world->fail_at)
        return fail_set(error, FAIL_LATER, "the disk is full");
    g_string_append_printf(world->log, SLICE_FORMAT ":" SLICE_FORMAT "[", SLICE_ARGS(leaf->id),
                           SLICE_ARGS(leaf->rev));
    return TRUE;
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct world *world = context;
    (void)error;
    for (gsize i = 0; i < size; i++)
        g_string_append_c(world->log,
                          ((const char *)data)[i] != '\0' ? ((const char *)data)[i] : '0');
    return TRUE;
}

static gboolean
take_leaf_end(void *context, const struct leaf *leaf, const char *damage, GError **error)
{
    struct world *world = context;
    (void)leaf;
    (void)error;
    g_string_append(world->log, damage != NULL ? "!] " : "] ");
    return TRUE;
}

static gboolean
take_document_end(void *context, const struct row *listed, gboolean complete, GError **error)
{
    struct world *world = context;
    (void)error;
    g_string_append_printf(world->log, SLICE_FORMAT "%s\n", SLICE_ARGS(listed->id),
                           complete ? "." : "?");
    return TRUE;
}

static gboolean
was_purged(void *context, struct slice id, gboolean *purged, GError **error)
{
    const struct world *world = context;
    g_autofree char *text = slice_dup(id);
    (void)error;
    *purged = ((const struct world_document *)g_hash_table_lookup(world->by_id, text))->purged;
    return TRUE;
}

static void
take_problem(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct world *world = context;
    g_assert_cmpuint(strlen(reason), >, 0);
    g_string_append_printf(world->log, "!" SLICE_FORMAT ":" SLICE_FORMAT " ", SLICE_ARGS(id),
                           SLICE_ARGS(rev));
}

static void
note_wait(void *context, guint milliseconds, const GError *cause)
{
    struct world *world = context;
    (void)cause;
    world->waited += milliseconds;
}

gboolean
world_fetch(struct world *world, GError **error)
{
    AUTO(http_server) *server = http_server_new(answer_request, world);
    AUTO(http) *http = http_server_client(server, 0);
    const struct fetch_handler handler = {next_wanted,  choose,        take_leaf,
                                          take_bytes,   take_leaf_end, take_document_end,
                                          take_problem, was_purged,    world};
    struct patience patience = {.seconds = 300, .wait = note_wait, .context = world};
    http_be_patient(http, &patience);
    return fetch_documents(http, "db", &handler, &patience, error);
}
