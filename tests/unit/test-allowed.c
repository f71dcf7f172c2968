/* Who may ask for what: a child that was taken over gets at nothing that it has no business with.
 */
#include "netsvc/parent/task/allowed.h"

#include <string.h>

static gboolean
may(const char *who, const char *name)
{
    return allowed_ask(who, name, "{}", 2);
}

static void
test_own_tasks(void)
{
    g_assert_true(may("failover", "address/take"));
    g_assert_true(may("failover", "hook/stop"));
    g_assert_true(may("failover", "replicator/role"));
    g_assert_true(may("failover", "web/peer"));
    g_assert_true(may("failover", "dns/peer"));
    g_assert_true(may("web", "cert/key"));
    g_assert_true(may("cert", "install/files"));
    g_assert_false(may("dns", "cert/key"));
    g_assert_false(may("dns", "web/peer"));
    g_assert_false(may("web", "web/peer"));
    g_assert_false(may("dhcp", "address/take"));
    g_assert_false(may("web", "hook/certificate"));
    g_assert_false(may("failover", "hook/certificate"));
    g_assert_false(may("failover", "cert/key"));
    g_assert_false(may("failover", "failover/send"));
    g_assert_false(may("nobody", "cert/public"));
}

/* The rest of a name becomes a part of what the replicator is asked. */
static void
test_names_are_whole(void)
{
    g_assert_false(may("failover", "replicator/role\",\"role\":\"active\",\"x\":\"/peer"));
    g_assert_false(may("failover", "replicator/"));
    g_assert_false(may("failover", "replicator/peer"));
    g_assert_false(may("failover", "hook/start/peer"));
    g_assert_false(may("failover", "address/take/peer"));
    g_assert_false(may("cert", "install/"));
    g_assert_false(may("cert", ""));
}

/* What dhcp says to the other node is never taken for cert's there. */
static void
test_sends_as_itself(void)
{
    static const char dhcp[] = "dhcp\0bytes", cert[] = "cert\0{\"say\":\"have\"}",
                      web[] = "web\0{\"say\":\"have\"}", long_one[] = "dhcp2\0",
                      cut[] = {'d', 'h', 'c', 'p'};
    g_assert_true(allowed_ask("dhcp", "failover/send", dhcp, sizeof dhcp));
    g_assert_true(allowed_ask("cert", "failover/send", cert, sizeof cert));
    g_assert_true(allowed_ask("web", "failover/send", web, sizeof web));
    g_assert_false(allowed_ask("web", "failover/send", cert, sizeof cert));
    g_assert_false(allowed_ask("dns", "failover/send", web, sizeof web));
    g_assert_false(allowed_ask("dhcp", "failover/send", cert, sizeof cert));
    g_assert_false(allowed_ask("cert", "failover/send", dhcp, sizeof dhcp));
    g_assert_false(allowed_ask("dhcp", "failover/send", long_one, sizeof long_one));
    g_assert_false(allowed_ask("dhcp", "failover/send", cut, sizeof cut));
    g_assert_false(allowed_ask("dhcp", "failover/send", "", 0));
}

static void
test_operators(void)
{
    static const char *const no[] = {
        "cert/key",        "cert/issue",    "cert/revoke",     "cert/peer",
        "dhcp/peer",       "dns/peer",      "web/peer",        "dhcp/clients",
        "address/take",    "address/open",  "address/fence",   "address/keep",
        "address/clients", "failover/send", "web/certificate", "hook/stop"};
    for (gsize i = 0; i < G_N_ELEMENTS(no); i++)
        g_assert_false(allowed_operator(no[i]));
    g_assert_true(allowed_operator("failover/status"));
    g_assert_true(allowed_operator("failover/switch"));
    g_assert_true(allowed_operator("cert/import"));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/allowed/own-tasks", test_own_tasks);
    g_test_add_func("/allowed/names-are-whole", test_names_are_whole);
    g_test_add_func("/allowed/sends-as-itself", test_sends_as_itself);
    g_test_add_func("/allowed/operators", test_operators);
    return g_test_run();
}
