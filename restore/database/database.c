/* database: writing one database's leaves. See restore.h. */
#include "lib/base/fail.h"
#include "lib/couch/json.h"
#include "lib/couch/write/splice.h"
#include "lib/couch/write/target.h"
#include "restore/database/present.h"
#include "restore/database/salvage.h"
#include "restore/lacking.h"
#include "restore/run/restore.h"
#include "restore/run/stop.h"

#define PASSES 5       /* through the archive at most, for leaves whose stream was interrupted */
#define PASS_WAIT 2000 /* milliseconds before the second; twice as long each time */

struct writing {
    struct restore *restore;
    const struct plan_item *item;
    struct chain_database *source;
    struct target *target; /* NULL: only counts */
    struct expectation *expectation;
    struct present *present; /* NULL when the target has nothing yet */
    struct row present_row;  /* at or behind the document at hand */
    GHashTable *interrupted; /* ids to be written in the next pass */
    GHashTable *only;        /* in later passes: those ids; NULL in the first */
    GHashTable *damaged;     /* ids of which something could not be read from the source; or NULL */
    gboolean disable;        /* documents that CouchDB would act on */
    gboolean designs;        /* the first design document has come */

    GString *id; /* of the document at hand */
    gboolean wanted;
    struct leaf made; /* a leaf that was changed */
    GString *made_text;
    guint64 absent; /* leaves that the target does not list */
};

/* ---- what the target tells ---- */

static void
on_refused(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct writing *writing = context;
    if (!expectation_is_excused(writing->expectation, id, rev))
        report_problem(&writing->restore->report, writing->item->target, id, rev, "refused: %s",
                       reason);
    expectation_excuse(writing->expectation, id, rev);
}

static void
on_arrived(void *context, guint64 leaves, guint64 bytes)
{
    struct writing *writing = context;
    writing->restore->report.written += leaves;
    writing->restore->report.bytes += bytes;
    progress_add(writing->restore->report.progress, leaves, bytes);
}

static void
on_interrupted(void *context, struct slice id, struct slice rev, const GError *cause)
{
    struct writing *writing = context;
    (void)rev;
    report_note(&writing->restore->report,
                "database '%s': document '" SLICE_FORMAT "' was interrupted and is written again "
                "later: %s",
                writing->item->target, SLICE_ARGS(id), cause->message);
    g_hash_table_add(writing->interrupted, slice_dup(id));
}

/* ---- one leaf ---- */

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

/* A replication that starts by itself would be a surprise: the document says that it has failed. */
static gboolean
disable_document(struct writing *writing, const struct leaf **leaf, GError **error)
{
    static const char *const drop[] = {"_replication_state", NULL};
    if (!writing->disable || (*leaf)->deleted || row_is_design((*leaf)->id))
        return TRUE;
    g_string_truncate(writing->made_text, 0);
    splice_members(writing->made_text, (*leaf)->json, "\"_replication_state\":\"failed\"", drop);
    if (!leaf_parse(&writing->made,
                    (struct slice){writing->made_text->str, writing->made_text->len}, error))
        return FALSE;
    for (guint i = 0; i < writing->made.n_attachments; i++)
        writing->made.attachments[i].here = (*leaf)->attachments[i].here;
    *leaf = &writing->made;
    return TRUE;
}

static gboolean
is_present(struct writing *writing, const struct leaf *leaf)
{
    struct row_leaf found;
    return writing->present_row.id.data != NULL &&
           slice_compare(writing->present_row.id, leaf->id) == 0 &&
           row_find_leaf(&writing->present_row, leaf->rev, &found);
}

static gboolean
is_damaged(const struct writing *writing, const struct leaf *leaf)
{
    return leaf->n_attachments > 0 && writing->damaged != NULL &&
           g_hash_table_contains(writing->damaged, writing->id->str);
}

static gboolean
write_leaf(struct writing *writing, const struct leaf *leaf, GError **error)
{
    struct body_bytes bytes = {source_attachment, source_data, writing->source};
    if (!is_damaged(writing, leaf))
        return target_leaf(writing->target, leaf, &bytes, error);
    struct salvage salvage;
    gboolean fine = salvage_open(&salvage, leaf, &bytes, error);
    for (guint i = 0; fine && i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here && !salvage.leaf.attachments[i].here)
            report_problem(&writing->restore->report, writing->item->target, leaf->id, leaf->rev,
                           "restored without its attachment " SLICE_FORMAT
                           ", which could not be read when the snapshot was taken",
                           SLICE_ARGS(leaf->attachments[i].name));
    if (fine) {
        expectation_excuse(writing->expectation, leaf->id,
                           leaf->rev); /* it cannot come out identical */
        struct body_bytes kept = salvage_bytes(&salvage);
        fine = target_leaf(writing->target, &salvage.leaf, &kept, error);
    }
    salvage_close(&salvage);
    return fine;
}

