/* net: what `lifeboat net …` and `lifeboat status` show of the LAN. */
#include "lib/base/fail.h"
#include "lib/json/json.h"
#include "replicator/net/leases.h"
#include "replicator/net/status.h"
#include "replicator/net/zones.h"

#include <string.h>

static GPtrArray *
pages_of(const char *first, const char *second)
{
    GPtrArray *pages = g_ptr_array_new();
    for (const char *each = first; each != NULL; each = each == first ? second : NULL) {
        g_assert_true(json_check(slice_of(each), NULL));
        g_ptr_array_add(pages, g_string_new(each));
    }
    return pages;
}

static void
assert_text(char *(*text_of)(const GPtrArray *), GPtrArray *pages, const char *wanted)
{
    g_autofree char *text = text_of(pages);
    g_assert_cmpstr(text, ==, wanted);
    for (guint i = 0; i < pages->len; i++)
        g_string_free(pages->pdata[i], TRUE);
    g_ptr_array_unref(pages);
}

static void
test_leases(void)
{
    assert_text(
        leases_text,
        pages_of(
            "{\"leases\":[{\"address\":\"10.0.0.7\",\"name\":\"a\\u001b[2J\",\"mac\":"
            "\"52:54:00:00:00:01\",\"state\":\"leased\",\"seconds\":90061}],\"pools\":[{"
            "\"subnet\":\"c\",\"first\":\"10.0.0.1\",\"last\":\"10.0.0.9\",\"size\":9,"
            "\"leased\":1,\"offered\":0,\"resting\":0}],\"more\":true}",
            "{\"leases\":[{\"address\":\"10.0.0.8\",\"client\":\"01ab\",\"state\":\"released\","
            "\"seconds\":0,\"reserved\":true},{\"address\":\"10.0.0.9\",\"name\":null,"
            "\"state\":\"offered\",\"seconds\":59}]}"),
        "ADDRESS   NAME      MAC                STATE               FOR\n"
        "10.0.0.7  a\\x1b[2J  52:54:00:00:00:01  leased              1 d 1 h\n"
        "10.0.0.8            01ab               released, reserved\n"
        "10.0.0.9                               offered             59 s\n"
        "\n"
        "pool 10.0.0.1-10.0.0.9 of [subnet c]: 1 of 9 in use\n");
    assert_text(leases_text, pages_of("{\"leases\":[]}", NULL), "no client has an address\n");
    assert_text(leases_text, pages_of("{\"leases\":{},\"pools\":7}", NULL),
                "no client has an address\n");
}

