#include "replicator/daemon/command.h"

#include "lib/base/fail.h"
#include "replicator/daemon/daemon.h"

int
daemon_command(const struct command_line *line, GError **error)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    const struct daemon_options options = {
        .program = program,
        .config = options_string(line, "config"),
        .store = options_string(line, "to"),
        .state = options_string(line, "state"),
        .control = options_string(line, "control"),
        .schedule = options_list(line, "schedule"),
        .delay = (guint)options_integer(line, "delay"),
        .overdue = (guint)options_integer(line, "overdue"),
    };
    return program != NULL && daemon_run(&options, error) ? 0 : FAIL_FAILED;
}
