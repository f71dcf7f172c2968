/* address_names: a name that says an address of ours is that address, and no other name is one. */
#include "netsvc/dns/zone/address_names.h"

#include "tests/unit/small_zone.h"

#include "netsvc/dns/dns.h"

static struct zone *zone;
static GArray *networks;
static struct address_names names;

static void
set_up(void)
{
    const struct config_network four = {AF_INET, {10, 0, 0, 0}, 22};
    const struct config_network six = {AF_INET6, {0xfd}, 8};
    struct name box = name_of("box.my.test");
    zone = small_zone("my.test");
    zone_set(zone, &box, TYPE_A, 60, (const guint8 *)"\12\0\0\2", 4);
    networks = g_array_new(FALSE, FALSE, sizeof(struct config_network));
    g_array_append_val(networks, four);
    g_array_append_val(networks, six);
    names = (struct address_names){zone, networks};
}

static void
tear_down(void)
{
    zone_free(zone);
    g_array_unref(networks);
}

/* "10.0.0.7", "empty" or "none". */
static const char *
found(const char *text)
{
    static char address[INET6_ADDRSTRLEN];
    guint8 bytes[16];
    struct name name = name_of(text);
    switch (address_names_find(&names, &name, bytes)) {
    case ADDRESS_NAME_4:
        return inet_ntop(AF_INET, bytes, address, sizeof address);
    case ADDRESS_NAME_6:
        return inet_ntop(AF_INET6, bytes, address, sizeof address);
    case ADDRESS_NAME_EMPTY:
        return "empty";
    default:
        return "none";
    }
}

static void
test_the_name_says_the_address(void)
{
    static const char *const pairs[][2] = {
        {"10-0-0-7.my.test", "10.0.0.7"},
        {"10-0-3-255.my.test", "10.0.3.255"},
        {"10-0-0-0.MY.test", "10.0.0.0"},
        {"fd00--7.my.test", "fd00::7"},
        {"FD00--a-b.my.test", "fd00::a:b"},
        {"_acme-challenge.my.test", "empty"},
        {"_acme-challenge.10-0-0-7.my.test", "empty"},
    };
    set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
        g_assert_cmpstr(found(pairs[i][0]), ==, pairs[i][1]);
    tear_down();
}

static void
test_other_names_say_none(void)
{
    static const char *const none[] = {
        "10-0-4-0.my.test",
        "192-168-0-1.my.test",
        "2001-db8--1.my.test",
        "10-0-0.my.test",
        "10-0-0-7-8.my.test",
        "10-0-0-256.my.test",
        "10-0-0-07.my.test",
        "10-0-0-.my.test",
        "-10-0-0-7.my.test",
        "10--0-0-7.my.test",
        "10-0-0-7-.my.test",
        "a.10-0-0-7.my.test",
        "10-0-0-7.dev.my.test",
        "10-0-0-99999999999999999999.my.test",
        "box.my.test",
        "_acme-challenge.10-9-0-7.my.test",
        "_acme-challenge._acme-challenge.my.test",
        "my.test",
        "fd00--1--2.my.test",
        "fd00--12345.my.test",
        "x.my.test",
        "fd00-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-1.my.test",
    };
    set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(none); i++)
        g_assert_cmpstr(found(none[i]), ==, "none");
    tear_down();
}

/* The answer's rcode and counts of answers and authority, as "0 1 0"; "zone": it is the zone's. */
static const char *
answer(const char *text, guint16 type)
{
    static char told[32];
    guint8 wire[512] = {0, 1, 0, 0, 0, 1}, out[QUERY_UDP_MAX];
    struct name name = name_of(text);
    const struct reply_options options = {0};
    struct query query;
    memcpy(wire + 12, name.wire, name.size);
    gsize size = 12u + name.size;
    wire[size + 1] = (guint8)type;
    wire[size + 3] = CLASS_IN;
    g_assert_cmpint(query_parse(&query, wire, size + 4), ==, QUERY_GOOD);
    if (address_names_answer(&names, &query, &options, TRUE, out, sizeof out) == 0)
        return "zone";
    g_assert_true((out[2] & 0x84) == 0x84); /* an answer, and ours */
    g_snprintf(told, sizeof told, "%d %d %d", out[3] & 15, out[7], out[9]);
    return told;
}

static void
test_only_the_address_is_answered_and_the_rest_is_empty(void)
{
    set_up();
    g_assert_cmpstr(answer("10-0-0-7.my.test", TYPE_A), ==, "0 1 0");
    g_assert_cmpstr(answer("10-0-0-7.my.test", TYPE_ANY), ==, "0 1 0");
    g_assert_cmpstr(answer("10-0-0-7.my.test", TYPE_AAAA), ==, "0 0 1");
    g_assert_cmpstr(answer("fd00--7.my.test", TYPE_AAAA), ==, "0 1 0");
    g_assert_cmpstr(answer("fd00--7.my.test", TYPE_A), ==, "0 0 1");
    g_assert_cmpstr(answer("_acme-challenge.my.test", TYPE_TXT), ==, "0 0 1");
    g_assert_cmpstr(answer("10-9-0-7.my.test", TYPE_A), ==, "3 0 1");
    g_assert_cmpstr(answer("box.my.test", TYPE_A), ==, "zone");
    g_assert_cmpstr(answer("my.test", TYPE_SOA), ==, "zone");
    g_assert_cmpstr(answer("elsewhere.test", TYPE_A), ==, "zone");
    tear_down();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/address_names/the name says the address", test_the_name_says_the_address);
    g_test_add_func("/address_names/other names say none", test_other_names_say_none);
    g_test_add_func("/address_names/only the address is answered and the rest is empty",
                    test_only_the_address_is_answered_and_the_rest_is_empty);
    return g_test_run();
}