static void
test_pools(void)
{
    static const struct {
        const char *numbers, *end;
        gboolean nearly;
    } cases[] = {
        {"\"leased\":8,\"offered\":0,\"resting\":0", "8 of 10 in use", FALSE},
        {"\"leased\":8,\"offered\":1,\"resting\":0", "9 of 10 in use  NEARLY FULL", TRUE},
        {"\"leased\":8,\"offered\":1,\"resting\":1",
         "10 of 10 in use, 1 of them by somebody else (declined)  FULL", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *pool = g_strdup_printf("{\"size\":10,%s}", cases[i].numbers);
        gboolean nearly;
        g_autofree char *text = leases_pool_text(slice_of(pool), &nearly);
        g_assert_true(g_str_has_suffix(text, cases[i].end));
        g_assert_cmpint(nearly, ==, cases[i].nearly);
    }
}

static void
test_zones(void)
{
    assert_text(zones_text,
                pages_of("{\"zones\":[{\"name\":\"a.example\",\"kind\":\"file\",\"records\":12,"
                         "\"serial\":4000000000,\"signed\":true,\"ds\":[\"a.example. DS 1\"]},"
                         "{\"name\":\"b.example\",\"kind\":\"secondary\",\"from\":\"10.0.0.2\","
                         "\"problem\":\"it does not answer\"}],\"forwarders\":[{\"address\":"
                         "\"9.9.9.9\",\"state\":\"alive\",\"milliseconds\":12},{\"address\":"
                         "\"1.1.1.1\",\"state\":\"dead\",\"milliseconds\":12}]}",
                         NULL),
                "ZONE       KIND       RECORDS  SERIAL      STATE\n"
                "a.example  file       12       4000000000  signed\n"
                "           for its parent: a.example. DS 1\n"
                "b.example  secondary                       from 10.0.0.2\n"
                "           PROBLEM: it does not answer\n"
                "\n"
                "forwarder 9.9.9.9: alive, 12 ms\n"
                "forwarder 1.1.1.1: DOES NOT ANSWER\n");
}

static void
test_exits(void)
{
    static const struct {
        const char *status;
        int code;
    } cases[] = {
        {"{\"services\":[{\"name\":\"dns\",\"wanted\":true,\"serves\":true}],\"alerts\":[]}", 0},
        {"{\"services\":[{\"name\":\"dns\",\"wanted\":false,\"serves\":false}],\"alerts\":[]}", 0},
        {"{\"services\":[{\"name\":\"dns\",\"wanted\":true,\"serves\":false}],\"alerts\":[]}", 1},
        {"{\"services\":[],\"alerts\":[{\"about\":\"clock\",\"text\":\"wrong\"}]}", 1},
        {"{\"services\":[],\"alerts\":[],\"configuration\":{\"problem\":\"x\"}}", 1},
        {"{\"services\":[],\"alerts\":[],\"configuration\":{\"problem\":null},\"absent\":[\"x\"]}",
         0},
        {"{}", 1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(net_status_judge(slice_of(cases[i].status)), ==, cases[i].code);
}

static void
test_status(void)
{
    g_autofree char *text = net_status_text(slice_of(
        "{\"services\":[{\"name\":\"dns\",\"wanted\":true,\"serves\":false,\"restarts\":3},{"
        "\"name\":"
        "\"dhcp\",\"wanted\":false,\"serves\":false}],\"alerts\":[{\"about\":\"clock\",\"text\":"
        "\"it "
        "is wrong\"}],\"absent\":[\"interface 'eth0'\"],\"dhcp\":{\"pools\":[{\"subnet\":\"c\","
        "\"first\":\"10.0.0.1\",\"last\":\"10.0.0.9\",\"size\":9,\"leased\":9}]},\"dns\":{"
        "\"forwarders\":[{\"address\":\"9.9.9.9\",\"state\":\"dead\"}]},\"configuration\":{"
        "\"problem\":\"no\",\"hint\":\"yes\",\"read\":\"2020-01-01T00:00:00Z\"}}"));
    static const char *const wanted[] = {
        "  MISTAKE      no (yes)\n",
        "  ALERT        it is wrong\n",
        "  dns          DOES NOT SERVE; was started again 3 times\n",
        "  absent       there is no interface 'eth0'\n",
        "  addresses    pool 10.0.0.1-10.0.0.9 of [subnet c]: 9 of 9 in use  FULL\n",
        "  uplink       forwarder 9.9.9.9: DOES NOT ANSWER\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        g_assert_nonnull(strstr(text, wanted[i]));
    g_assert_null(strstr(text, "  dhcp "));
}

/* The pair's trouble is an alert, too, and stands where the pair is told of. */
static void
test_trouble_is_told_once(void)
{
    g_autofree char *text = net_status_text(slice_of(
        "{\"alerts\":[{\"about\":\"failover\",\"text\":\"two serve\"},{\"about\":\"clock\","
        "\"text\":\"it is wrong\"}],\"failover\":{\"node\":\"a\",\"role\":\"active\",\"term\":2,"
        "\"trouble\":\"two serve\"}}"));
    const char *found = strstr(text, "two serve");
    g_assert_nonnull(found);
    g_assert_true(found > strstr(text, "pair: term 2"));
    g_assert_null(strstr(found + 1, "two serve"));
    g_assert_nonnull(strstr(text, "it is wrong"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/leases of all pages are one table, and the pools stand below it",
                    test_leases);
    g_test_add_func("/net/a pool that is nearly full is told", test_pools);
    g_test_add_func("/net/zones tell what their parent is to have, and what is wrong", test_zones);
    g_test_add_func("/net/alerts, mistakes and what does not serve make the exit code", test_exits);
    g_test_add_func("/net/what people must know is told, and not of what nobody wants",
                    test_status);
    g_test_add_func("/net/the pair's trouble is told once", test_trouble_is_told_once);
    return g_test_run();
}
