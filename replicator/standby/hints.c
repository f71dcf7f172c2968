#include "replicator/standby/hints.h"

#include "lib/base/log.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/standby/lag.h"
#include "replicator/standby/server/gone.h"
#include "replicator/standby/server/here.h"
#include "replicator/standby/server/share.h"
#include "replicator/standby/trust.h"

#define FEEDS 20                     /* databases with a feed of their own */
#define HEARTBEAT 10000              /* milliseconds between signs of life of a feed */
#define SILENCE 30                   /* seconds without one, and it is dead */
#define LINE_MAX_BYTES (1024 * 1024) /* of _db_updates */
/* Between sweeps where there is _db_updates: so long, or so long for each database. */
#define SWEEP (30 * G_TIME_SPAN_SECOND)
#define SWEEP_EACH (300 * G_TIME_SPAN_MILLISECOND)
#define SWEEP_OFTEN (2 * G_TIME_SPAN_SECOND) /* where there is none */
/* A database's set-up is compared again after so long: that of so many of them after a sweep, or of
 * one in so many. */
#define DRESS_AGAIN (10 * G_TIME_SPAN_MINUTE)
#define DRESS_AT_ONCE 8
#define DRESS_PART 20
#define NOTHING ((struct slice){NULL, 0})

struct feed {
    struct http_call *call; /* NULL: none */
    struct followed *database;
};

struct hints {
    struct standby *standby;
    struct http *http;
    struct http_call *updates;
    gboolean unheard;    /* nothing has come from it yet */
    GString *line;       /* of _db_updates, not yet complete */
    gboolean no_updates; /* the source has none */
    struct feed feeds[FEEDS];
    gint64 sweep;
};

struct hints *
hints_new(struct standby *standby)
{
    struct hints *hints = g_new0(struct hints, 1);
    hints->standby = standby;
    hints->http = standby->feeds;
    hints->line = g_string_new(NULL);
    return hints;
}

static void
close_feed(struct feed *feed)
{
    g_clear_pointer(&feed->call, http_call_free);
    feed->database = NULL;
}

void
hints_reset(struct hints *hints)
{
    g_clear_pointer(&hints->updates, http_call_free);
    g_string_truncate(hints->line, 0);
    for (guint i = 0; i < FEEDS; i++)
        close_feed(&hints->feeds[i]);
    hints->sweep = 0;
}

void
hints_free(struct hints *hints)
{
    if (hints == NULL)
        return;
    hints_reset(hints);
    g_string_free(hints->line, TRUE);
    g_free(hints);
}

void
hints_look_soon(struct hints *hints)
{
    hints->sweep = 0;
}

gint64
hints_due(const struct hints *hints)
{
    return hints->sweep;
}

/* ---- _db_updates ---- */

static void
open_updates(struct hints *hints)
{
    g_autofree char *path =
        g_strdup_printf("/_db_updates?feed=continuous&since=now&heartbeat=%d", HEARTBEAT);
    const struct http_request request = {.path = path, .endless = TRUE};
    hints->updates = http_start(hints->http, &request);
    hints->unheard = TRUE;
}

/* {"db_name":"medic","type":"updated","seq":…} */
static void
take_line(struct hints *hints, struct slice line)
{
    g_autofree char *name = NULL;
    g_autofree char *type = NULL;
    if (!json_check(line, NULL) || !json_member_text(line, "db_name", &name) ||
        !json_member_text(line, "type", &type))
        return;
    struct followed *database = standby_find(hints->standby, name);
    if (database != NULL && g_str_equal(type, "updated")) {
        followed_hint(database);
        return;
    }
    if (database != NULL)
        followed_doubt(database);
    if (standby_takes(hints->standby, name))
        hints->sweep = 0; /* one that was made, or is gone */
}

static void
take_lines(struct hints *hints, struct slice bytes)
{
    for (gsize i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != '\n') {
            g_string_append_c(hints->line, bytes.data[i]);
            continue;
        }
        if (hints->line->len > 0)
            take_line(hints, (struct slice){hints->line->str, hints->line->len});
        g_string_truncate(hints->line, 0);
    }
    if (hints->line->len > LINE_MAX_BYTES)
        g_string_truncate(hints->line, 0);
}

