#include "replicator/net/command.h"

#include "lib/base/fail.h"
#include "replicator/net/leases.h"
#include "replicator/net/pages.h"
#include "replicator/net/zones.h"

#include <stdio.h>

static int
show(const struct command_line *line, const struct pages_list *list, const char *kind,
     char *(*text_of)(const GPtrArray *pages), GError **error)
{
    g_autoptr(GPtrArray) pages = pages_ask(options_string(line, "net-control"), list, error);
    if (pages == NULL)
        return FAIL_FAILED;
    if (options_flag(line, "json")) {
        pages_print_json(pages, list->ask, kind);
        return 0;
    }
    g_autofree char *text = text_of(pages);
    fputs(text, stdout);
    return 0;
}

int
net_leases_command(const struct command_line *line, GError **error)
{
    const struct pages_list list = {.ask = "leases", .key = "address"};
    return show(line, &list, "lease", leases_text, error);
}

int
net_zones_command(const struct command_line *line, GError **error)
{
    const struct pages_list list = {.ask = "zones", .key = "name"};
    return show(line, &list, "zone", zones_text, error);
}
