/* present: see the header. */
#include "restore/database/present.h"

#include "lib/base/fail.h"
#include "lib/couch/read/listing.h"
#include "lib/json/json.h"

struct present {
    struct restore *restore;
    const char *target;
    struct listing *listing;
    struct sorter *sorter; /* of the rows asked for by id; it follows the listing */
    GHashTable *designs;   /* ids to be asked for, or NULL */
};

void
present_free(struct present *present)
{
    if (present == NULL)
        return;
    listing_free(present->listing);
    sorter_free(present->sorter);
    g_free(present);
}

/* ---- all ---- */

static gboolean
list(struct present *present, GError **error)
{
    struct restore *restore = present->restore;
    GError *failure = NULL;
    while ((present->listing =
                listing_fetch(restore->http, present->target, NULL, NULL, NULL, &failure)) == NULL)
        if (!patience_again(&restore->patience, &failure, error))
            return FALSE;
    patience_progress(&restore->patience);
    return TRUE;
}

/* ---- some ---- */

static GString *
ids_body(GHashTable *ids)
{
    GString *body = g_string_new("{\"doc_ids\":[");
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, ids);
    for (const char *comma = ""; g_hash_table_iter_next(&iter, &id, NULL); comma = ",") {
        g_string_append(body, comma);
        json_append_string(body, slice_of(id));
    }
    g_string_append(body, "]}");
    return body;
}

static gboolean
add_row(struct sorter *sorter, struct slice result, GError **error)
{
    struct slice raw_id, changes, change, rev;
    g_autoptr(GString) id = g_string_new(NULL);
    if (!json_member(result, "id", &raw_id) || !json_member(result, "changes", &changes))
        return fail_set(error, FAIL_FAILED, "a row of the changes feed has no id or no changes");
    json_unescape(raw_id, id);
    GByteArray *out = sorter_buffer(sorter);
    gsize mark = row_begin(out, (struct slice){id->str, id->len});
    for (gsize place = 0; json_next_element(changes, &place, &change);)
        if (json_member(change, "rev", &rev) && json_type(rev) == JSON_STRING)
            row_add_leaf(out, (struct slice){rev.data + 1, rev.size - 2}, 0);
    return sorter_add(sorter, mark, error);
}

/* Adds their rows to the sorter. */
static gboolean
ask(struct present *present, GHashTable *ids, GError **error)
{
    g_autofree char *path =
        server_path(present->target, "/_changes?style=all_docs&filter=_doc_ids");
    g_autoptr(GString) body = ids_body(ids);
    g_autoptr(GString) answer = http_fetch(present->restore->http, "POST", path,
                                           (struct slice){body->str, body->len}, error);
    struct slice results, result;
    if (answer == NULL)
        return FALSE;
    if (json_member((struct slice){answer->str, answer->len}, "results", &results))
        for (gsize place = 0; json_next_element(results, &place, &result);)
            if (!add_row(present->sorter, result, error))
                return FALSE;
    return TRUE;
}

/* ---- all, and the design documents once more ---- */

/* Those of the listing that are not asked for, from `row` on. */
static gboolean
keep_others(struct present *present, struct row *row, GError **error)
{
    while (row->id.data != NULL) {
        g_autofree char *id = slice_dup(row->id);
        if (memchr(row->id.data, '\0', row->id.size) != NULL ||
            !g_hash_table_contains(present->designs, id)) {
            GByteArray *out = sorter_buffer(present->sorter);
            gsize mark = row_begin(out, row->id);
            g_byte_array_append(out, (const guint8 *)row->leaves.data, (guint)row->leaves.size);
            if (!sorter_add(present->sorter, mark, error))
                return FALSE;
        }
        if (!listing_next(present->listing, row, error))
            return FALSE;
    }
    return TRUE;
}

/* The listing has come to its design documents, *row, or its end. */
static gboolean
turn_to_designs(struct present *present, struct row *row, GError **error)
{
    present->sorter = sorter_new(0);
    if (!keep_others(present, row, error) ||
        (g_hash_table_size(present->designs) > 0 && !ask(present, present->designs, error)) ||
        !sorter_finish(present->sorter, error))
        return FALSE;
    g_clear_pointer(&present->listing, listing_free);
    return TRUE;
}

/* ---- all of them ---- */

static struct present *
present_new(struct restore *restore, const struct plan_item *item)
{
    struct present *present = g_new0(struct present, 1);
    present->restore = restore;
    present->target = item->target;
    return present;
}

struct present *
present_open(struct restore *restore, const struct plan_item *item, GError **error)
{
    AUTO(present) *present = present_new(restore, item);
    if (item->documents == NULL)
        return list(present, error) ? g_steal_pointer(&present) : NULL;
    present->sorter = sorter_new(0);
    if (!ask(present, item->documents, error) || !sorter_finish(present->sorter, error))
        return NULL;
    return g_steal_pointer(&present);
}

struct present *
present_open_early(struct restore *restore, const struct plan_item *item, GHashTable *designs,
                   GError **error)
{
    AUTO(present) *present = present_new(restore, item);
    present->designs = designs;
    return list(present, error) ? g_steal_pointer(&present) : NULL;
}

gboolean
present_next(struct present *present, struct row *row, GError **error)
{
    if (present->listing != NULL) {
        if (!listing_next(present->listing, row, error))
            return FALSE;
        if (present->designs == NULL || (row->id.data != NULL && !row_is_design(row->id)))
            return TRUE;
        if (!turn_to_designs(present, row, error))
            return FALSE;
    }
    return sorter_next(present->sorter, row, error);
}

gboolean
present_seek(struct present *present, struct slice id, struct row *row, guint64 *passed,
             GError **error)
{
    while (row->id.data != NULL && row_compare_ids(row->id, id) < 0) {
        if (passed != NULL)
            ++*passed;
        if (!present_next(present, row, error))
            return FALSE;
    }
    return TRUE;
}
