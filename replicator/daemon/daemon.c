#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
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

void
daemon_write_register(struct daemon *daemon)
{
    g_autoptr(GError) failure = NULL;
    if (!drives_write(daemon->drives, &failure))
        log_warning("%s; going on", failure->message);
}

void
daemon_show(struct daemon *daemon)
{
    g_autoptr(GString) status = g_string_new(NULL);
    daemon_append_status(daemon, status);
    notice_status(daemon->run_folder, status);
}

/* What `overdue` counts from until the first good run, through restarts. */
static void
note_since(struct daemon *daemon)
{
    struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    gint64 now = world_now();
    gboolean changed = FALSE;
    if (now < CLOCK_IS_SET)
        return;
    for (guint i = 0; i <= daemon->places->len; i++) {
        const struct place *place = i < daemon->places->len ? daemon->places->pdata[i] : NULL;
        struct logbook_entry *entry = place != NULL ? place->entry : all;
        if (entry->since > 0)
            continue;
        entry->since = now;
        changed = TRUE;
    }
    if (changed)
        daemon_write_logbook(daemon);
}

static char *
days_since(gint64 good)
{
    gint64 days = (world_now() - good) / DAY;
    return good > 0
               ? g_strdup_printf("the last good backup was %" G_GINT64_FORMAT " days ago", days)
               : g_strdup("there was no good backup yet");
}

static void
tell_overdue(struct daemon *daemon, const struct place *place, const char *name,
             const struct logbook_entry *entry)
{
    g_autofree char *since = days_since(entry->good);
    g_autofree char *message = g_strdup_printf("%s is overdue: %s", name, since);
    log_warning("%s", message);
    notice_event(daemon->options->mounter, MESSAGE_OVERDUE, place,
                 place != NULL ? place->device : NULL, message);
}

/* Once each time that it becomes so. */
static void
watch_overdue(struct daemon *daemon)
{
    const struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    gint64 now = world_now();
    gboolean overdue = timing_is_overdue(daemon->timing.overdue, all->good, all->since, now);
    if (overdue && !daemon->told_overdue)
        tell_overdue(daemon, NULL, "a backup", all);
    daemon->told_overdue = overdue;
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        g_autofree char *name = place_name(place);
        overdue = place_is_overdue(place, &daemon->timing, now);
        if (overdue && !place->told_overdue)
            tell_overdue(daemon, place, name, place->entry);
        place->told_overdue = overdue;
    }
}

/* ---- the end of a visit ---- */

static void
book(struct daemon *daemon, struct place *place, const struct visit_result *result)
{
    struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    gint64 now = world_now();
    if (daemon->work.snapshot || result->exit != 0)
        place_book(place, result, now);
    else if (result->drilled)
        place_book_drill(place, result, now);
    if (daemon->work.snapshot && result->exit == 0)
        all->good = now;
    place_plan_next(place, &daemon->timing, now);
    if (place->arrived) /* pulled out, and back already */
        place->due = now;
    daemon_write_logbook(daemon);
}

/* What a drive's visit ended like, for the person who waits beside it. */
static const char *
tell_removal(const struct visit_result *result)
{
    if (result->pulled)
        return "it was pulled out too early: earlier snapshots on it are intact; insert it again";
    if (result->elsewhere)
        return "something else has it mounted: unmount it there before it is pulled out";
    return result->unmounted ? "it is safe to remove" : "it is not safe to remove";
}

