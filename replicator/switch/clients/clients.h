/*
 * clients: the checkpoints that clients of a node left in its databases, as _local documents: how
 * far each has pulled from there, and pushed to there. They are found again under the node's uuid.
 *
 * A pull's checkpoint is carried over only where the client had all that the node has: nothing is
 * listed there since its sequence. Then it has all that the other node has, too, as of that one's
 * sequence, which is read first. One that was behind is dropped: the client looks through the whole
 * feed once, and is sent only what it does not have. To name a sequence for it, the place of each
 * change that it lacks would have to be found in the other node's feed, and a mistake there would
 * be a patient's record that never comes. Where the other node has more documents than this one, as
 * what vanished from a source stays on a standby, the clients lack those: then all are dropped.
 */
#pragma once

#include "lib/http/http.h"

struct clients {
    guint64 pulls, pushes; /* carried over */
    guint64 dropped;       /* those that were behind, and what nobody knows */
};

/* One database as it stands in both servers. */
struct clients_database {
    const char *name;
    const char *sequence; /* raw JSON, in the one that they are carried into: read before any client
                             writes there */
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
