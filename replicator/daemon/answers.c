/* answers: what is asked at the socket (daemon.h). */
#include "replicator/daemon/world.h"

#include "config.h"
#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/notice.h"
#include "replicator/daemon/place/nodes.h"
#include "replicator/drive/sysfs.h"

#include <errno.h>
#include <string.h>

#define SWITCH "switch/"

/* ---- status ---- */

static void
append_unknown(const struct device *device, GString *out)
{
    json_text_begin_object(out);
    json_text_member_string(out, "device", device->node);
    json_text_member_string(out, "label", device->label);
    json_text_member_string(out, "type", device->type);
    json_text_member_unsigned(out, "size", device->size);
    json_text_member_string(out, "model", device->model);
    json_text_end_object(out);
}

static void
append_places(const struct daemon *daemon, gboolean drives, GString *out)
{
    for (guint i = 0; i < daemon->places->len; i++) {
        const struct place *place = daemon->places->pdata[i];
        if ((place->drive != NULL) == drives)
            place_append(place, &daemon->configured->timing,
                         daemon->visited == place ? daemon->visit : NULL, world_now(), out);
    }
}

void
daemon_append_status(const struct daemon *daemon, GString *out)
{
    const struct logbook_entry *all = logbook_entry(daemon->logbook, LOGBOOK_ALL);
    json_text_begin_object(out);
    json_text_member_string(out, "version", LIFEBOAT_VERSION);
    json_text_member_time(out, "started", daemon->started);
    json_text_member_time(out, "last_good", all->good);
    json_text_member_boolean(
        out, "overdue",
        timing_is_overdue(daemon->configured->timing.overdue, all->good, all->since, world_now()));
    json_text_name(out, "configuration");
    configured_append(daemon->configured, out);
    json_text_member_boolean(out, "watching", daemon->watch != NULL);
    json_text_member_boolean(out, "imports", daemon->configured->imports);
    nodes_append(daemon->logbook, out);
    json_text_member_array(out, "stores");
    append_places(daemon, FALSE, out);
    json_text_end_array(out);
    json_text_member_array(out, "drives");
    append_places(daemon, TRUE, out);
    json_text_end_array(out);
    json_text_member_array(out, "unknown");
    for (guint i = 0; i < daemon->unknown->len; i++)
        append_unknown(daemon->unknown->pdata[i], out);
    json_text_end_array(out);
    if (daemon->follower != NULL) {
        json_text_name(out, "standby");
        follower_append(daemon->follower, out);
    }
    role_append(daemon, out);
    if (daemon->courier != NULL) {
        json_text_name(out, "offsite");
        courier_append(daemon->courier, daemon->configured->timing.offsite_overdue, world_now(),
                       out);
    }
    json_text_end_object(out);
}

static void
answer_status(struct daemon *daemon, struct control_question *question)
{
    g_autoptr(GString) out = g_string_new(NULL);
    daemon_append_status(daemon, out);
    control_answer(question, out);
}

static void
answer_reload(struct daemon *daemon, struct control_question *question)
{
    g_autoptr(GString) out = g_string_new(NULL);
    reload(daemon);
    configured_append(daemon->configured, out);
    control_answer(question, out);
}

/* ---- snapshot ---- */

static void
asked_free(gpointer data)
{
    struct asked *asked = data;
    g_ptr_array_unref(asked->places);
    g_string_free(asked->results, TRUE);
    g_free(asked);
}

static void
answer_asked(struct daemon *daemon, struct asked *asked)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_end_array(asked->results);
    json_text_begin_object(out);
    json_text_member_raw(out, "places", (struct slice){asked->results->str, asked->results->len});
    json_text_end_object(out);
    control_answer(asked->question, out);
    g_ptr_array_remove(daemon->asked, asked);
}

/* All that is here, now, whatever the schedule says. */
static void
answer_snapshot(struct daemon *daemon, struct control_question *question)
{
    struct asked *asked = g_new0(struct asked, 1);
    asked->question = question;
    asked->places = g_ptr_array_new();
    asked->results = g_string_new(NULL);
    json_text_begin_array(asked->results);
    g_ptr_array_add(daemon->asked, asked);
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        if (!place_is_here(place))
            continue;
        place->due = world_now();
        place->safe = FALSE;
        g_ptr_array_add(asked->places, place);
    }
    if (asked->places->len == 0) {
        control_refuse(question, "there is nowhere to write to: no store is configured, and no "
                                 "drive of ours is here");
        g_ptr_array_remove(daemon->asked, asked);
        return;
    }
    daemon_arm(daemon);
    daemon_show(daemon);
}

static void
append_result(const struct place *place, const char *why_not, GString *out)
{
    const struct logbook_entry *last = place->entry;
    g_autofree char *name = place_name(place);
    json_text_begin_object(out);
    json_text_member_string(out, "name", name);
    json_text_member_integer(out, "exit", why_not != NULL ? FAIL_LATER : last->exit);
    json_text_member_string(out, "message", why_not != NULL ? why_not : last->message);
    json_text_member_string(out, "snapshot", why_not != NULL ? NULL : last->snapshot);
    json_text_member_boolean(out, "safe", place->safe);
    json_text_end_object(out);
}

