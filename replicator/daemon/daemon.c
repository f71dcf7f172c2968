#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/rfc3339.h"
#include "replicator/daemon/notice.h"
#include "replicator/daemon/world.h"

#include <fcntl.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#define LOOK_SECONDS 30 /* between looks at the clock at most: it may be set meanwhile */

gint64
world_now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

static gint64
ahead(void)
{
    return world_now() - g_get_monotonic_time() / G_USEC_PER_SEC;
}

/* ---- what is remembered and shown ---- */

void
daemon_write_logbook(struct daemon *daemon)
{
    g_autoptr(GError) failure = NULL;
    if (!logbook_write(daemon->logbook, &failure))
        log_warning("%s; going on", failure->message);
}

gboolean
daemon_write_register(struct daemon *daemon)
{
    g_autoptr(GError) failure = NULL;
    gboolean done = drives_write(daemon->drives, &failure);
    if (!done)
        log_warning("%s; going on", failure->message);
    return done;
}

void
daemon_show(struct daemon *daemon)
{
    g_autoptr(GString) status = g_string_new(NULL);
    daemon_append_status(daemon, status);
    notice_status(daemon->run_folder, status);
}

static gboolean
note_since(struct logbook_entry *entry, gint64 now)
{
    gboolean first = entry->since <= 0;
    if (first)
        entry->since = now;
    return first;
}

void
daemon_note_since(struct daemon *daemon)
{
    struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    gint64 now = world_now();
    gboolean changed = FALSE;
    if (now < CLOCK_IS_SET)
        return;
    for (guint i = 0; i < daemon->places->len; i++)
        changed |= note_since(((struct place *)daemon->places->pdata[i])->entry, now);
    changed |= note_since(all, now);
    if (daemon->courier != NULL)
        changed |= note_since(courier_entry(daemon->courier), now);
    if (changed)
        daemon_write_logbook(daemon);
}

static char *
days_since(gint64 good, const char *what)
{
    gint64 days = (world_now() - good) / DAY;
    return good > 0 ? g_strdup_printf("the last %s was %" G_GINT64_FORMAT " days ago", what, days)
                    : g_strdup_printf("there was no %s yet", what);
}

static void
tell_overdue(struct daemon *daemon, const struct place *place, const char *name,
             const struct logbook_entry *entry, const char *what)
{
    g_autofree char *since = days_since(entry->good, what);
    g_autofree char *message = g_strdup_printf("%s is overdue: %s", name, since);
    log_warning("%s", message);
    notice_event(daemon->options->mounter, MESSAGE_OVERDUE, place,
                 place != NULL ? place->device : NULL, message);
}

void
daemon_watch_offsite(struct daemon *daemon)
{
    guint days = daemon->configured->timing.offsite_overdue;
    gboolean overdue =
        daemon->courier != NULL && courier_is_overdue(daemon->courier, days, world_now());
    if (overdue && !daemon->told_offsite_overdue)
        tell_overdue(daemon, NULL, "the off-site copy", courier_entry(daemon->courier),
                     "complete one");
    daemon->told_offsite_overdue = overdue;
}

/* Once each time that it becomes so. */
static void
watch_overdue(struct daemon *daemon)
{
    const struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    gint64 now = world_now();
    gboolean overdue =
        timing_is_overdue(daemon->configured->timing.overdue, all->good, all->since, now);
    if (overdue && !daemon->told_overdue)
        tell_overdue(daemon, NULL, "a backup", all, "good backup");
    daemon->told_overdue = overdue;
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        g_autofree char *name = place_name(place);
        overdue = place_is_overdue(place, &daemon->configured->timing, now);
        if (overdue && !place->told_overdue)
            tell_overdue(daemon, place, name, place->entry, "good backup");
        place->told_overdue = overdue;
    }
    daemon_watch_offsite(daemon);
}

/* ---- the clock and the signals ---- */

