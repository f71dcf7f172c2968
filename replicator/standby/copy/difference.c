#include "replicator/standby/copy/difference.h"

#include "lib/couch/write/revisions.h"
#include "lib/json/json.h"

#define CHUNK 1000 /* rows that the target is asked about at once */

struct difference {
    struct http *target;
    const char *database;
    struct listing *listing, *present;
    guint64 rows; /* of the listing, done with */

    /* since a sequence */
    struct row_spool *chunk; /* rows of the listing */
    GHashTable *missing; /* "rev id" of leaves in the chunk that the target lacks → raw array of
                            leaves there that may be their ancestors */
    GString *key;

    /* of the whole */
    struct row here; /* the target's row that comes next; NULL id.data: none */
    gboolean begun;
    guint64 only_here, other_here;

    GByteArray *held; /* the row that is handed out */
};

struct difference *
difference_new(struct http *target, const char *database, struct listing *listing,
               struct listing *present)
{
    struct difference *difference = g_new0(struct difference, 1);
    difference->target = target;
    difference->database = database;
    difference->listing = listing;
    difference->present = present;
    difference->missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    difference->key = g_string_new(NULL);
    difference->held = g_byte_array_new();
    return difference;
}

void
difference_free(struct difference *difference)
{
    if (difference == NULL)
        return;
    row_spool_free(difference->chunk);
    g_hash_table_unref(difference->missing);
    g_string_free(difference->key, TRUE);
    g_byte_array_unref(difference->held);
    g_free(difference);
}

guint64
difference_rows(const struct difference *difference)
{
    return difference->rows;
}

guint64
difference_only_here(const struct difference *difference)
{
    return difference->only_here;
}

guint64
difference_other_here(const struct difference *difference)
{
    return difference->other_here;
}

/* ---- since a sequence ---- */

/* An id with a NUL, which CouchDB takes, is cut there: too much is copied then, not too little. */
static const char *
key_of(struct difference *difference, struct slice id, struct slice rev)
{
    g_string_truncate(difference->key, 0);
    g_string_append_len(difference->key, rev.data, (gssize)rev.size);
    g_string_append_c(difference->key, ' ');
    g_string_append_len(difference->key, id.data, (gssize)id.size);
    return difference->key->str;
}

static gboolean
note_missing(void *context, struct slice id, struct slice rev, struct slice ancestors,
             GError **error)
{
    struct difference *difference = context;
    (void)error;
    g_hash_table_insert(difference->missing, g_strdup(key_of(difference, id, rev)),
                        slice_dup(ancestors));
    return TRUE;
}

static gboolean
ask_of(struct revisions *revisions, const struct row *row, GError **error)
{
    struct slice rest = row->leaves;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        if (!revisions_ask(revisions, row->id, leaf.rev, error))
            return FALSE;
    return TRUE;
}

static gboolean
fill_chunk(struct difference *difference, GError **error)
{
    struct row row;
    AUTO(revisions) *revisions =
        revisions_new(difference->target, difference->database, note_missing, difference);
    row_spool_free(difference->chunk);
    difference->chunk = row_spool_new();
    g_hash_table_remove_all(difference->missing);
    while (row_spool_count(difference->chunk) < CHUNK) {
        if (!listing_next(difference->listing, &row, error))
            return FALSE;
        if (row.id.data == NULL)
            break;
        GByteArray *out = row_spool_buffer(difference->chunk);
        gsize mark = out->len;
        row_append(out, &row);
        if (!ask_of(revisions, &row, error) || !row_spool_add(difference->chunk, mark, error))
            return FALSE;
    }
    return revisions_end(revisions, error);
}

static void
hold_ancestors(struct difference *difference, struct slice ancestors)
{
    struct slice rev;
    for (gsize place = 0; ancestors.size > 0 && json_next_element(ancestors, &place, &rev);)
        if (json_type(rev) == JSON_STRING)
            row_add_leaf(difference->held, (struct slice){rev.data + 1, rev.size - 2}, 0);
}

