/*
 * compare: one database on both servers: every leaf revision, and how it is set up; with `deep`,
 * every document's content and every attachment's bytes, too (fingerprint.h).
 *
 * The source goes on while it is compared. So where something differs, it is looked at again, and
 * what still does counts.
 */
#pragma once

#include "lib/http/http.h"
#include "lib/http/patience.h"

#define COMPARE_NAMED 20 /* differences of a database that are named */

struct comparison {
    struct http *source, *target;
    struct patience *patience;
    gboolean deep;
    guint64 documents, leaves; /* of the source */
    guint64 differences;
    guint64 only_here;    /* documents that the target has alone: what vanished stays there */
    GPtrArray *sentences; /* what differs, at most COMPARE_NAMED */
};

void comparison_init(struct comparison *comparison);
void comparison_clear(struct comparison *comparison);

/* Compares a database; the counts are its own. */
gboolean compare_database(struct comparison *comparison, const char *database, GError **error);