void
daemon_arm(struct daemon *daemon)
{
    gint64 wait = daemon->look_after, now = world_now();
    for (guint i = 0; i < daemon->places->len && daemon->visit == NULL; i++) {
        gint64 due = place_due(daemon->places->pdata[i]);
        if (due >= 0)
            wait = MIN(wait, MAX(due - now, 0) * G_USEC_PER_SEC);
    }
    if (daemon->visit == NULL && daemon->to_add.length > 0)
        wait = 0;
    const struct timeval after = {wait / G_USEC_PER_SEC, wait % G_USEC_PER_SEC};
    event_add(daemon->tick, &after);
}

/* Where systemd has a watchdog set for us, it is told in half the time that it allows. */
static gint64
look_after(void)
{
    guint64 allowed = 0;
    gint64 most = LOOK_SECONDS * G_USEC_PER_SEC;
    return sd_watchdog_enabled(0, &allowed) > 0 ? (gint64)MIN((guint64)most, allowed / 2) : most;
}

static void
plan_all(struct daemon *daemon)
{
    daemon->ahead = ahead();
    for (guint i = 0; i < daemon->places->len; i++)
        place_plan_first(daemon->places->pdata[i], &daemon->configured->timing, world_now());
}

static void
heed_clock(struct daemon *daemon)
{
    gint64 now = world_now(), before = now - ahead() + daemon->ahead;
    if (ABS(now - before) <= LOOK_SECONDS)
        return;
    daemon->ahead = ahead();
    for (guint i = 0; i < daemon->places->len; i++)
        place_clock_set(daemon->places->pdata[i], &daemon->configured->timing, before, now);
    daemon_note_since(daemon);
}

static void
look(evutil_socket_t fd, short what, void *context)
{
    struct daemon *daemon = context;
    (void)fd;
    (void)what;
    sd_notify(0, "WATCHDOG=1");
    heed_clock(daemon);
    watch_overdue(daemon);
    role_watch(daemon);
    runs_begin(daemon);
    daemon_arm(daemon);
}

static void
end(evutil_socket_t number, short what, void *context)
{
    struct daemon *daemon = context;
    (void)number;
    (void)what;
    sd_notify(0, "STOPPING=1");
    daemon->ending = TRUE;
    if (daemon->visit == NULL)
        event_base_loopbreak(daemon->events);
    else
        visit_stop(daemon->visit, FALSE);
}

static void
is_hung_up(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    reload(context);
}

static void
hear_signals(struct daemon *daemon)
{
    static const struct {
        int number;
        event_callback_fn heard;
    } all[] = {{SIGTERM, end}, {SIGINT, end}, {SIGHUP, is_hung_up}};
    G_STATIC_ASSERT(G_N_ELEMENTS(all) == G_N_ELEMENTS(daemon->signals));
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        daemon->signals[i] = evsignal_new(daemon->events, all[i].number, all[i].heard, daemon);
        event_add(daemon->signals[i], NULL);
    }
}

static void
mounter_died(void *context)
{
    struct daemon *daemon = context;
    daemon->failed = TRUE;
    event_base_loopbreak(daemon->events);
}

/* ---- the whole ---- */

static gboolean
open_records(struct daemon *daemon, GError **error)
{
    const struct daemon_options *options = daemon->options;
    daemon->logbook = logbook_open(options->state, error);
    daemon->drives = daemon->logbook != NULL ? drives_open(options->state, error) : NULL;
    return daemon->drives != NULL;
}

static void
make_places(struct daemon *daemon)
{
    reload_stores(daemon);
    for (guint i = 0; i < daemon->drives->all->len; i++)
        g_ptr_array_add(daemon->places,
                        place_new_drive(daemon->drives->all->pdata[i], daemon->logbook));
}

