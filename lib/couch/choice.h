/*
 * choice: which databases are meant, by the shell patterns of --include and --exclude.
 */
#pragma once

#include <glib.h>

struct choice {
    const char *const *include; /* end with NULL; NULL or none: all */
    const char *const *exclude; /* likewise; NULL or none: none */
};

gboolean choice_takes(const struct choice *choice, const char *name);

/* Whether a pattern matches any of the names. */
gboolean choice_matches_any(const char *glob, char **names);

/* The --include patterns that match none of the names, likely mistyped: `'a*' or 'b*'`; NULL: all
 * match some. Caller frees. */
char *choice_idle(const struct choice *choice, char **names);
