/* site: every name and address of the configuration is in a zone of ours, and nothing else is. */
#include "netsvc/dns/zone/site.h"

#include "lib/base/fail.h"
#include "tests/unit/small_zone.h"

#define SERIAL 1800000000u

struct world {
    struct config config;
    struct zones *zones;
};

static struct world world;

static void
set_up(void)
{
    memset(&world, 0, sizeof world);
    world.zones = zones_new();
    world.config.node = g_strdup("a");
    world.config.dns.ttl = 300;
    world.config.dns.zones = g_ptr_array_new();
    world.config.dns.names = g_ptr_array_new();
    world.config.dns.listen = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    world.config.dhcp.subnets = g_ptr_array_new();
    world.config.dhcp.hosts = g_ptr_array_new();
}

static void
free_zone(gpointer data, gpointer context)
{
    struct config_zone *zone = data;
    (void)context;
    g_array_unref(zone->primaries);
    g_free(zone);
}

static void
free_plain(gpointer data, gpointer context)
{
    (void)context;
    g_free(data);
}

static void
tear_down(void)
{
    g_ptr_array_foreach(world.config.dns.zones, free_zone, NULL);
    g_ptr_array_foreach(world.config.dns.names, free_plain, NULL);
    g_ptr_array_foreach(world.config.dhcp.subnets, free_plain, NULL);
    g_ptr_array_foreach(world.config.dhcp.hosts, free_plain, NULL);
    g_ptr_array_unref(world.config.dns.zones);
    g_ptr_array_unref(world.config.dns.names);
    g_ptr_array_unref(world.config.dhcp.subnets);
    g_ptr_array_unref(world.config.dhcp.hosts);
    g_array_unref(world.config.dns.listen);
    g_free(world.config.node);
    zones_free(world.zones);
}

/* ---- the configuration ---- */

static struct config_zone *
configure_zone(const char *name)
{
    struct config_zone *zone = g_new0(struct config_zone, 1);
    zone->name = (char *)name;
    zone->primaries = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    g_ptr_array_add(world.config.dns.zones, zone);
    return zone;
}

static void
configure_name(const char *name, const char *address)
{
    struct config_name *made = g_new0(struct config_name, 1);
    made->name = (char *)name;
    made->family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    g_assert_cmpint(inet_pton(made->family, address, made->address), ==, 1);
    g_ptr_array_add(world.config.dns.names, made);
}

static void
configure_subnet(const char *network, guint prefix, const char *domain)
{
    struct config_subnet *subnet = g_new0(struct config_subnet, 1);
    subnet->name = (char *)"wifi";
    subnet->network = ntohl(inet_addr(network));
    subnet->prefix = prefix;
    subnet->mask = ~0u << (32 - prefix);
    subnet->domain = (char *)domain;
    g_ptr_array_add(world.config.dhcp.subnets, subnet);
}

static void
configure_host(const char *name, const char *address)
{
    struct config_host *host = g_new0(struct config_host, 1);
    host->name = (char *)name;
    host->address = ntohl(inet_addr(address));
    g_ptr_array_add(world.config.dhcp.hosts, host);
}

static void
configure_listen(const char *address)
{
    struct config_peer peer = {.size = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&peer.address;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = inet_addr(address);
    g_array_append_val(world.config.dns.listen, peer);
}

static void
build(void)
{
    g_autoptr(GError) error = NULL;
    gboolean good = site_build(world.zones, &world.config, SERIAL, &error);
    g_assert_no_error(error);
    g_assert_true(good);
}

static void
assert_mistake(const char *message, const char *hint)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(site_build(world.zones, &world.config, SERIAL, &error));
    g_autofree char *said = fail_message(error->message);
    g_assert_cmpstr(said, ==, message);
    g_assert_cmpstr(fail_hint(error->message), ==, hint);
}

/* ---- what there is ---- */

#define ASSERT_HOLDS(name, type, text) ASSERT_HELD(world.zones, name, type, text)

