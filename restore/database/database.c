/* database: writing one database's leaves. See database.h. */
#include "restore/database/database.h"

#include "lib/base/stop.h"
#include "lib/couch/write/disable.h"
#include "lib/couch/write/target.h"
#include "lib/json/json.h"
#include "restore/check/check.h"
#include "restore/database/limit.h"
#include "restore/database/locals.h"
#include "restore/database/present.h"
#include "restore/database/salvage.h"
#include "restore/lacking.h"

#define PASSES 5       /* through the archive at most, for leaves whose stream was interrupted */
#define PASS_WAIT 2000 /* milliseconds before the second; twice as long each time */

struct writing {
    struct restore *restore;
    const struct plan_item *item;
    struct chain_database *source;
    struct target *target;
    struct expectation *expectation;
    struct present *present; /* NULL when the target has nothing yet */
    struct row present_row;  /* at or behind the document at hand */
    struct limit limit;
    struct disable disable;
    GHashTable *interrupted; /* ids to be written in the next pass, and why */
    GHashTable *held_back;   /* ids of design documents that wait for those */
    GHashTable *only;        /* in later passes: both; NULL in the first */
    GHashTable *written;     /* ids of design documents, all that were met */
    struct present *listed;  /* what is there before they come, for the check; or NULL */
    GHashTable *damaged;     /* ids of which something could not be read from the source; or NULL */
    gboolean designs;        /* the first design document has come … */
    gboolean hold_back;      /* … and not all before it has arrived */

