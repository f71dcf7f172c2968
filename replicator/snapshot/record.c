/*
 * What comes of a database is written: leaves and attachments into the snapshot, ids gone at their
 * place between them (those of which no copy of the server has anything), and a row of each into
 * the list of changes, from which the new state is made.
 */
#include "lib/base/stop.h"
#include "replicator/snapshot/reading.h"

static gboolean
holds(const struct row_leaf *ancestor, const struct attachment *attachment)
{
    struct slice rest = ancestor->attachments;
    struct row_attachment held;
    while (row_next_attachment(&rest, &held))
        if (held.stored == attachment->stored && attachment->digest.size > 0 &&
            slice_compare(held.name, attachment->name) == 0 &&
            slice_compare(held.digest, attachment->digest) == 0)
            return TRUE;
    return FALSE;
}

/* An attachment's bytes are left out only if an ancestor of this very leaf holds them in the chain.
 */
static void
choose_attachments(void *context, struct leaf *leaf, const struct row *held)
{
    (void)context;
    for (guint i = 0; i < leaf->n_attachments; i++)
        leaf->attachments[i].here = TRUE;
    struct slice rest = held->leaves;
    for (struct row_leaf ancestor; leaf->n_attachments > 0 && row_next_leaf(&rest, &ancestor);)
        if (leaf_descends_from(leaf, ancestor.rev))
            for (guint i = 0; i < leaf->n_attachments; i++)
                if (holds(&ancestor, &leaf->attachments[i]))
                    leaf->attachments[i].here = FALSE;
}

static gboolean
write_gone(struct reading *reading, struct slice id, GError **error)
{
    g_autofree char *text = slice_dup(id);
    gboolean purged = reading->purged != NULL && g_hash_table_contains(reading->purged, text);
    return snapshot_writer_gone(reading->run->writer, id, purged, error) &&
           row_spool_add(reading->changed, row_begin(row_spool_buffer(reading->changed), id),
                         error);
}

/* What went between listing and fetching may have been purged since we asked. */
static gboolean
learn_purges(struct reading *reading, GError **error)
{
    struct server_database now;
    if (!server_database_info(reading->run->http, reading->name, &now, error))
        return FALSE;
    gboolean more = !sequence_is_same(
        now.purge_seq, reading->purged_at != NULL ? reading->purged_at : reading->info.purge_seq);
    if (more) {
        g_clear_pointer(&reading->purged, g_hash_table_unref);
        g_free(reading->purged_at);
        reading->purged_at = g_strdup(now.purge_seq);
        reading->purged = server_purged_ids(reading->run->http, reading->name, error);
    }
    server_database_clear(&now);
    return !more || reading->purged != NULL;
}

/* Whether it was, since the database was listed. */
static gboolean
was_purged(void *context, struct slice id, gboolean *purged, GError **error)
{
    struct reading *reading = context;
    g_autofree char *text = slice_dup(id);
    if (!learn_purges(reading, error))
        return FALSE;
    *purged = reading->purged_at != NULL && g_hash_table_contains(reading->purged, text);
    return TRUE;
}

static gboolean
take_leaf(void *context, const struct leaf *leaf, GError **error)
{
    struct reading *reading = context;
    GByteArray *row = row_spool_buffer(reading->changed);
    if (!reading->in_row) {
        reading->row_mark = row_begin(row, leaf->id);
        reading->in_row = TRUE;
    }
    reading->leaf_mark = row->len;
    leaf_append_to_row(leaf, row);
    return snapshot_writer_leaf(reading->run->writer, leaf, error);
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct reading *reading = context;
    progress_add(reading->run->progress, 0, size);
    return snapshot_writer_bytes(reading->run->writer, data, size, error);
}

static gboolean
take_leaf_end(void *context, const struct leaf *leaf, const char *damage, GError **error)
{
    struct reading *reading = context;
    if (damage != NULL) /* not held: the next run asks for it again */
        g_byte_array_set_size(row_spool_buffer(reading->changed), (guint)reading->leaf_mark);
    progress_add(reading->run->progress, 0, leaf->json.size);
    return snapshot_writer_leaf_end(reading->run->writer, error);
}

static gboolean
take_document_end(void *context, const struct row *listed, gboolean complete, GError **error)
{
    struct reading *reading = context;
    progress_add(reading->run->progress, 1, 0);
    if (!stop_check(error))
        return FALSE;
    if (reading->in_row) {
        reading->in_row = FALSE;
        if (!row_spool_add(reading->changed, reading->row_mark, error))
            return FALSE;
    } else if (complete && !write_gone(reading, listed->id, error)) {
        return FALSE;
    }
    return run_link_is_due(reading->run) ? database_link(reading, listed->id, error) : TRUE;
}

static void
take_problem(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct reading *reading = context;
    reading->unread++;
    snapshot_writer_unread(reading->run->writer, id, rev, reason);
    run_problem(
        reading->run, "database '%s': document '" SLICE_FORMAT "'%s" SLICE_FORMAT " is missing: %s",
        reading->name, SLICE_ARGS(id), rev.size > 0 ? " revision " : "", SLICE_ARGS(rev), reason);
}

void
record_lacking(struct reading *reading, guint64 count)
{
    static const struct slice none = {"", 0};
    g_autofree char *reason = g_strdup_printf(
        "the server counts other documents than it lists: the difference is %" G_GUINT64_FORMAT,
        count);
    reading->unread += count;
    snapshot_writer_unread(reading->run->writer, none, none, reason);
    run_problem(reading->run, "database '%s': %s", reading->name, reason);
}

gboolean
record_changes(struct reading *reading, GError **error)
{
    const struct fetch_handler handler = {
        .next = plan_next,
        .choose = choose_attachments,
        .leaf = take_leaf,
        .bytes = take_bytes,
        .leaf_end = take_leaf_end,
        .document_end = take_document_end,
        .problem = take_problem,
        .purged = was_purged,
        .context = reading,
    };
    progress_begin(reading->run->progress, "reading", reading->name,
                   listing_rows(reading->walk.listing));
    return fetch_documents(reading->run->http, reading->name, &handler, &reading->run->patience,
                           error);
}