static void
assert_zones(const char *names)
{
    g_autoptr(GString) all = g_string_new(NULL);
    char text[NAME_TEXT_MAX];
    for (guint i = 0; i < zones_count(world.zones); i++)
        g_string_append_printf(all, "%s%s", i > 0 ? " " : "",
                               name_text(zone_origin(zones_at(world.zones, i)), text));
    g_assert_cmpstr(all->str, ==, names);
}

static void
test_names_are_in_the_zone_that_is_configured(void)
{
    set_up();
    configure_zone("clinic.example");
    configure_name("clinic.example", "10.0.0.2");
    configure_name("*.clinic.example", "10.0.0.2");
    configure_name("printer.clinic.example", "10.0.0.9");
    configure_name("printer.clinic.example", "fd00::9");
    build();
    assert_zones("clinic.example 0.0.10.in-addr.arpa "
                 "0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa");
    ASSERT_HOLDS("clinic.example", TYPE_A, "10.0.0.2");
    ASSERT_HOLDS("*.clinic.example", TYPE_A, "10.0.0.2");
    ASSERT_HOLDS("printer.clinic.example", TYPE_A, "10.0.0.9");
    ASSERT_HOLDS("printer.clinic.example", TYPE_AAAA, "fd00::9");
    ASSERT_HOLDS("2.0.0.10.in-addr.arpa", TYPE_PTR, "clinic.example");
    ASSERT_HOLDS("9.0.0.10.in-addr.arpa", TYPE_PTR, "printer.clinic.example");
    ASSERT_HOLDS("9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
                 TYPE_PTR, "printer.clinic.example");
    tear_down();
}

static void
test_each_zone_has_the_serial_and_this_node_as_server(void)
{
    set_up();
    world.config.service_address = 0x0a000001;
    configure_zone("clinic.example");
    configure_subnet("10.0.0.0", 24, "clinic.example");
    build();
    assert_zones("clinic.example 0.0.10.in-addr.arpa");
    for (guint i = 0; i < zones_count(world.zones); i++)
        g_assert_cmpuint(zone_serial(zones_at(world.zones, i)), ==, SERIAL);
    ASSERT_HOLDS("clinic.example", TYPE_NS, "a.clinic.example");
    ASSERT_HOLDS("0.0.10.in-addr.arpa", TYPE_NS, "a.clinic.example");
    ASSERT_HOLDS("clinic.example", TYPE_SOA, "a.clinic.example");
    ASSERT_HOLDS("a.clinic.example", TYPE_A, "10.0.0.1");
    tear_down();
}

static void
test_the_server_has_the_addresses_that_it_listens_at(void)
{
    set_up();
    world.config.service_address = 0x0a000001;
    configure_zone("clinic.example");
    configure_listen("127.0.0.1");
    configure_listen("10.0.0.2");
    configure_listen("10.0.0.3");
    configure_listen("0.0.0.0");
    build();
    ASSERT_HOLDS("a.clinic.example", TYPE_A, "10.0.0.2 10.0.0.3");
    tear_down();
}

static void
test_the_server_has_the_address_that_is_configured(void)
{
    set_up();
    configure_zone("clinic.example");
    configure_name("a.clinic.example", "10.0.0.9");
    configure_listen("10.0.0.2");
    build();
    ASSERT_HOLDS("a.clinic.example", TYPE_A, "10.0.0.9");
    tear_down();
}

static void
test_a_name_outside_makes_no_more_than_itself(void)
{
    set_up();
    configure_name("www.example.org", "192.0.2.7");
    configure_name("a.b.lan.test", "10.0.0.3");
    configure_name("*.lan.test", "10.0.0.2");
    build();
    assert_zones("lan.test www.example.org 7.2.0.192.in-addr.arpa 0.0.10.in-addr.arpa");
    ASSERT_HOLDS("www.example.org", TYPE_A, "192.0.2.7");
    ASSERT_HOLDS("7.2.0.192.in-addr.arpa", TYPE_PTR, "www.example.org");
    ASSERT_HOLDS("a.b.lan.test", TYPE_A, "10.0.0.3");
    tear_down();
}

