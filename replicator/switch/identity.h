/*
 * identity: a CouchDB's uuid, on which clients hang their checkpoints, and what this node remembers
 * of it, in switch.json of the state folder:
 *
 *     {"token":"…","uuid":"…","carried":"…"}
 *
 * Written before anything is done with CouchDB: a step that is killed and asked for again with its
 * token sets the uuid that was drawn then. CouchDB keeps the uuid in its configuration file, on
 * each of its nodes, and does not wait until the disk has it: where it runs on this machine, we do.
 */
#pragma once

#include "lib/couch/write/traits.h"

struct identity {
    int folder;
    char *token;   /* of the step for which `uuid` was drawn; NULL: none was */
    char *uuid;    /* drawn by us for it */
    char *carried; /* uuid of the CouchDB whose clients' checkpoints are here; NULL: of none */
};

struct identity *identity_open(const char *state, GError **error);
void identity_free(struct identity *identity);
AUTO_DEFINE(identity)

gboolean identity_write(const struct identity *identity, GError **error);

/* Draws one for the token and remembers it, unless it has one already. */
gboolean identity_draw(struct identity *identity, const char *token, GError **error);

/* Sets the uuid on every node of the server, where it is another one, and is sure that it is it. */
gboolean identity_set(struct http *http, const struct traits *traits, const char *uuid,
                      GError **error);