/* CouchDB without _global_changes says that it is not there. */
static gboolean
make_global_changes(struct hints *hints)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) answer =
        http_fetch(hints->standby->source, "PUT", "/_global_changes", NOTHING, &failure);
    if (answer != NULL || http_has_status(failure, 412))
        return TRUE;
    log_notice("the source has no _db_updates (%s): its databases are asked every %d seconds",
               failure->message, (int)(SWEEP_OFTEN / G_TIME_SPAN_SECOND));
    hints->no_updates = TRUE;
    return FALSE;
}

static gboolean
lost(struct hints *hints, const char *what, GError **cause, GError **error)
{
    hints_reset(hints);
    if (*cause != NULL)
        g_propagate_error(error, g_steal_pointer(cause));
    else
        g_set_error(error, HTTP, HTTP_TRANSPORT, "%s", what);
    return FALSE;
}

/* FALSE: the source is lost from sight. */
static gboolean
read_updates(struct hints *hints, GError **error)
{
    GError *cause = NULL;
    struct slice bytes;
    if (!http_expect_success(hints->updates, &cause)) {
        if (http_is_transient(cause) || http_is_refused(cause) || http_is_stop(cause))
            return lost(hints, "", &cause, error);
        gboolean missing = http_has_status(cause, 404);
        g_clear_error(&cause);
        g_clear_pointer(&hints->updates, http_call_free);
        hints->no_updates = !missing;
        if (missing && make_global_changes(hints))
            open_updates(hints);
        return TRUE;
    }
    if (!http_peek(hints->updates, &bytes, &cause) || bytes.size == 0)
        return lost(hints, "the source closed its feed of changes", &cause, error);
    if (hints->unheard)
        hints->sweep = 0; /* what was made after the sweep and before the feed is not in it */
    hints->unheard = FALSE;
    take_lines(hints, bytes);
    http_skip(hints->updates, bytes.size);
    return TRUE;
}

/* ---- feeds of databases ---- */

static gboolean
has_feed(const struct hints *hints, const struct followed *database)
{
    for (guint i = 0; i < FEEDS; i++)
        if (hints->feeds[i].database == database)
            return TRUE;
    return FALSE;
}

/* Those that changed last have one. */
static void
choose_feeds(struct hints *hints)
{
    const GPtrArray *databases = hints->standby->databases;
    for (guint i = 0; i < databases->len; i++) {
        struct followed *database = databases->pdata[i];
        struct feed *oldest = &hints->feeds[0];
        if (database->changed == 0 || database->gone || database->seen == NULL ||
            has_feed(hints, database))
            continue;
        for (guint k = 0; k < FEEDS && oldest->database != NULL; k++)
            if (hints->feeds[k].database == NULL ||
                hints->feeds[k].database->changed < oldest->database->changed)
                oldest = &hints->feeds[k];
        if (oldest->database != NULL && oldest->database->changed >= database->changed)
            continue;
        close_feed(oldest);
        oldest->database = database;
    }
}

static void
open_feed(struct hints *hints, struct feed *feed)
{
    const struct followed *database = feed->database;
    g_autoptr(GString) since = g_string_new(NULL);
    g_autoptr(GString) rest = g_string_new("/_changes?feed=continuous&seq_interval=1000&since=");
    struct slice raw = slice_of(database->since != NULL ? database->since : database->seen);
    if (json_type(raw) == JSON_STRING)
        json_unescape(raw, since);
    else
        g_string_append_len(since, raw.data, (gssize)raw.size);
    http_escape(rest, (struct slice){since->str, since->len});
    g_string_append_printf(rest, "&heartbeat=%d", HEARTBEAT);
    g_autofree char *path = server_path(database->name, rest->str);
    const struct http_request request = {.path = path, .endless = TRUE};
    feed->call = http_start(hints->http, &request);
}

static gboolean
says_something(struct slice bytes)
{
    for (gsize i = 0; i < bytes.size; i++)
        if (!g_ascii_isspace(bytes.data[i]))
            return TRUE;
    return FALSE;
}