static void
test_reverse_zones_are_at_the_octet_below(void)
{
    static const struct {
        const char *network;
        guint prefix;
        const char *zones;
    } subnets[] = {
        {"10.1.0.0", 24, "0.1.10.in-addr.arpa"},
        {"10.1.0.0", 22,
         "0.1.10.in-addr.arpa 1.1.10.in-addr.arpa 2.1.10.in-addr.arpa 3.1.10.in-addr.arpa"},
        {"10.1.0.64", 26, "0.1.10.in-addr.arpa"},
        {"10.1.0.0", 16, "1.10.in-addr.arpa"},
        {"10.128.0.0", 15, "128.10.in-addr.arpa 129.10.in-addr.arpa"},
        {"10.0.0.0", 8, "10.in-addr.arpa"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(subnets); i++) {
        set_up();
        configure_subnet(subnets[i].network, subnets[i].prefix, NULL);
        build();
        assert_zones(subnets[i].zones);
        tear_down();
    }
}

static void
test_reservations_have_names_unless_they_are_taken(void)
{
    set_up();
    configure_zone("clinic.example");
    configure_name("scanner.lan.clinic.example", "10.0.0.99");
    configure_subnet("10.0.0.0", 24, "lan.clinic.example");
    configure_subnet("10.9.0.0", 24, NULL);
    configure_host("Printer", "10.0.0.9");
    configure_host("scanner", "10.0.0.10");
    configure_host("nameless", "10.9.0.10");
    build();
    ASSERT_HOLDS("printer.lan.clinic.example", TYPE_A, "10.0.0.9");
    ASSERT_HOLDS("9.0.0.10.in-addr.arpa", TYPE_PTR, "printer.lan.clinic.example");
    ASSERT_HOLDS("scanner.lan.clinic.example", TYPE_A, "10.0.0.99");
    ASSERT_HOLDS("10.0.0.10.in-addr.arpa", TYPE_PTR, "");
    ASSERT_HOLDS("10.0.9.10.in-addr.arpa", TYPE_PTR, "");
    tear_down();
}

static void
test_the_first_name_of_an_address_is_what_it_is_called(void)
{
    set_up();
    configure_name("*.clinic.example", "10.0.0.2");
    configure_name("app.clinic.example", "10.0.0.2");
    configure_name("chat.clinic.example", "10.0.0.2");
    build();
    ASSERT_HOLDS("2.0.0.10.in-addr.arpa", TYPE_PTR, "app.clinic.example");
    tear_down();
}

static void
test_clients_of_a_signed_zone_get_an_unsigned_child(void)
{
    set_up();
    configure_zone("clinic.example")->sign = TRUE;
    configure_subnet("10.0.0.0", 24, "lan.clinic.example");
    build();
    assert_zones("clinic.example lan.clinic.example 0.0.10.in-addr.arpa");
    const struct name name = name_of("lan.clinic.example");
    const struct zone *parent = zone_holding(world.zones, "clinic.example");
    g_assert_nonnull(zone_rrset(parent, &name, TYPE_NS));
    g_assert_null(zone_rrset(parent, &name, TYPE_DS));
    g_assert_cmpuint(zone_serial(parent), ==, SERIAL);
    tear_down();
}

static void
test_clients_of_an_open_zone_are_in_it(void)
{
    set_up();
    configure_zone("clinic.example");
    configure_subnet("10.0.0.0", 24, "lan.clinic.example");
    build();
    assert_zones("clinic.example 0.0.10.in-addr.arpa");
    tear_down();
}

static void
test_the_head_of_a_signed_zone_is_no_place_for_clients(void)
{
    set_up();
    configure_zone("clinic.example")->sign = TRUE;
    configure_subnet("10.0.0.0", 24, "clinic.example");
    assert_mistake("subnet 'wifi': its clients' names cannot come into the zone 'clinic.example', "
                   "which is signed",
                   "set 'domain' to a name below it, for example lan.clinic.example");
    tear_down();
}

static void
test_a_file_keeps_what_it_says(void)
{
    set_up();
    struct zone *zone = small_zone("test");
    const struct name ns = name_of("ns.test"), lan = name_of("lan.test");
    zone_set(zone, &ns, TYPE_A, 60, (const guint8 *)"\12\0\0\5", 4);
    zones_put(world.zones, zone);
    configure_zone("test")->file = (char *)"test.zone";
    configure_name("ns.test", "10.0.0.77");
    configure_subnet("10.0.0.0", 24, "lan.test");
    configure_listen("10.0.0.2");
    build();
    assert_zones("test lan.test 0.0.10.in-addr.arpa");
    ASSERT_HOLDS("ns.test", TYPE_A, "10.0.0.5");
    g_assert_nonnull(zone_rrset(zone, &lan, TYPE_NS));
    const struct name glue = name_of("a.lan.test");
    g_assert_nonnull(zone_rrset(zone, &glue, TYPE_A));
    configure_name("new.test", "10.0.0.78");
    assert_mistake("the name 'new.test' is in the zone 'test', which comes from a file without it",
                   "set it there");
    tear_down();
}

static void
test_reverse_zones_alone_are_served_by_the_files_server(void)
{
    set_up();
    zones_put(world.zones, small_zone("test"));
    configure_zone("test")->file = (char *)"test.zone";
    configure_subnet("10.0.0.0", 24, NULL);
    build();
    ASSERT_HOLDS("0.0.10.in-addr.arpa", TYPE_NS, "ns.test");
    tear_down();
}

static void
test_a_name_of_another_servers_zone_is_a_mistake(void)
{
    const struct config_peer peer = {0};
    set_up();
    g_array_append_val(configure_zone("test")->primaries, peer);
    configure_name("new.test", "10.0.0.78");
    assert_mistake("the name 'new.test' is in the zone 'test', which comes from another server",
                   "set it there");
    tear_down();
}

static void
test_the_address_zone_is_a_zone_of_its_own(void)
{
    set_up();
    configure_zone("clinic.example");
    world.config.dns.address_zone = (char *)"my.clinic.example";
    build();
    assert_zones("clinic.example my.clinic.example");
    ASSERT_HOLDS("my.clinic.example", TYPE_NS, "a.clinic.example");
    const struct name name = name_of("my.clinic.example");
    g_assert_nonnull(zone_rrset(zone_holding(world.zones, "clinic.example"), &name, TYPE_NS));
    tear_down();
}

static void
test_without_anything_there_is_nothing(void)
{
    set_up();
    build();
    assert_zones("");
    tear_down();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/site/names are in the zone that is configured",
                    test_names_are_in_the_zone_that_is_configured);
    g_test_add_func("/site/each zone has the serial and this node as server",
                    test_each_zone_has_the_serial_and_this_node_as_server);
    g_test_add_func("/site/the server has the addresses that it listens at",
                    test_the_server_has_the_addresses_that_it_listens_at);
    g_test_add_func("/site/the server has the address that is configured",
                    test_the_server_has_the_address_that_is_configured);
    g_test_add_func("/site/a name outside makes no more than itself",
                    test_a_name_outside_makes_no_more_than_itself);
    g_test_add_func("/site/reverse zones are at the octet below",
                    test_reverse_zones_are_at_the_octet_below);
    g_test_add_func("/site/reservations have names unless they are taken",
                    test_reservations_have_names_unless_they_are_taken);
    g_test_add_func("/site/the first name of an address is what it is called",
                    test_the_first_name_of_an_address_is_what_it_is_called);
    g_test_add_func("/site/clients of a signed zone get an unsigned child",
                    test_clients_of_a_signed_zone_get_an_unsigned_child);
    g_test_add_func("/site/clients of an open zone are in it",
                    test_clients_of_an_open_zone_are_in_it);
    g_test_add_func("/site/the head of a signed zone is no place for clients",
                    test_the_head_of_a_signed_zone_is_no_place_for_clients);
    g_test_add_func("/site/a file keeps what it says", test_a_file_keeps_what_it_says);
    g_test_add_func("/site/reverse zones alone are served by the files server",
                    test_reverse_zones_alone_are_served_by_the_files_server);
    g_test_add_func("/site/a name of another servers zone is a mistake",
                    test_a_name_of_another_servers_zone_is_a_mistake);
    g_test_add_func("/site/the address zone is a zone of its own",
                    test_the_address_zone_is_a_zone_of_its_own);
    g_test_add_func("/site/without anything there is nothing",
                    test_without_anything_there_is_nothing);
    return g_test_run();
}
