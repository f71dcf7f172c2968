/* runs: what is begun when it is due, and what becomes of it (daemon.h). */
#include "replicator/daemon/world.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/rfc3339.h"
#include "replicator/daemon/notice.h"
#include "replicator/daemon/place/nodes.h"
#include "replicator/mounter/check.h"

#include <systemd/sd-daemon.h>

/* ---- the end of a visit ---- */

static void
book(struct daemon *daemon, struct place *place, const struct visit_result *result)
{
    struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    gint64 now = world_now();
    gboolean waits = !daemon->work.snapshot && place->due >= 0 && place->due <= now;
    if (daemon->work.snapshot || result->exit != 0)
        place_book(place, result, now);
    else if (result->drilled)
        place_book_drill(place, result, now);
    if (daemon->work.snapshot && result->exit == 0)
        all->good = now;
    if (result->nodes != NULL)
        nodes_note(daemon->logbook, (struct slice){result->nodes->str, result->nodes->len});
    if (daemon->courier != NULL && daemon->work.snapshot && fail_is_done(result->exit) &&
        g_strcmp0(place->folder, daemon->configured->offsite_store) == 0)
        courier_wake(daemon->courier);
    place_plan_next(place, &daemon->configured->timing, now);
    if (place->arrived || waits) /* pulled out, and back already; or asked for meanwhile */
        place->due = now;
    daemon_write_logbook(daemon);
}

/* What a drive's visit ended like, for the person who waits beside it. */
static const char *
tell_removal(const struct visit_result *result)
{
    if (result->pulled)
        return VISIT_PULLED;
    if (result->elsewhere)
        return "something else has it mounted: unmount it there before it is pulled out";
    return result->unmounted ? "it is safe to remove" : "it is not safe to remove";
}

static void
tell_end(struct daemon *daemon, const struct place *place, const struct visit_result *result)
{
    g_autofree char *name = place_name(place), *next = rfc3339_local(place->due);
    static const char *const outcomes[2][3] = {
        {"the snapshot is done", "the snapshot is incomplete", "the snapshot failed"},
        {"this node has all that it brought", "not all of it was brought into this node",
         "this node was not brought up to date"},
    };
    const char *what = outcomes[daemon->work.import][result->exit == 0                 ? 0
                                                     : result->exit == FAIL_INCOMPLETE ? 1
                                                                                       : 2];
    g_autofree char *why = result->message != NULL ? fail_message(result->message) : NULL;
    const char *removal = place->drive != NULL ? tell_removal(result) : NULL;
    g_autofree char *message = g_strdup_printf(
        "%s: %s%s%s%s%s", name, what, why != NULL ? ": " : "", why != NULL ? why : "",
        removal != NULL ? "; " : "", removal != NULL ? removal : "");
    gboolean well = !result->pulled && fail_is_done(result->exit);
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
        place->unmended = place->unmended || (result->unmended && !place->arrived);
        if (result->mounted && result->unmounted && place->drive->in_use) {
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
    if (daemon->work.snapshot || !place_is_here(place))
        answers_run_ended(daemon, place, daemon->work.snapshot ? NULL : "it was ejected before");
    if (place->dropped)
        reload_stores(daemon);
}

/* The place of a drive that holds the same store and is here, as another device; or NULL. */
static struct place *
original_of(struct daemon *daemon, const struct adding *adding, const struct visit_result *result)
{
    struct drive *drive = drives_by_store(daemon->drives, result->store);
    struct place *place = drive != NULL ? devices_place_of(daemon, drive) : NULL;
    gboolean copied =
        place != NULL && place->device != NULL && place->device->number != adding->device->number;
    return copied ? place : NULL;
}

/* Makes it ours, and due: its first snapshot comes at once. */
static struct place *
take_in(struct daemon *daemon, struct adding *adding, const struct visit_result *result)
{
    const struct drive *before = drives_by_store(daemon->drives, result->store);
    adding->moved = before != NULL && !g_str_equal(before->filesystem, adding->device->filesystem);
    struct drive *drive = drives_add(daemon->drives, result->store, adding->device->filesystem,
                                     adding->label, world_now());
    struct place *place = devices_place_of(daemon, drive);
    g_autofree char *name = place_name(place);
    log_info("%s is ours from now on%s", name,
             adding->moved ? ", in the place of the file system that its store was on before" : "");
    device_free(devices_take_unknown(daemon, adding->device->node));
    if (!result->pulled && place->device == NULL)
        place->device = g_steal_pointer(&adding->device);
    place->due = world_now();
    place->safe = place->ejected = FALSE;
    drive->in_use = FALSE;
    return place;
}

static void
adding_ended(struct daemon *daemon, struct adding *adding, const struct visit_result *result)
{
    struct place *there = devices_place_at(daemon, adding->device);
    gboolean done = result->store != NULL && result->exit == 0;
    const struct place *original = done ? original_of(daemon, adding, result) : NULL;
    if (there != NULL)
        there->safe = result->unmounted;
    if (original != NULL) {
        answers_copied(adding, original);
    } else if (done) {
        const struct place *place = take_in(daemon, adding, result);
        gboolean kept = daemon_write_register(daemon);
        daemon_note_since(daemon);
        answers_added(adding, place, kept, result);
    } else {
        answers_added(adding, NULL, FALSE, result);
    }
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

/* Somebody waits beside it, for longer than usual. */
static void
tell_checking(struct daemon *daemon)
{
    const struct place *place = daemon->visited;
    const struct device *device = place != NULL ? place->device : daemon->adding->device;
    g_autofree char *name =
        place != NULL ? place_name(place) : g_strdup_printf("'%s'", device->node);
    g_autofree char *message =
        g_strdup_printf("%s: its file system is checked first, for it was not unmounted, or has "
                        "errors; that may take up to %d minutes",
                        name, CHECK_MINUTES);
    sd_notifyf(0, "STATUS=%s", message);
    notice_event(daemon->options->mounter, MESSAGE_PROGRESS, place, device, message);
}

static void
visit_stepped(void *context)
{
    struct daemon *daemon = context;
    note_use(daemon);
    if (visit_is_checking(daemon->visit)) /* it just began: until its end there is no other step */
        tell_checking(daemon);
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
    struct place *there = devices_place_at(daemon, device);
    if (there != NULL) /* it is about to be mounted */
        there->safe = FALSE;
    daemon->visited = place;
    daemon->work = *work;
    daemon->work.resumed = drive != NULL && drive->in_use;
    daemon->work.unmended = place != NULL && place->unmended;
    daemon->told_progress = 0;
    daemon->visit = visit_new(&daemon->means, &daemon->work, place != NULL ? place->folder : NULL,
                              device, drive != NULL ? drive->store : NULL, &handler);
}

static void
begin_run(struct daemon *daemon, struct place *place, struct visit_work work)
{
    g_autofree char *name = place_name(place);
    work.power_off = daemon->configured->power_off;
    work.import = work.snapshot && place->drive != NULL && daemon->configured->imports;
    g_autofree char *message = g_strdup_printf("%s: %s", name,
                                               work.import ? "bringing this node up to date from it"
                                               : work.snapshot ? "taking a snapshot"
                                                               : "trying whether it restores");
    place->arrived = FALSE;
    log_info("%s", message);
    sd_notifyf(0, "STATUS=%s", message);
    begin_visit(daemon, place, place->device, &work);
    notice_event(daemon->options->mounter, MESSAGE_STARTED, place, place->device, message);
    daemon_show(daemon);
}

void
runs_eject(struct daemon *daemon, struct place *place)
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

void
runs_begin(struct daemon *daemon)
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
