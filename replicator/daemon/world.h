/* world: what the daemon's parts share: daemon.c, runs.c, reload.c, devices.c, answers.c. */
#pragma once

#include "lib/control/control.h"
#include "replicator/daemon/daemon.h"
#include "replicator/daemon/place/place.h"
#include "replicator/daemon/role.h"
#include "replicator/daemon/work/courier.h"
#include "replicator/daemon/work/follower.h"
#include "replicator/daemon/work/steps.h"
#include "replicator/drive/watch.h"

/* A drive that is to be ours. */
struct adding {
    struct device *device;
    char *label;
    struct control_question *question;
    gboolean moved; /* it takes the place of the file system that its store was on before */
};

/* A question that is answered when something is over. */
struct asked {
    struct control_question *question;
    GPtrArray *places; /* struct place: whose runs it waits for */
    GString *results;  /* of those that are over, elements of an array in JSON */
};

/* What lifeboat-netsvc said last. */
struct role {
    char *name; /* "standby"; NULL: nothing was said yet */
    guint64 term;
    gboolean unmerged;
    gint64 heard; /* monotonic, in microseconds: when, or when the daemon began */
    gboolean told_silent;
};

struct daemon {
    const struct daemon_options *options;
    struct visit_means means;
    struct configured *configured; /* the options' */
    struct event_base *events;
    struct logbook *logbook;
    struct drives *drives;
    struct control *control;
    struct follower *follower;  /* NULL: this node follows none now */
    const char *const *follows; /* the command of the last one */
    struct role role;
    struct steps *steps;     /* of a switch */
    struct courier *courier; /* NULL: there is no off-site copy */
    struct watch *watch;     /* NULL: udev tells nothing here */
    struct event *tick;
    struct event *signals[3];
    char *run_folder; /* of the socket and status.json */

    GPtrArray *places;  /* struct place */
    GPtrArray *unknown; /* struct device: removable, here, none of our drives */
    gint64 started;     /* seconds since 1970 UTC */
    gint64 look_after;  /* microseconds between looks at the clock at most */
    gint64 ahead; /* of the wall clock before the monotonic one, in seconds, when that was found */

    struct visit *visit;            /* the one under way, or NULL */
    struct visit_work work;         /* what it is to do */
    struct place *visited;          /* its place; NULL while a drive is added */
    struct adding *adding;          /* the drive that is added by it */
    GQueue to_add;                  /* struct adding */
    GPtrArray *asked;               /* struct asked: for runs to end */
    struct control_question *eject; /* of the place visited */
    gint64 told_progress;
    gboolean told_overdue, told_offsite_overdue;
    gboolean ending, failed;
};

gint64 world_now(void);

/* Lets what is due begin, as soon as the loop goes on. */
void daemon_arm(struct daemon *daemon);

/* Something changed that `lifeboat status` shows. */
void daemon_show(struct daemon *daemon);

/* The object that `lifeboat status --json` shows. */
void daemon_append_status(const struct daemon *daemon, GString *out);

gboolean daemon_write_register(struct daemon *daemon);
void daemon_write_logbook(struct daemon *daemon);

/* Says it once when the off-site copy has become overdue. */
void daemon_watch_offsite(struct daemon *daemon);

/* What `overdue` counts from until the first good run: when a place was first seen. */
void daemon_note_since(struct daemon *daemon);

/* ---- runs.c ---- */

/* Begins what is due, if nothing is under way. */
void runs_begin(struct daemon *daemon);

/* Unmounts and powers off, where nothing goes on. */
void runs_eject(struct daemon *daemon, struct place *place);

/* ---- reload.c ---- */

/* Reads the configuration again. What runs goes on as it was begun. */
void reload(struct daemon *daemon);

/* The places of the stores that are configured: makes those that are new, and removes those that
 * are not any more, but for one at which work goes on. */
void reload_stores(struct daemon *daemon);

/* Begins or ends following the other node, as configured. */
void reload_follower(struct daemon *daemon);

/* The same with the process that brings the off-site copy up to date. */
void reload_courier(struct daemon *daemon);

/* ---- devices.c ---- */

void devices_came(void *context, struct device *device);
void devices_left(void *context, dev_t number, gboolean certain);

/* Takes the device that is `there` out of those that are unknown; NULL: it is not among them. */
struct device *devices_take_unknown(struct daemon *daemon, const char *node);

/* The place of a drive that is at a device now; NULL: of none of ours. */
struct place *devices_place_at(const struct daemon *daemon, const struct device *device);

/* The place of a drive, made if need be. */
struct place *devices_place_of(struct daemon *daemon, struct drive *drive);

/* ---- answers.c ---- */

void answers_begin(struct daemon *daemon);

void answers_ask(void *context, struct slice request, struct control_question *question);

/* A run at the place is over; or there was none, and will be none: `why_not`. */
void answers_run_ended(struct daemon *daemon, const struct place *place, const char *why_not);

/* What waits to be added is not there any more: its number may be another's by the time. */
void answers_device_left(struct daemon *daemon, dev_t number);

/* The drive was unmounted, or not. */
void answers_ejected(struct daemon *daemon, const struct place *place,
                     const struct visit_result *result);

/* The drive was added: `place`; or not: NULL. `kept`: the register knows it. */
void answers_added(struct adding *adding, const struct place *place, gboolean kept,
                   const struct visit_result *result);
void adding_free(struct adding *adding);

/* It holds the store of a drive that is here, too: of two copies one is used. */
void answers_copied(const struct adding *adding, const struct place *original);

/* The daemon ends: nobody is left waiting. */
void answers_end(struct daemon *daemon);
