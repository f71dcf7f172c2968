#include "lib/couch/read/listing.h"

#include "lib/couch/leaf.h"
#include "lib/json/json.h"

/* Sequences in every row cost a q=12 server three quarters of its time; one in 100,000 rows is
 * enough. */
#define SEQ_INTERVAL "100000"
#define ROW_TEXT_MAX (32 * 1024 * 1024) /* bytes of one row of the feed */

struct listing {
    struct sorter *sorter;
    char *last_seq;
    GString *id;        /* unescaping */
    GByteArray *merged; /* the row being given out, when several were joined */
    GByteArray *ahead;  /* a copy of the row read too far */
    gboolean has_ahead;
};

void
listing_free(struct listing *listing)
{
    if (listing == NULL)
        return;
    sorter_free(listing->sorter);
    g_string_free(listing->id, TRUE);
    g_byte_array_unref(listing->merged);
    g_byte_array_unref(listing->ahead);
    g_free(listing->last_seq);
    g_free(listing);
}

const char *
listing_last_seq(const struct listing *listing)
{
    return listing->last_seq;
}

guint64
listing_rows(const struct listing *listing)
{
    return sorter_count(listing->sorter);
}

/* ---- reading the feed ---- */

gboolean
listing_fault(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, HTTP, HTTP_TRANSPORT, "the changes feed %s", what);
    return FALSE;
}

static gboolean
add_leaves(GByteArray *out, struct slice changes, GError **error)
{
    struct slice change, rev;
    guint64 generation;
    for (gsize place = 0; json_next_element(changes, &place, &change);) {
        if (!json_member(change, "rev", &rev) || json_type(rev) != JSON_STRING)
            return listing_fault(error, "has a change without a revision");
        rev = (struct slice){rev.data + 1, rev.size - 2};
        if (!revision_generation(rev, &generation))
            return listing_fault(error, "has a revision '" SLICE_FORMAT "'", SLICE_ARGS(rev));
        row_add_leaf(out, rev, 0);
    }
    return TRUE;
}

/* The first members of these names, as json_member gives them, in one walk. */
static gboolean
find_members(struct slice text, struct slice *id, struct slice *changes)
{
    struct slice key, value;
    *id = *changes = (struct slice){NULL, 0};
    for (gsize place = 0; json_next_member(text, &place, &key, &value);) {
        if (id->data == NULL && json_key_is(key, "id"))
            *id = value;
        else if (changes->data == NULL && json_key_is(key, "changes"))
            *changes = value;
        if (id->data != NULL && changes->data != NULL)
            return json_type(*id) == JSON_STRING && json_type(*changes) == JSON_ARRAY;
    }
    return FALSE;
}

static gboolean
add_row(struct listing *listing, struct slice text, GError **error)
{
    struct slice id, changes, change;
    gsize place = 0;
    if (!find_members(text, &id, &changes))
        return listing_fault(error, "has a row without id or changes");
    g_string_truncate(listing->id, 0);
    json_unescape(id, listing->id);
    if (listing->id->len == 0 || !json_next_element(changes, &place, &change))
        return listing_fault(error, "has a row with an empty id or no changes");
    GByteArray *out = sorter_buffer(listing->sorter);
    gsize mark = row_begin(out, (struct slice){listing->id->str, listing->id->len});
    return add_leaves(out, changes, error) && sorter_add(listing->sorter, mark, error);
}

/* The feed's end: rows, a last_seq, nothing pending (old servers do not tell), and nothing behind
 * it. */
static gboolean
take_end(struct listing *listing, const struct json_split *split, GError **error)
{
    struct slice last_seq, pending, rest = json_split_rest(split);
    if (!json_split_found(split))
        return listing_fault(error, "has no results");
    if (!json_member(rest, "last_seq", &last_seq) || json_type(last_seq) == JSON_NULL)
        return listing_fault(error, "ended without last_seq");
    if (json_member(rest, "pending", &pending) && !slice_is(pending, "0"))
        return listing_fault(error, "ended with " SLICE_FORMAT " changes still pending",
                             SLICE_ARGS(pending));
    listing->last_seq = slice_dup(last_seq);
    return TRUE;
}

static gboolean
is_blank(struct slice text)
{
    while (text.size > 0 && g_ascii_isspace(text.data[text.size - 1]))
        text.size--;
    return text.size == 0;
}

