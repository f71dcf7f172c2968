/*
 * configuration: reads lifeboat.conf, in the syntax of GKeyFile:
 *
 *     # comment, on a line of its own
 *     [source]
 *     url = http://127.0.0.1:5984
 *     [snapshot]
 *     exclude = medic-logs;test-*
 *
 * A section that may stand there several times has a name of each: [subnet clinic], [subnet
 * guests].
 *
 * One file serves all programs. A section or key that no option has, a key given twice, a bad value
 * or a line that is nothing of these is FAIL_USAGE and names the file and line: a mistyped setting
 * must not be silently ignored.
 */
#pragma once

#include "lib/command/option.h"

#define CONFIGURATION_MAX (1024 * 1024) /* bytes of the file */

/* The file's bytes; none where it is absent and not `needed`. */
GBytes *configuration_read(const char *path, gboolean needed, GError **error);

/* One of a section that may stand there several times. */
struct configuration_instance {
    const struct option_section *section;
    char *name;                  /* "clinic" of [subnet clinic] */
    guint line;                  /* of its head */
    struct option_value *values; /* one for each option of the table; set are its section's */
    gsize n_values;
};
void configuration_instance_free(gpointer instance);

/*
 * Sets `values` (one for each option of the table) where nothing stands yet that wins over the
 * configuration, and adds to `instances` (struct configuration_instance) in the order of the file;
 * NULL: they are checked only. `path` is for messages.
 */
gboolean configuration_parse(const struct option_table *table, const char *path, GBytes *text,
                             struct option_value *values, GPtrArray *instances, GError **error);

/* Of a file that has a mistake somewhere: what it says to those that one of `commands` takes, as
 * far as that can be read. */
void configuration_glean(const struct option_table *table, GBytes *text, guint64 commands,
                         struct option_value *values);
