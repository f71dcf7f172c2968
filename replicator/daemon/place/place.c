#include "replicator/daemon/place/place.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"

#define FIRST_RETRY_SECONDS 60 /* after a run that failed, doubled each time, … */
#define LONGEST_RETRY_SECONDS 3600

static struct place *
place_new(struct logbook *logbook, const char *key)
{
    struct place *place = g_new0(struct place, 1);
    place->entry = logbook_entry(logbook, key);
    place->due = place->drill_due = -1;
    return place;
}

struct place *
place_new_folder(const char *folder, struct logbook *logbook)
{
    struct place *place = place_new(logbook, folder);
    place->folder = g_strdup(folder);
    return place;
}

char *
place_drive_key(const struct drive *drive)
{
    return g_strconcat("drive:", drive->store, NULL);
}

struct place *
place_new_drive(struct drive *drive, struct logbook *logbook)
{
    g_autofree char *key = place_drive_key(drive);
    struct place *place = place_new(logbook, key);
    place->drive = drive;
    return place;
}

void
place_free(struct place *place)
{
    if (place == NULL)
        return;
    g_free(place->folder);
    device_free(place->device);
    g_free(place);
}

char *
place_name(const struct place *place)
{
    g_autofree char *id = place->drive != NULL ? drive_id(place->drive) : NULL;
    return id != NULL ? g_strdup_printf("drive '%s' (%s)", place->drive->label, id)
                      : g_strdup_printf("store '%s'", place->folder);
}

gboolean
place_is_here(const struct place *place)
{
    return place->drive == NULL || (place->device != NULL && !place->ejected);
}

/* ---- when ---- */

/* What a person must mend first: neither does it mend itself. */
static gboolean
is_worth_a_retry(int exit_code)
{
    return exit_code != FAIL_DAMAGED && exit_code != FAIL_KEY && exit_code != FAIL_USAGE;
}

static gint64
put_off(const struct timing *timing, gint64 due)
{
    return due < 0 ? due : due + g_random_int_range(0, (gint32)timing->delay + 1);
}

static void
plan_drill(struct place *place, const struct timing *timing, gint64 now)
{
    const struct logbook_entry *last = place->entry;
    gint64 since = MAX(last->drilled, last->since);
    gint64 next = timetable_next(timing->drills, MIN(since, now));
    if (last->drilled > 0 && !fail_is_done(last->drill_exit) && next >= 0)
        next = MIN(next, MIN(last->drilled, now) + DAY);
    place->drill_due = next;
}

void
place_plan_first(struct place *place, const struct timing *timing, gint64 now)
{
    const struct logbook_entry *last = place->entry;
    gint64 next = timetable_next(timing->snapshots, MIN(last->ended, now));
    gboolean missed = next <= now || last->ended == 0 || !fail_is_done(last->exit);
    place->due = next < 0 ? -1 : missed ? now : put_off(timing, next);
    plan_drill(place, timing, now);
}

void
place_clock_set(struct place *place, const struct timing *timing, gint64 before, gint64 now)
{
    gboolean due = place->due >= 0 && place->due <= before;
    gboolean retried = place->due >= 0 && place->failures > 0;
    place_plan_first(place, timing, now);
    if (due || (retried && place->due < 0))
        place->due = now;
}

void
place_plan_next(struct place *place, const struct timing *timing, gint64 now)
{
    gint64 next = timetable_next(timing->snapshots, now);
    place->due = put_off(timing, next);
    plan_drill(place, timing, now);
    if (place->failures == 0 || !is_worth_a_retry(place->entry->exit))
        return;
    guint doublings = MIN(place->failures - 1, 16);
    gint64 retry = now + MIN((gint64)FIRST_RETRY_SECONDS << doublings, LONGEST_RETRY_SECONDS);
    place->due = next < 0 ? retry : MIN(retry, next);
}

gboolean
place_wants(const struct place *place, gint64 now, struct visit_work *work)
{
    gboolean snapshot = place->due >= 0 && place->due <= now;
    *work = (struct visit_work){
        .snapshot = snapshot,
        .drill = place->drill_due >= 0 && place->drill_due <= now &&
                 (snapshot || place->entry->good > 0),
    };
    return place_is_here(place) && (work->snapshot || work->drill);
}

gint64
place_due(const struct place *place)
{
    gint64 drill = place->entry->good > 0 ? place->drill_due : -1;
    if (!place_is_here(place))
        return -1;
    return place->due < 0 || drill < 0 ? MAX(place->due, drill) : MIN(place->due, drill);
}

