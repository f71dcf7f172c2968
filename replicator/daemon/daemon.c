#include "replicator/daemon/daemon.h"

#include "config.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/couch/json.h"
#include "replicator/daemon/control.h"
#include "replicator/daemon/job.h"
#include "replicator/daemon/logbook.h"
#include "replicator/daemon/timetable.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#define LOOK_SECONDS 30        /* between looks at the clock at most: it may be set meanwhile */
#define FIRST_RETRY_SECONDS 60 /* after a run that failed, doubled each time, … */
#define LONGEST_RETRY_SECONDS 3600
#define DAY (24 * 3600)
#define CLOCK_IS_SET 1735689600 /* 2025-01-01: before, it is the clock that is wrong */

struct daemon {
    const struct daemon_options *options;
    struct event_base *events;
    struct timetable *timetable;
    struct logbook *logbook;
    struct control *control;
    struct event *tick;
    struct event *signals[2];
    gint64 started; /* all times: seconds since 1970 UTC */

    gint64 due;   /* when the store's next run begins; -1: never */
    gint64 ahead; /* of the wall clock before the monotonic one, in seconds, when that was found */
    guint failures; /* in a row */
    struct job *job;
    GString *progress; /* what the run under way said last, JSON; empty: nothing */
    char *message;     /* the last problem that it told */
    char *snapshot;    /* that it sealed */
    gboolean ending;
};

static gint64
now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

static gint64
ahead(void)
{
    return now() - g_get_monotonic_time() / G_USEC_PER_SEC;
}

static char *
show_time(gint64 time)
{
    g_autoptr(GDateTime) local = time > 0 ? g_date_time_new_from_unix_local(time) : NULL;
    return local != NULL ? g_date_time_format_iso8601(local) : NULL;
}

static struct logbook_entry *
entry(const struct daemon *daemon)
{
    return logbook_entry(daemon->logbook, daemon->options->store);
}

/* An incomplete one will not be more complete a minute later: it waits for its next time, too. */
static gboolean
is_done(int exit_code)
{
    return exit_code == 0 || exit_code == FAIL_INCOMPLETE;
}

/* ---- when ---- */

static gint64
put_off(const struct daemon *daemon, gint64 due)
{
    return due < 0 ? due : due + g_random_int_range(0, (gint32)daemon->options->delay + 1);
}

/* At start: what was missed is due now, and so is the first run of all, and one that failed. */
static gint64
first_due(const struct daemon *daemon)
{
    const struct logbook_entry *last = entry(daemon);
    gint64 present = now();
    gint64 next = timetable_next(daemon->timetable, MIN(last->ended, present));
    if (next < 0)
        return -1;
    gboolean missed = next <= present || last->ended == 0 || !is_done(last->exit);
    return missed ? present : put_off(daemon, next);
}

static gint64
next_due(const struct daemon *daemon)
{
    gint64 present = now(), next = timetable_next(daemon->timetable, present);
    if (daemon->failures == 0)
        return put_off(daemon, next);
    guint doublings = MIN(daemon->failures - 1, 16);
    gint64 retry = present + MIN((gint64)FIRST_RETRY_SECONDS << doublings, LONGEST_RETRY_SECONDS);
    return next < 0 ? retry : MIN(retry, next);
}

static void
plan(struct daemon *daemon, gint64 due)
{
    daemon->due = due;
    daemon->ahead = ahead();
}

static gboolean
is_overdue(const struct daemon *daemon)
{
    const struct logbook_entry *last = entry(daemon);
    gint64 limit = (gint64)daemon->options->overdue * DAY, present = now();
    gboolean believed = last->good > 0 && last->good <= present + DAY;
    gint64 since = believed ? last->good : last->since;
    return limit > 0 && since > 0 && present - since > limit;
}

/* What `overdue` counts from until the first good run, through restarts. */
static void
note_since(struct daemon *daemon)
{
    g_autoptr(GError) failure = NULL;
    if (entry(daemon)->since > 0 || now() < CLOCK_IS_SET)
        return;
    entry(daemon)->since = now();
    if (!logbook_write(daemon->logbook, &failure))
        log_warning("%s; going on", failure->message);
}

/* ---- a run ---- */

