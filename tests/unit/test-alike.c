/* alike: the configurations of two nodes differ where it matters, and only there. */
#include "netsvc/config/alike.h"
#include "netsvc/config/config.h"

#include "net_line.h"

static const char clinic[] =
    "[node]\nname = a\n"
    "[net]\nservice_address = 10.66.0.10\n"
    "[dns]\nforwarders = 9.9.9.9\n"
    "[subnet clinic]\nnetwork = 10.66.0.0/16\npools = 10.66.1.0-10.66.1.255\n"
    "[host printer]\nmac = 02:00:00:00:00:01\naddress = 10.66.0.20\n"
    "[host scale]\nmac = 02:00:00:00:00:02\naddress = 10.66.0.21\n";

static char *
sums(const char *text)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    struct command_line *line = net_line(scratch, text);
    AUTO(config) *config = config_read(line, &error);
    g_assert_no_error(error);
    command_line_free(line);
    return g_strdup(config->alike);
}

/* With one piece of the text put in the place of another. */
static void
differs(const char *piece, const char *other, const char *sections)
{
    g_auto(GStrv) parts = g_strsplit(clinic, piece, -1);
    g_autofree char *changed = g_strjoinv(other, parts);
    g_autofree char *own = sums(clinic);
    g_autofree char *theirs = sums(changed);
    g_assert_cmpstr(changed, !=, clinic);
    g_autofree char *found = alike_compare(slice_of(own), slice_of(theirs));
    g_assert_cmpstr(found, ==, sections);
}

static void
test_what_clients_would_find_otherwise(void)
{
    differs("10.66.0.10", "10.66.0.11", "[net]");
    differs("9.9.9.9", "9.9.9.10", "[dns]");
    differs("10.66.1.255", "10.66.1.254", "[subnet]");
    differs("10.66.0.21", "10.66.0.22", "[host]");
    differs("[host scale]", "[host scales]", "[host]");
    differs("[dns]\n", "[dhcp]\nprobe = no\n[dns]\nttl = 61\n", "[dns], [dhcp]");
}

static void
test_what_is_of_the_machine(void)
{
    differs("name = a", "name = b", NULL);
    differs("[dns]\n", "[dns]\nlisten = 127.0.0.1\n", NULL);
    differs("network = ", "interface = eth1\nnetwork = ", NULL);
    differs("service_address", "control = /run/elsewhere\nservice_address", NULL);
}

static void
test_the_order_is_no_matter_nor_is_a_default_that_is_written_down(void)
{
    differs("[host printer]\nmac = 02:00:00:00:00:01\naddress = 10.66.0.20\n"
            "[host scale]\nmac = 02:00:00:00:00:02\naddress = 10.66.0.21\n",
            "[host scale]\naddress = 10.66.0.21\nmac = 02:00:00:00:00:02\n"
            "[host printer]\nmac = 02:00:00:00:00:01\naddress = 10.66.0.20\n",
            NULL);
    differs("[dns]\n", "[dns]\nttl = 60\n", NULL);
}

static void
test_of_another_version_nothing_is_said(void)
{
    const struct slice own = slice_of("{\"dns\":\"a\",\"web\":\"b\"}");
    static const char *const others[] = {"{}", "{\"dns\":7}", "{\"dns\":\"a\",\"cert\":\"c\"}",
                                         "[\"dns\"]"};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_null(alike_compare(own, slice_of(others[i])));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/alike/what clients would find otherwise",
                    test_what_clients_would_find_otherwise);
    g_test_add_func("/alike/what is of the machine", test_what_is_of_the_machine);
    g_test_add_func("/alike/the order is no matter, nor is a default that is written down",
                    test_the_order_is_no_matter_nor_is_a_default_that_is_written_down);
    g_test_add_func("/alike/of another version nothing is said",
                    test_of_another_version_nothing_is_said);
    return g_test_run();
}
