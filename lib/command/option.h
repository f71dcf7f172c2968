/*
 * option: what an option is. Each is defined once, in a table (lib/command/settings.c), and from
 * that table come the parser and its limits, --help, the man pages, the commented lifeboat.conf and
 * the shell completion.
 *
 * A table serves several programs and commands: an option says in `commands` who takes it, one bit
 * a command. The same name may stand there twice for different commands (`--to`). All programs
 * share one configuration file, so each knows every section and key of it, and a key belongs to one
 * option.
 */
#pragma once

#include <glib.h>

enum option_type {
    OPTION_FLAG,    /* no value; `yes` or `no` in the configuration */
    OPTION_STRING,  /* not empty */
    OPTION_URL,     /* begins with http:// or https:// */
    OPTION_LIST,    /* strings; repeated on the command line, separated by ; in the configuration */
    OPTION_INTEGER, /* decimal, between `minimum` and `maximum` */
    OPTION_PATH,    /* not empty; absolute in the configuration, where there is no current folder */
    OPTION_PATHS,   /* as a list, each as a path */
    OPTION_TIME,    /* RFC 3339 with an offset */
};

struct option {
    const char *name;        /* without the dashes */
    const char *placeholder; /* "URL"; NULL for a flag */
    enum option_type type;
    guint64 commands;     /* bits of the commands that take it */
    guint64 required;     /* bits of those that cannot do without, from whichever place it comes */
    const char *fallback; /* default value, NULL if none */
    gint64 minimum, maximum; /* OPTION_INTEGER */
    const char *unit;        /* OPTION_INTEGER: "MB"; NULL for a plain number */
    const char *section;     /* place in the configuration; NULL for the command line only */
    const char *key;
    const char *example; /* value shown in the commented configuration where there is no default */
    const char *help;    /* one sentence for --help */
    const char *text;    /* further sentences for the man page and the configuration, or NULL */
};

struct option_section {
    const char *name;
    const char *text;     /* what the section is about */
    const char *instance; /* it may stand there several times, each with a name of its own: the name
                             of the example, [subnet clinic]; NULL: once, [source] */
};

struct option_table {
    const struct option *options;
    gsize n_options;
    const struct option_section *sections;
    gsize n_sections;
};

/* Whether it may have several values. */
gboolean option_is_list(const struct option *option);

/* Whether it belongs to a section that may stand in the configuration several times: such a one is
 * never given on the command line. */
gboolean option_is_instanced(const struct option_table *table, const struct option *option);

/* Whether one of `commands` takes it on the command line. */
gboolean option_is_typed(const struct option_table *table, const struct option *option,
                         guint64 commands);

/* Looks up by name among those that one of `commands` takes, or by place in the configuration. NULL
 * if unknown. */
const struct option *option_find(const struct option_table *table, const char *name,
                                 guint64 commands);
const struct option *option_find_key(const struct option_table *table, const char *section,
                                     const char *key);
const struct option_section *option_find_section(const struct option_table *table,
                                                 const char *name);

/*
 * Checks one value and, for integers and times (microseconds since 1970), gives it as a number. The
 * message tells what is wrong with the value but not where it stood: prefix it.
 */
gboolean option_check(const struct option *option, const char *value, gint64 *number,
                      GError **error);

/* Where a value comes from; the greater wins. */
enum option_origin {
    OPTION_UNSET,
    OPTION_DEFAULT,
    OPTION_CONFIGURATION,
    OPTION_COMMAND_LINE,
};

/* What an option is set to. Zeroed it is unset. */
struct option_value {
    enum option_origin origin;
    GPtrArray *texts; /* one string, or those of a list; NULL when unset */
    gint64 number;    /* of an integer or time; 1 for a flag that is set */
    guint line;       /* where it stands in the configuration; 0: not there */
};

/* Checks and sets a value, or adds it to a list from the same origin; replaces what a lesser origin
 * gave. */
gboolean option_value_set(struct option_value *value, const struct option *option, const char *text,
                          enum option_origin origin, GError **error);
void option_value_clear(struct option_value *value);

/* Edits (insert, delete, replace, swap neighbours) that make `b` of `a`: to guess what was meant.
 */
guint option_distance(const char *a, const char *b);

/* The candidate that `word` was probably meant to be, or NULL when none is near. */
const char *option_closest(const char *word, const char *const *candidates, gsize n_candidates);
