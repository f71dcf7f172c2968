#include "replicator/standby/copy/carry.h"

#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/couch/server.h"
#include "lib/couch/write/disable.h"
#include "lib/couch/write/target.h"
#include "replicator/standby/copy/parcel.h"
#include "replicator/standby/copy/tombstones.h"
#include "replicator/standby/lag.h"
#include "replicator/standby/trust.h"

struct carrier {
    struct standby *standby;
    struct followed *database;
    struct difference *difference; /* NULL: what was lacking is tried again */
    struct row_spool *again;       /* rows of that */
    struct target *target;
    struct disable disable;
    struct parcel *parcel;
    GHashTable *held; /* "rev id" of leaves that the target has and that come all the same */
    GString *key;
    guint64 asked, ended; /* documents of the difference, from the source */
    gboolean taken;       /* the leaf at hand is to be written */
    gboolean designs;     /* they have begun to come */
    gboolean whole_again; /* what was refused may be taken: it is tried again at once */
    GError *broken;       /* an attachment's connection failed in the midst */
    guint64 left_behind;  /* leaves there that may be the past of others, whose path is cut, … */
    char *left_id;        /* … of this document, for one */
};

/* ---- which leaves ---- */

static const char *
key_of(struct carrier *carrier, const struct leaf *leaf)
{
    g_string_truncate(carrier->key, 0);
    g_string_append_len(carrier->key, leaf->rev.data, (gssize)leaf->rev.size);
    g_string_append_c(carrier->key, ' ');
    g_string_append_len(carrier->key, leaf->id.data, (gssize)leaf->id.size);
    return carrier->key->str;
}

/* What the target has already is done with, too. */
static void
note_done(const struct carrier *carrier)
{
    if (carrier->difference != NULL)
        lag_done(carrier->database,
                 difference_rows(carrier->difference) - (carrier->asked - carrier->ended));
}

static gboolean
next_different(struct carrier *carrier, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    if (!difference_next(carrier->difference, wanted, end, error))
        return FALSE;
    carrier->asked += !*end;
    note_done(carrier);
    return TRUE;
}

static gboolean
next(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    struct carrier *carrier = context;
    if (carrier->difference != NULL)
        return next_different(carrier, wanted, end, error);
    struct row row;
    if (!row_spool_next(carrier->again, &row, error))
        return FALSE;
    *end = row.id.data == NULL;
    *wanted = (struct fetch_wanted){row, {{NULL, 0}, {NULL, 0}}};
    return TRUE;
}

/* The newest leaf of the target that the leaf descends from; 0: none. */
static guint64
newest_ancestor(const struct leaf *leaf, const struct row *held)
{
    guint64 newest = 0, generation;
    struct slice rest = held->leaves;
    for (struct row_leaf ancestor; row_next_leaf(&rest, &ancestor);)
        if (revision_generation(ancestor.rev, &generation) && generation > newest &&
            leaf_descends_from(leaf, ancestor.rev))
            newest = generation;
    return newest;
}

/* Where a document changed more often than _revs_limit while nobody followed, nothing tells that
 * the older leaf there is its past. It may be somebody's work as well, so it stays. */
static void
note_left_behind(struct carrier *carrier, const struct leaf *leaf, const struct row *held)
{
    guint64 oldest = leaf_oldest_generation(leaf), generation;
    struct slice rest = held->leaves;
    if (oldest == 1)
        return;
    for (struct row_leaf old; row_next_leaf(&rest, &old);) {
        if (!revision_generation(old.rev, &generation) || generation >= oldest)
            continue;
        carrier->left_behind++;
        if (carrier->left_id == NULL)
            carrier->left_id = slice_dup(leaf->id);
    }
}

/* A leaf that the target has is not written again. Of others it gets the attachments that no
 * ancestor of theirs has there. */