static gboolean
set_up(struct daemon *daemon, GError **error)
{
    const struct daemon_options *options = daemon->options;
    const struct watch_handler handler = {devices_came, devices_left, daemon};
    g_autoptr(GError) failure = NULL;
    if (!open_records(daemon, error))
        return FALSE;
    daemon->events = event_base_new();
    if (daemon->events == NULL)
        return fail_set(error, FAIL_FAILED, "libevent cannot wait for anything here");
    daemon->control = control_new(daemon->events, options->control, answers_ask, daemon, error);
    if (daemon->control == NULL)
        return FALSE;
    daemon->run_folder = g_path_get_dirname(options->control);
    if (!configured_begin(daemon->configured, daemon->run_folder, error))
        return FALSE;
    daemon->means = (struct visit_means){daemon->events,    options->mounter,     options->base,
                                         options->snapshot, options->enrol,       options->import,
                                         options->drill,    options->certificates};
    mounter_attach(options->mounter, daemon->events, mounter_died, daemon);
    daemon->tick = event_new(daemon->events, -1, 0, look, daemon);
    hear_signals(daemon);
    role_begin(daemon);
    reload_follower(daemon);
    reload_courier(daemon);
    daemon->started = world_now();
    daemon->look_after = look_after();
    make_places(daemon);
    plan_all(daemon);
    daemon_note_since(daemon);
    daemon->watch = watch_new(daemon->events, options->devices, &handler, &failure);
    if (daemon->watch == NULL)
        log_warning("%s; drives that are inserted go unnoticed", failure->message);
    return TRUE;
}

static void
tell_beginning(const struct daemon *daemon)
{
    for (guint i = 0; i < daemon->places->len; i++) {
        const struct place *place = daemon->places->pdata[i];
        g_autofree char *next = rfc3339_local(place->due), *name = place_name(place);
        if (place->drive == NULL)
            log_info("watching %s; next snapshot %s", name,
                     next != NULL ? next
                     : !timetable_is_set(daemon->configured->timing.snapshots)
                         ? "never: no schedule is set"
                         : "never: all times of the schedule are past");
    }
    if (daemon->watch != NULL)
        log_info("watching for drives; %u %s added", daemon->drives->all->len,
                 daemon->drives->all->len == 1 ? "is" : "are");
}

static void
clear(struct daemon *daemon)
{
    visit_free(daemon->visit);
    follower_free(daemon->follower);
    role_end(daemon);
    courier_free(daemon->courier);
    answers_end(daemon);
    adding_free(daemon->adding);
    watch_free(daemon->watch);
    control_free(daemon->control);
    for (gsize i = 0; i < G_N_ELEMENTS(daemon->signals); i++)
        g_clear_pointer(&daemon->signals[i], event_free);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN); /* whoever is impatient: the mounter is about to unmount */
    signal(SIGINT, SIG_IGN);
    g_clear_pointer(&daemon->tick, event_free);
    mounter_detach(daemon->options->mounter);
    g_clear_pointer(&daemon->events, event_base_free);
    g_ptr_array_unref(daemon->places);
    g_ptr_array_unref(daemon->unknown);
    g_ptr_array_unref(daemon->asked);
    drives_free(daemon->drives);
    logbook_free(daemon->logbook);
    g_free(daemon->run_folder);
}

static gboolean
watch_and_work(struct daemon *daemon, GError **error)
{
    tell_beginning(daemon);
    sd_notify(0, "READY=1\nSTATUS=waiting");
    if (daemon->watch != NULL)
        watch_begin(daemon->watch);
    daemon_show(daemon);
    daemon_arm(daemon);
    if (event_base_dispatch(daemon->events) < 0)
        return fail_set(error, FAIL_FAILED, "libevent cannot wait any longer");
    if (daemon->failed)
        return fail_set(error, FAIL_FAILED, "the mounter has ended by itself");
    log_info("ended");
    return TRUE;
}

gboolean
daemon_run(const struct daemon_options *options, GError **error)
{
    struct daemon daemon = {.options = options, .configured = options->configured};
    daemon.places = g_ptr_array_new_with_free_func((GDestroyNotify)place_free);
    daemon.unknown = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);
    answers_begin(&daemon);
    signal(SIGCHLD, SIG_DFL); /* ignored, as some who start us have it, it leaves no exit codes */
    AUTO_FD int folder = file_open_folder(AT_FDCWD, options->state, TRUE, error);
    AUTO(lock) *lock =
        folder >= 0 ? lock_take(folder, "replicator.lock", "lifeboat-replicator run", error) : NULL;
    gboolean done = lock != NULL && set_up(&daemon, error) && watch_and_work(&daemon, error);
    clear(&daemon);
    return done;
}
