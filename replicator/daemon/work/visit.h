/*
 * visit: one piece of work at one place, from its beginning to its end.
 *
 *     a drive   mount → certificates → snapshot, or import → drill → unmount → power off
 *     a folder          snapshot            → drill
 *
 * with the steps that the work asks for. Whatever fails, what was mounted is unmounted again; only
 * what we mounted ourselves is. The steps that handle data are jobs (job.h), those that need root
 * are the mounter's.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "replicator/drive/device.h"
#include "replicator/mounter/mounter.h"

/* What every visit needs. */
struct visit_means {
    struct event_base *events;
    struct mounter *mounter;
    const char *base; /* folder of the mount points */
    /* Commands that report in JSON, each ending with NULL; the folder of the store is added. */
    const char *const *snapshot;     /* … --to FOLDER [--store UUID] */
    const char *const *enrol;        /* … --to FOLDER */
    const char *const *import;       /* … FOLDER [--store UUID] */
    const char *const *drill;        /* … FOLDER */
    const char *const *certificates; /* … FOLDER: takes and leaves what lifeboat-netsvc has to do
                                        with a drive. What comes of it is no matter of the visit */
};

struct visit_work {
    gboolean enrol;     /* make or accept the store on a drive */
    gboolean snapshot;  /* take one, … */
    gboolean import;    /* … or bring this node's server up to date from there instead */
    gboolean drill;     /* prove that it restores */
    gboolean power_off; /* at the end, when all went well */
    gboolean resumed;   /* the drive's last visit did not come to unmounting it */
    gboolean unmended;  /* a check could not mend its file system since it was inserted */
};

enum visit_step {
    VISIT_MOUNTING,
    VISIT_ENROLLING,
    VISIT_CERTIFICATES,
    VISIT_SNAPSHOT,
    VISIT_DRILL,
    VISIT_UNMOUNTING,
    VISIT_POWERING_OFF,
    VISIT_ENDED,
};

struct visit_result {
    int exit;         /* of the work before a drill: an exit code (fail.h) */
    char *message;    /* what was wrong, missing or strange; NULL: nothing */
    char *snapshot;   /* id of the one sealed, or imported; NULL: none */
    GString *nodes;   /* how old nodes are, as the store says (standing.h): a JSON array, or NULL */
    char *store;      /* id of the store enrolled; NULL: none was */
    gboolean fresh;   /* it was made just now */
    gboolean drilled; /* the drill came to an end, … */
    int drill_exit;   /* … with this exit code */
    char *drill_message;
    gboolean mounted;   /* by us */
    gboolean unmounted; /* and unmounted again, with all written out */
    gboolean elsewhere; /* somebody else has it mounted, too */
    gboolean pulled;    /* the device left before the end */
    gboolean powered_off;
    gboolean unmended; /* a check could not mend its file system */
};

/* What people are told of a drive that left before the end. */
#define VISIT_PULLED                                                                               \
    "it was pulled out too early: earlier snapshots on it are intact; insert it again"

struct visit_handler {
    void (*stepped)(void *context); /* another step, or progress, is there to be shown */
    void (*ended)(void *context);   /* it may be freed here */
    void *context;
};

struct visit;

/* `folder` of the store, or else the device, of which a copy is kept; `store`: the id that the
 * store on it must have, NULL: any. Nothing happens before the loop goes on. */
struct visit *visit_new(const struct visit_means *means, const struct visit_work *work,
                        const char *folder, const struct device *device, const char *store,
                        const struct visit_handler *handler);

/* Stops the work cleanly: what is sealed counts, the next run goes on, and so does a check. */
void visit_stop(struct visit *visit, gboolean power_off);

/* The device is no longer there. */
void visit_lost_device(struct visit *visit);

/* Kills a job that still runs. */
void visit_free(struct visit *visit);
AUTO_DEFINE(visit)

enum visit_step visit_step(const struct visit *visit);
gboolean visit_imports(const struct visit *visit);     /* its VISIT_SNAPSHOT is an import */
gboolean visit_is_checking(const struct visit *visit); /* the file system, before it is mounted */
const struct visit_result *visit_result(const struct visit *visit);
struct slice visit_progress(const struct visit *visit); /* JSON that the job told; empty: nothing */
