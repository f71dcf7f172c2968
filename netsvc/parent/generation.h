/*
 * generation: one reading of the configuration. Children keep theirs for as long as they live, so
 * that one that dies is started again with what it served, whatever the file says by now.
 */
#pragma once

#include "netsvc/config/config.h"

struct generation {
    guint uses;
    gint64 read;                /* wall clock, seconds */
    struct generation *of;      /* that `line` is of; NULL: of none */
    struct command_line *again; /* owned, where it was read again */
    const struct command_line *line;
    struct config *config;
    int copy;         /* a file of its bytes in memory, for children */
    gboolean lenient; /* what of it cannot be served is left out, and told */
};

/* The file as it is now; a mistake names file and line. */
struct generation *generation_read(const struct command_line *line, GError **error);
/* Of that text instead of the file's, as the command line has the rest. */
struct generation *generation_with(const struct command_line *line, GBytes *text, GError **error);
/* The same configuration once more, for other sockets: leniently, since nobody is there who changed
 * something and could mend it. */
struct generation *generation_again(struct generation *generation, GError **error);
struct generation *generation_use(struct generation *generation);
void generation_free(struct generation *generation); /* one use less */
AUTO_DEFINE(generation)
