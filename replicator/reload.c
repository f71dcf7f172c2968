#include "replicator/reload.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/tell.h"

#include <errno.h>
#include <stdio.h>

/* Has one of the daemons read the configuration; the exit code. */
static int
reload(const char *program, const char *socket, GError **error)
{
    g_autoptr(GString) text =
        ask_daemon(program, socket, "{\"ask\":\"reload\"}", ASK_LONG_SECONDS, error);
    if (text == NULL)
        return FAIL_FAILED;
    struct slice answer = {text->str, text->len}, configuration;
    if (json_member(answer, "configuration", &configuration))
        answer = configuration;
    g_autofree char *problem = tell_text(answer, "problem"), *hint = tell_text(answer, "hint");
    if (problem != NULL) {
        fail_set(error, FAIL_USAGE, "%s; what was read before stays in force", problem);
        if (hint != NULL)
            fail_add_hint(error, hint);
        return FAIL_USAGE;
    }
    tell_waiting(answer);
    return 0;
}

int
net_reload_command(const struct command_line *line, GError **error)
{
    int code = reload(ASK_NETSVC, options_string(line, "net-control"), error);
    if (code == 0)
        printf("the configuration was read again, and is in force\n");
    return code;
}

/* Whether lifeboat-netsvc is there at all; where it is and does not answer, that is an error. */
static gboolean
is_absent(const GError *error)
{
    return fail_came_of(error, ENOENT);
}

/* A mistake in what the one reads does not keep the other from reading it: both say so. */
int
reload_command(const struct command_line *line, GError **error)
{
    g_autoptr(GError) of_net = NULL;
    int code = reload(ASK_REPLICATOR, options_string(line, "control"), error);
    int net = reload(ASK_NETSVC, options_string(line, "net-control"), &of_net);
    if (of_net != NULL && is_absent(of_net))
        net = 0;
    else if (of_net != NULL && code != 0)
        log_error("%s", of_net->message);
    else if (of_net != NULL)
        g_propagate_error(error, g_steal_pointer(&of_net));
    if (code == 0 && net == 0)
        printf("the configuration was read again, and is in force\n");
    return code != 0 ? code : net;
}
