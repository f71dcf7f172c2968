/*
 * command: the frame of every program. A program is a table of commands over a table of options
 * (option.h); its main is `return program_main(&program, argc, argv);`.
 *
 *     lifeboat COMMAND [ARGUMENT | --option VALUE | --option=VALUE]... [-- ARGUMENT...]
 *
 * Values come from the command line, else from the configuration file (--config; configuration.h),
 * else from the table. A mistake in either is FAIL_USAGE. Errors are printed once, by program_main.
 *
 * A command's code asks by name; a name that its command does not take is a bug and ends the
 * program:
 *
 *     int
 *     snapshot_command(const struct command_line *line, GError **error)
 *     {
 *         const char *source = options_string(line, "source");
 *         gboolean full = options_flag(line, "full");
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/command/option.h"

#define COMMAND_ARGUMENTS_MAX 4
#define COMMAND_EXITS_MAX 8

struct command_line;

/* Returns the exit code; when it sets the error, that is printed and fail_exit_code() of it counts.
 */
typedef int (*command_run)(const struct command_line *line, GError **error);

struct command_argument {
    const char *name; /* "STORE" */
    gboolean optional;
};

struct command {
    const char *name;    /* one or two words: "snapshot", "key init" */
    const char *summary; /* one line without a full stop, for the list of commands */
    const char *text;    /* for --help and the man page; paragraphs separated by an empty line */
    guint64 takes;       /* its bit in option.commands */
    struct command_argument
        arguments[COMMAND_ARGUMENTS_MAX]; /* ends with a NULL name; optional ones last */
    int exits[COMMAND_EXITS_MAX];         /* exit codes other than 0; ends with 0 */
    const char *pass_to; /* another program that gets all that follows, --help too; no options of
                            its own then */
    const char *pass_as; /* a command of that program, put before what follows; or NULL */
    gboolean forgives;   /* a mistake in the configuration is a warning; what can be read counts */
    gboolean rereads;    /* the same without a word: it reads it again by itself */
    command_run run;
};

struct program {
    const char *name;
    const char *manual;  /* section of the man page: "1", "8" */
    const char *summary; /* one line without a full stop */
    const char *text;    /* paragraphs separated by an empty line */
    const char *example; /* lines for the man page, or NULL */
    const struct command *commands;
    gsize n_commands;
    const struct option_table *options;
};

/* Parses, runs, prints what went wrong (with --json also as the summary that ends its output), and
 * returns the exit code. Ignores SIGPIPE: connections and pipes end with EPIPE. */
int program_main(const struct program *program, int argc, char **argv);

/* ---- what a command asks ---- */

const char *options_string(const struct command_line *line,
                           const char *name); /* string, path; NULL if unset */
gboolean options_flag(const struct command_line *line, const char *name);
const char *const *options_list(const struct command_line *line,
                                const char *name); /* ends with NULL; may be empty */
gint64 options_integer(const struct command_line *line,
                       const char *name); /* has a default in the table */
gboolean options_time(const struct command_line *line, const char *name,
                      gint64 *microseconds); /* FALSE if unset */

/* A single value of any type as it was given; NULL if unset. */
const char *options_text(const struct command_line *line, const char *name);

/* Whether the operator chose it, on the command line or in the configuration: it is not the
 * default. */
gboolean options_given(const struct command_line *line, const char *name);

/* The error that a required option gives, for one that is needed by what else was chosen. */
gboolean options_require(const struct command_line *line, const char *name, GError **error);

/* Prefixes an error with where the option was set: "/etc/lifeboat/lifeboat.conf:12: schedule: ". */
void options_blame(const struct command_line *line, const char *name, GError **error);

/* Whether it stood on the command line. */
gboolean options_typed(const struct command_line *line, const char *name);

/* Of a section that may stand in the configuration several times: each one, in the order of the
 * file, as a command line that the functions above take, valid as long as `line`. The caller frees
 * the array. */
GPtrArray *options_instances(const struct command_line *line, const char *section);
const char *options_instance_section(const struct command_line *instance);
const char *options_instance_name(const struct command_line *instance);
guint options_instance_line(const struct command_line *instance); /* of the file */

/* Calls `visit` with each option of a section that has a value, be it the default, in the order of
 * the table; `values` ends with NULL. `line`: of an instance, where the section has several. */
typedef void (*options_visit)(gpointer context, const struct option *option,
                              const char *const *values);
void options_each(const struct command_line *line, const char *section, options_visit visit,
                  gpointer context);

/* A positional argument by its name, NULL when an optional one is absent. */
const char *command_argument(const struct command_line *line, const char *name);

/* All that follows a command with `pass_to`, ending with NULL. */
char *const *command_rest(const struct command_line *line);
const struct command *command_of(const struct command_line *line);

/* ---- for a program that goes on when the configuration changes ---- */

/* What was read of it, as bytes. */
GBytes *command_configuration(const struct command_line *line);

/* What was typed, each as --name=value: for another process that is to read the same. The caller
 * frees the array, with what is in it. */
GPtrArray *command_line_typed(const struct command_line *line);

/* The same command line, and the configuration as it is now. */
struct command_line *command_line_again(const struct command_line *line, GError **error);

/* The same command line, with that text as its configuration. */
struct command_line *command_line_with(const struct command_line *line, GBytes *configuration,
                                       GError **error);

/* Those that one of `commands` takes and the two set otherwise: struct option, in the order of the
 * table. */
GPtrArray *command_line_compare(const struct command_line *a, const struct command_line *b,
                                guint64 commands);

/* ---- for program_main and tests ---- */

struct command_line *command_line_parse(const struct program *program, int argc, char **argv,
                                        GError **error);

/* What --help, --version or --print asked for, to be printed instead of running anything; NULL
 * otherwise. */
const char *command_line_text(const struct command_line *line);
void command_line_free(struct command_line *line);
AUTO_DEFINE(command_line)
