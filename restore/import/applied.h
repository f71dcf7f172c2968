/*
 * applied: which snapshot's state a standby was brought to last, as the standby's server says
 * itself, in _users/_local/lifeboat-applied: a server that is another one, or was made anew, has
 * none.
 */
#pragma once

#include "lib/http/http.h"
#include "lib/store/catalogue.h"

struct applied {
    char *snapshot; /* UUID; NULL: none was yet */
    char *state;    /* when it began, RFC 3339, UTC */
    char *store;    /* where it lies, … */
    guint64 number; /* … and its number there */
};

/* Whether that state is the same or a later one: by the numbers in one store, by the clock between
 * two. */
gboolean applied_is_enough(const struct applied *applied, const struct catalogue *of);

gboolean applied_read(struct http *http, struct applied *applied, GError **error);
gboolean applied_write(struct http *http, const struct catalogue *of, GError **error);
void applied_clear(struct applied *applied);
