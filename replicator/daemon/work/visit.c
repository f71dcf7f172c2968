#include "replicator/daemon/work/visit.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/work/job.h"
#include "replicator/daemon/work/repair.h"
#include "replicator/drive/sysfs.h"

#include <errno.h>
#include <stdlib.h>

struct visit {
    const struct visit_means *means;
    struct visit_work work;
    struct visit_handler handler;
    struct visit_result result;
    char *folder; /* of the store; NULL before it is mounted */
    char *store;
    struct {
        dev_t number;
        guint64 sequence;
        gboolean in_slot;
        char *node, *type_name;
        enum message_type type;
        gboolean can_mount;
    } device; /* node is NULL: none */
    enum visit_step step;
    gboolean stopping;
    gboolean checking;
    struct job *job;
    char *message; /* the last problem that the job told */
    char *repair;  /* what was told of the drive's file system; NULL: nothing */
    GString *progress;
    struct event *begin;
};

static void advance(struct visit *visit);

/* ---- jobs ---- */

/* What is wrong, and what to do about it: people read it in the status. */
static void
keep_message(struct visit *visit, struct slice line, const char *member)
{
    g_autofree char *message = NULL, *hint = NULL;
    if (!json_member_text(line, member, &message))
        return;
    json_member_text(line, "hint", &hint);
    g_free(visit->message);
    visit->message =
        hint != NULL ? g_strconcat(message, "\nhint: ", hint, NULL) : g_steal_pointer(&message);
}

static void
take_summary(struct visit *visit, struct slice line)
{
    struct visit_result *result = &visit->result;
    struct slice nodes;
    g_clear_pointer(&result->snapshot, g_free);
    json_member_text(line, "snapshot", &result->snapshot);
    if (json_member(line, "nodes", &nodes) && json_type(nodes) == JSON_ARRAY) {
        if (result->nodes != NULL)
            g_string_free(result->nodes, TRUE);
        result->nodes = g_string_new_len(nodes.data, (gssize)nodes.size);
    }
    if (visit->step == VISIT_ENROLLING) {
        json_member_text(line, "store", &result->store);
        result->fresh = json_member_true(line, "fresh");
    }
    keep_message(visit, line, "error"); /* what ended it is the last problem */
}

/* They report in JSON (progress.h): progress, problems, and a summary at the end. */
static void
take_line(void *context, struct slice line)
{
    struct visit *visit = context;
    struct slice event;
    if (!json_check(line, NULL) || !json_member(line, "event", &event))
        return;
    if (slice_is(event, "\"progress\"")) {
        g_string_truncate(visit->progress, 0);
        g_string_append_len(visit->progress, line.data, (gssize)line.size);
        visit->handler.stepped(visit->handler.context);
    } else if (slice_is(event, "\"problem\"")) {
        g_clear_pointer(&visit->message, g_free);
        keep_message(visit, line, "message");
    } else if (slice_is(event, "\"summary\"")) {
        take_summary(visit, line);
    }
}

static void
job_ended(void *context, int exit_code)
{
    struct visit *visit = context;
    struct visit_result *result = &visit->result;
    g_clear_pointer(&visit->job, job_free);
    if (visit->step == VISIT_DRILL && exit_code != 0 && (visit->stopping || result->pulled)) {
        g_clear_pointer(&visit->message, g_free); /* by us: it proves nothing */
    } else if (visit->step == VISIT_DRILL) {
        result->drilled = TRUE;
        result->drill_exit = exit_code;
        result->drill_message = exit_code != 0 ? g_steal_pointer(&visit->message) : NULL;
    } else if (visit->step == VISIT_CERTIFICATES) {
        g_clear_pointer(&visit->message, g_free); /* it has told that itself */
    } else {
        result->exit = exit_code;
        result->message = g_steal_pointer(&visit->message);
    }
    advance(visit);
}

/* Runs `command`, with the texts behind it that are not NULL. */
static gboolean
start_job(struct visit *visit, const char *const *command, const char *const more[4],
          GError **error)
{
    const struct job_handler handler = {take_line, job_ended, visit};
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    for (gsize i = 0; command[i] != NULL; i++)
        g_ptr_array_add(arguments, (gpointer)command[i]);
    for (gsize i = 0; i < 4 && more[i] != NULL; i++)
        g_ptr_array_add(arguments, (gpointer)more[i]);
    g_ptr_array_add(arguments, NULL);
    g_string_truncate(visit->progress, 0);
    g_clear_pointer(&visit->message, g_free);
    visit->job =
        job_start(visit->means->events, (const char *const *)arguments->pdata, &handler, error);
    return visit->job != NULL;
}