static void
tell_end(struct daemon *daemon, const struct place *place, const struct visit_result *result)
{
    g_autofree char *name = place_name(place), *next = show_time(place->due);
    g_autofree char *what = result->exit == 0 ? g_strdup("the snapshot is done")
                            : result->exit == FAIL_INCOMPLETE
                                ? g_strdup("the snapshot is incomplete")
                                : g_strdup("the snapshot failed");
    g_autofree char *why = result->message != NULL ? fail_message(result->message) : NULL;
    const char *removal = place->drive != NULL ? tell_removal(result) : NULL;
    g_autofree char *message = g_strdup_printf(
        "%s: %s%s%s%s%s", name, what, why != NULL ? ": " : "", why != NULL ? why : "",
        removal != NULL ? "; " : "", removal != NULL ? removal : "");
    gboolean well = !result->pulled && (result->exit == 0 || result->exit == FAIL_INCOMPLETE);
    gboolean safe = place->drive != NULL && result->unmounted;
    log_write(well && result->exit == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s; next %s",
              message, next != NULL ? next : "never");
    notice_event(daemon->options->mounter,
                 !well || result->exit == FAIL_INCOMPLETE ? MESSAGE_FAILED
                 : safe                                   ? MESSAGE_SAFE
                                                          : MESSAGE_DONE,
                 place, place->device, message);
}

/* Of a drill that a snapshot follows, people need not hear: the snapshot's end is told. */
static void
tell_drill(struct daemon *daemon, const struct place *place, const struct visit_result *result)
{
    g_autofree char *name = place_name(place);
    g_autofree char *why =
        result->drill_message != NULL ? fail_message(result->drill_message) : NULL;
    gboolean well = result->drill_exit == 0;
    if (!result->drilled)
        return;
    g_autofree char *message =
        g_strdup_printf("%s: %s%s", name,
                        well ? "the drill is done: its newest snapshot restores, and is equal"
                             : "the drill failed: ",
                        well          ? ""
                        : why != NULL ? why
                                      : "no reason was given");
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s", message);
    if (!well)
        notice_event(daemon->options->mounter, MESSAGE_FAILED, place, place->device, message);
    else if (!daemon->work.snapshot)
        notice_event(daemon->options->mounter, result->unmounted ? MESSAGE_SAFE : MESSAGE_DONE,
                     place, place->device, message);
}

/* The daemon ends: what was under way is not done, and its lamp is not to blink on. */
static void
tell_stopped(struct daemon *daemon, const struct place *place, const struct visit_result *result)
{
    g_autofree char *name = place_name(place);
    g_autofree char *message =
        g_strdup_printf("%s: stopped, since lifeboat-replicator ends; the next run goes on%s", name,
                        result->unmounted ? "; it is safe to remove" : "");
    log_notice("%s", message);
    notice_event(daemon->options->mounter, MESSAGE_FAILED, place, place->device, message);
}

static void
place_ended(struct daemon *daemon, struct place *place, const struct visit_result *result)
{
    gboolean ejecting = daemon->eject != NULL;
    if (place->drive != NULL) {
        place->safe = result->unmounted;
        if (result->unmounted && place->drive->in_use) {
            place->drive->in_use = FALSE;
            daemon_write_register(daemon);
        }
        place->ejected = ejecting && result->unmounted;
    }
    if (daemon->ending) {
        tell_stopped(daemon, place, result);
        return;
    }
    if (daemon->work.snapshot || daemon->work.drill)
        book(daemon, place, result);
    if (daemon->work.snapshot || result->exit != 0)
        tell_end(daemon, place, result);
    tell_drill(daemon, place, result);
    answers_ejected(daemon, place, result);
    answers_run_ended(daemon, place);
}

static struct place *
place_of(struct daemon *daemon, struct drive *drive)
{
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        if (place->drive == drive)
            return place;
    }
    struct place *place = place_new_drive(drive, daemon->logbook);
    g_ptr_array_add(daemon->places, place);
    return place;
}

/* A drive was added, and is due: its first snapshot comes at once. */
static void
adding_ended(struct daemon *daemon, struct adding *adding, const struct visit_result *result)
{
    struct place *place = NULL;
    if (result->store != NULL && result->exit == 0) {
        struct drive *drive = drives_add(daemon->drives, result->store, adding->device->filesystem,
                                         adding->label, world_now());
        place = place_of(daemon, drive);
        device_free(devices_take_unknown(daemon, adding->device->node));
        if (!result->pulled && place->device == NULL)
            place->device = g_steal_pointer(&adding->device);
        place->due = world_now();
        place->safe = place->ejected = FALSE;
        drive->in_use = FALSE;
        daemon_write_register(daemon);
        note_since(daemon);
        g_autofree char *name = place_name(place);
        log_info("%s is ours from now on", name);
    }
    answers_added(adding, place, result);
    adding_free(adding);
}

