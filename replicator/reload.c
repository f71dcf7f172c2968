#include "replicator/reload.h"

#include "lib/base/fail.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/tell.h"

#include <stdio.h>

static int
refuse(struct slice answer, const char *problem, GError **error)
{
    g_autofree char *hint = tell_text(answer, "hint");
    fail_set(error, FAIL_USAGE, "%s; what was read before stays in force", problem);
    if (hint != NULL)
        fail_add_hint(error, hint);
    return FAIL_USAGE;
}

int
reload_command(const struct command_line *line, GError **error)
{
    g_autoptr(GString) text = ask_daemon(ASK_REPLICATOR, options_string(line, "control"),
                                         "{\"ask\":\"reload\"}", ASK_SECONDS, error);
    if (text == NULL)
        return FAIL_FAILED;
    struct slice answer = {text->str, text->len};
    g_autofree char *problem = tell_text(answer, "problem");
    if (problem != NULL)
        return refuse(answer, problem, error);
    printf("the configuration was read again, and is in force\n");
    tell_waiting(answer);
    return 0;
}
