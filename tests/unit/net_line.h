/* net_line: for tests, a configuration of netsvc as `lifeboat-netsvc run` reads it. */
#pragma once

#include "lib/command/settings.h"
#include "netsvc/config/config.h"

#include "scratch.h"

static inline int
net_line_nothing(const struct command_line *line, GError **error)
{
    (void)line;
    (void)error;
    return 0;
}

/* Of that text, which becomes the scratch's file `c`. */
static inline struct command_line *
net_line(struct scratch *scratch, const char *text)
{
    static const struct command commands[] = {
        {.name = "run", .summary = "", .text = "", .takes = FOR_NET_RUN, .run = net_line_nothing}};
    static const struct program program = {.name = "test",
                                           .manual = "8",
                                           .summary = "",
                                           .text = "",
                                           .commands = commands,
                                           .n_commands = 1,
                                           .options = &settings};
    g_autoptr(GError) error = NULL;
    g_autofree char *config = g_strdup_printf("--config=%s/c", scratch->path);
    char *argv[] = {(char *)"test", (char *)"run", config, NULL};
    scratch_write(scratch, "c", text, strlen(text));
    struct command_line *line = command_line_parse(&program, 3, argv, &error);
    g_assert_no_error(error);
    return line;
}