/* The runs report in JSON (progress.h): progress, problems, and a summary at the end. */
static void
take_line(void *context, struct slice line)
{
    struct daemon *daemon = context;
    struct slice event;
    if (!json_check(line, NULL) || !json_member(line, "event", &event))
        return;
    if (slice_is(event, "\"progress\"")) {
        g_string_truncate(daemon->progress, 0);
        g_string_append_len(daemon->progress, line.data, (gssize)line.size);
    } else if (slice_is(event, "\"problem\"")) {
        g_clear_pointer(&daemon->message, g_free);
        json_member_text(line, "message", &daemon->message);
    } else if (slice_is(event, "\"summary\"")) {
        g_clear_pointer(&daemon->snapshot, g_free);
        json_member_text(line, "snapshot", &daemon->snapshot);
        if (daemon->message == NULL)
            json_member_text(line, "error", &daemon->message);
    }
}

static void
book(struct daemon *daemon, int exit_code)
{
    g_autoptr(GError) failure = NULL;
    struct logbook_entry *last = entry(daemon);
    last->ended = now();
    last->exit = exit_code;
    if (exit_code == 0)
        last->good = last->ended;
    g_free(last->message);
    last->message = exit_code != 0 ? g_steal_pointer(&daemon->message) : NULL;
    if (daemon->snapshot != NULL) {
        g_free(last->snapshot);
        last->snapshot = g_steal_pointer(&daemon->snapshot);
    }
    daemon->failures = is_done(exit_code) ? 0 : daemon->failures + 1;
    if (!logbook_write(daemon->logbook, &failure))
        log_warning("%s; going on", failure->message);
}

static void arm(struct daemon *daemon);

static void
has_ended(void *context, int exit_code)
{
    struct daemon *daemon = context;
    g_clear_pointer(&daemon->job, job_free);
    if (daemon->ending) {
        event_base_loopbreak(daemon->events);
        return;
    }
    book(daemon, exit_code);
    plan(daemon, next_due(daemon));
    g_autofree char *next = show_time(daemon->due);
    const char *when = next != NULL ? next : "never";
    if (exit_code == 0)
        log_info("store '%s': the snapshot is done; next %s", daemon->options->store, when);
    else /* why, it has said itself */
        log_warning("store '%s': the snapshot %s; next %s", daemon->options->store,
                    exit_code == FAIL_INCOMPLETE ? "is incomplete" : "failed", when);
    arm(daemon);
}

static void
begin(struct daemon *daemon)
{
    const struct daemon_options *options = daemon->options;
    const struct job_handler handler = {take_line, has_ended, daemon};
    g_autoptr(GError) failure = NULL;
    g_string_truncate(daemon->progress, 0);
    g_clear_pointer(&daemon->message, g_free);
    g_clear_pointer(&daemon->snapshot, g_free);
    log_info("store '%s': taking a snapshot", options->store);
    daemon->job = job_start(daemon->events, options->snapshot, &handler, &failure);
    if (daemon->job == NULL) {
        log_error("%s", failure->message);
        daemon->message = g_strdup(failure->message);
        has_ended(daemon, FAIL_FAILED);
    }
}

/* ---- the clock and the signals ---- */

static void
arm(struct daemon *daemon)
{
    gint64 wait = daemon->job == NULL && daemon->due >= 0 ? daemon->due - now() : LOOK_SECONDS;
    const struct timeval after = {.tv_sec = CLAMP(wait, 0, LOOK_SECONDS)};
    event_add(daemon->tick, &after);
}

static void
look(evutil_socket_t fd, short what, void *context)
{
    struct daemon *daemon = context;
    (void)fd;
    (void)what;
    sd_notify(0, "WATCHDOG=1");
    if (ABS(ahead() - daemon->ahead) > LOOK_SECONDS) { /* the clock was set */
        plan(daemon, first_due(daemon));
        note_since(daemon);
    }
    if (daemon->job == NULL && daemon->due >= 0 && daemon->due <= now())
        begin(daemon);
    arm(daemon);
}

static void
end(evutil_socket_t number, short what, void *context)
{
    struct daemon *daemon = context;
    (void)number;
    (void)what;
    sd_notify(0, "STOPPING=1");
    daemon->ending = TRUE;
    if (daemon->job == NULL)
        event_base_loopbreak(daemon->events);
    else
        job_stop(daemon->job);
}

/* ---- what it answers ---- */

static void
append_time(GString *out, const char *name, gint64 time)
{
    g_autofree char *shown = show_time(time);
    json_text_member_string(out, name, shown);
}