static gboolean
read_feed(struct listing *listing, struct http_call *call, listing_progress progress, void *context,
          GError **error)
{
    AUTO(json_split) *split = json_split_new("results", NULL, ROW_TEXT_MAX);
    for (;;) {
        struct slice input, element;
        if (!http_peek(call, &input, error))
            return FALSE;
        if (input.size == 0 && listing->last_seq != NULL)
            return TRUE;
        if (input.size == 0)
            return listing_fault(error, "was cut off");
        gsize size = input.size;
        enum json_event event;
        while ((event = json_split_feed(split, &input, &element, error)) == JSON_ELEMENT)
            if (!add_row(listing, element, error))
                return FALSE;
        if (event == JSON_FAILED) {
            http_blame_transport(error);
            return FALSE;
        }
        if (event == JSON_END && listing->last_seq == NULL && !take_end(listing, split, error))
            return FALSE;
        if (event == JSON_END && !is_blank(input))
            return listing_fault(error, "has something behind its end");
        http_skip(call, size);
        if (progress != NULL)
            progress(context, listing_rows(listing));
    }
}

static char *
feed_path(const char *database, const char *query, const char *since)
{
    g_autoptr(GString) path = g_string_new("/");
    http_escape(path, slice_of(database));
    g_string_append_printf(path, "/_changes?style=all_docs&%s", query);
    if (since != NULL) {
        g_autoptr(GString) plain = g_string_new(NULL);
        struct slice raw = slice_of(since);
        if (json_type(raw) == JSON_STRING)
            json_unescape(raw, plain);
        else
            g_string_append(plain, since);
        g_string_append(path, "&since=");
        http_escape(path, (struct slice){plain->str, plain->len});
    }
    return g_string_free(g_steal_pointer(&path), FALSE);
}

struct listing *
listing_fetch(struct http *http, const char *database, const char *since, listing_progress progress,
              void *context, GError **error)
{
    AUTO(listing) *listing = g_new0(struct listing, 1);
    listing->sorter = sorter_new(0);
    listing->id = g_string_new(NULL);
    listing->merged = g_byte_array_new();
    listing->ahead = g_byte_array_new();
    g_autofree char *path = feed_path(database, "seq_interval=" SEQ_INTERVAL, since);
    struct http_request request = {.path = path};
    AUTO(http_call) *call = http_start(http, &request);
    if (!http_expect_success(call, error) || !read_feed(listing, call, progress, context, error))
        return NULL;
    return sorter_finish(listing->sorter, error) ? g_steal_pointer(&listing) : NULL;
}

gboolean
listing_count(struct http *http, const char *database, const char *since, guint64 *rows,
              GError **error)
{
    g_autofree char *path = feed_path(database, "limit=1", since);
    g_autoptr(GString) answer = http_fetch(http, "GET", path, (struct slice){NULL, 0}, error);
    struct slice json, results, row;
    guint64 pending;
    gsize place = 0;
    *rows = 0;
    if (answer == NULL)
        return FALSE;
    json = (struct slice){answer->str, answer->len};
    if (json_member(json, "results", &results) && json_type(results) == JSON_ARRAY &&
        json_next_element(results, &place, &row) && json_member_unsigned(json, "pending", &pending))
        *rows = pending + 1;
    return TRUE;
}

/* ---- giving out ---- */

static void
keep_row(GByteArray *out, const struct row *row)
{
    g_byte_array_set_size(out, 0);
    row_append(out, row);
}

/* Adds the leaves that are not yet there. */
static void
join_row(GByteArray *merged, const struct row *other)
{
    struct slice rest = other->leaves;
    struct row_leaf leaf, found;
    while (row_next_leaf(&rest, &leaf)) {
        struct row have = row_decode(merged->data);
        if (!row_find_leaf(&have, leaf.rev, &found)) {
            row_add_leaf(merged, leaf.rev, 0);
            row_end(merged, 0);
        }
    }
}

gboolean
listing_next(struct listing *listing, struct row *row, GError **error)
{
    struct row next;
    if (!listing->has_ahead) {
        if (!sorter_next(listing->sorter, &next, error))
            return FALSE;
    } else {
        next = row_decode(listing->ahead->data);
    }
    listing->has_ahead = FALSE;
    *row = next;
    if (next.id.data == NULL)
        return TRUE;
    keep_row(listing->merged, &next);
    for (;;) {
        if (!sorter_next(listing->sorter, &next, error))
            return FALSE;
        *row = row_decode(listing->merged->data);
        if (next.id.data == NULL)
            return TRUE;
        if (slice_compare(next.id, row->id) != 0)
            break;
        join_row(listing->merged, &next);
    }
    keep_row(listing->ahead, &next);
    listing->has_ahead = TRUE;
    return TRUE;
}
