/*
 * One database's part of a snapshot: plan → record → tokens → end.json → the new state.
 */
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/couch/token.h"
#include "replicator/snapshot/reading.h"

/* ---- writing ---- */

static gboolean
begin(struct reading *reading, GError **error)
{
    reading->begun = run_begin_writer(reading->run, error) &&
                     snapshot_writer_database_begin(
                         reading->run->writer, reading->name,
                         (struct slice){reading->db_json->str, reading->db_json->len},
                         (struct slice){reading->local_json->str, reading->local_json->len}, error);
    return reading->begun;
}

/*
 * What was unread before stays so behind the id, and is named by this link; what was found up to it
 * is named again by the next.
 */
gboolean
database_link(struct reading *reading, struct slice id, GError **error)
{
    const struct state *state = reading->trusted ? reading->state : NULL;
    struct snapshot_database_end end = {.last_seq = state != NULL ? state->last_seq : NULL,
                                        .tokens = state != NULL ? state->tokens : NULL,
                                        .unread = reading->unread,
                                        .unfinished = TRUE};
    snapshot_writer_still_unread(reading->run->writer, reading->run->parent_manifest, id, TRUE, 0);
    struct slice local = {reading->local_json->str, reading->local_json->len};
    if (!snapshot_writer_database_end(reading->run->writer, &end, error) ||
        !run_seal(reading->run, FALSE, error) || !run_begin_writer(reading->run, error))
        return FALSE;
    reading->linked = TRUE;
    g_autoptr(GString) db_json = g_string_new(reading->db_json->str);
    g_string_replace(db_json, "\"base\":\"fresh\"", "\"base\":\"parent\"", 1);
    if (!snapshot_writer_database_begin(reading->run->writer, reading->name,
                                        (struct slice){db_json->str, db_json->len}, local, error))
        return FALSE;
    snapshot_writer_still_unread(reading->run->writer, reading->run->parent_manifest, id, FALSE,
                                 reading->unread);
    return TRUE;
}

