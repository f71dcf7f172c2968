/*
 * logbook: what became of the last run for each store, and how old other nodes are (nodes.h), kept
 * through restarts in one small file in the state folder. That snapshots exist is told by the
 * stores alone; this tells when a run last found all well, though it may have had nothing to write,
 * and is what `overdue` counts from.
 */
#pragma once

#include "lib/base/cleanup.h"

struct logbook_entry {
    gint64 since;        /* when the store was first seen, seconds since 1970 UTC; 0: not yet */
    gint64 good;         /* when a run last ended well, seconds since 1970 UTC; 0: never */
    gint64 ended;        /* when the last run ended; 0: there was none */
    int exit;            /* its exit code */
    char *snapshot;      /* the last one sealed: its id; NULL: none is known of */
    char *message;       /* what was wrong or strange in the last run; NULL: nothing */
    gint64 drilled;      /* when the last drill ended; 0: there was none */
    int drill_exit;      /* its exit code, … */
    char *drill_message; /* … and what it said when it did not end well */
};

#define LOGBOOK_ALL "*" /* the entry that stands for all places together: `since` and `good` */

struct logbook;

/* A file that is damaged is as good as none, and told by a warning. */
struct logbook *logbook_open(const char *folder, GError **error);
void logbook_free(struct logbook *logbook);
AUTO_DEFINE(logbook)

/* The entry of a store, by its path or a name of its own; an empty one at first. The logbook's; to
 * be changed in place, with strings that it then owns. */
struct logbook_entry *logbook_entry(struct logbook *logbook, const char *store);

/* The entry of the copy of a store in a bucket; `snapshot`: when its newest began. */
struct logbook_entry *logbook_offsite(struct logbook *logbook, const char *bucket,
                                      const char *store);
void logbook_remove(struct logbook *logbook, const char *store);

/* Members of an object for `lifeboat status`: how the last run ended, and the last good one. */
void logbook_append(const struct logbook_entry *entry, gboolean overdue, GString *out);

/* Shows each entry, in no order. */
void logbook_each(struct logbook *logbook,
                  void (*show)(const char *store, const struct logbook_entry *entry, void *context),
                  void *context);

/* Makes all entries durable. */
gboolean logbook_write(struct logbook *logbook, GError **error);
