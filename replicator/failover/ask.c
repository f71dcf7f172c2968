#include "replicator/failover/ask.h"

#include "lib/control/ask.h"

GString *
failover_ask(const struct command_line *line, const char *what, const char *members, guint seconds,
             GError **error)
{
    g_autofree char *request = g_strdup_printf("{\"ask\":\"failover/%s\"%s}", what, members);
    return ask_daemon(ASK_NETSVC, options_string(line, "net-control"), request, seconds, error);
}