/* The leaves that are not missing, and those there from which one that is may descend; FALSE when
 * none is missing. */
static gboolean
hold_present(struct difference *difference, const struct row *row)
{
    gboolean some_missing = FALSE;
    struct slice rest = row->leaves;
    g_byte_array_set_size(difference->held, 0);
    gsize mark = row_begin(difference->held, row->id);
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);) {
        const char *ancestors =
            g_hash_table_lookup(difference->missing, key_of(difference, row->id, leaf.rev));
        if (ancestors == NULL)
            row_add_leaf(difference->held, leaf.rev, 0);
        else
            hold_ancestors(difference, slice_of(ancestors));
        some_missing |= ancestors != NULL;
    }
    row_end(difference->held, mark);
    return some_missing;
}

static gboolean
next_asked(struct difference *difference, struct fetch_wanted *wanted, gboolean *end,
           GError **error)
{
    struct row row = {{NULL, 0}, {NULL, 0}};
    for (;;) {
        if (difference->chunk != NULL && !row_spool_next(difference->chunk, &row, error))
            return FALSE;
        if (row.id.data == NULL) {
            if (!fill_chunk(difference, error))
                return FALSE;
            *end = row_spool_count(difference->chunk) == 0;
            if (*end)
                return TRUE;
            continue;
        }
        difference->rows++;
        if (hold_present(difference, &row)) {
            *wanted = (struct fetch_wanted){row, row_decode(difference->held->data)};
            return TRUE;
        }
    }
}

/* ---- of the whole ---- */

/* Whether every leaf of the one is a leaf of the other. */
static gboolean
is_within(const struct row *row, const struct row *other)
{
    struct slice rest = row->leaves;
    struct row_leaf found;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        if (!row_find_leaf(other, leaf.rev, &found))
            return FALSE;
    return TRUE;
}

/* Moves the target's listing to the id; FALSE on error. *there: it has it. */
static gboolean
seek(struct difference *difference, struct slice id, gboolean *there, GError **error)
{
    *there = FALSE;
    if (!difference->begun && !listing_next(difference->present, &difference->here, error))
        return FALSE;
    difference->begun = TRUE;
    while (difference->here.id.data != NULL) {
        int order = id.data == NULL ? -1 : row_compare_ids(difference->here.id, id);
        if (order >= 0) {
            *there = order == 0;
            return TRUE;
        }
        difference->only_here++;
        if (!listing_next(difference->present, &difference->here, error))
            return FALSE;
    }
    return TRUE;
}

static void
hold_here(struct difference *difference, gboolean there, struct slice id)
{
    g_byte_array_set_size(difference->held, 0);
    if (there)
        row_append(difference->held, &difference->here);
    else
        row_end(difference->held, row_begin(difference->held, id));
}

static gboolean
next_beside(struct difference *difference, struct fetch_wanted *wanted, gboolean *end,
            GError **error)
{
    for (;;) {
        struct row row;
        gboolean there;
        if (!listing_next(difference->listing, &row, error) ||
            !seek(difference, row.id, &there, error))
            return FALSE;
        *end = row.id.data == NULL;
        if (*end)
            return TRUE;
        difference->rows++;
        hold_here(difference, there, row.id);
        struct row held = row_decode(difference->held->data);
        difference->other_here += there && !is_within(&held, &row);
        if (there && !listing_next(difference->present, &difference->here, error))
            return FALSE;
        if (!is_within(&row, &held)) {
            *wanted = (struct fetch_wanted){row, held};
            return TRUE;
        }
    }
}

gboolean
difference_next(struct difference *difference, struct fetch_wanted *wanted, gboolean *end,
                GError **error)
{
    *end = FALSE;
    return difference->present != NULL ? next_beside(difference, wanted, end, error)
                                       : next_asked(difference, wanted, end, error);
}