/* That it ends says that the database was removed, or the source lost. */
static void
read_feed(struct feed *feed)
{
    g_autoptr(GError) cause = NULL;
    struct slice bytes;
    if (!http_expect_success(feed->call, &cause) || !http_peek(feed->call, &bytes, &cause) ||
        bytes.size == 0) {
        followed_doubt(feed->database);
        followed_hint(feed->database);
        feed->database->changed = 0; /* no feed before something is seen to change again */
        close_feed(feed);
        return;
    }
    if (says_something(bytes))
        followed_hint(feed->database);
    http_skip(feed->call, bytes.size);
}

/* ---- waiting ---- */

static void
open_all(struct hints *hints)
{
    if (hints->updates == NULL && !hints->no_updates)
        open_updates(hints);
    choose_feeds(hints);
    for (guint i = 0; i < FEEDS; i++)
        if (hints->feeds[i].database != NULL && hints->feeds[i].call == NULL)
            open_feed(hints, &hints->feeds[i]);
}

static gboolean
read_ready(struct hints *hints, GError **error)
{
    for (guint i = 0; i < FEEDS; i++)
        if (hints->feeds[i].call != NULL && http_ready(hints->feeds[i].call))
            read_feed(&hints->feeds[i]);
    return hints->updates == NULL || !http_ready(hints->updates) || read_updates(hints, error);
}

/* A cable that was pulled out says nothing at all. */
static gboolean
check_silence(struct hints *hints, GError **error)
{
    GError *none = NULL;
    gboolean silent = hints->updates != NULL && http_silence(hints->updates) > SILENCE;
    for (guint i = 0; i < FEEDS && !silent; i++)
        silent = hints->feeds[i].call != NULL && http_silence(hints->feeds[i].call) > SILENCE;
    return !silent || lost(hints, "the source has been silent for too long", &none, error);
}

gboolean
hints_wait(struct hints *hints, guint milliseconds, GError **error)
{
    struct http_call *calls[FEEDS + 1];
    open_all(hints);
    for (guint i = 0; i < FEEDS; i++)
        calls[i] = hints->feeds[i].call;
    calls[FEEDS] = hints->updates;
    http_wait_while(hints->http, calls, G_N_ELEMENTS(calls), milliseconds);
    return read_ready(hints, error) && check_silence(hints, error);
}

/* ---- the sweep ---- */

/* Of those that are recalled next. */
static gboolean
read_ahead(const struct standby *standby, const struct followed *next)
{
    return next->is_read || next->gone ||
           checkpoint_ahead(standby->target, next->name, standby->memory->id);
}

/* How one stands that was lost from sight, or that this process has not looked at yet: equal, if
 * the source has not moved since its checkpoint. */
static gboolean
recall(struct standby *standby, struct followed *database, const struct server_database *source,
       GError **error)
{
    const struct checkpoint *checkpoint = &database->checkpoint;
    standby_ahead(standby, database, read_ahead);
    g_clear_pointer(&database->seen, g_free);
    if (!trust_find(standby, database, source, error))
        return FALSE;
    if (database->since == NULL) {
        database->is_read = FALSE; /* it may have to be made */
    } else if (checkpoint->lacking->len == 0 &&
               g_strcmp0(checkpoint->seen, source->update_seq) == 0) {
        database->seen = g_strdup(source->update_seq);
        followed_settle(database);
    }
    return TRUE;
}

/* One that has come to less than it had: it lost what came after its last tokens. The copies of a
 * cluster may be unlike for a while. */
static gboolean
has_gone_back(const struct followed *database, struct slice info, const struct server_database *now)
{
    struct slice cluster;
    guint64 copies = 1, number;
    if (json_member(info, "cluster", &cluster))
        json_member_unsigned(cluster, "n", &copies);
    return copies <= 1 && g_strcmp0(database->checkpoint.created, now->instance_start_time) == 0 &&
           server_sequence_number(slice_of(now->update_seq), &number) && number < database->met;
}

