/* answers: page by page all leases come, each page fits into a packet, and what is asked wrongly is
 * answered, too. */
#include "lib/json/json.h"
#include "netsvc/dhcp/tell/answers.h"
#include "netsvc/message.h"

#include <string.h>

#define FIRST 0x0a420100u /* 10.66.1.0 */
#define COUNT 1000
#define NOW 5000
#define WALL 1800000000

static gboolean believed = TRUE;

static gint64
boot(gpointer context)
{
    (void)context;
    return NOW;
}

static gint64
wall(gpointer context)
{
    (void)context;
    return WALL;
}

static gboolean
is_believed(gpointer context)
{
    (void)context;
    return believed;
}

static const struct clock clock_now = {boot, wall, is_believed, "boot", NULL};

struct site {
    struct config config;
    struct config_subnet subnet;
    struct config_host host;
    struct leases *leases;
    struct answers answers;
    GString *json;
};

static void
set_up(struct site *site, gconstpointer data)
{
    struct config_range pool = {FIRST, FIRST + COUNT - 1};
    (void)data;
    site->subnet =
        (struct config_subnet){.name = (char *)"clinic",
                               .network = FIRST & 0xffff0000u,
                               .mask = 0xffff0000u,
                               .domain = (char *)"lan.example",
                               .pools = g_array_new(FALSE, FALSE, sizeof(struct config_range))};
    g_array_append_val(site->subnet.pools, pool);
    site->host.address = FIRST + 1;
    site->config.dhcp.subnets = g_ptr_array_new();
    g_ptr_array_add(site->config.dhcp.subnets, &site->subnet);
    site->config.dhcp.hosts = g_ptr_array_new();
    g_ptr_array_add(site->config.dhcp.hosts, &site->host);
    site->leases = leases_new();
    site->answers = (struct answers){&site->config, site->leases, &clock_now};
    site->json = g_string_new(NULL);
    believed = TRUE;
}

static void
tear_down(struct site *site, gconstpointer data)
{
    (void)data;
    g_array_unref(site->subnet.pools);
    g_ptr_array_unref(site->config.dhcp.subnets);
    g_ptr_array_unref(site->config.dhcp.hosts);
    leases_free(site->leases);
    g_string_free(site->json, TRUE);
}

static void
put(struct site *site, guint number, enum lease_state state, gsize key_size)
{
    struct lease lease = {.address = FIRST + number,
                          .state = state,
                          .until = NOW + 100,
                          .key_size = (guint8)key_size,
                          .mac = {0x52, 0x54, 0, 0, 0, 1},
                          .mac_size = 6,
                          .name = "phone"};
    memset(lease.key, 0xab, key_size);
    leases_put(site->leases, &lease);
}

static struct slice
ask(struct site *site, const char *question)
{
    g_string_truncate(site->json, 0);
    answers_give(&site->answers, question, strlen(question), site->json);
    struct slice answer = {site->json->str, site->json->len};
    g_assert_true(json_check(answer, NULL));
    g_assert_cmpuint(answer.size, <=, MESSAGE_ANSWER_MAX);
    return answer;
}

/* ---- */

static void
test_all_leases_come_page_by_page(struct site *site, gconstpointer data)
{
    g_autofree char *after = g_strdup("0.0.0.0");
    gboolean more = TRUE;
    guint count = 0, pages = 0;
    gsize key_size = (gsize)GPOINTER_TO_UINT(data);
    for (guint i = 0; i < COUNT; i++)
        put(site, i, LEASE_LEASED, key_size);
    for (; more; pages++) {
        g_autofree char *question = g_strdup_printf("{\"ask\":\"leases\",\"after\":\"%s\"}", after);
        struct slice answer = ask(site, question), leases, lease, value;
        gsize place = 0;
        guint on_page = 0;
        g_assert_true(json_member(answer, "leases", &leases));
        for (; json_next_element(leases, &place, &lease); count++, on_page++) {
            g_clear_pointer(&after, g_free);
            g_assert_true(json_member_text(lease, "address", &after));
        }
        g_assert_true(json_member(answer, "more", &value));
        more = json_type(value) == JSON_TRUE;
        g_assert_true(!more || on_page > 0);
        g_assert_cmpuint(on_page, <=, MESSAGE_PAGE);
    }
    g_assert_cmpuint(count, ==, COUNT);
    g_assert_cmpuint(pages, >=, COUNT / MESSAGE_PAGE);
}