static void
visit_ended(void *context)
{
    struct daemon *daemon = context;
    AUTO(visit) *visit = g_steal_pointer(&daemon->visit);
    struct place *place = g_steal_pointer(&daemon->visited);
    struct adding *adding = g_steal_pointer(&daemon->adding);
    if (adding != NULL)
        adding_ended(daemon, adding, visit_result(visit));
    else
        place_ended(daemon, place, visit_result(visit));
    if (daemon->ending)
        event_base_loopbreak(daemon->events);
    daemon_show(daemon);
    daemon_arm(daemon);
}

/* ---- a visit under way ---- */

/* The register knows that a drive is mounted before anything is written to it. */
static void
note_use(struct daemon *daemon)
{
    struct drive *drive = daemon->visited != NULL ? daemon->visited->drive : NULL;
    const struct visit_result *result = visit_result(daemon->visit);
    if (drive == NULL || drive->in_use || !result->mounted || result->unmounted)
        return;
    drive->in_use = TRUE;
    daemon_write_register(daemon);
}

static void
visit_stepped(void *context)
{
    struct daemon *daemon = context;
    note_use(daemon);
    if (daemon->visited != NULL)
        notice_progress(daemon->options->mounter, daemon->visited, visit_progress(daemon->visit),
                        &daemon->told_progress);
    daemon_show(daemon);
}

static void
begin_visit(struct daemon *daemon, struct place *place, const struct device *device,
            const struct visit_work *work)
{
    const struct visit_handler handler = {visit_stepped, visit_ended, daemon};
    const struct drive *drive = place != NULL ? place->drive : NULL;
    daemon->visited = place;
    daemon->work = *work;
    daemon->told_progress = 0;
    daemon->visit = visit_new(&daemon->means, work, place != NULL ? place->folder : NULL, device,
                              drive != NULL ? drive->store : NULL, &handler);
}

static void
begin_run(struct daemon *daemon, struct place *place, struct visit_work work)
{
    g_autofree char *name = place_name(place);
    g_autofree char *message = g_strdup_printf(
        "%s: %s", name, work.snapshot ? "taking a snapshot" : "trying whether it restores");
    work.power_off = daemon->options->power_off;
    place->arrived = FALSE;
    log_info("%s", message);
    sd_notifyf(0, "STATUS=%s", message);
    begin_visit(daemon, place, place->device, &work);
    notice_event(daemon->options->mounter, MESSAGE_STARTED, place, place->device, message);
    daemon_show(daemon);
}

void
daemon_eject(struct daemon *daemon, struct place *place)
{
    const struct visit_work work = {.power_off = TRUE};
    begin_visit(daemon, place, place->device, &work);
}

static gboolean
begin_adding(struct daemon *daemon)
{
    const struct visit_work work = {.enrol = TRUE};
    daemon->adding = g_queue_pop_head(&daemon->to_add);
    if (daemon->adding != NULL)
        begin_visit(daemon, NULL, daemon->adding->device, &work);
    return daemon->adding != NULL;
}

/* Of what is due, what is due longest; drives before folders, for somebody may wait beside them. */
static struct place *
choose(const struct daemon *daemon, struct visit_work *work)
{
    struct place *chosen = NULL;
    gint64 now = world_now();
    struct visit_work wanted;
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        if (!place_wants(place, now, &wanted))
            continue;
        gboolean first =
            chosen == NULL || (place->drive != NULL && chosen->drive == NULL) ||
            ((place->drive != NULL) == (chosen->drive != NULL) && place->due < chosen->due);
        if (first) {
            chosen = place;
            *work = wanted;
        }
    }
    return chosen;
}

static void
begin_what_is_due(struct daemon *daemon)
{
    struct visit_work work;
    if (daemon->visit != NULL || daemon->ending || begin_adding(daemon))
        return;
    struct place *place = choose(daemon, &work);
    if (place != NULL)
        begin_run(daemon, place, work);
    else
        sd_notify(0, "STATUS=waiting");
}

