/* revive: see the header. */
#include "restore/database/revive.h"

#include "lib/base/stop.h"
#include "lib/couch/write/body.h"
#include "lib/couch/write/disable.h"
#include "lib/couch/write/splice.h"
#include "restore/database/present.h"

#define NOTHING ((struct slice){NULL, 0})

struct reviving {
    struct restore *restore;
    const struct plan_item *item;
    struct chain_database *source;
    GHashTable *deleted; /* ids of those that are to come back */
    struct disable disable;
};

/* ---- how the documents stand in the target ---- */

/* Whether the document is deleted there, all its leaves, tells the answer to a GET. */
static gboolean
find_deleted_one(struct reviving *reviving, const struct row *row, const char *wanted,
                 GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_document_path(reviving->item->target, row->id, "");
    g_autoptr(GString) answer = http_fetch(reviving->restore->http, "GET", path, NOTHING, &failure);
    struct row_leaf leaf;
    if (answer == NULL && !http_has_status(failure, 404)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (row_find_leaf(row, slice_of(wanted), &leaf))
        return TRUE;
    if (answer != NULL) {
        report_kept(&reviving->restore->report,
                    "document '%s/" SLICE_FORMAT
                    "' was edited in the target since, and stays as it is there "
                    "(--db '%s=NEW' brings the old one back beside it)",
                    reviving->item->target, SLICE_ARGS(row->id), reviving->item->name);
        return TRUE;
    }
    g_hash_table_add(reviving->deleted, slice_dup(row->id));
    return TRUE;
}

static gboolean
find_deleted(struct reviving *reviving, GError **error)
{
    AUTO(present) *present = present_open(reviving->restore, reviving->item, error);
    for (struct row row; present != NULL && present_next(present, &row, error);) {
        if (row.id.data == NULL)
            return TRUE;
        g_autofree char *id = slice_dup(row.id);
        const struct plan_document *document = g_hash_table_lookup(reviving->item->documents, id);
        if (document != NULL && document->winner != NULL &&
            !find_deleted_one(reviving, &row, document->winner, error))
            return FALSE;
    }
    return FALSE;
}

/* ---- writing ---- */

static gboolean
source_attachment(void *context, guint which, GError **error)
{
    return chain_attachment(context, which, error);
}

static gboolean
source_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    return chain_data(context, data, size, got, error);
}

/* A PUT as an editor would make it; the server gives the new revision. */
static gboolean
put(struct reviving *reviving, const struct leaf *leaf, struct slice rev, GError **error)
{
    struct restore *restore = reviving->restore;
    struct body_bytes bytes = {source_attachment, source_data, reviving->source};
    enum body_form form =
        restore->traits.couchdb && leaf->n_attachments > 0 ? BODY_MULTIPART : BODY_INLINE;
    AUTO(body) *body = body_new(leaf, form, NULL, NULL, &bytes);
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_document_path(reviving->item->target, leaf->id, "");
    struct http_request request = {
        .method = "PUT",
        .path = path,
        .content_type = body_content_type(body),
        .source = body_read,
        .source_context = body,
        .source_size = body_size(body),
    };
    AUTO(http_call) *call = http_start(restore->http, &request);
    if (http_expect_success(call, &failure)) {
        report_note(&restore->report,
                    "document '%s/" SLICE_FORMAT
                    "' was deleted in the target, and is back as a new revision",
                    reviving->item->target, SLICE_ARGS(leaf->id));
        return TRUE;
    }
    if (failure->domain != HTTP || http_has_status(failure, 401) || http_is_transient(failure)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    report_problem(&restore->report, reviving->item->target, leaf->id, rev, "refused: %s",
                   failure->message);
    return TRUE;
}

/*
 * Without a revision: on top of a deletion that is how CouchDB wants it. A leaf has one, so it is
 * given one in front, which is cut off when the leaf is taken apart.
 */
static gboolean
write_leaf(struct reviving *reviving, const struct leaf *leaf, GError **error)
{
    static const char *const drop[] = {"_rev", "_revisions", NULL};
    static const char front[] = "\"_rev\":\"1-0\"";
    g_autoptr(GString) text = g_string_new(NULL);
    struct leaf made = {0};
    if (!disable_leaf(&reviving->disable, &leaf, error))
        return FALSE;
    splice_members(text, leaf->json, front, drop);
    gboolean fine = leaf_parse(&made, (struct slice){text->str, text->len}, error);
    text->str[sizeof front] = '{'; /* the comma behind it */
    made.json = (struct slice){text->str + sizeof front, text->len - sizeof front};
    for (guint i = 0; fine && i < made.n_attachments; i++)
        made.attachments[i].here = leaf->attachments[i].here;
    fine = fine && put(reviving, &made, leaf->rev, error);
    leaf_clear(&made);
    return fine;
}

static gboolean
write_all(struct reviving *reviving, GError **error)
{
    for (;;) {
        const struct leaf *leaf;
        gboolean end;
        if (!chain_next(reviving->source, &leaf, &end, error) || !stop_check(error))
            return FALSE;
        if (end)
            return TRUE;
        const struct plan_document *document =
            g_hash_table_lookup(reviving->item->documents, leaf->id_text->str);
        if (g_hash_table_contains(reviving->deleted, leaf->id_text->str) &&
            slice_is(leaf->rev, document->winner) && !write_leaf(reviving, leaf, error))
            return FALSE;
    }
}

gboolean
revive(struct restore *restore, const struct plan_item *item, GError **error)
{
    struct reviving reviving = {.restore = restore, .item = item};
    if (item->documents == NULL)
        return TRUE;
    reviving.deleted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    disable_init(&reviving.disable, item->target);
    gboolean fine = find_deleted(&reviving, error);
    if (fine && g_hash_table_size(reviving.deleted) > 0) {
        reviving.source = chain_database_open(restore->chain, item->name, error);
        fine = reviving.source != NULL && write_all(&reviving, error);
        chain_database_free(reviving.source);
    }
    disable_clear(&reviving.disable);
    g_hash_table_unref(reviving.deleted);
    return fine;
}
