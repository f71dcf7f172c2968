/*
 * create: makes and removes databases, through the moments in which CouchDB takes a database that
 * was removed for the one that is made in its place.
 */
#pragma once

#include "lib/couch/write/traits.h"
#include "lib/http/patience.h"

/* What is settled when a database is made. 0: as the server has it by default. */
struct shape {
    guint64 q;
    guint64 n; /* copies, as the source has them */
    gboolean partitioned;
};

/* How many copies are asked for: as many as the target has nodes, if the source has more. 0: as the
 * server has it by default, for a source that has one, since a single node cannot have more. */
guint64 shape_copies(const struct shape *shape, const struct traits *traits);

/* Makes the database, unless it is there. *made: it was not there before, whatever the server
 * says. `patience` tells how to wait. */
gboolean create_database(struct http *http, const struct traits *traits, struct patience *patience,
                         const char *name, const struct shape *shape, gboolean *made,
                         GError **error);

/* Removes it, and is sure that it is gone. */
gboolean create_remove(struct http *http, struct patience *patience, const char *name,
                       GError **error);