/* ---- the clock and the signals ---- */

void
daemon_arm(struct daemon *daemon)
{
    gint64 wait = LOOK_SECONDS, now = world_now();
    for (guint i = 0; i < daemon->places->len && daemon->visit == NULL; i++) {
        gint64 due = place_due(daemon->places->pdata[i]);
        if (due >= 0)
            wait = MIN(wait, MAX(due - now, 0));
    }
    if (daemon->visit == NULL && daemon->to_add.length > 0)
        wait = 0;
    const struct timeval after = {.tv_sec = wait};
    event_add(daemon->tick, &after);
}

static void
plan_all(struct daemon *daemon)
{
    daemon->ahead = ahead();
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        if (place->drive == NULL || place->device == NULL) /* else it is due since it came */
            place_plan_first(place, &daemon->timing, world_now());
    }
}

static void
look(evutil_socket_t fd, short what, void *context)
{
    struct daemon *daemon = context;
    (void)fd;
    (void)what;
    sd_notify(0, "WATCHDOG=1");
    if (ABS(ahead() - daemon->ahead) > LOOK_SECONDS) { /* the clock was set */
        plan_all(daemon);
        note_since(daemon);
    }
    watch_overdue(daemon);
    begin_what_is_due(daemon);
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
    daemon->timing.snapshots = timetable_parse(options->schedule, error);
    if (daemon->timing.snapshots == NULL)
        return FALSE;
    daemon->timing.drills = timetable_parse(options->drills, error);
    if (daemon->timing.drills == NULL)
        return FALSE;
    daemon->logbook = logbook_open(options->state, error);
    daemon->drives = daemon->logbook != NULL ? drives_open(options->state, error) : NULL;
    return daemon->drives != NULL;
}

static void
make_places(struct daemon *daemon)
{
    const char *const *stores = daemon->options->stores;
    for (gsize i = 0; stores[i] != NULL; i++)
        g_ptr_array_add(daemon->places, place_new_folder(stores[i], daemon->logbook));
    for (guint i = 0; i < daemon->drives->all->len; i++)
        g_ptr_array_add(daemon->places,
                        place_new_drive(daemon->drives->all->pdata[i], daemon->logbook));
}

static gboolean
set_up(struct daemon *daemon, GError **error)
{
    const struct daemon_options *options = daemon->options;
    const struct watch_handler handler = {devices_came, devices_left, daemon};
    static const int numbers[] = {SIGTERM, SIGINT};
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
    daemon->means = (struct visit_means){daemon->events,    options->mounter, options->base,
                                         options->snapshot, options->enrol,   options->drill};
    mounter_attach(options->mounter, daemon->events, mounter_died, daemon);
    daemon->tick = event_new(daemon->events, -1, 0, look, daemon);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        daemon->signals[i] = evsignal_new(daemon->events, numbers[i], end, daemon);
        event_add(daemon->signals[i], NULL);
    }
    daemon->started = world_now();
    make_places(daemon);
    plan_all(daemon);
    note_since(daemon);
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
        g_autofree char *next = show_time(place->due), *name = place_name(place);
        if (place->drive == NULL)
            log_info("watching %s; next snapshot %s", name,
                     next != NULL ? next
                     : !timetable_is_set(daemon->timing.snapshots)
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
    answers_end(daemon);
    adding_free(daemon->adding);
    watch_free(daemon->watch);
    control_free(daemon->control);
    for (gsize i = 0; i < G_N_ELEMENTS(daemon->signals); i++)
        g_clear_pointer(&daemon->signals[i], event_free);
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
    timetable_free(daemon->timing.snapshots);
    timetable_free(daemon->timing.drills);
    g_free(daemon->run_folder);
}

static gboolean
watch_and_work(struct daemon *daemon, GError **error)
{
    tell_beginning(daemon);
    sd_notify(0, "READY=1");
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
    struct daemon daemon = {.options = options};
    daemon.timing.delay = options->delay;
    daemon.timing.overdue = options->overdue;
    daemon.timing.drive_overdue = options->drive_overdue;
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