static gboolean
run_job(struct visit *visit, const char *const *command, const char *const more[4])
{
    g_autoptr(GError) failure = NULL;
    if (start_job(visit, command, more, &failure))
        return TRUE;
    log_error("%s", failure->message);
    visit->result.exit = FAIL_FAILED;
    visit->result.message = g_strdup(failure->message);
    return FALSE;
}

/* A backup does not wait for what is wrong there. */
static gboolean
run_certificates(struct visit *visit)
{
    const char *const *command = visit->means->certificates;
    g_autoptr(GError) failure = NULL;
    if (command == NULL || visit->device.node == NULL ||
        start_job(visit, command, (const char *const[4]){visit->folder}, &failure))
        return visit->job != NULL;
    log_warning("%s", failure->message);
    return FALSE;
}

/* ---- mounting ---- */

static void
cannot(struct visit *visit, char *message)
{
    visit->result.exit = FAIL_FAILED;
    g_free(visit->result.message);
    visit->result.message = message;
}

static char *
tell_mount_error(const struct visit *visit, int error)
{
    const char *node = visit->device.node, *type = visit->device.type_name;
    switch (error) {
    case EROFS:
        return g_strdup("the drive is write-protected: slide its switch, or use another drive");
    case ENODEV:
        return g_strdup_printf("this kernel cannot mount %s; it stays as it is: use another drive, "
                               "or erase this one: `lifeboat drive add %s --format ext4`",
                               type, node);
    case ESTALE:
        return g_strdup_printf("the drive was pulled out, and '%s' is another one by now: insert "
                               "it again",
                               node);
    case MESSAGE_NO_DRIVE:
        return g_strdup_printf("'%s' is no removable device, nor listed under `devices` in the "
                               "configuration",
                               node);
    case EIO:
    case ENXIO:
        return g_strdup("the drive cannot be read: it is failing, or was pulled out");
    case EPERM:
        return g_strdup_printf("'%s' may not be mounted: lifeboat-replicator does not run as root",
                               node);
    case EINVAL:
    case EUCLEAN:
    case EBADMSG:
        return g_strdup_printf("the file system on '%s' is damaged (%s): `fsck %s` may mend it",
                               node, g_strerror(error), node);
    default:
        return g_strdup_printf("'%s' cannot be mounted: %s", node, g_strerror(error));
    }
}

static void
note_repair(struct visit *visit, const struct message_reply *reply)
{
    const struct repair repair = {visit->device.node, visit->device.type, visit->work.resumed};
    visit->result.unmended = reply->check == MESSAGE_NOT_MENDED;
    visit->repair = repair_settle(&repair, reply, visit->folder);
    if (visit->repair != NULL)
        log_notice("'%s': %s", visit->device.node, visit->repair);
}

/* Or another part of the same disk, or a part of the tree on it. */
static gboolean
is_used_elsewhere(const struct visit *visit)
{
    return sysfs_is_mounted(sysfs_disk(visit->device.number));
}

/* So it is as it was; `idle`: as far as can be told, nobody works on it. */
static void
note_not_mounted(struct visit *visit, gboolean idle)
{
    visit->result.elsewhere = is_used_elsewhere(visit);
    visit->result.unmounted = idle && !visit->result.elsewhere && !visit->result.pulled;
}

static void
is_mounted(void *context, const struct message_reply *reply)
{
    struct visit *visit = context;
    visit->checking = reply->checking != 0;
    if (visit->checking) {
        visit->handler.stepped(visit->handler.context);
        return;
    }
    if (reply->error == 0) {
        visit->result.mounted = TRUE;
        visit->folder = mounter_place(visit->means->base, visit->device.number);
        visit->handler.stepped(visit->handler.context);
    } else if (reply->error == ECANCELED) {
        note_not_mounted(visit, TRUE);
    } else {
        cannot(visit, tell_mount_error(visit, reply->error));
        note_not_mounted(visit, reply->error != EBUSY && reply->error != ESTALE);
    }
    note_repair(visit, reply);
    advance(visit);
}

/* Where somebody held it busy, it is still mounted where we did so. */
static gboolean
is_ours(const struct visit *visit, const char *place)
{
    g_autofree char *path = mounter_place(visit->means->base, visit->device.number);
    char *real = realpath(path, NULL);
    gboolean ours = g_strcmp0(real, place) == 0;
    free(real);
    return ours;
}