static gboolean
compare_one(void *context, const char *name, struct slice info, GError **error)
{
    struct standby *standby = context;
    struct slice seq;
    g_autofree char *created = NULL;
    struct followed *database = standby_find(standby, name);
    if (database == NULL || info.size == 0 || !json_member(info, "update_seq", &seq))
        return TRUE;
    g_autofree char *update_seq = slice_dup(seq);
    json_member_text(info, "instance_start_time", &created);
    const struct server_database source = {.update_seq = update_seq,
                                           .instance_start_time = created};
    if (!standby->options->merge && has_gone_back(database, info, &source)) {
        trust_note_backwards(standby);
        database->met = 0;
    }
    if (!database->is_read && !recall(standby, database, &source, error))
        return FALSE;
    followed_meet(database, update_seq);
    if (g_strcmp0(database->seen, update_seq) == 0)
        return TRUE;
    followed_hint(database);
    lag_swept(database, info);
    return TRUE;
}

static gboolean
ask_one(struct standby *standby, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_path(name, "");
    g_autoptr(GString) answer = http_fetch(standby->source, "GET", path, NOTHING, &failure);
    if (answer != NULL)
        return compare_one(standby, name, (struct slice){answer->str, answer->len}, error);
    if (http_has_status(failure, 404))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
ask_all(struct standby *standby, const GPtrArray *names, GError **error)
{
    gboolean can;
    if (!server_ask_databases(standby->source, names, compare_one, standby, &can, error))
        return FALSE;
    for (guint i = 0; i < names->len && !can; i++)
        if (!ask_one(standby, names->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* Patterns may be mistyped: then nothing is wrong with what they take, and much is missing. */
static void
look_for_idle(struct standby *standby, char **names)
{
    char *idle = choice_idle(&standby->options->choice, names);
    if (idle != NULL && g_strcmp0(idle, standby->idle) != 0)
        log_warning("no database on the other node matches --include %s", idle);
    g_free(standby->idle);
    standby->idle = idle;
}

static gboolean
look_at_all(struct hints *hints, GError **error)
{
    struct standby *standby = hints->standby;
    g_auto(GStrv) names =
        follow_meet_source(standby, error) ? server_databases(standby->source, error) : NULL;
    if (names == NULL)
        return FALSE;
    look_for_idle(standby, names);
    g_autoptr(GPtrArray) ours = g_ptr_array_new();
    for (guint i = 0; names[i] != NULL; i++) {
        if (!standby_takes(standby, names[i]))
            continue;
        standby_database(standby, names[i]);
        g_ptr_array_add(ours, names[i]);
    }
    const gboolean asked = here_look(standby, ours, error) && ask_all(standby, ours, error);
    http_ahead_end(standby->target);
    if (!asked)
        return FALSE;
    return standby->options->merge ||
           (gone_look(standby, ours, error) && share_settings(standby, error));
}

static gint
by_dressed(gconstpointer a, gconstpointer b)
{
    const struct followed *const *left = a, *const *right = b;
    return ((*left)->dressed > (*right)->dressed) - ((*left)->dressed < (*right)->dressed);
}

/* _local documents change without a word, and without a new sequence. */
static void
dress_again(struct standby *standby)
{
    gint64 now = g_get_monotonic_time();
    g_autoptr(GPtrArray) idle = g_ptr_array_new();
    for (guint i = 0; i < standby->databases->len; i++) {
        struct followed *database = standby->databases->pdata[i];
        if (database->is_read && !database->gone && database->due == 0 &&
            (database->dressed == 0 || database->dressed + DRESS_AGAIN < now))
            g_ptr_array_add(idle, database);
    }
    g_ptr_array_sort(idle, by_dressed);
    guint part = MAX(DRESS_AT_ONCE, standby->databases->len / DRESS_PART);
    guint most = standby->options->once ? idle->len : part;
    for (guint i = 0; i < MIN(most, idle->len); i++)
        ((struct followed *)idle->pdata[i])->due = now;
}

gboolean
hints_sweep(struct hints *hints, GError **error)
{
    gint64 now = g_get_monotonic_time();
    if (hints->sweep > now)
        return TRUE;
    gint64 wait = MAX(SWEEP, (gint64)hints->standby->databases->len * SWEEP_EACH);
    hints->sweep = now + (hints->no_updates ? SWEEP_OFTEN : wait);
    if (!look_at_all(hints, error))
        return FALSE;
    dress_again(hints->standby);
    return TRUE;
}
