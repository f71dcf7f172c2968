/* devices: drives that come and go (daemon.h). */
#include "replicator/daemon/world.h"

#include "lib/base/log.h"
#include "replicator/daemon/notice.h"

static gboolean
is_same(const struct device *a, const struct device *b)
{
    return a->number == b->number && g_strcmp0(a->filesystem, b->filesystem) == 0;
}

/* udev tells of changes of all kinds; only another file system is another drive. NULL: it is new.
 */
static struct device *
find_here(const struct daemon *daemon, const struct device *device)
{
    for (guint i = 0; i < daemon->places->len; i++) {
        const struct place *place = daemon->places->pdata[i];
        if (place->device != NULL && is_same(place->device, device))
            return place->device;
    }
    for (guint i = 0; i < daemon->unknown->len; i++)
        if (is_same(daemon->unknown->pdata[i], device))
            return daemon->unknown->pdata[i];
    return NULL;
}

/* ---- coming ---- */

static void
welcome(struct daemon *daemon, struct place *place, struct device *device)
{
    g_autofree char *name = place_name(place);
    place->device = device;
    place->safe = place->ejected = place->unmended = FALSE;
    place->failures = 0;
    place->due = world_now();
    place->arrived = TRUE;
    if (place->drive->in_use)
        log_notice("%s: it was pulled out, or the power failed, before it was safe to remove; "
                   "earlier snapshots are intact, and what was under way is done again",
                   name);
    log_info("%s is here, as '%s'", name, device->node);
    daemon_arm(daemon);
}

static char *
describe(const struct device *device)
{
    g_autofree char *size = g_format_size(device->size);
    return g_strdup_printf(
        "'%s' (%s, %s, %s%s%s%s)", device->node, device->model != NULL ? device->model : "no name",
        size, device->type != NULL ? device->type : "no file system",
        device->label != NULL ? ", '" : "", device->label != NULL ? device->label : "",
        device->label != NULL ? "'" : "");
}

static void
leave_alone(struct daemon *daemon, struct device *device, const struct place *twin)
{
    g_autofree char *name = describe(device);
    g_autofree char *message = NULL;
    if (twin != NULL) {
        g_autofree char *drive = place_name(twin);
        message = g_strdup_printf("%s is left alone: its file system has the same UUID as %s, "
                                  "which is here; one is a copy of the other",
                                  name, drive);
    } else {
        message = g_strdup_printf("%s is no drive of ours, and is left alone; to make it one: "
                                  "`lifeboat drive add %s`",
                                  name, device->node);
    }
    log_notice("%s", message);
    notice_event(daemon->options->mounter, MESSAGE_UNKNOWN, NULL, device, message);
    g_ptr_array_add(daemon->unknown, device);
}

void
devices_came(void *context, struct device *device)
{
    struct daemon *daemon = context;
    struct device *here = find_here(daemon, device);
    if (here != NULL) /* a card that was out for a moment has another */
        here->sequence = device->sequence;
    if (here != NULL || daemon->ending) {
        device_free(device);
        return;
    }
    devices_left(daemon, device->number, TRUE);
    struct drive *drive = drives_by_filesystem(daemon->drives, device->filesystem);
    struct place *place = drive != NULL ? devices_place_of(daemon, drive) : NULL;
    if (place != NULL && place->device == NULL)
        welcome(daemon, place, device);
    else
        leave_alone(daemon, device, place);
    daemon_show(daemon);
}

/* ---- going ---- */

/* Pulled out and put back at once, it may come before it has left, and look like its own copy. */
static void
welcome_twin(struct daemon *daemon, struct place *place)
{
    for (guint i = 0; i < daemon->unknown->len && !daemon->ending; i++) {
        const struct device *device = daemon->unknown->pdata[i];
        if (g_strcmp0(device->filesystem, place->drive->filesystem) != 0)
            continue;
        welcome(daemon, place, g_ptr_array_steal_index(daemon->unknown, i));
        return;
    }
}

static void
place_left(struct daemon *daemon, struct place *place)
{
    g_autofree char *name = place_name(place);
    if (daemon->visited == place)
        visit_lost_device(daemon->visit);
    else
        answers_run_ended(daemon, place, "it was pulled out before its turn came");
    g_clear_pointer(&place->device, device_free);
    log_info("%s has left", name);
    welcome_twin(daemon, place);
}

/* Work goes on there. */
static gboolean
is_visited(const struct daemon *daemon, dev_t number)
{
    const struct device *device = daemon->visited != NULL  ? daemon->visited->device
                                  : daemon->adding != NULL ? daemon->adding->device
                                                           : NULL;
    return device != NULL && device->number == number;
}

void
devices_left(void *context, dev_t number, gboolean certain)
{
    struct daemon *daemon = context;
    gboolean changed = FALSE;
    if (!certain && is_visited(daemon, number))
        return;
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        if (place->device == NULL || place->device->number != number)
            continue;
        place_left(daemon, place);
        changed = TRUE;
    }
    for (guint i = daemon->unknown->len; i > 0; i--) {
        const struct device *device = daemon->unknown->pdata[i - 1];
        if (device->number != number)
            continue;
        g_ptr_array_remove_index(daemon->unknown, i - 1);
        changed = TRUE;
    }
    answers_device_left(daemon, number);
    if (daemon->adding != NULL && daemon->adding->device->number == number)
        visit_lost_device(daemon->visit);
    if (changed)
        daemon_show(daemon);
}

struct device *
devices_take_unknown(struct daemon *daemon, const char *node)
{
    for (guint i = 0; i < daemon->unknown->len; i++) {
        struct device *device = daemon->unknown->pdata[i];
        if (g_str_equal(device->node, node))
            return g_ptr_array_steal_index(daemon->unknown, i);
    }
    return NULL;
}

struct place *
devices_place_at(const struct daemon *daemon, const struct device *device)
{
    for (guint i = 0; i < daemon->places->len && device != NULL; i++) {
        struct place *place = daemon->places->pdata[i];
        if (place->device != NULL && place->device->number == device->number)
            return place;
    }
    return NULL;
}

struct place *
devices_place_of(struct daemon *daemon, struct drive *drive)
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