    GString *id; /* of the document at hand */
    gboolean wanted;
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
    g_hash_table_insert(writing->interrupted, slice_dup(id), g_strdup(cause->message));
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

static void
report_unread(struct writing *writing, const struct leaf *leaf, const struct attachment *attachment)
{
    if (writing->only == NULL)
        report_problem(&writing->restore->report, writing->item->target, leaf->id, leaf->rev,
                       "restored without its attachment " SLICE_FORMAT
                       ", which could not be read when the snapshot was taken",
                       SLICE_ARGS(attachment->name));
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

/* What is meant to be there, in the first pass. */
static void
expect_leaf(struct writing *writing, const struct leaf *leaf, gboolean present)
{
    if (writing->only != NULL)
        return;
    plan_found(writing->item, writing->id->str, leaf);
    expectation_add(writing->expectation, leaf);
    writing->restore->report.present += present;
    writing->absent += !present;
}

static gboolean
send_leaf(struct writing *writing, const struct leaf *leaf, const struct body_bytes *bytes,
          GError **error)
{
    if (!writing->hold_back)
        return limit_fit(&writing->limit, leaf, error) &&
               target_leaf(writing->target, leaf, bytes, error);
    g_hash_table_insert(writing->held_back, g_strdup(writing->id->str), NULL);
    return TRUE;
}

/* Of a document of which something was unread: what is good of this leaf, and no more is expected.
 */
static gboolean
take_damaged(struct writing *writing, const struct leaf *leaf, const struct body_bytes *bytes,
             GError **error)
{
    struct salvage salvage;
    gboolean fine = salvage_open(&salvage, leaf, bytes, error);
    for (guint i = 0; fine && i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here && !salvage.leaf.attachments[i].here)
            report_unread(writing, leaf, &leaf->attachments[i]);
    if (fine) {
        struct body_bytes kept = salvage_bytes(&salvage);
        expect_leaf(writing, &salvage.leaf, FALSE);
        fine = send_leaf(writing, &salvage.leaf, &kept, error);
    }
    salvage_close(&salvage);
    return fine;
}

static gboolean
take_leaf(struct writing *writing, const struct leaf *leaf, GError **error)
{
    struct body_bytes bytes = {source_attachment, source_data, writing->source};
    if (!disable_leaf(&writing->disable, &leaf, error))
        return FALSE;
    gboolean present = is_present(writing, leaf);
    if (writing->only == NULL)
        restore_tell_lost(writing->restore, writing->item, leaf);
    if (!present && is_damaged(writing, leaf))
        return take_damaged(writing, leaf, &bytes, error);
    expect_leaf(writing, leaf, present);
    if (present)
        progress_add(writing->restore->report.progress, 1, 0);
    return present || send_leaf(writing, leaf, &bytes, error);
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

/* For the check: before the server begins to build indexes. */
static gboolean
list_early(struct writing *writing, GError **error)
{
    struct restore *restore = writing->restore;
    g_clear_pointer(&writing->listed, present_free);
    if (writing->item->documents != NULL)
        return TRUE;
    check_begin(restore, writing->item, writing->expectation);
    writing->listed = present_open_early(restore, writing->item, writing->written, error);
    return writing->listed != NULL;
}

/* Validators would refuse documents that come after them: all others arrive first, or the design
 * documents wait for another pass. */
static gboolean
begin_designs(struct writing *writing, GError **error)
{
    writing->designs = TRUE;
    if (!target_flush(writing->target, error))
        return FALSE;
    writing->hold_back = g_hash_table_size(writing->interrupted) > 0;
    return writing->hold_back || list_early(writing, error);
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
    if (writing->designs && writing->wanted && memchr(id.data, '\0', id.size) == NULL)
        g_hash_table_insert(writing->written, g_strdup(writing->id->str), NULL);
    return writing->present == NULL || !writing->wanted
               ? TRUE
               : present_seek(writing->present, id, &writing->present_row, NULL, error);
}

static gboolean
pass(struct writing *writing, GError **error)
{
    const struct leaf *leaf;
    gboolean end, first = TRUE;
    writing->designs = writing->hold_back = FALSE;
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
    return expectation_end(writing->expectation, error) && target_flush(writing->target, error);
}

static void
report_missing(struct writing *writing, const char *id, const char *what, const char *cause)
{
    static const struct slice all = {"", 0};
    report_problem(&writing->restore->report, writing->item->target, slice_of(id), all, "%s%s",
                   what, cause);
    expectation_excuse(writing->expectation, slice_of(id), all);
}

/* After the last pass. */
static void
report_interrupted(struct writing *writing)
{
    GHashTableIter iter;
    gpointer id, cause;
    g_hash_table_iter_init(&iter, writing->interrupted);
    while (g_hash_table_iter_next(&iter, &id, &cause))
        report_missing(
            writing, id,
            "sending its attachments failed each of " G_STRINGIFY(PASSES) " times: ", cause);
    g_hash_table_iter_init(&iter, writing->held_back);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        report_missing(writing, id,
                       "held back, because it might refuse what has not arrived before it", "");
}

static GHashTable *
set_of_ids(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* What the next pass is about. */
static GHashTable *
take_left(struct writing *writing)
{
    GHashTable *ids = g_steal_pointer(&writing->interrupted);
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, writing->held_back);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        g_hash_table_insert(ids, g_strdup(id), NULL);
    g_hash_table_remove_all(writing->held_back);
    writing->interrupted = set_of_ids();
    return ids;
}

/* Large attachments stream from the archive, so after an interruption the archive is read once
 * more. */
static gboolean
pass_again(struct writing *writing, GError **error)
{
    for (guint n = 1; g_hash_table_size(writing->interrupted) > 0; n++) {
        if (n == PASSES) {
            report_interrupted(writing);
            return TRUE;
        }
        g_autoptr(GHashTable) ids = take_left(writing);
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

/*
 * A cluster's nodes may for a moment take a database that was removed for the one that was just
 * made in its place: what they took for it is gone with the old one. So what is not there is
 * written again.
 */
static gboolean
settle(struct writing *writing, GError **error)
{
    struct restore *restore = writing->restore;
    if (g_strv_length(restore->traits.nodes) < 2)
        return TRUE;
    g_clear_pointer(&writing->listed, present_free);
    for (guint n = 1; n < PASSES; n++) {
        if (!check_missing(restore, writing->item, writing->expectation, writing->interrupted,
                           error))
            return FALSE;
        guint missing = g_hash_table_size(writing->interrupted);
        if (missing == 0)
            return TRUE;
        report_note(&restore->report,
                    "database '%s': the cluster took %u documents and does not have them; they are "
                    "written again",
                    writing->item->target, missing);
        if (!pass_again(writing, error))
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
    disable_clear(&writing->disable);
    g_clear_pointer(&writing->interrupted, g_hash_table_unref);
    g_clear_pointer(&writing->held_back, g_hash_table_unref);
    present_free(writing->listed);
    g_clear_pointer(&writing->written, g_hash_table_unref);
    g_clear_pointer(&writing->damaged, g_hash_table_unref);
    g_string_free(writing->id, TRUE);
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
    writing->interrupted = set_of_ids();
    writing->held_back = set_of_ids();
    writing->written = set_of_ids();
    writing->damaged = lacking_ids(writing->restore->chain, writing->item->name);
    disable_init(&writing->disable, writing->item->target);
    writing->id = g_string_new(NULL);
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
    gboolean fine = pass(writing, error) && pass_again(writing, error) && settle(writing, error);
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
    report->created += setup_is_own(standing);
    report->documents += expectation->documents;
    report->leaves += expectation->leaves;
    report->attachments += expectation->attachments;
    GString *event = progress_event_begin(report->progress, "database");
    json_text_member_string(event, "database", item->name);
    json_text_member_string(event, "target", item->target);
    json_text_member_boolean(event, "created", setup_is_own(standing));
    json_text_member_unsigned(event, "documents", expectation->documents);
    json_text_member_unsigned(event, "leaves", expectation->leaves);
    json_text_member_unsigned(event, "attachments", expectation->attachments);
    json_text_member_string(event, "digest", digest);
    json_text_member_unsigned(event, "problems", problems);
    progress_event_end(report->progress);
}

/* Without its validators it is not to be opened; the run that completes it opens it. */
static gboolean
end_database(struct writing *writing, const struct setup *setup, enum setup_standing standing,
             GError **error)
{
    if (g_hash_table_size(writing->held_back) == 0 || !setup_is_own(standing) ||
        writing->restore->scratch)
        return setup_end(writing->restore, writing->item, setup, standing, &writing->limit, error);
    report_problem(&writing->restore->report, writing->item->target, (struct slice){"", 0},
                   (struct slice){"", 0},
                   "it stays closed to all but admins until it is whole: run the same command "
                   "again");
    return TRUE;
}

static gboolean
restore_into(struct writing *writing, GError **error)
{
    struct restore *restore = writing->restore;
    const struct plan_item *item = writing->item;
    struct setup setup = setup_parse(item, writing->source);
    guint64 problems = restore->report.problems;
    enum setup_standing standing;
    progress_begin(restore->report.progress, "restoring", restore_shown(restore, item),
                   documents_known(writing->source));
    if (!setup_begin(restore, item, &setup, &standing, &writing->limit, error) ||
        !write_all(writing, standing, error) ||
        !locals_write(restore, item, writing->source->local_json, standing, error))
        return FALSE;
    compare_state(restore, item, writing->source, writing->expectation);
    if (!check_database(restore, item, writing->expectation, setup_is_own(standing),
                        g_steal_pointer(&writing->listed), error) ||
        !end_database(writing, &setup, standing, error))
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
