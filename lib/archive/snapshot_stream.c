/* snapshot_stream: see the header. */
#include "lib/archive/snapshot_stream.h"

#include "lib/base/fail.h"
#include "lib/couch/row.h"
#include "lib/json/json.h"

#include <stdio.h>

/* A gone- or docs- entry, held, and its elements in turn. */
struct list {
    GString *text;
    GString *name;
    struct json_split *split; /* NULL: there is none in this batch */
    struct slice rest;
};

/* The three lists of a batch, in the order in which equal ids come. */
enum head { HEAD_NONE, HEAD_GONE, HEAD_DOCS, HEAD_LEAF };

struct snapshot_stream {
    struct snapshot_reader *reader;
    struct snapshot_entries *entries;
    char *prefix; /* "db/NAME/" */
    GString *db_json, *local_json;
    GString *name; /* of the entry that is looked for */
    gboolean fresh;
    gboolean ended;
    guint batch;
    enum head given;  /* the list whose first element was given last */
    GString *last_id; /* and its id */
    gboolean last_gone;

    struct list gone;
    gboolean has_gone, purged;
    GString *gone_id;

    struct list docs;
    gboolean has_doc;
    struct leaf doc;

    gboolean has_leaf;
    GString *leaf_json;
    struct leaf leaf;
    guint leaf_number;  /* K in leaf/NNNNNN-K */
    guint64 leaf_place; /* of its frame */
    GArray *parts;      /* guint, for each attachment its entry, 0 when not here */
    guint n_parts;
    guint part; /* the entry at hand; 0 is doc.json */
};

/* ---- names ---- */

static char *
prefix_of(const char *database)
{
    g_autofree char *folder = manifest_folder(database);
    return g_strconcat(folder, "/", NULL);
}