static void
choose(void *context, struct leaf *leaf, const struct row *held)
{
    struct carrier *carrier = context;
    struct row_leaf found;
    gboolean known = held->id.data != NULL; /* leaves of the document are there */
    gboolean has = known && row_find_leaf(held, leaf->rev, &found);
    guint64 ancestor = 0;
    if (has)
        g_hash_table_add(carrier->held, g_strdup(key_of(carrier, leaf)));
    else if (known)
        note_left_behind(carrier, leaf, held);
    if (!has && known && leaf->n_attachments > 0)
        ancestor = newest_ancestor(leaf, held);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        struct attachment *attachment = &leaf->attachments[i];
        attachment->kept = attachment->revpos > 0 && attachment->revpos <= ancestor;
        attachment->here = !has && !attachment->kept;
    }
}

/* ---- one leaf ---- */

static gboolean
begin_designs(struct carrier *carrier, GError **error)
{
    carrier->designs = TRUE;
    return target_flush(carrier->target, error);
}

static gboolean
take_leaf(void *context, const struct leaf *leaf, GError **error)
{
    struct carrier *carrier = context;
    carrier->taken = !g_hash_table_remove(carrier->held, key_of(carrier, leaf));
    parcel_begin(carrier->parcel, leaf);
    return carrier->designs || !row_is_design(leaf->id) || begin_designs(carrier, error);
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct carrier *carrier = context;
    return parcel_add(carrier->parcel, data, size, error);
}

static gboolean
take_leaf_end(void *context, const struct leaf *leaf, const char *damage, GError **error)
{
    struct carrier *carrier = context;
    struct body_bytes bytes = parcel_bytes(carrier->parcel);
    if (damage != NULL)
        checkpoint_add_lacking(&carrier->database->checkpoint, leaf->id, leaf->rev, damage);
    const struct standby_options *options = carrier->standby->options;
    if (damage != NULL || !carrier->taken)
        return TRUE;
    if (options->taken != NULL &&
        !options->taken(options->context, carrier->database->name, leaf, error))
        return FALSE;
    if (!disable_leaf(&carrier->disable, &leaf, error) ||
        !target_leaf(carrier->target, leaf, &bytes, error))
        return FALSE;
    if (carrier->broken == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&carrier->broken));
    return FALSE;
}

/* A source that does not give what it listed may have gone back, or been made anew. */
static gboolean
take_document_end(void *context, const struct row *listed, gboolean complete, GError **error)
{
    struct carrier *carrier = context;
    (void)listed;
    carrier->ended++;
    note_done(carrier);
    if (!stop_check(error) ||
        (!complete && !trust_still(carrier->standby, carrier->database, error)))
        return FALSE;
    follow_others(carrier->standby);
    return TRUE;
}

/* ---- what is not carried over ---- */

static void
take_problem(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct carrier *carrier = context;
    g_autofree char *whole = g_strconcat("the source does not give it: ", reason, NULL);
    log_warning("database '%s': document '" SLICE_FORMAT "' is not copied: %s",
                carrier->database->name, SLICE_ARGS(id), whole);
    checkpoint_add_lacking(&carrier->database->checkpoint, id, rev, whole);
}

/* The target's ancestor lacks an attachment, or is none any more: it is sent whole. Or the ancestor
 * is a deleted one, which a validator takes amiss (tombstones.h). */
static gboolean
is_tried_again(struct carrier *carrier, const char *reason)
{
    gboolean again = carrier->difference != NULL &&
                     (strstr(reason, "missing_stub") != NULL ||
                      strstr(reason, "attachment stub") != NULL || tombstones_may_hide(reason));
    carrier->whole_again |= again;
    return again;
}

/* What was purged in the meantime is not lacking. */
static gboolean
was_purged(void *context, struct slice id, gboolean *purged, GError **error)
{
    struct carrier *carrier = context;
    g_autofree char *text = slice_dup(id);
    g_autoptr(GHashTable) ids =
        server_purged_ids(carrier->standby->source, carrier->database->name, error);
    *purged = ids != NULL && g_hash_table_contains(ids, text);
    return ids != NULL;
}

static void
take_refusal(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct carrier *carrier = context;
    g_autofree char *whole = g_strconcat("this server refuses it: ", reason, NULL);
    if (!is_tried_again(carrier, reason))
        log_warning("database '%s': document '" SLICE_FORMAT "' is not copied: %s",
                    carrier->database->name, SLICE_ARGS(id), whole);
    checkpoint_add_lacking(&carrier->database->checkpoint, id, rev, whole);
}

