#include "replicator/daemon/command.h"

#include "lib/base/fail.h"
#include "replicator/daemon/daemon.h"

/* The program itself, with what was typed for it; the rest it reads in the configuration. */
static GPtrArray *
snapshot_arguments(const struct command_line *line, const char *program)
{
    static const char *const passed[] = {"source", "credentials", "keys"};
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    const char *const always[] = {program,    "snapshot",
                                  "--config", options_string(line, "config"),
                                  "--to",     options_string(line, "to"),
                                  "--state",  options_string(line, "state"),
                                  "--json"};
    for (gsize i = 0; i < G_N_ELEMENTS(always); i++)
        g_ptr_array_add(arguments, g_strdup(always[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(passed); i++)
        if (options_typed(line, passed[i]))
            g_ptr_array_add(arguments,
                            g_strdup_printf("--%s=%s", passed[i], options_string(line, passed[i])));
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

int
daemon_command(const struct command_line *line, GError **error)
{
    if (!g_utf8_validate(options_string(line, "to"), -1, NULL)) {
        fail_set(error, FAIL_USAGE, "the path of the store '%s' is not in UTF-8",
                 options_string(line, "to"));
        return FAIL_USAGE;
    }
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    if (program == NULL)
        return FAIL_FAILED;
    g_autoptr(GPtrArray) snapshot = snapshot_arguments(line, program);
    const struct daemon_options options = {
        .snapshot = (const char *const *)snapshot->pdata,
        .store = options_string(line, "to"),
        .state = options_string(line, "state"),
        .control = options_string(line, "control"),
        .schedule = options_list(line, "schedule"),
        .delay = (guint)options_integer(line, "delay"),
        .overdue = (guint)options_integer(line, "overdue"),
    };
    return daemon_run(&options, error) ? 0 : FAIL_FAILED;
}