static gboolean
mount_drive(struct visit *visit)
{
    const struct visit_work *work = &visit->work;
    g_autofree char *place = sysfs_mount_point(visit->device.number);
    if (place != NULL) {
        visit->result.mounted = is_ours(visit, place);
        visit->result.elsewhere = !visit->result.mounted;
        visit->folder = g_steal_pointer(&place);
        return FALSE;
    }
    if (!work->enrol && !work->snapshot && !work->drill) {
        note_not_mounted(visit, TRUE);
        return FALSE;
    }
    if (!visit->device.can_mount) {
        cannot(visit, g_strdup_printf("'%s' has a file system that is not used here: '%s'",
                                      visit->device.node, visit->device.type_name));
        note_not_mounted(visit, TRUE);
        return FALSE;
    }
    const struct mounter_mount mount = {
        .device = visit->device.number,
        .sequence = visit->device.sequence,
        .type = visit->device.type,
        .make = work->enrol,
        .unmended = work->unmended,
    };
    mounter_mount(visit->means->mounter, &mount, is_mounted, visit);
    return TRUE;
}

static void
is_unmounted(void *context, const struct message_reply *reply)
{
    struct visit *visit = context;
    struct visit_result *result = &visit->result;
    int error = reply->error;
    /* it may be another one that is there now */
    result->unmounted = (error == 0 || error == EIO) && !result->pulled;
    if (error == ENODEV)
        result->pulled = TRUE;
    else if (error == EIO && fail_is_done(result->exit))
        cannot(visit, g_strdup_printf("not all that was written to '%s' arrived there: %s",
                                      visit->device.node, g_strerror(error)));
    else if (error != 0 && error != EIO)
        cannot(visit, g_strdup_printf("'%s' cannot be unmounted: %s", visit->device.node,
                                      g_strerror(error)));
    if (is_used_elsewhere(visit)) {
        result->elsewhere = TRUE;
        result->unmounted = FALSE;
    }
    advance(visit);
}

static void
is_powered_off(void *context, const struct message_reply *reply)
{
    struct visit *visit = context;
    int error = reply->error;
    visit->result.powered_off = error == 0;
    if (error != 0 && error != ENOTSUP && error != ENXIO)
        log_notice("'%s' cannot be powered off: %s; it is unmounted, and may be pulled out",
                   visit->device.node, g_strerror(error));
    advance(visit);
}

/* ---- the steps ---- */

static gboolean
is_well(const struct visit *visit)
{
    return !visit->stopping && !visit->result.pulled && visit->folder != NULL &&
           fail_is_done(visit->result.exit);
}

/* What was to be taken and was not is no good backup. */
static void
note_not_begun(struct visit *visit)
{
    struct visit_result *result = &visit->result;
    if (result->exit != 0)
        return;
    result->exit = FAIL_LATER;
    g_free(result->message);
    result->message = g_strdup(result->pulled ? "the drive was pulled out before it began"
                                              : "it was stopped before it began");
}

static gboolean
run_snapshot(struct visit *visit)
{
    const char *only = visit->store != NULL ? "--store" : NULL;
    const char *const to[4] = {"--to", visit->folder, only, visit->store};
    const char *const from[4] = {visit->folder, only, visit->store};
    return visit->work.import ? run_job(visit, visit->means->import, from)
                              : run_job(visit, visit->means->snapshot, to);
}

/* It stays switched on for whoever mends it, and for another try. */
static gboolean
was_not_mounted(const struct visit *visit)
{
    return !visit->result.mounted && visit->result.exit != 0;
}

/* Begins a step; FALSE when there is nothing to wait for. */
static gboolean
begin_step(struct visit *visit)
{
    const struct visit_work *work = &visit->work;
    const struct visit_result *result = &visit->result;
    switch (visit->step) {
    case VISIT_MOUNTING:
        return visit->folder == NULL && !visit->stopping && !result->pulled && mount_drive(visit);
    case VISIT_ENROLLING:
        return work->enrol && is_well(visit) &&
               run_job(visit, visit->means->enrol, (const char *const[4]){"--to", visit->folder});
    case VISIT_CERTIFICATES:
        return is_well(visit) && run_certificates(visit);
    case VISIT_SNAPSHOT:
        if (work->snapshot && !is_well(visit))
            note_not_begun(visit);
        return work->snapshot && is_well(visit) && run_snapshot(visit);
    case VISIT_DRILL:
        return work->drill && is_well(visit) &&
               run_job(visit, visit->means->drill, (const char *const[4]){visit->folder});
    case VISIT_UNMOUNTING:
        if (result->mounted)
            mounter_unmount(visit->means->mounter, visit->device.number, is_unmounted, visit);
        return result->mounted;
    case VISIT_POWERING_OFF:
        if (!work->power_off || !result->unmounted || result->pulled || was_not_mounted(visit))
            return FALSE;
        mounter_power_off(visit->means->mounter, visit->device.number, visit->device.sequence,
                          visit->device.in_slot, is_powered_off, visit);
        return TRUE;
    case VISIT_ENDED:
        break;
    }
    return FALSE;
}