/* The chain's rows with those that changed in their place. */
static gboolean
merge_state(struct reading *reading, struct state_writer *writer, GError **error)
{
    AUTO(row_reader) *held_rows = reading->state != NULL ? state_rows(reading->state) : NULL;
    struct row held = {{NULL, 0}, {NULL, 0}}, changed;
    row_spool_rewind(reading->changed);
    if ((held_rows != NULL && !row_reader_next(held_rows, &held, error)) ||
        !row_spool_next(reading->changed, &changed, error))
        return FALSE;
    while (held.id.data != NULL || changed.id.data != NULL) {
        int side = held.id.data == NULL      ? 1
                   : changed.id.data == NULL ? -1
                                             : row_compare_ids(held.id, changed.id);
        if (!state_writer_add(writer, side < 0 ? &held : &changed, error))
            return FALSE;
        if (side <= 0 && !row_reader_next(held_rows, &held, error))
            return FALSE;
        if (side >= 0 && !row_spool_next(reading->changed, &changed, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_quiet(struct reading *reading, gboolean *quiet, GError **error)
{
    struct server_database now;
    if (!server_database_info(reading->run->http, reading->name, &now, error))
        return FALSE;
    *quiet = g_strcmp0(now.update_seq, reading->info.update_seq) == 0;
    server_database_clear(&now);
    return TRUE;
}

/*
 * While nobody wrote, the state must have as many documents as the database says; else something
 * was kept from us. After a whole listing more are no loss: a copy that lags behind counted them.
 */
static gboolean
check_totals(struct reading *reading, guint64 documents, gboolean quiet, GError **error)
{
    guint64 expected = reading->info.documents + reading->info.deleted;
    if (!quiet || !reading->info.counts_deleted || reading->unread > 0 || documents == expected)
        return TRUE;
    if (!reading->trusted) {
        if (documents < expected)
            record_lacking(reading, expected - documents);
        return TRUE;
    }
    reading->miscounted = TRUE;
    return listing_fault(error,
                         "left the snapshot with %" G_GUINT64_FORMAT
                         " documents, but the database has %" G_GUINT64_FORMAT,
                         documents, expected);
}

static gboolean
finish_state(struct reading *reading, struct state_writer *writer, const char *last_seq,
             const char *tokens, GError **error)
{
    struct state head = {
        .snapshot = reading->run->catalogue->id,
        .last_seq = (char *)last_seq,
        .tokens = (char *)tokens,
        .purge_seq = reading->info.purge_seq,
        .instance_start_time = reading->info.instance_start_time,
        .setup = reading->setup,
        .unread = reading->unread,
    };
    return state_writer_finish(writer, &head, error);
}

static gboolean
end(struct reading *reading, GError **error)
{
    struct run *run = reading->run;
    g_autofree char *tokens = NULL;
    g_autofree char *digest = NULL;
    const char *last_seq = listing_last_seq(reading->walk.listing);
    const struct state *state = reading->state;
    struct snapshot_database_end end = {.last_seq = last_seq};
    if (!is_quiet(reading, &end.quiet, error))
        return FALSE;
    if (reading->lacking > 0)
        record_lacking(reading, reading->lacking);
    if (reading->trusted && g_strcmp0(last_seq, state->last_seq) == 0)
        tokens = g_strdup(state->tokens);
    else if (!token_write(run->http, reading->name, run->store->id,
                          state != NULL ? state->tokens : NULL, reading->trusted, reading->info.q,
                          &tokens, error))
        return FALSE;
    AUTO(state_writer) *writer = state_writer_new(run->state_fd, reading->name, error);
    if (writer == NULL || !merge_state(reading, writer, error))
        return FALSE;
    state_writer_totals(writer, &digest, &end.state_documents);
    if (!check_totals(reading, end.state_documents, end.quiet, error))
        return FALSE;
    end.tokens = tokens;
    end.unread = reading->unread;
    /* Of what could not be read the archive may hold a part, the state nothing: no digest fits. */
    end.state_digest = reading->walk.whole && reading->unread == 0 ? digest : NULL;
    if (!finish_state(reading, writer, last_seq, tokens, error) ||
        !snapshot_writer_database_end(run->writer, &end, error))
        return FALSE;
    g_ptr_array_add(run->states, g_steal_pointer(&writer));
    return TRUE;
}

/* That nothing changed is worth a snapshot when the parent could not tell. */
static gboolean
pass_unchanged(struct run *run, const char *name, const char *at, GError **error)
{
    const char *status = run_parent_database(run, name)->status;
    gboolean known = g_str_equal(status, "read") || g_str_equal(status, "unchanged");
    if (!known && !run_begin_writer(run, error))
        return FALSE;
    run_pass(run, name, "unchanged", at, NULL);
    return TRUE;
}

static gboolean
read_database(struct reading *reading, GError **error)
{
    gboolean changed;
    if (!plan_make(reading, error) || !plan_look_for_change(reading, &changed, error))
        return FALSE;
    if (!changed) {
        reading->run->unchanged++;
        return pass_unchanged(reading->run, reading->name, reading->state->snapshot, error);
    }
    reading->changed = row_spool_new();
    return begin(reading, error) && record_changes(reading, error) && end(reading, error);
}

static void
reading_clear(struct reading *reading)
{
    server_database_clear(&reading->info);
    if (reading->local_json != NULL)
        g_string_free(reading->local_json, TRUE);
    if (reading->db_json != NULL)
        g_string_free(reading->db_json, TRUE);
    g_free(reading->setup);
    state_free(reading->state);
    listing_free(reading->walk.listing);
    row_reader_free(reading->walk.held_rows);
    row_spool_free(reading->changed);
    g_clear_pointer(&reading->purged, g_hash_table_unref);
    g_free(reading->purged_at);
}

/* What became of an attempt that failed at the source. */
struct failure {
    GError *cause;
    gboolean miscounted; /* the sequence was believed, wrongly */
    gboolean begun;      /* some of it stands in the snapshot at hand, */
    gboolean linked;     /* or in one that is sealed */
};

/* FALSE with an error when the run cannot go on; TRUE when the database was read, or failed. */
static gboolean
attempt(struct run *run, const char *name, struct failure *failure, GError **error)
{
    struct reading reading = {
        .run = run, .name = name, .distrust = g_hash_table_contains(run->distrusted, name)};
    gboolean done = read_database(&reading, &failure->cause);
    const GError *cause = failure->cause;
    gboolean at_source = cause != NULL && cause->domain == HTTP && !http_has_status(cause, 401);
    failure->miscounted = reading.miscounted && reading.trusted;
    failure->begun = reading.begun;
    failure->linked = reading.linked;
    if (http_is_transient(cause) && !server_answers(run->http, "/"))
        at_source = FALSE; /* nobody is there: that says nothing of this database */
    if (!done && at_source)
        done = !reading.begun || snapshot_writer_database_abandon(run->writer, error);
    else if (!done)
        g_propagate_prefixed_error(error, g_steal_pointer(&failure->cause),
                                   "database '%s': ", name);
    reading_clear(&reading);
    return done;
}

/* The next attempt at a database whose sequence was believed lists all of it. A snapshot that holds
 * some of the first is given up: it would have entries twice. */
static gboolean
distrust(struct run *run, const char *name, struct failure *failure, GError **error)
{
    log_info("database '%s': comparing all of it with the store, since %s", name,
             failure->cause->message);
    g_hash_table_add(run->distrusted, g_strdup(name));
    if (failure->begun) {
        run->again = TRUE;
        g_propagate_error(error, g_steal_pointer(&failure->cause));
        return FALSE;
    }
    g_clear_error(&failure->cause);
    return attempt(run, name, failure, error);
}

gboolean
run_database(struct run *run, const char *name, GError **error)
{
    struct failure failure = {0};
    if (!attempt(run, name, &failure, error) ||
        (failure.cause != NULL && failure.miscounted && !failure.linked &&
         !distrust(run, name, &failure, error)))
        return FALSE;
    g_autoptr(GError) cause = failure.cause;
    if (cause == NULL)
        return TRUE;
    if (http_has_status(cause, 404)) {
        log_info("database '%s' was dropped while it was read; leaving it out", name);
        return TRUE;
    }
    run->failed++;
    g_autofree char *reason = fail_message(cause->message);
    run_pass(run, name, "failed", run_parent_at(run, name), reason);
    run_problem(run, "database '%s' could not be read: %s", name, cause->message);
    return TRUE;
}