static gboolean
take_leaf(struct writing *writing, const struct leaf *leaf, GError **error)
{
    if (!disable_document(writing, &leaf, error))
        return FALSE;
    gboolean present = is_present(writing, leaf);
    if (writing->only == NULL) {
        plan_found(writing->item, writing->id->str, leaf);
        expectation_add(writing->expectation, leaf);
        restore_tell_lost(writing->restore, writing->item, leaf);
        writing->restore->report.present += present;
        writing->absent += !present;
    }
    if (present)
        progress_add(writing->restore->report.progress, 1, 0);
    return present || writing->target == NULL ? TRUE : write_leaf(writing, leaf, error);
}

/* ---- all leaves ---- */

static gboolean
is_wanted(const struct writing *writing, struct slice id)
{
    GHashTable *ids = writing->only != NULL ? writing->only : writing->item->documents;
    if (ids == NULL)
        return TRUE;
    return memchr(id.data, '\0', id.size) == NULL && g_hash_table_contains(ids, writing->id->str);
}

/* Validators would refuse documents that come after them: all others arrive first. */
static gboolean
begin_designs(struct writing *writing, GError **error)
{
    writing->designs = TRUE;
    return writing->target != NULL ? target_flush(writing->target, error) : TRUE;
}

static gboolean
begin_document(struct writing *writing, struct slice id, GError **error)
{
    g_string_truncate(writing->id, 0);
    g_string_append_len(writing->id, id.data, (gssize)id.size);
    writing->wanted = is_wanted(writing, id);
    if (!expectation_end(writing->expectation, error) || !stop_check(error))
        return FALSE;
    if (!writing->designs && row_is_design(id) && !begin_designs(writing, error))
        return FALSE;
    return writing->present == NULL || !writing->wanted
               ? TRUE
               : present_seek(writing->present, id, &writing->present_row, NULL, error);
}

static gboolean
pass(struct writing *writing, GError **error)
{
    const struct leaf *leaf;
    gboolean end, first = TRUE;
    writing->designs = FALSE;
    for (;; first = FALSE) {
        if (!chain_next(writing->source, &leaf, &end, error))
            return FALSE;
        if (end)
            break;
        if ((first ||
             slice_compare(leaf->id, (struct slice){writing->id->str, writing->id->len}) != 0) &&
            !begin_document(writing, leaf->id, error))
            return FALSE;
        if (writing->wanted && !take_leaf(writing, leaf, error))
            return FALSE;
    }
    return expectation_end(writing->expectation, error) &&
           (writing->target == NULL || target_flush(writing->target, error));
}

static void
report_interrupted(struct writing *writing, GHashTable *ids)
{
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, ids);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        report_problem(
            &writing->restore->report, writing->item->target, slice_of(id), (struct slice){"", 0},
            "the connection failed each of %d times that its attachments were sent", PASSES);
}

/* Large attachments stream from the archive, so after an interruption the archive is read once
 * more. */
static gboolean
pass_again(struct writing *writing, GError **error)
{
    for (guint n = 1; g_hash_table_size(writing->interrupted) > 0; n++) {
        g_autoptr(GHashTable) ids = g_steal_pointer(&writing->interrupted);
        writing->interrupted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        if (n == PASSES) {
            report_interrupted(writing, ids);
            return TRUE;
        }
        stop_sleep(PASS_WAIT << (n - 1));
        AUTO(chain_database) *source =
            chain_database_open(writing->restore->chain, writing->item->name, error);
        struct chain_database *before = writing->source;
        if (source == NULL)
            return FALSE;
        writing->source = source;
        writing->only = ids;
        writing->present_row.id.data = NULL;
        g_clear_pointer(&writing->present, present_free);
        gboolean fine = pass(writing, error);
        writing->source = before;
        writing->only = NULL;
        if (!fine)
            return FALSE;
    }
    return TRUE;
}

/* ---- the database ---- */

static guint64
documents_known(const struct chain_database *source)
{
    guint64 documents = 0;
    struct slice end = {source->end_json->str, source->end_json->len};
    return json_member_unsigned(end, "state_documents", &documents) ? documents : 0;
}

static void
writing_clear(struct writing *writing)
{
    target_free(writing->target);
    present_free(writing->present);
    leaf_clear(&writing->made);
    g_clear_pointer(&writing->interrupted, g_hash_table_unref);
    g_clear_pointer(&writing->damaged, g_hash_table_unref);
    g_string_free(writing->id, TRUE);
    g_string_free(writing->made_text, TRUE);
}