static struct slice
only_lease(struct site *site)
{
    struct slice answer = ask(site, "{\"ask\":\"leases\"}"), leases, lease;
    gsize place = 0;
    g_assert_true(json_member(answer, "leases", &leases));
    g_assert_true(json_next_element(leases, &place, &lease));
    return lease;
}

static void
assert_text(struct slice object, const char *name, const char *wanted)
{
    g_autofree char *text = NULL;
    json_member_text(object, name, &text);
    g_assert_cmpstr(text, ==, wanted);
}

static void
test_a_lease_is_told_whole(struct site *site, gconstpointer data)
{
    struct slice value;
    guint64 seconds = 0;
    (void)data;
    put(site, 1, LEASE_LEASED, 2);
    struct slice lease = only_lease(site);
    assert_text(lease, "address", "10.66.1.1");
    assert_text(lease, "subnet", "clinic");
    assert_text(lease, "name", "phone.lan.example");
    assert_text(lease, "mac", "52:54:00:00:00:01");
    assert_text(lease, "client", "abab");
    assert_text(lease, "state", "leased");
    g_assert_true(json_member(lease, "seconds", &value) && json_unsigned(value, &seconds));
    g_assert_cmpuint(seconds, ==, 100);
    g_assert_true(json_member(lease, "reserved", &value) && json_type(value) == JSON_TRUE);
    g_assert_true(json_member(lease, "ends", &value) && json_type(value) == JSON_STRING);
}

static void
test_a_clock_that_is_not_believed_says_no_end(struct site *site, gconstpointer data)
{
    struct slice value;
    (void)data;
    believed = FALSE;
    put(site, 2, LEASE_LEASED, 2);
    struct slice lease = only_lease(site);
    g_assert_true(json_member(lease, "ends", &value) && json_type(value) == JSON_NULL);
    g_assert_true(json_member(lease, "reserved", &value) && json_type(value) == JSON_FALSE);
}

static void
test_pools_are_counted(struct site *site, gconstpointer data)
{
    struct slice pools, pool, value;
    guint64 number = 0;
    gsize place = 0;
    (void)data;
    put(site, 1, LEASE_LEASED, 2);
    put(site, 2, LEASE_LEASED, 2);
    put(site, 3, LEASE_DECLINED, 2);
    put(site, 4, LEASE_EXPIRED, 2);
    struct slice answer = ask(site, "{\"ask\":\"dhcp\"}");
    g_assert_true(json_member(answer, "leases", &value) && json_unsigned(value, &number));
    g_assert_cmpuint(number, ==, 2);
    g_assert_true(json_member(answer, "pools", &pools));
    g_assert_true(json_next_element(pools, &place, &pool));
    assert_text(pool, "first", "10.66.1.0");
    static const struct {
        const char *name;
        guint64 wanted;
    } counts[] = {{"size", COUNT}, {"leased", 2}, {"resting", 1}};
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_assert_true(json_member(pool, counts[i].name, &value) && json_unsigned(value, &number));
        g_assert_cmpuint(number, ==, counts[i].wanted);
    }
}

static void
test_what_is_asked_wrongly_is_an_error(struct site *site, gconstpointer data)
{
    static const char *const wrong[] = {"", "{", "[]", "{\"ask\":7}", "{\"ask\":\"zones\"}"};
    struct slice value;
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_true(json_member(ask(site, wrong[i]), "error", &value));
    site->answers.leases = NULL;
    g_assert_true(json_member(ask(site, "{\"ask\":\"leases\"}"), "error", &value));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/answers/all leases come page by page", struct site, GUINT_TO_POINTER(7), set_up,
               test_all_leases_come_page_by_page, tear_down);
    g_test_add("/answers/with long keys too", struct site, GUINT_TO_POINTER(LEASE_KEY_MAX), set_up,
               test_all_leases_come_page_by_page, tear_down);
    g_test_add("/answers/a lease is told whole", struct site, NULL, set_up,
               test_a_lease_is_told_whole, tear_down);
    g_test_add("/answers/a clock that is not believed says no end", struct site, NULL, set_up,
               test_a_clock_that_is_not_believed_says_no_end, tear_down);
    g_test_add("/answers/pools are counted", struct site, NULL, set_up, test_pools_are_counted,
               tear_down);
    g_test_add("/answers/what is asked wrongly is an error", struct site, NULL, set_up,
               test_what_is_asked_wrongly_is_an_error, tear_down);
    return g_test_run();
}
