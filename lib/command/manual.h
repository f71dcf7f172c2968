/*
 * manual: the texts that come from the tables of programs and options: --help, man pages in roff,
 * the commented lifeboat.conf and the completion for bash. `PROGRAM --print
 * man|conf|conf-man|completion` prints them, which is how the build gets its files. The caller
 * frees what is returned.
 *
 * In the tables' texts, paragraphs are separated by an empty line and `a command` stands in back
 * quotes, which man pages show bold.
 */
#pragma once

#include "lib/command/command.h"

char *manual_help(const struct program *program); /* PROGRAM --help */
char *manual_command_help(const struct program *program,
                          const struct command *command);          /* PROGRAM COMMAND --help */
char *manual_page(const struct program *program);                  /* man PROGRAM; roff.c */
char *manual_configuration(const struct option_table *table);      /* etc/lifeboat.conf */
char *manual_configuration_page(const struct option_table *table); /* man lifeboat.conf; roff.c */
char *manual_completion(const struct program *program);

/* One of the above by its word after --print; NULL for an unknown word. */
char *manual_print(const struct program *program, const char *what);

/* ---- what help and man pages share ---- */

#define MANUAL_CONFIGURATION_TEXT                                                                  \
    "Lifeboat's configuration: one file for all its programs, the same on both nodes of a site "   \
    "but for [node]. "                                                                             \
    "An unknown section or key is an error."

struct manual_exit {
    int code;
    const char *meaning;
};

extern const struct manual_exit manual_exits[];
extern const gsize manual_n_exits;

gboolean manual_exits_with(const struct command *command, int code);

/* `lifeboat key init [--keys DIR] …` in one line; MANUAL_JOIN stands for a space at which no line
 * may end. */
#define MANUAL_JOIN "\xc2\xa0" /* U+00A0, no-break space */
char *manual_synopsis(const struct program *program, const struct command *command);

/* Whether any command of the program takes the option. */
gboolean manual_takes(const struct program *program, const struct option *option);