static void
append_store(const struct daemon *daemon, GString *out)
{
    const struct logbook_entry *last = entry(daemon);
    json_text_begin_object(out);
    json_text_member_string(out, "path", daemon->options->store);
    json_text_member_boolean(out, "scheduled", daemon->options->schedule[0] != NULL);
    json_text_member_string(out, "doing", daemon->job != NULL ? "snapshot" : NULL);
    if (daemon->progress->len > 0 && daemon->job != NULL)
        json_text_member_raw(out, "progress",
                             (struct slice){daemon->progress->str, daemon->progress->len});
    append_time(out, "last_good", last->good);
    json_text_member_boolean(out, "overdue", is_overdue(daemon));
    append_time(out, "last_run", last->ended);
    if (last->ended > 0)
        json_text_member_integer(out, "exit", last->exit);
    json_text_member_string(out, "message", last->message);
    json_text_member_string(out, "snapshot", last->snapshot);
    append_time(out, "next", daemon->job == NULL ? daemon->due : -1);
    json_text_end_object(out);
}

static void
answer_status(const struct daemon *daemon, GString *out)
{
    json_text_begin_object(out);
    json_text_member_string(out, "version", LIFEBOAT_VERSION);
    append_time(out, "started", daemon->started);
    json_text_member_array(out, "stores");
    append_store(daemon, out);
    json_text_end_array(out);
    json_text_end_object(out);
}

static void
answer(void *context, struct slice request, GString *out)
{
    g_autofree char *ask = NULL;
    json_member_text(request, "ask", &ask);
    if (g_strcmp0(ask, "status") == 0) {
        answer_status(context, out);
        return;
    }
    json_text_begin_object(out);
    json_text_member_string(out, "error", "nothing is known of what is asked");
    json_text_end_object(out);
}

/* ---- the whole ---- */

static gboolean
set_up(struct daemon *daemon, GError **error)
{
    const struct daemon_options *options = daemon->options;
    static const int numbers[] = {SIGTERM, SIGINT};
    daemon->logbook = logbook_open(options->state, error);
    if (daemon->logbook == NULL)
        return FALSE;
    daemon->events = event_base_new();
    if (daemon->events == NULL)
        return fail_set(error, FAIL_FAILED, "libevent cannot wait for anything here");
    daemon->control = control_new(daemon->events, options->control, answer, daemon, error);
    if (daemon->control == NULL)
        return FALSE;
    daemon->tick = event_new(daemon->events, -1, 0, look, daemon);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        daemon->signals[i] = evsignal_new(daemon->events, numbers[i], end, daemon);
        event_add(daemon->signals[i], NULL);
    }
    daemon->started = now();
    plan(daemon, first_due(daemon));
    note_since(daemon);
    return TRUE;
}

static void
clear(struct daemon *daemon)
{
    job_free(daemon->job);
    control_free(daemon->control);
    for (gsize i = 0; i < G_N_ELEMENTS(daemon->signals); i++)
        g_clear_pointer(&daemon->signals[i], event_free);
    g_clear_pointer(&daemon->tick, event_free);
    g_clear_pointer(&daemon->events, event_base_free);
    logbook_free(daemon->logbook);
    timetable_free(daemon->timetable);
    g_string_free(daemon->progress, TRUE);
    g_free(daemon->message);
    g_free(daemon->snapshot);
}

gboolean
daemon_run(const struct daemon_options *options, GError **error)
{
    struct daemon daemon = {.options = options, .progress = g_string_new(NULL)};
    signal(SIGCHLD, SIG_DFL); /* ignored, as some who start us have it, it leaves no exit codes */
    AUTO_FD int folder = file_open_folder(AT_FDCWD, options->state, TRUE, error);
    AUTO(lock) *lock =
        folder >= 0 ? lock_take(folder, "replicator.lock", "lifeboat-replicator run", error) : NULL;
    daemon.timetable = lock != NULL ? timetable_parse(options->schedule, error) : NULL;
    gboolean done = daemon.timetable != NULL && set_up(&daemon, error);
    if (done) {
        g_autofree char *next = show_time(daemon.due);
        log_info("watching store '%s'; next snapshot %s", options->store,
                 next != NULL                   ? next
                 : options->schedule[0] == NULL ? "never: no schedule is set"
                                                : "never: all times of the schedule are past");
        sd_notify(0, "READY=1");
        arm(&daemon);
        done = event_base_dispatch(daemon.events) >= 0 ||
               fail_set(error, FAIL_FAILED, "libevent cannot wait any longer");
        log_info("ended");
    }
    clear(&daemon);
    return done;
}
