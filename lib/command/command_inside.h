/* command_inside: what command.c makes of a command line, and line.c answers from. */
#pragma once

#include "lib/command/command.h"
#include "lib/command/configuration.h"

struct command_line {
    const struct program *program;
    const struct command *command;
    struct option_value *values;   /* one for each option of the table, set or not */
    GPtrArray *arguments;          /* positional ones, borrowed from argv */
    char **rest;                   /* borrowed: what goes to another program */
    char *text;                    /* to print instead of running */
    GBytes *configuration;         /* as it was read; NULL: none was */
    GPtrArray *instances;          /* struct command_line: of sections that may stand there several
                                      times; the rest is what they are `of` */
    const struct command_line *of; /* NULL: it is no instance */
    struct configuration_instance *instance;
};
