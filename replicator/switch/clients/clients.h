/*
 * clients: the checkpoints that clients of a node left in its databases, as _local documents: how
 * far each has pulled from there, and pushed to there. They are found again under the node's uuid.
 *
 * A client that had all that the node has (nothing is listed there since its sequence) has all that
 * the other node has, too, as of that one's sequence, which is read first. For one that was behind
 * a sequence is looked for (behind.h); where there is none its checkpoint is dropped: it looks
 * through the whole feed once, and is sent only what it does not have. Where the other node has
 * more documents than this one, as what vanished from a source stays on a standby, the clients lack
 * those: then all are dropped.
 */
#pragma once

#include "lib/http/http.h"

struct clients {
    guint64 pulls, pushes; /* carried over */
    guint64 dropped;       /* those that were far behind, and what nobody knows */
};

/* One database as it stands in both servers. */
struct clients_database {
    const char *name;
    const char *sequence; /* raw JSON, in the one that they are carried into: read before any client
                             writes there; … */
    const char *end;      /* … and in the one that they come from */
    const GPtrArray *marks; /* struct mark: older sequences, the newest first */
    gboolean alike; /* both have as many documents, and as many deleted ones; and sequences are
                       texts, not numbers, of which pull and push could not be told apart */
};

/* Brings one database's from the one server to the other; those that stood there before go. Adds to
 * the counts. */
gboolean clients_carry(struct http *from, struct http *into,
                       const struct clients_database *database, struct clients *clients,
                       GError **error);

/* Deletes all in every database; FALSE: some may be left. */
gboolean clients_drop_all(struct http *http, guint64 *dropped, GError **error);