/* It was mounted for writing, so that it is no switch that keeps it from that. */
static void
tell_failing(struct visit *visit)
{
    struct visit_result *result = &visit->result;
    if (visit->device.node == NULL || result->pulled || result->message == NULL ||
        !(fail_message_came_of(result->message, EIO) ||
          fail_message_came_of(result->message, EROFS)))
        return;
    g_autofree char *said = result->message, *sentence = fail_message(said);
    result->message = g_strconcat(sentence, "; the drive is failing: use another one", NULL);
}

/* Before what became of the work. */
static void
tell_repair(struct visit *visit)
{
    struct visit_result *result = &visit->result;
    if (visit->repair == NULL)
        return;
    g_autofree char *message = result->message;
    result->message =
        message != NULL ? g_strconcat(visit->repair, "; ", message, NULL) : g_strdup(visit->repair);
}

static void
advance(struct visit *visit)
{
    while (visit->step < VISIT_ENDED) {
        visit->step++;
        if (begin_step(visit)) {
            visit->handler.stepped(visit->handler.context);
            return;
        }
    }
    tell_failing(visit);
    tell_repair(visit);
    visit->handler.ended(visit->handler.context);
}

static void
begin(evutil_socket_t fd, short what, void *context)
{
    struct visit *visit = context;
    (void)fd;
    (void)what;
    if (!begin_step(visit))
        advance(visit);
}

/* ---- from outside ---- */

struct visit *
visit_new(const struct visit_means *means, const struct visit_work *work, const char *folder,
          const struct device *device, const char *store, const struct visit_handler *handler)
{
    struct visit *visit = g_new0(struct visit, 1);
    visit->means = means;
    visit->work = *work;
    visit->handler = *handler;
    visit->folder = g_strdup(folder);
    visit->store = g_strdup(store);
    visit->progress = g_string_new(NULL);
    if (device != NULL) {
        visit->device.number = device->number;
        visit->device.sequence = device->sequence;
        visit->device.in_slot = device->in_slot;
        visit->device.node = g_strdup(device->node);
        visit->device.type_name = g_strdup(device->type);
        visit->device.can_mount = device_mount_type(device, &visit->device.type);
    }
    visit->begin = event_new(means->events, -1, 0, begin, visit);
    event_active(visit->begin, EV_TIMEOUT, 0);
    return visit;
}

static void
stop_work(struct visit *visit)
{
    if (visit->job != NULL)
        job_stop(visit->job);
    else if (visit->step == VISIT_MOUNTING)
        mounter_stop(visit->means->mounter);
}

void
visit_stop(struct visit *visit, gboolean power_off)
{
    visit->stopping = TRUE;
    visit->work.power_off = power_off;
    stop_work(visit);
}

void
visit_lost_device(struct visit *visit)
{
    if (visit->step >= VISIT_POWERING_OFF) /* which is why it left */
        return;
    visit->result.pulled = TRUE;
    stop_work(visit);
}

void
visit_free(struct visit *visit)
{
    if (visit == NULL)
        return;
    job_free(visit->job);
    g_clear_pointer(&visit->begin, event_free);
    g_string_free(visit->progress, TRUE);
    g_free(visit->folder);
    g_free(visit->store);
    g_free(visit->device.node);
    g_free(visit->device.type_name);
    g_free(visit->message);
    g_free(visit->repair);
    g_free(visit->result.message);
    g_free(visit->result.snapshot);
    g_free(visit->result.store);
    if (visit->result.nodes != NULL)
        g_string_free(visit->result.nodes, TRUE);
    g_free(visit->result.drill_message);
    g_free(visit);
}

enum visit_step
visit_step(const struct visit *visit)
{
    return visit->step;
}

gboolean
visit_imports(const struct visit *visit)
{
    return visit->work.import;
}

gboolean
visit_is_checking(const struct visit *visit)
{
    return visit->checking;
}

const struct visit_result *
visit_result(const struct visit *visit)
{
    return &visit->result;
}

struct slice
visit_progress(const struct visit *visit)
{
    return (struct slice){visit->progress->str, visit->progress->len};
}