void
answers_run_ended(struct daemon *daemon, const struct place *place, const char *why_not)
{
    for (guint i = daemon->asked->len; i > 0; i--) {
        struct asked *asked = daemon->asked->pdata[i - 1];
        if (!g_ptr_array_remove(asked->places, (gpointer)place))
            continue;
        append_result(place, why_not, asked->results);
        if (asked->places->len == 0)
            answer_asked(daemon, asked);
    }
}

/* ---- drives ---- */

static void
append_drive(const struct drive *drive, GString *out)
{
    g_autofree char *id = drive_id(drive);
    json_text_member_string(out, "drive", id);
    json_text_member_string(out, "label", drive->label);
    json_text_member_string(out, "store", drive->store);
}

/* The place that a question is about; NULL: the question is answered. */
static struct place *
place_asked_for(struct daemon *daemon, struct slice request, struct control_question *question)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *name = NULL;
    const struct drive *drive = json_member_text(request, "drive", &name)
                                    ? drives_find(daemon->drives, name, &failure)
                                    : NULL;
    for (guint i = 0; i < daemon->places->len && drive != NULL; i++) {
        struct place *place = daemon->places->pdata[i];
        if (place->drive == drive)
            return place;
    }
    control_refuse(question, failure != NULL ? failure->message : "no drive is named");
    return NULL;
}

static void
answer_remove(struct daemon *daemon, struct slice request, struct control_question *question)
{
    g_autoptr(GString) out = g_string_new(NULL);
    struct place *place = place_asked_for(daemon, request, question);
    if (place == NULL)
        return;
    if (place == daemon->visited) {
        control_refuse(question, "a backup goes on there\n"
                                 "hint: wait for its end, or stop it: `lifeboat drive eject`");
        return;
    }
    g_autofree char *key = place_drive_key(place->drive), *name = place_name(place);
    json_text_begin_object(out);
    append_drive(place->drive, out);
    json_text_end_object(out);
    answers_run_ended(daemon, place, "it was removed before its turn came");
    if (place->device != NULL)
        g_ptr_array_add(daemon->unknown, g_steal_pointer(&place->device));
    drives_remove(daemon->drives, place->drive);
    place->drive = NULL;
    g_ptr_array_remove(daemon->places, place);
    logbook_remove(daemon->logbook, key);
    daemon_write_register(daemon);
    daemon_write_logbook(daemon);
    log_notice("%s is no longer ours", name);
    daemon_show(daemon);
    control_answer(question, out);
}

static const char elsewhere[] = "something else has the drive mounted\n"
                                "hint: `lsblk` shows where; unmount it there";

static void
answer_ejected(struct control_question *question, const struct drive *drive, gboolean powered_off)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    append_drive(drive, out);
    json_text_member_boolean(out, "powered_off", powered_off);
    json_text_end_object(out);
    control_answer(question, out);
}

void
answers_ejected(struct daemon *daemon, const struct place *place, const struct visit_result *result)
{
    struct control_question *question = g_steal_pointer(&daemon->eject);
    if (question == NULL)
        return;
    if (result->elsewhere)
        control_refuse(question, elsewhere);
    else if (result->mounted && !result->unmounted)
        control_refuse(question,
                       result->message != NULL ? result->message : "the drive was pulled out");
    else
        answer_ejected(question, place->drive, result->powered_off);
}

static void
answer_eject(struct daemon *daemon, struct slice request, struct control_question *question)
{
    struct place *place = place_asked_for(daemon, request, question);
    if (place == NULL)
        return;
    if (place->device == NULL) {
        control_refuse(question, "the drive is not here");
    } else if (daemon->eject != NULL) {
        control_refuse(question, "a drive is ejected already");
    } else if (daemon->adding != NULL && daemon->adding->device->number == place->device->number) {
        control_refuse(question, "the drive is being added: it is mounted\n"
                                 "hint: wait for its end");
    } else if (daemon->visit != NULL && daemon->visited != place &&
               sysfs_is_mounted(sysfs_disk(place->device->number))) {
        control_refuse(question, elsewhere);
    } else if (daemon->visit != NULL && daemon->visited != place) {
        control_refuse(question, "work goes on elsewhere, and this drive is not mounted: it may be "
                                 "pulled out");
    } else {
        daemon->eject = question;
        if (daemon->visit != NULL)
            visit_stop(daemon->visit, TRUE);
        else
            runs_eject(daemon, place);
    }
}

void
adding_free(struct adding *adding)
{
    if (adding == NULL)
        return;
    device_free(adding->device);
    g_free(adding->label);
    g_free(adding);
}