static gboolean
open_present(struct writing *writing, GError **error)
{
    writing->present = present_open(writing->restore, writing->item, error);
    return writing->present != NULL && present_next(writing->present, &writing->present_row, error);
}

static void
writing_init(struct writing *writing)
{
    writing->interrupted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    writing->damaged = lacking_ids(writing->restore->chain, writing->item->name);
    writing->disable = plan_is_replicator(writing->item->target);
    writing->id = g_string_new(NULL);
    writing->made_text = g_string_new(NULL);
}

/* Writes the leaves; the target must exist. */
static gboolean
write_all(struct writing *writing, enum setup_standing standing, GError **error)
{
    struct restore *restore = writing->restore;
    const struct target_handler handler = {on_refused, on_arrived, on_interrupted, writing};
    if (standing != SETUP_MADE && !open_present(writing, error))
        return FALSE;
    writing->target = target_new(restore->http, writing->item->target, &restore->traits,
                                 restore->repack, &handler, &restore->patience);
    gboolean fine = pass(writing, error) && pass_again(writing, error);
    g_clear_pointer(&writing->target, target_free); /* its handler ends here */
    return fine;
}

/* The snapshot's own digest of the state must be that of what came out of the chain. */
static void
compare_state(struct restore *restore, const struct plan_item *item,
              const struct chain_database *source, const struct expectation *expectation)
{
    g_autofree char *recorded = NULL;
    g_autofree char *found = hash_hex(expectation->digest.sum, sizeof expectation->digest.sum);
    struct slice end = {source->end_json->str, source->end_json->len};
    guint64 unread = 0;
    json_member_unsigned(end, "unread", &unread);
    if (item->documents != NULL || unread > 0 ||
        !json_member_text(end, "state_digest", &recorded) || g_str_equal(recorded, found))
        return;
    report_problem(&restore->report, item->name, (struct slice){"", 0}, (struct slice){"", 0},
                   "the state digest of what the chain holds is %s, but the snapshot recorded %s",
                   found, recorded);
}

static void
tell_database(struct restore *restore, const struct plan_item *item, enum setup_standing standing,
              const struct expectation *expectation, guint64 problems)
{
    g_autofree char *digest = hash_hex(expectation->digest.sum, sizeof expectation->digest.sum);
    struct report *report = &restore->report;
    report->databases++;
    report->created += standing != SETUP_EXISTED;
    report->documents += expectation->documents;
    report->leaves += expectation->leaves;
    report->attachments += expectation->attachments;
    GString *event = progress_event_begin(report->progress, "database");
    json_text_member_string(event, "database", item->name);
    json_text_member_string(event, "target", item->target);
    json_text_member_boolean(event, "created", standing != SETUP_EXISTED);
    json_text_member_unsigned(event, "documents", expectation->documents);
    json_text_member_unsigned(event, "leaves", expectation->leaves);
    json_text_member_unsigned(event, "attachments", expectation->attachments);
    json_text_member_string(event, "digest", digest);
    json_text_member_unsigned(event, "problems", problems);
    progress_event_end(report->progress);
}

static gboolean
restore_into(struct writing *writing, GError **error)
{
    struct restore *restore = writing->restore;
    const struct plan_item *item = writing->item;
    struct setup setup = setup_parse(writing->source);
    guint64 problems = restore->report.problems;
    enum setup_standing standing;
    progress_begin(restore->report.progress, "restoring", item->target,
                   documents_known(writing->source));
    if (!setup_begin(restore, item, &setup, &standing, error) ||
        !write_all(writing, standing, error) ||
        !setup_locals(restore, item, writing->source->local_json, standing, error))
        return FALSE;
    compare_state(restore, item, writing->source, writing->expectation);
    if (!check_database(restore, item, writing->expectation, standing != SETUP_EXISTED, error) ||
        !setup_end(restore, item, &setup, standing, error))
        return FALSE;
    tell_database(restore, item, standing, writing->expectation,
                  restore->report.problems - problems);
    return TRUE;
}

gboolean
database_restore(struct restore *restore, const struct plan_item *item,
                 struct expectation *expectation, GError **error)
{
    AUTO(chain_database) *source = chain_database_open(restore->chain, item->name, error);
    if (source == NULL)
        return FALSE;
    struct writing writing = {
        .restore = restore, .item = item, .source = source, .expectation = expectation};
    writing_init(&writing);
    gboolean fine = restore_into(&writing, error);
    writing_clear(&writing);
    if (!fine)
        g_prefix_error(error, "database '%s': ", item->target);
    return fine;
}