static void
has_arrived(void *context, guint64 leaves, guint64 bytes)
{
    struct carrier *carrier = context;
    carrier->standby->documents += leaves;
    carrier->standby->bytes += bytes;
}

/* The pass fails, and begins again where it is. */
static void
was_interrupted(void *context, struct slice id, struct slice rev, const GError *cause)
{
    struct carrier *carrier = context;
    (void)id;
    (void)rev;
    g_clear_error(&carrier->broken);
    carrier->broken = g_error_copy(cause);
}

/* ---- the whole ---- */

static gboolean
run(struct carrier *carrier, GError **error)
{
    struct standby *standby = carrier->standby;
    const char *name = carrier->database->name;
    const struct fetch_handler from = {
        .next = next,
        .choose = choose,
        .leaf = take_leaf,
        .bytes = take_bytes,
        .leaf_end = take_leaf_end,
        .document_end = take_document_end,
        .problem = take_problem,
        .purged = was_purged,
        .context = carrier,
    };
    const struct target_handler into = {take_refusal, has_arrived, was_interrupted, carrier};
    carrier->target = target_new(standby->target, name, &standby->traits, standby->repack, &into,
                                 &standby->patience);
    gboolean fine = fetch_documents(standby->source, name, &from, &standby->patience, error) &&
                    target_flush(carrier->target, error);
    if (fine && carrier->broken != NULL) {
        g_propagate_error(error, g_steal_pointer(&carrier->broken));
        fine = FALSE;
    }
    target_free(carrier->target);
    return fine;
}

static void
tell_left_behind(const struct carrier *carrier)
{
    if (carrier->left_behind > 0)
        log_warning("database '%s': %" G_GUINT64_FORMAT
                    " documents, '%s' for one, changed more often than _revs_limit since they were "
                    "copied: the older version here stays, as a conflict, and is what is shown "
                    "where the newer one is deleted",
                    carrier->database->name, carrier->left_behind, carrier->left_id);
}

static gboolean
run_one(struct carrier *carrier, GError **error)
{
    disable_init(&carrier->disable, carrier->database->name);
    carrier->parcel = parcel_new();
    carrier->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    carrier->key = g_string_new(NULL);
    gboolean fine = run(carrier, error);
    tell_left_behind(carrier);
    g_free(carrier->left_id);
    g_clear_error(&carrier->broken);
    disable_clear(&carrier->disable);
    parcel_free(carrier->parcel);
    g_hash_table_unref(carrier->held);
    g_string_free(carrier->key, TRUE);
    return fine;
}

gboolean
carry(struct standby *standby, struct followed *database, struct difference *difference,
      gboolean *designs, GError **error)
{
    struct carrier carrier = {.standby = standby, .database = database, .difference = difference};
    gboolean fine = run_one(&carrier, error);
    *designs = carrier.designs;
    return fine && (!carrier.whole_again || carry_lacking(standby, database, error));
}

/* One row for each document, with the leaves that are named. */
static gboolean
add_rows(struct row_spool *spool, const GPtrArray *lacking, GError **error)
{
    for (guint i = 0; i < lacking->len; i++) {
        const struct lacking *one = lacking->pdata[i];
        GByteArray *out = row_spool_buffer(spool);
        gsize mark = row_begin(out, slice_of(one->id));
        if (*one->rev != '\0')
            row_add_leaf(out, slice_of(one->rev), 0);
        if (!row_spool_add(spool, mark, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
carry_lacking(struct standby *standby, struct followed *database, GError **error)
{
    AUTO(row_spool) *again = row_spool_new();
    struct checkpoint *checkpoint = &database->checkpoint;
    GPtrArray *before = checkpoint->lacking;
    struct carrier carrier = {.standby = standby, .database = database, .again = again};
    if (before->len == 0)
        return TRUE;
    tombstones_purge(standby, database->name, before);
    if (!add_rows(again, before, error))
        return FALSE;
    checkpoint->lacking = g_ptr_array_new_with_free_func(lacking_free);
    if (run_one(&carrier, error)) {
        g_ptr_array_unref(before);
        return TRUE;
    }
    g_ptr_array_unref(checkpoint->lacking);
    checkpoint->lacking = before;
    return FALSE;
}