static void
answer_add(struct daemon *daemon, struct slice request, struct control_question *question)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *node = NULL, *label = NULL;
    enum message_type type;
    if (!json_member_text(request, "device", &node)) {
        control_refuse(question, "no device is named");
        return;
    }
    AUTO(device) *device =
        daemon->watch != NULL ? watch_look_at(daemon->watch, node, &failure) : NULL;
    if (device == NULL) {
        control_refuse(question,
                       failure != NULL ? failure->message : "udev does not tell of devices here");
        return;
    }
    json_member_text(request, "label", &label);
    if (device->filesystem == NULL || !device_mount_type(device, &type)) {
        g_autofree char *message = g_strdup_printf(
            "the file system on '%s', %s, cannot be used\n"
            "hint: `lifeboat drive add --format ext4 %s` makes another; all that is on it goes",
            node, device->type != NULL ? device->type : "of an unknown kind", node);
        control_refuse(question, message);
        return;
    }
    struct adding *adding = g_new0(struct adding, 1);
    adding->question = question;
    adding->label = label != NULL && label[0] != '\0' ? g_steal_pointer(&label)
                    : device->label != NULL           ? g_strdup(device->label)
                                                      : g_strdup("drive");
    adding->device = g_steal_pointer(&device);
    g_queue_push_tail(&daemon->to_add, adding);
    daemon_arm(daemon);
}

void
answers_device_left(struct daemon *daemon, dev_t number)
{
    GList *next;
    for (GList *each = daemon->to_add.head; each != NULL; each = next) {
        struct adding *adding = each->data;
        next = each->next;
        if (adding->device->number != number)
            continue;
        g_queue_delete_link(&daemon->to_add, each);
        control_refuse(adding->question, "the drive was pulled out");
        adding_free(adding);
    }
}

void
answers_added(struct adding *adding, const struct place *place, gboolean kept,
              const struct visit_result *result)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (place == NULL) {
        control_refuse(adding->question, result->message != NULL ? result->message
                                         : result->pulled        ? "the drive was pulled out"
                                                                 : "the drive could not be added");
        return;
    }
    if (!kept) {
        control_refuse(adding->question, "the drive is fit to be used, but cannot be remembered: "
                                         "the register cannot be written; the log tells why\n"
                                         "hint: mend that, and add it again");
        return;
    }
    json_text_begin_object(out);
    append_drive(place->drive, out);
    json_text_member_boolean(out, "fresh", result->fresh);
    json_text_member_boolean(out, "moved", adding->moved);
    json_text_member_string(out, "message", result->message);
    json_text_end_object(out);
    control_answer(adding->question, out);
}

void
answers_copied(const struct adding *adding, const struct place *original)
{
    g_autofree char *name = place_name(original), *id = drive_id(original->drive);
    g_autofree char *message = g_strdup_printf(
        "'%s' is a copy of %s, which is here as '%s': of two copies of a store only one is used\n"
        "hint: to go on with this one in the place of that: `lifeboat drive remove %s`, then add "
        "this one again; to use both, delete the folder 'lifeboat' on this one first",
        adding->device->node, name, original->device->node, id);
    control_refuse(adding->question, message);
}

/* ---- all ---- */

void
answers_begin(struct daemon *daemon)
{
    daemon->asked = g_ptr_array_new_with_free_func(asked_free);
    g_queue_init(&daemon->to_add);
}

void
answers_ask(void *context, struct slice request, struct control_question *question)
{
    struct daemon *daemon = context;
    g_autofree char *ask = NULL;
    json_member_text(request, "ask", &ask);
    if (g_strcmp0(ask, "status") == 0)
        answer_status(daemon, question);
    else if (daemon->ending)
        control_refuse(question, "lifeboat-replicator is about to end");
    else if (control_is_crowded(daemon->control))
        control_refuse(question, "too many wait for an answer already\nhint: try later");
    else if (g_strcmp0(ask, "snapshot") == 0)
        answer_snapshot(daemon, question);
    else if (ask != NULL && g_str_has_prefix(ask, SWITCH))
        role_ask(daemon, ask + strlen(SWITCH), request, question);
    else if (g_strcmp0(ask, "reload") == 0)
        answer_reload(daemon, question);
    else if (g_strcmp0(ask, "drive add") == 0)
        answer_add(daemon, request, question);
    else if (g_strcmp0(ask, "drive remove") == 0)
        answer_remove(daemon, request, question);
    else if (g_strcmp0(ask, "drive eject") == 0)
        answer_eject(daemon, request, question);
    else
        control_refuse(question, "nothing is known of what is asked");
}

void
answers_end(struct daemon *daemon)
{
    static const char ended[] = "lifeboat-replicator was ended";
    for (guint i = daemon->asked->len; i > 0; i--) {
        struct asked *asked = daemon->asked->pdata[i - 1];
        control_refuse(asked->question, ended);
        g_ptr_array_remove_index(daemon->asked, i - 1);
    }
    if (daemon->eject != NULL)
        control_refuse(g_steal_pointer(&daemon->eject), ended);
    if (daemon->adding != NULL)
        control_refuse(daemon->adding->question, ended);
    struct adding *adding;
    while ((adding = g_queue_pop_head(&daemon->to_add)) != NULL) {
        control_refuse(adding->question, ended);
        adding_free(adding);
    }
}
