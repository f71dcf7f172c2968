/* present: see the header. */
#include "restore/database/present.h"

#include "lib/base/fail.h"
#include "lib/couch/json.h"

struct present {
    struct listing *listing;
    struct sorter *sorter; /* of the rows asked for by id */
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
list(struct present *present, struct restore *restore, const char *target, GError **error)
{
    GError *failure = NULL;
    while ((present->listing = listing_fetch(restore->http, target, NULL, NULL, NULL, &failure)) ==
           NULL)
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

static gboolean
ask(struct present *present, struct restore *restore, const struct plan_item *item, GError **error)
{
    g_autofree char *path = server_path(item->target, "/_changes?style=all_docs&filter=_doc_ids");
    g_autoptr(GString) body = ids_body(item->documents);
    g_autoptr(GString) answer =
        http_fetch(restore->http, "POST", path, (struct slice){body->str, body->len}, error);
    struct slice results, result;
    if (answer == NULL)
        return FALSE;
    present->sorter = sorter_new(0);
    if (json_member((struct slice){answer->str, answer->len}, "results", &results))
        for (gsize place = 0; json_next_element(results, &place, &result);)
            if (!add_row(present->sorter, result, error))
                return FALSE;
    return sorter_finish(present->sorter, error);
}

/* ---- both ---- */

struct present *
present_open(struct restore *restore, const struct plan_item *item, GError **error)
{
    AUTO(present) *present = g_new0(struct present, 1);
    gboolean fine = item->documents == NULL ? list(present, restore, item->target, error)
                                            : ask(present, restore, item, error);
    return fine ? g_steal_pointer(&present) : NULL;
}

gboolean
present_next(struct present *present, struct row *row, GError **error)
{
    return present->listing != NULL ? listing_next(present->listing, row, error)
                                    : sorter_next(present->sorter, row, error);
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
