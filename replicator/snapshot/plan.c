/*
 * What is to be read of a database:
 *
 *     info, security, _local documents → since, if the tokens vouch for it → listing → walk against
 * the chain's state
 */
#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/couch/locals.h"
#include "lib/couch/token.h"
#include "replicator/snapshot/reading.h"

#define LISTING_TRIES 3 /* at a listing that has fewer rows than the database has documents */

static void
member_raw(GString *text, const char *name, const char *raw)
{
    json_text_member_raw(text, name, slice_of(raw != NULL ? raw : "null"));
}

/* db.json. `fresh`: nothing of the parent counts for this database any more. */
static GString *
describe(const struct reading *reading, const char *since)
{
    const struct server_database *info = &reading->info;
    GString *text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "name", reading->name);
    json_text_member_string(text, "base", reading->state != NULL ? "parent" : "fresh");
    json_text_member_unsigned(text, "q", info->q);
    json_text_member_unsigned(text, "n", info->n);
    json_text_member_boolean(text, "partitioned", info->partitioned);
    json_text_member_unsigned(text, "revs_limit", info->revs_limit);
    member_raw(text, "security", info->security);
    member_raw(text, "purge_seq", info->purge_seq);
    json_text_member_string(text, "instance_start_time", info->instance_start_time);
    json_text_member_unsigned(text, "doc_count", info->documents);
    json_text_member_unsigned(text, "doc_del_count", info->deleted);
    member_raw(text, "since", since);
    json_text_end_object(text);
    return text;
}

static gboolean
open_state(struct reading *reading, GError **error)
{
    struct run *run = reading->run;
    const char *at = run_parent_at(run, reading->name);
    if (at == NULL)
        return TRUE;
    reading->state = state_open(run->state_fd, reading->name, at, NULL);
    if (reading->state != NULL)
        return TRUE;
    log_info("database '%s': reading the store, since this node remembers nothing of it",
             reading->name);
    if (!run_open_chain(run, error) ||
        !state_rebuild(run->state_fd, run->chain, reading->name, at, error))
        return FALSE;
    reading->state = state_open(run->state_fd, reading->name, at, NULL);
    return reading->state != NULL ||
           fail_set(error, FAIL_FAILED, "the state made from the store cannot be read again");
}

gboolean
sequence_is_same(const char *a, const char *b)
{
    static const char digits[] = "0123456789";
    a = a != NULL ? a + strcspn(a, digits) : "";
    b = b != NULL ? b + strcspn(b, digits) : "";
    gsize size = strspn(a, digits);
    return size == strspn(b, digits) && memcmp(a, b, size) == 0;
}

/* Whether the chain's sequence may be used; says why when it may not. */
static gboolean
judge_sequence(struct reading *reading, GError **error)
{
    const struct state *state = reading->state;
    enum token_verdict verdict;
    const char *reason = NULL;
    if (state == NULL || state->last_seq == NULL || reading->distrust)
        return TRUE;
    if (!token_check(reading->run->http, reading->name, reading->run->store->id, state->tokens,
                     reading->info.q, &verdict, error))
        return FALSE;
    reading->renew = verdict != TOKEN_NONE;
    if (g_strcmp0(state->instance_start_time, reading->info.instance_start_time) != 0)
        reason = "it was made anew";
    else if (verdict == TOKEN_MISMATCH)
        reason = "the source was set back or replaced";
    else if (verdict == TOKEN_NONE)
        reason = "the account may not write tokens";
    else if (!sequence_is_same(state->purge_seq, reading->info.purge_seq))
        reason = "documents were purged";
    else if (state->unread > 0)
        reason = "the last run could not read all of it";
    reading->trusted = reason == NULL;
    reading->renew = reading->renew && !reading->trusted;
    if (reason != NULL)
        log_info("database '%s': comparing all of it with the store, since %s", reading->name,
                 reason);
    return TRUE;
}

static void
show_rows(void *context, guint64 rows)
{
    struct reading *reading = context;
    (void)rows;
    progress_add(reading->run->progress, 0, 0);
}

static gboolean
list_once(struct reading *reading, const char *since, GError **error)
{
    struct run *run = reading->run;
    GError *failure = NULL;
    g_clear_pointer(&reading->walk.listing, listing_free);
    progress_begin(run->progress, "listing", reading->name, 0);
    while ((reading->walk.listing = listing_fetch(run->http, reading->name, since, show_rows,
                                                  reading, &failure)) == NULL)
        if (!patience_again(&run->patience, &failure, error))
            return FALSE;
    patience_progress(&run->patience);
    return TRUE;
}

/* How many documents changed since the last run, counted before they are listed; not asked where
 * the database stands where it stood. */
static gboolean
count_changes(struct reading *reading, const char *since, guint64 *rows, GError **error)
{
    *rows = 0;
    return since == NULL || sequence_is_same(since, reading->info.update_seq) ||
           listing_count(reading->run->http, reading->name, since, rows, error);
}

/*
 * How many rows the listing lacks. A whole one must have those that the database says it has:
 * before, and in case it shrank meanwhile, after. One of changes must have those that were counted.
 */
