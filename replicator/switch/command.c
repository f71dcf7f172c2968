#include "replicator/switch/command.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "replicator/switch/step.h"

#include <stdio.h>

static const struct {
    const char *name, *wants; /* the argument; NULL: none */
    step_run run;
} steps[] = {
    {"check", "from or to", step_check}, {"pull", "the attempt", step_pull},
    {"adopt", "the uuid", step_adopt},   {"fresh", "a token", step_fresh},
    {"merge", NULL, step_merge},
};

static void
tell(const GString *answer)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "event", "answer");
    json_text_member_raw(text, "answer", (struct slice){answer->str, answer->len});
    json_text_end_object(text);
    printf("%s\n", text->str);
}

int
switch_command(const struct command_line *line, GError **error)
{
    const char *name = command_argument(line, "STEP");
    g_autoptr(GString) answer = g_string_new(NULL);
    struct step step = {line, command_argument(line, "VALUE"), answer};
    gsize i = 0;
    while (i < G_N_ELEMENTS(steps) && !g_str_equal(steps[i].name, name))
        i++;
    if (i == G_N_ELEMENTS(steps)) {
        fail_set(error, FAIL_USAGE, "'%s' is no step of a switch", name);
        return FAIL_USAGE;
    }
    if ((steps[i].wants != NULL) != (step.value != NULL)) {
        fail_set(error, FAIL_USAGE, "'%s' needs %s", name,
                 steps[i].wants != NULL ? steps[i].wants : "nothing behind it");
        return FAIL_USAGE;
    }
    stop_watch();
    json_text_begin_object(answer);
    if (!steps[i].run(&step, error))
        return fail_exit_code(*error);
    json_text_end_object(answer);
    tell(answer);
    return 0;
}