static gboolean stands_at(struct snapshot_stream *stream, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Whether the entry at hand has that name within the database's folder; the name is kept. */
static gboolean
stands_at(struct snapshot_stream *stream, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_string_assign(stream->name, stream->prefix);
    g_string_append_vprintf(stream->name, format, args);
    va_end(args);
    return snapshot_entries_is(stream->entries, stream->name->str);
}

static gboolean
unexpected(struct snapshot_stream *stream, const char *what, GError **error)
{
    fail_set(error, FAIL_DAMAGED, "%s", what);
    return snapshot_entries_blame(stream->entries, error);
}

/* ---- opening ---- */

static gboolean
read_head(struct snapshot_stream *stream, GError **error)
{
    g_autofree char *base = NULL;
    stands_at(stream, "db.json");
    if (!snapshot_entries_expect(stream->entries, stream->name->str, error) ||
        !snapshot_entries_json(stream->entries, stream->db_json, error))
        return FALSE;
    struct slice text = snapshot_stream_db_json(stream);
    if (!json_member_text(text, "base", &base) ||
        !(g_str_equal(base, "fresh") || g_str_equal(base, "parent")))
        return unexpected(stream, "it does not say on what the database is based", error);
    stream->fresh = g_str_equal(base, "fresh");
    if (!snapshot_entries_next(stream->entries, error))
        return FALSE;
    stands_at(stream, "local.json");
    return snapshot_entries_expect(stream->entries, stream->name->str, error) &&
           snapshot_entries_json(stream->entries, stream->local_json, error) &&
           snapshot_entries_next(stream->entries, error);
}

struct snapshot_stream *
snapshot_stream_new(struct snapshot_reader *reader, const char *database, guint64 place,
                    GError **error)
{
    AUTO(snapshot_stream) *stream = g_new0(struct snapshot_stream, 1);
    stream->reader = reader;
    stream->prefix = prefix_of(database);
    stream->db_json = g_string_new(NULL);
    stream->local_json = g_string_new(NULL);
    stream->name = g_string_new(NULL);
    stream->last_id = g_string_new(NULL);
    stream->gone_id = g_string_new(NULL);
    stream->leaf_json = g_string_new(NULL);
    stream->gone.text = g_string_new(NULL);
    stream->gone.name = g_string_new(NULL);
    stream->docs.text = g_string_new(NULL);
    stream->docs.name = g_string_new(NULL);
    stream->parts = g_array_new(FALSE, FALSE, sizeof(guint));
    stream->entries = snapshot_entries_new(reader, place, error);
    if (stream->entries == NULL || !read_head(stream, error))
        return NULL;
    return g_steal_pointer(&stream);
}

static void
list_clear(struct list *list)
{
    g_string_free(list->text, TRUE);
    g_string_free(list->name, TRUE);
    json_split_free(list->split);
}

void
snapshot_stream_free(struct snapshot_stream *stream)
{
    if (stream == NULL)
        return;
    snapshot_entries_free(stream->entries);
    list_clear(&stream->gone);
    list_clear(&stream->docs);
    leaf_clear(&stream->doc);
    leaf_clear(&stream->leaf);
    g_array_unref(stream->parts);
    g_string_free(stream->db_json, TRUE);
    g_string_free(stream->local_json, TRUE);
    g_string_free(stream->name, TRUE);
    g_string_free(stream->last_id, TRUE);
    g_string_free(stream->gone_id, TRUE);
    g_string_free(stream->leaf_json, TRUE);
    g_free(stream->prefix);
    g_free(stream);
}

struct slice
snapshot_stream_db_json(const struct snapshot_stream *stream)
{
    return (struct slice){stream->db_json->str, stream->db_json->len};
}

struct slice
snapshot_stream_local_json(const struct snapshot_stream *stream)
{
    return (struct slice){stream->local_json->str, stream->local_json->len};
}

gboolean
snapshot_stream_is_fresh(const struct snapshot_stream *stream)
{
    return stream->fresh;
}

/* ---- lists in memory ---- */

/* Takes the entry at hand as a list and goes on to the next entry. */
static gboolean
list_load(struct snapshot_stream *stream, struct list *list, const char *member, GError **error)
{
    g_string_assign(list->name, stream->name->str);
    if (!snapshot_entries_text(stream->entries, list->text, error))
        return FALSE;
    list->split = json_split_new(member, NULL, SNAPSHOT_TEXT_MAX);
    list->rest = (struct slice){list->text->str, list->text->len};
    return snapshot_entries_next(stream->entries, error);
}

/* The next element; *has FALSE behind the last. */
static gboolean
list_next(struct snapshot_stream *stream, struct list *list, struct slice *element, gboolean *has,
          GError **error)
{
    *has = FALSE;
    if (list->split == NULL)
        return TRUE;
    enum json_event event = json_split_feed(list->split, &list->rest, element, error);
    if (event == JSON_ELEMENT) {
        *has = TRUE;
        return TRUE;
    }
    if (event == JSON_END) {
        while (list->rest.size > 0 && strchr(" \t\r\n", list->rest.data[0]) != NULL) {
            list->rest.data++;
            list->rest.size--;
        }
        json_split_free(g_steal_pointer(&list->split));
        if (list->rest.size == 0)
            return TRUE;
        fail_set(error, FAIL_DAMAGED, "something follows the list");
    } else if (event == JSON_MORE) {
        fail_set(error, FAIL_DAMAGED, "the list has no end");
    }
    return snapshot_reader_blame(stream->reader, list->name->str, error);
}

static gboolean
gone_next(struct snapshot_stream *stream, GError **error)
{
    struct slice element, id;
    g_autofree char *how = NULL;
    if (!list_next(stream, &stream->gone, &element, &stream->has_gone, error))
        return FALSE;
    if (!stream->has_gone)
        return TRUE;
    if (!json_member(element, "id", &id) || json_type(id) != JSON_STRING ||
        !json_member_text(element, "how", &how)) {
        fail_set(error, FAIL_DAMAGED, "an id that is gone lacks its 'id' or 'how'");
        return snapshot_reader_blame(stream->reader, stream->gone.name->str, error);
    }
    stream->purged = g_str_equal(how, "purged");
    g_string_truncate(stream->gone_id, 0);
    json_unescape(id, stream->gone_id);
    return TRUE;
}

static gboolean
docs_next(struct snapshot_stream *stream, GError **error)
{
    struct slice element;
    if (!list_next(stream, &stream->docs, &element, &stream->has_doc, error))
        return FALSE;
    if (!stream->has_doc)
        return TRUE;
    if (!leaf_parse(&stream->doc, element, error))
        return snapshot_reader_blame(stream->reader, stream->docs.name->str, error);
    if (stream->doc.n_attachments > 0) {
        fail_set(error, FAIL_DAMAGED, "document '%.200s' has attachments", stream->doc.id.data);
        return snapshot_reader_blame(stream->reader, stream->docs.name->str, error);
    }
    return TRUE;
}

/* ---- leaves in entries of their own ---- */

/* Goes to the leaf's next attachment entry. */
static gboolean
part_next(struct snapshot_stream *stream, GError **error)
{
    if (!snapshot_entries_next(stream->entries, error))
        return FALSE;
    stream->part++;
    stands_at(stream, "leaf/%06u-%u/%u", stream->batch, stream->leaf_number, stream->part);
    return snapshot_entries_expect(stream->entries, stream->name->str, error);
}

static gboolean
leaf_load(struct snapshot_stream *stream, GError **error)
{
    stream->has_leaf = FALSE;
    if (!stands_at(stream, "leaf/%06u-%u/doc.json", stream->batch, stream->leaf_number))
        return TRUE;
    stream->leaf_place = snapshot_entries_now(stream->entries)->place;
    if (!snapshot_entries_json(stream->entries, stream->leaf_json, error))
        return FALSE;
    struct slice json = {stream->leaf_json->str, stream->leaf_json->len};
    if (!leaf_parse(&stream->leaf, json, error))
        return snapshot_entries_blame(stream->entries, error);
    g_array_set_size(stream->parts, 0);
    stream->n_parts = 0;
    for (guint i = 0; i < stream->leaf.n_attachments; i++) {
        guint part = stream->leaf.attachments[i].here ? ++stream->n_parts : 0;
        g_array_append_val(stream->parts, part);
    }
    stream->part = 0;
    stream->has_leaf = TRUE;
    return TRUE;
}

/* Passes over what was not read of the leaf, then loads the next one. */
static gboolean
leaf_next(struct snapshot_stream *stream, GError **error)
{
    while (stream->part < stream->n_parts)
        if (!part_next(stream, error))
            return FALSE;
    stream->leaf_number++;
    return snapshot_entries_next(stream->entries, error) && leaf_load(stream, error);
}

gboolean
snapshot_stream_attachment(struct snapshot_stream *stream, guint which, GError **error)
{
    g_assert(stream->given == HEAD_LEAF && which < stream->parts->len);
    guint part = g_array_index(stream->parts, guint, which);
    g_assert(part > stream->part);
    while (stream->part < part)
        if (!part_next(stream, error))
            return FALSE;
    if (snapshot_entries_now(stream->entries)->size != stream->leaf.attachments[which].stored)
        return unexpected(stream, "it has not the size that the document says", error);
    return TRUE;
}

gboolean
snapshot_stream_data(struct snapshot_stream *stream, void *data, gsize size, gsize *got,
                     GError **error)
{
    g_assert(stream->given == HEAD_LEAF && stream->part > 0);
    return snapshot_entries_read(stream->entries, data, size, got, error);
}

/* ---- the merge of a batch's lists ---- */

/* Loads the next batch, or notices the end. */
static gboolean
load_batch(struct snapshot_stream *stream, GError **error)
{
    guint number = stream->batch + 1;
    if (stands_at(stream, "end.json")) {
        stream->ended = TRUE;
        return TRUE;
    }
    gboolean some = FALSE;
    if (stands_at(stream, "gone-%06u.json", number)) {
        some = TRUE;
        if (!list_load(stream, &stream->gone, "gone", error) || !gone_next(stream, error))
            return FALSE;
    }
    if (stands_at(stream, "docs-%06u.json", number)) {
        some = TRUE;
        if (!list_load(stream, &stream->docs, "docs", error) || !docs_next(stream, error))
            return FALSE;
    }
    stream->batch = number;
    stream->leaf_number = 1;
    if (!leaf_load(stream, error))
        return FALSE;
    return some || stream->has_leaf ||
           unexpected(stream, "it is not what should follow here", error);
}

/* Takes away the element that was given last. */
static gboolean
step(struct snapshot_stream *stream, GError **error)
{
    enum head given = stream->given;
    stream->given = HEAD_NONE;
    switch (given) {
    case HEAD_GONE:
        return gone_next(stream, error);
    case HEAD_DOCS:
        return docs_next(stream, error);
    case HEAD_LEAF:
        return leaf_next(stream, error);
    case HEAD_NONE:
        break;
    }
    return TRUE;
}

static enum head
smallest(const struct snapshot_stream *stream, struct slice *id)
{
    enum head head = HEAD_NONE;
    struct slice gone = {stream->gone_id->str, stream->gone_id->len};
    if (stream->has_gone) {
        head = HEAD_GONE;
        *id = gone;
    }
    if (stream->has_doc && (head == HEAD_NONE || row_compare_ids(stream->doc.id, *id) < 0)) {
        head = HEAD_DOCS;
        *id = stream->doc.id;
    }
    if (stream->has_leaf && (head == HEAD_NONE || row_compare_ids(stream->leaf.id, *id) < 0)) {
        head = HEAD_LEAF;
        *id = stream->leaf.id;
    }
    return head;
}

/* Ids ascend; only leaves of one document may have the same. */
static gboolean
check_order(struct snapshot_stream *stream, struct slice id, gboolean gone, GError **error)
{
    struct slice last = {stream->last_id->str, stream->last_id->len};
    int order = last.size == 0 ? -1 : row_compare_ids(last, id);
    if (order > 0 || (order == 0 && (gone || stream->last_gone))) {
        fail_set(error, FAIL_DAMAGED,
                 "batch %u of '%s': id '" SLICE_FORMAT "' %s behind '" SLICE_FORMAT "'",
                 stream->batch, stream->prefix, SLICE_ARGS(id), order > 0 ? "comes" : "comes again",
                 SLICE_ARGS(last));
        return snapshot_entries_blame(stream->entries, error);
    }
    if (order < 0) {
        g_string_truncate(stream->last_id, 0);
        g_string_append_len(stream->last_id, id.data, (gssize)id.size);
    }
    stream->last_gone = gone;
    return TRUE;
}

gboolean
snapshot_stream_next(struct snapshot_stream *stream, struct snapshot_item *item, GError **error)
{
    *item = (struct snapshot_item){.kind = SNAPSHOT_END};
    if (!step(stream, error))
        return FALSE;
    while (!stream->ended && !stream->has_gone && !stream->has_doc && !stream->has_leaf)
        if (!load_batch(stream, error))
            return FALSE;
    enum head head = smallest(stream, &item->id);
    if (head == HEAD_NONE)
        return TRUE;
    if (!check_order(stream, item->id, head == HEAD_GONE, error))
        return FALSE;
    stream->given = head;
    item->kind = head == HEAD_GONE ? SNAPSHOT_GONE : SNAPSHOT_LEAF;
    item->purged = head == HEAD_GONE && stream->purged;
    item->leaf = head == HEAD_DOCS ? &stream->doc : head == HEAD_LEAF ? &stream->leaf : NULL;
    return TRUE;
}

GString *
snapshot_end_json(struct snapshot_reader *reader, const char *database, guint64 place,
                  GError **error)
{
    g_autofree char *prefix = prefix_of(database);
    g_autofree char *name = g_strconcat(prefix, "end.json", NULL);
    AUTO(snapshot_entries) *entries = snapshot_entries_new(reader, place, error);
    if (entries == NULL || !snapshot_entries_expect(entries, name, error))
        return NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    return snapshot_entries_json(entries, text, error) ? g_steal_pointer(&text) : NULL;
}

/* ---- coming back ---- */

void
snapshot_stream_bytes(const struct snapshot_stream *stream, guint which,
                      struct snapshot_bytes *bytes)
{
    g_assert(stream->given == HEAD_LEAF && which < stream->parts->len);
    bytes->reader = stream->reader;
    bytes->place = stream->leaf_place;
    bytes->leaf =
        g_strdup_printf("%sleaf/%06u-%u", stream->prefix, stream->batch, stream->leaf_number);
    bytes->part = g_array_index(stream->parts, guint, which);
}

void
snapshot_bytes_clear(struct snapshot_bytes *bytes)
{
    g_clear_pointer(&bytes->leaf, g_free);
}

struct snapshot_entries *
snapshot_bytes_open(const struct snapshot_bytes *bytes, GError **error)
{
    AUTO(snapshot_entries) *entries = snapshot_entries_new(bytes->reader, bytes->place, error);
    if (entries == NULL)
        return NULL;
    g_autofree char *document = g_strdup_printf("%s/doc.json", bytes->leaf);
    if (!snapshot_entries_expect(entries, document, error))
        return NULL;
    for (guint part = 1; part <= bytes->part; part++) {
        g_autofree char *name = g_strdup_printf("%s/%u", bytes->leaf, part);
        if (!snapshot_entries_next(entries, error) ||
            !snapshot_entries_expect(entries, name, error))
            return NULL;
    }
    return g_steal_pointer(&entries);
}