static gboolean
count_lacking(struct reading *reading, guint64 counted, guint64 *lacking, GError **error)
{
    const struct server_database *before = &reading->info;
    guint64 rows = listing_rows(reading->walk.listing);
    guint64 expected = reading->walk.whole ? before->documents + before->deleted : counted;
    struct server_database now;
    if (reading->walk.whole && rows < expected) {
        if (!server_database_info(reading->run->http, reading->name, &now, error))
            return FALSE;
        expected = MIN(expected, now.documents + now.deleted);
        server_database_clear(&now);
    }
    *lacking = expected > rows ? expected - rows : 0;
    return TRUE;
}

/*
 * The copies of a cluster may lag behind each other for a moment: a listing that falls short is
 * asked for again. When it stays short, one of changes is distrusted, and a whole one is taken for
 * what it is: what it lacks is counted as unread, and nothing is taken as gone.
 */
static gboolean
list(struct reading *reading, GError **error)
{
    const char *since = reading->trusted ? reading->state->last_seq : NULL;
    guint64 counted, lacking;
    reading->walk.whole = since == NULL;
    if (reading->state != NULL)
        reading->walk.held_rows = state_rows(reading->state);
    if (!count_changes(reading, since, &counted, error))
        return FALSE;
    for (guint tries = 1;; tries++) {
        GError *failure = NULL;
        if (!list_once(reading, since, error) || !count_lacking(reading, counted, &lacking, error))
            return FALSE;
        if (lacking == 0)
            return TRUE;
        listing_fault(&failure,
                      "gave %" G_GUINT64_FORMAT " documents and lacks %" G_GUINT64_FORMAT
                      " that the server counts",
                      listing_rows(reading->walk.listing), lacking);
        if (tries < LISTING_TRIES) {
            if (!patience_again(&reading->run->patience, &failure, error))
                return FALSE;
            continue;
        }
        if (!reading->walk.whole) {
            reading->miscounted = TRUE;
            g_propagate_error(error, failure);
            return FALSE;
        }
        reading->lacking = lacking;
        reading->walk.whole = FALSE;
        g_error_free(failure);
        return TRUE;
    }
}

gboolean
plan_make(struct reading *reading, GError **error)
{
    struct run *run = reading->run;
    if (!server_database_fetch(run->http, reading->name, &reading->info, error))
        return FALSE;
    reading->local_json = locals_kept(run->http, reading->name, error);
    if (reading->local_json != NULL && reading->info.n > 1)
        reading->local_json = locals_agreed(run->http, reading->name, reading->local_json, error);
    if (reading->local_json == NULL || !open_state(reading, error) ||
        !judge_sequence(reading, error))
        return FALSE;
    reading->db_json = describe(reading, reading->trusted ? reading->state->last_seq : NULL);
    reading->setup =
        state_setup((struct slice){reading->db_json->str, reading->db_json->len},
                    (struct slice){reading->local_json->str, reading->local_json->len});
    gboolean purge = reading->state != NULL &&
                     !sequence_is_same(reading->state->purge_seq, reading->info.purge_seq);
    if (purge && (reading->purged = server_purged_ids(run->http, reading->name, error)) == NULL)
        return FALSE;
    return list(reading, error);
}

/* ---- what differs ---- */

gboolean
plan_next(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    struct reading *reading = context;
    if (reading->has_first) {
        *wanted = reading->first;
        reading->has_first = FALSE;
        *end = FALSE;
        return TRUE;
    }
    if (reading->no_more) {
        *end = TRUE;
        return TRUE;
    }
    gboolean done = stop_check(error) && walk_next(&reading->walk, wanted, end, error);
    reading->no_more = *end;
    return done;
}

/* Where nothing changed, the chain must have as many documents as the database. */
static gboolean
check_count(struct reading *reading, GError **error)
{
    const struct server_database *info = &reading->info;
    if (!reading->trusted || !info->counts_deleted ||
        reading->state->documents == info->documents + info->deleted)
        return TRUE;
    reading->miscounted = TRUE;
    return listing_fault(error,
                         "names nothing new, but the database has %" G_GUINT64_FORMAT
                         " documents and the store %" G_GUINT64_FORMAT,
                         info->documents + info->deleted, reading->state->documents);
}

/* Whether the chain has all of it, as far as the chain knows. */
static gboolean
is_whole(const struct reading *reading)
{
    return reading->state != NULL && reading->state->unread == 0 &&
           !run_parent_database(reading->run, reading->name)->unfinished;
}

gboolean
plan_look_for_change(struct reading *reading, gboolean *changed, GError **error)
{
    struct fetch_wanted wanted;
    if (!plan_next(reading, &wanted, &reading->no_more, error))
        return FALSE;
    reading->has_first = !reading->no_more;
    if (reading->has_first) /* its rows last until the walk goes on, which is after this one was
                               taken */
        reading->first = wanted;
    *changed = reading->has_first || !is_whole(reading) || reading->renew || reading->lacking > 0 ||
               g_strcmp0(reading->setup, reading->state->setup) != 0;
    return *changed || check_count(reading, error);
}
