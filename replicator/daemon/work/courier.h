/*
 * courier: the process that brings the off-site copy up to date (replicator/offsite), begun at
 * start and after each good run to its store, and what became of it.
 *
 * It runs beside everything else: an uplink that is slow or dead holds up no drive. A bucket that
 * cannot be reached is nothing new where there is no Internet: it is tried again, less and less
 * often, without an alarm, until the copy is overdue.
 */
#pragma once

#include "replicator/daemon/place/place.h"

struct courier_options {
    const char *const *command; /* reports in JSON, and ends with NULL */
    const char *bucket, *store; /* as configured, to be shown; copied */

    /* It has begun, or ended: then its entry in the logbook is another one. */
    void (*changed)(void *context, gboolean ended);
    void *context;
};

struct courier;

/* `entry` is the logbook's. It begins with the loop. */
struct courier *courier_new(struct event_base *events, const struct courier_options *options,
                            struct logbook_entry *entry);

/* Kills it: whenever that is, it goes on from there the next time. */
void courier_free(struct courier *courier);
AUTO_DEFINE(courier)

/* The store got a snapshot: it begins now, or once more when it has ended. */
void courier_wake(struct courier *courier);

/* The logbook's, which it was made with. */
struct logbook_entry *courier_entry(const struct courier *courier);

/* Whether there was no complete copy for so many days. */
gboolean courier_is_overdue(const struct courier *courier, guint days, gint64 now);

/* The object that `lifeboat status --json` shows. */
void courier_append(const struct courier *courier, guint days, gint64 now, GString *out);
