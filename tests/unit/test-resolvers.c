/* resolvers: a subnet that names no DNS server has ours, as far as clients reach it. */
#include "netsvc/dhcp/serve/resolvers.h"

#include "net_line.h"

#define CLINIC "[subnet s]\nnetwork = 10.0.0.0/24\n"
#define SERVICE "[net]\nservice_address = 10.0.0.10\n"
#define PAIR                                                                                       \
    "[node]\nname = a\n[peer a]\naddresses = 10.0.0.1;192.168.77.1\n"                              \
    "[peer b]\naddresses = 10.0.0.2;192.168.77.2\n"
#define OWN 0x0a000001

/* The addresses, with a blank between them. */
static void
assert_told(const char *text, guint32 own, const char *wanted)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    AUTO(command_line) *line = net_line(scratch, text);
    AUTO(config) *config = config_read(line, &error);
    g_assert_no_error(error);
    g_autoptr(GArray) all = resolvers_of(config, config->dhcp.subnets->pdata[0], own);
    g_autoptr(GString) told = g_string_new(NULL);
    char address[INET_ADDRSTRLEN];
    for (guint i = 0; i < all->len; i++)
        g_string_append_printf(told, "%s%s", i > 0 ? " " : "",
                               config_address_text(g_array_index(all, guint32, i), address));
    g_assert_cmpstr(told->str, ==, wanted);
}

static void
the_service_address_is_told_first_and_then_both_nodes(void)
{
    assert_told(PAIR SERVICE CLINIC, OWN, "10.0.0.10 10.0.0.1 10.0.0.2");
    assert_told(SERVICE CLINIC, OWN, "10.0.0.10");
}

static void
without_one_it_is_this_nodes_own(void)
{
    assert_told(CLINIC, OWN, "10.0.0.1");
    assert_told(CLINIC, 0, "");
}

static void
what_clients_do_not_reach_or_nobody_answers_is_not_told(void)
{
    assert_told(SERVICE "[subnet s]\nnetwork = 10.1.0.0/24\n", OWN, "");
    assert_told(SERVICE "[subnet s]\nnetwork = 10.1.0.0/24\nrouter = 10.1.0.1\n", OWN, "10.0.0.10");
    assert_told("[dns]\nenabled = no\n" SERVICE CLINIC, OWN, "");
    assert_told("[dns]\nlisten = 10.0.0.2;10.0.0.10\n" PAIR SERVICE CLINIC, OWN,
                "10.0.0.10 10.0.0.2");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resolvers/the service address is told first, and then both nodes",
                    the_service_address_is_told_first_and_then_both_nodes);
    g_test_add_func("/resolvers/without one it is this node's own",
                    without_one_it_is_this_nodes_own);
    g_test_add_func("/resolvers/what clients do not reach, or nobody answers, is not told",
                    what_clients_do_not_reach_or_nobody_answers_is_not_told);
    return g_test_run();
}
