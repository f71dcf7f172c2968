/*
 * pair: where the other node's CouchDB is, and who we are there.
 *
 *     two [peer NAME] sections   the one that is not `[node] name`: its `couchdb`, else the nodes'
 *                                own link, whose tunnel ends at this machine. Both nodes have the
 *                                same administrator: `[standby] credentials`, else those of
 *                                [source]
 *     `[standby] follow`         without a pair: that server, as far as anybody knows of it
 *     --from                     typed: that one, whatever the configuration says
 */
#pragma once

#include "lib/command/command.h"

struct pair {
    char *own, *other;       /* names of a pair's nodes; NULL: there is none */
    char *url;               /* of the other node's CouchDB; NULL: there is none */
    const char *credentials; /* file or NULL: those that stand in the URL, or none */
};

/* FAIL_USAGE when it is told twice, or only half of it is. The strings that are no pair's own are
 * the line's. */
gboolean pair_read(const struct command_line *line, struct pair *pair, GError **error);
void pair_clear(struct pair *pair);

/* The same for who cannot do without. */
gboolean pair_require(const struct command_line *line, struct pair *pair, GError **error);
