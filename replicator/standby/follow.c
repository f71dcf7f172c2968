/* follow: the databases that are due, one after the other. See standby.h. */
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/couch/locals.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/standby/hints.h"
#include "replicator/standby/server/gone.h"

#define WAIT_MAX 1000                          /* milliseconds in one go */
#define PROBLEM_WAIT (60 * G_TIME_SPAN_SECOND) /* at most before a pass that failed is repeated */
#define CONNECT_WAIT 10000                     /* milliseconds, likewise, of the servers */
#define OTHERS_EVERY (200 * G_TIME_SPAN_MILLISECOND)

/* ---- the two servers ---- */

/* One server under two names would be given what it has. */
static gboolean
check_two(struct standby *standby, GError **error)
{
    g_autofree char *token = g_uuid_string_random();
    g_autofree char *path = g_strconcat("/_users/_local/lifeboat-probe-", token, NULL);
    const struct slice nothing = {NULL, 0};
    g_autoptr(GString) put = http_fetch(standby->target, "PUT", path, slice_of("{}"), NULL);
    if (put == NULL)
        return TRUE; /* it has no _users yet */
    g_autoptr(GString) there = http_fetch(standby->source, "GET", path, nothing, NULL);
    g_autofree char *rev = NULL;
    if (json_member_text((struct slice){put->str, put->len}, "rev", &rev)) {
        g_autofree char *again = g_strconcat(path, "?rev=", rev, NULL);
        GString *deleted = http_fetch(standby->target, "DELETE", again, nothing, NULL);
        if (deleted != NULL)
            g_string_free(deleted, TRUE);
    }
    return there == NULL ||
           fail_set(error, FAIL_USAGE, "'%s' and '%s' are one server, which cannot follow itself",
                    http_name(standby->source), http_name(standby->target));
}

gboolean
follow_meet_source(struct standby *standby, GError **error)
{
    struct server_info info = {NULL, NULL};
    gboolean there = server_info_fetch(standby->source, &info, error);
    if (there) {
        g_free(standby->source_uuid);
        standby->source_uuid = g_strdup(info.uuid);
    }
    server_info_clear(&info);
    return there && gone_begin(standby, error);
}

static gboolean
meet_target(struct standby *standby, GError **error)
{
    if (standby->repack != NULL)
        return traits_admitted(standby->target) ||
               fail_set(error, FAIL_LATER, "%s does not answer, or the account is no admin there",
                        http_name(standby->target));
    if (!traits_fetch(standby->target, &standby->traits, error))
        return FALSE;
    standby->repack = repack_new(standby->target, &standby->traits);
    return check_two(standby, error);
}

/* Without patience: who does not answer at first is asked again as a whole. */
static gboolean
connect_both(struct standby *standby, GError **error)
{
    http_be_patient(standby->source, NULL);
    http_be_patient(standby->target, NULL);
    if (!meet_target(standby, error) || !follow_meet_source(standby, error))
        return FALSE;
    http_be_patient(standby->source, &standby->patience);
    http_be_patient(standby->target, &standby->patience);
    return TRUE;
}

static void
set_trouble(struct standby *standby, const GError *cause)
{
    if (cause != NULL && g_strcmp0(standby->trouble, cause->message) != 0)
        log_warning("%s", cause->message);
    g_free(standby->trouble);
    standby->trouble = cause != NULL ? g_strdup(cause->message) : NULL;
    report_tell(standby, TRUE);
}

static void
doubt_all(struct standby *standby)
{
    for (guint i = 0; i < standby->databases->len; i++)
        followed_doubt(standby->databases->pdata[i]);
}

/* ---- what is due ---- */

static struct followed *
next_due(const struct standby *standby, gint64 now)
{
    struct followed *first = NULL;
    for (guint i = 0; i < standby->databases->len; i++) {
        struct followed *database = standby->databases->pdata[i];
        gint64 at = database->due != 0 ? database->due : database->renew;
        gint64 best = first == NULL ? 0 : first->due != 0 ? first->due : first->renew;
        if (at != 0 && at <= now && !database->under_way && (first == NULL || at < best))
            first = database;
    }
    return first;
}

/* Milliseconds until something is. */
static guint
until_due(const struct standby *standby)
{
    gint64 now = g_get_monotonic_time(), wait = WAIT_MAX * G_TIME_SPAN_MILLISECOND;
    wait = MIN(wait, hints_due(standby->hints) - now);
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        gint64 at = database->due != 0 ? database->due : database->renew;
        if (at != 0)
            wait = MIN(wait, at - now);
    }
    return (guint)(MAX(wait, 0) / G_TIME_SPAN_MILLISECOND);
}

static void
note_success(struct followed *database, gint64 began)
{
    followed_settle(database);
    database->pending = 0;
    if (database->changed > began)
        database->behind = database->due = database->changed;
}