gboolean
timing_is_overdue(guint days, gint64 good, gint64 since, gint64 now)
{
    gint64 limit = (gint64)days * DAY;
    gboolean believed = good > 0 && good <= now + DAY;
    gint64 from = believed ? good : since;
    return limit > 0 && from > 0 && now - from > limit;
}

gboolean
place_is_overdue(const struct place *place, const struct timing *timing, gint64 now)
{
    guint days = place->drive != NULL ? timing->drive_overdue : timing->overdue;
    return timing_is_overdue(days, place->entry->good, place->entry->since, now);
}

/* ---- what became of it ---- */

static void
replace(char **text, const char *with)
{
    g_free(*text);
    *text = g_strdup(with);
}

void
place_book(struct place *place, const struct visit_result *result, gint64 now)
{
    struct logbook_entry *last = place->entry;
    last->ended = now;
    last->exit = result->exit;
    if (result->exit == 0)
        last->good = now;
    replace(&last->message, result->pulled ? VISIT_PULLED : result->message);
    if (result->snapshot != NULL)
        replace(&last->snapshot, result->snapshot);
    /* an incomplete one will not be more complete a minute later: it waits for its next time, too
     */
    place->failures = fail_is_done(result->exit) ? 0 : place->failures + 1;
    if (result->drilled)
        place_book_drill(place, result, now);
}

void
place_book_drill(struct place *place, const struct visit_result *result, gint64 now)
{
    struct logbook_entry *last = place->entry;
    last->drilled = now;
    last->drill_exit = result->drill_exit;
    replace(&last->drill_message, result->drill_message);
}

/* ---- what is shown ---- */

static const char *
tell_step(const struct place *place, const struct visit *visit, gint64 now)
{
    static const char *const names[] = {
        [VISIT_MOUNTING] = "mounting",
        [VISIT_ENROLLING] = "adding",
        [VISIT_CERTIFICATES] = "certificates",
        [VISIT_SNAPSHOT] = "snapshot",
        [VISIT_DRILL] = "drill",
        [VISIT_UNMOUNTING] = "unmounting",
        [VISIT_POWERING_OFF] = "powering off",
        [VISIT_ENDED] = NULL,
    };
    struct visit_work work;
    if (visit != NULL && visit_step(visit) == VISIT_SNAPSHOT && visit_imports(visit))
        return "import";
    if (visit != NULL && visit_is_checking(visit))
        return "checking";
    if (visit != NULL)
        return names[visit_step(visit)];
    return place_wants(place, now, &work) ? "waiting" : NULL;
}

static void
append_drive(const struct place *place, GString *out)
{
    const struct drive *drive = place->drive;
    g_autofree char *id = drive_id(drive);
    json_text_member_string(out, "id", id);
    json_text_member_string(out, "store", drive->store);
    json_text_member_string(out, "label", drive->label);
    json_text_member_string(out, "filesystem", drive->filesystem);
    json_text_member_time(out, "added", drive->added);
    json_text_member_boolean(out, "attached", place->device != NULL);
    json_text_member_string(out, "device", place->device != NULL ? place->device->node : NULL);
    json_text_member_boolean(out, "safe", place->safe);
}

void
place_append(const struct place *place, const struct timing *timing, const struct visit *visit,
             gint64 now, GString *out)
{
    const struct logbook_entry *last = place->entry;
    struct slice progress = visit != NULL ? visit_progress(visit) : (struct slice){0};
    json_text_begin_object(out);
    if (place->drive != NULL)
        append_drive(place, out);
    else
        json_text_member_string(out, "path", place->folder);
    json_text_member_boolean(out, "scheduled", timetable_is_set(timing->snapshots));
    json_text_member_string(out, "doing", tell_step(place, visit, now));
    if (progress.size > 0)
        json_text_member_raw(out, "progress", progress);
    logbook_append(last, place_is_overdue(place, timing, now), out);
    json_text_member_string(out, "snapshot", last->snapshot);
    json_text_member_time(out, "next", visit == NULL && place_is_here(place) ? place->due : -1);
    if (last->drilled > 0) {
        json_text_member_time(out, "last_drill", last->drilled);
        json_text_member_integer(out, "drill_exit", last->drill_exit);
        json_text_member_string(out, "drill_message", last->drill_message);
    }
    json_text_end_object(out);
}
