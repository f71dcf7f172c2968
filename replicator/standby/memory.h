/*
 * memory: what a standby remembers beside the checkpoints, in standby.json of the state folder: the
 * id in the names of its tokens and checkpoints, whom it follows, and since when databases are gone
 * from there.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <glib.h>

struct memory {
    int folder;
    char *id;          /* 32 hex digits, drawn once */
    char *source_uuid; /* of the CouchDB that is followed; NULL: none was yet */
    char *backwards;   /* uuid of the source when it was seen to have gone backwards; NULL: never */
    gint64 looked;    /* when it was looked last which are gone, seconds since 1970 UTC; 0: never */
    GHashTable *gone; /* name of a database → gint64 *: seconds since 1970 UTC */
};

/* Draws the id when there is no file yet. */
struct memory *memory_open(const char *state, GError **error);
/* For who only looks, beside one that follows: writes nothing. */
struct memory *memory_peek(const char *state, GError **error);
void memory_free(struct memory *memory);
AUTO_DEFINE(memory)

gboolean memory_write(const struct memory *memory, GError **error);