static void
note_failure(struct standby *standby, struct followed *database, const GError *cause)
{
    gint64 wait = MIN(G_TIME_SPAN_SECOND << MIN(database->failures, 10U), PROBLEM_WAIT);
    database->failures++;
    database->due = g_get_monotonic_time() + wait;
    if (database->behind == 0)
        database->behind = g_get_monotonic_time();
    if (http_has_status(cause, 404)) {
        database->is_read = FALSE; /* it may have to be made again, or be gone */
        hints_look_soon(standby->hints);
    }
    if (g_strcmp0(database->problem, cause->message) != 0)
        log_warning("database '%s': %s", database->name, cause->message);
    g_free(database->problem);
    database->problem = g_strdup(cause->message);
}

/* The failure is one of a server, and not of the database. */
static gboolean
is_lost(struct standby *standby, const GError *cause)
{
    return http_is_stop(cause) || http_has_status(cause, 401) ||
           (http_is_transient(cause) &&
            (!server_answers(standby->source, "/") || !server_answers(standby->target, "/")));
}

/* FALSE: a server was lost. */
static gboolean
run_one(struct standby *standby, struct followed *database, GError **error)
{
    GError *failure = NULL;
    gint64 began = g_get_monotonic_time();
    database->under_way = TRUE;
    gboolean done = pass_over(standby, database, &failure);
    database->under_way = FALSE;
    if (done) {
        note_success(database, began);
        standby->contact = g_get_real_time() / G_USEC_PER_SEC;
        return TRUE;
    }
    if (is_lost(standby, failure)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    note_failure(standby, database, failure);
    g_error_free(failure);
    return TRUE;
}

/* For those whose turn comes next. */
static gboolean
read_ahead(const struct standby *standby, const struct followed *next)
{
    return next->due == 0 || !pass_is_unmoved(standby, next) ||
           locals_ahead(standby->source, next->name);
}

static gboolean
run_due(struct standby *standby, GError **error)
{
    struct followed *database;
    gboolean done = TRUE;
    gint64 now = g_get_monotonic_time(); /* what becomes due meanwhile waits for a look at hints */
    while (done && !stop_requested() && (database = next_due(standby, now)) != NULL) {
        standby_ahead(standby, database, read_ahead);
        done = run_one(standby, database, error);
        if (done)
            report_tell(standby, FALSE);
    }
    http_ahead_end(standby->source);
    return done;
}

gboolean
follow_glance(struct standby *standby)
{
    g_autoptr(GError) ignored = NULL; /* what stays lost, the pass that goes on learns, too */
    if (hints_wait(standby->hints, 0, &ignored))
        return TRUE;
    doubt_all(standby);
    return FALSE;
}

void
follow_others(struct standby *standby)
{
    static gint64 last;
    gint64 now = g_get_monotonic_time();
    if (standby->in_turn || now - last < OTHERS_EVERY)
        return;
    g_autoptr(GError) ignored = NULL; /* likewise */
    struct patience patience = standby->patience;
    standby->in_turn = TRUE;
    if (follow_glance(standby) && !run_due(standby, &ignored))
        doubt_all(standby);
    standby->patience = patience;
    standby->in_turn = FALSE;
    report_tell(standby, FALSE);
    last = g_get_monotonic_time();
}

/* ---- following ---- */

static gboolean
turn(struct standby *standby, GError **error)
{
    if (!hints_sweep(standby->hints, error))
        return FALSE;
    standby->contact = g_get_real_time() / G_USEC_PER_SEC;
    report_tell(standby, FALSE);
    if (!run_due(standby, error))
        return FALSE;
    report_tell(standby, FALSE);
    return standby->options->once || hints_wait(standby->hints, until_due(standby), error);
}

/* Each as it was looked at; what has changed since then is for the next look. */
static gboolean
is_equal(const struct standby *standby)
{
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        if (!database->gone && (database->seen == NULL || database->failures > 0 ||
                                database->checkpoint.lacking->len > 0))
            return FALSE;
    }
    return TRUE;
}

/* A server was lost: what it says afterwards is doubted. */
static void
wait_for_servers(struct standby *standby, guint *failures)
{
    guint wait = MIN(500U << MIN(*failures, 10U), CONNECT_WAIT);
    ++*failures;
    hints_reset(standby->hints);
    doubt_all(standby);
    stop_sleep(wait);
}

gboolean
follow(struct standby *standby, gboolean *incomplete, GError **error)
{
    guint failures = 0;
    gboolean met = FALSE;
    if (standby->hints == NULL)
        standby->hints = hints_new(standby);
    hints_look_soon(standby->hints);
    while (!stop_requested()) {
        g_autoptr(GError) failure = NULL;
        if ((met || connect_both(standby, &failure)) && turn(standby, &failure)) {
            if (standby->trouble != NULL)
                set_trouble(standby, NULL);
            met = TRUE;
            failures = 0;
            if (standby->options->once)
                break;
            continue;
        }
        met = FALSE;
        if (standby->options->once || g_error_matches(failure, FAIL, FAIL_USAGE) ||
            http_is_refused(failure)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (!http_is_stop(failure))
            set_trouble(standby, failure);
        wait_for_servers(standby, &failures);
    }
    *incomplete = standby->idle != NULL || !is_equal(standby);
    return TRUE;
}
