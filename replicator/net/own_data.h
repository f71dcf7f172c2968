/*
 * own_data: what the CouchDB of a node that is to join a pair has of its own. It would stay there
 * beside what comes from the other node, mixed with it where databases are called alike, and be
 * served after a switch: a person has to know.
 */
#pragma once

#include "lib/command/command.h"

/* The databases with documents, for people to read: `'medic' (1204 documents), …`; NULL: there are
 * none, or, with an error, they could not be looked at. Those of CouchDB itself and of ours do not
 * count. */
char *own_data_find(const struct command_line *line, GError **error);
