/* rate: nobody gets more answers than his share, and nobody goes without one altogether. */
#include "netsvc/dns/serve/response_rate.h"

#include "netsvc/config/config.h"

#include <arpa/inet.h>

#define SECOND 1000000000
#define START ((gint64)500 * SECOND)

static struct sockaddr_storage
client_of(const char *text)
{
    struct sockaddr_storage address = {0};
    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    g_assert_cmpint(address.ss_family, !=, 0);
    return address;
}

/* How many of so many at one moment are sent whole. */
static guint
sent(struct response_rate *rate, const char *from, guint count, gint64 now)
{
    struct sockaddr_storage client = client_of(from);
    guint whole = 0;
    for (guint i = 0; i < count; i++)
        whole += response_rate_take(rate, &client, now) == RESPONSE_RATE_SEND;
    return whole;
}

static GArray *
own_networks(void)
{
    GArray *own = g_array_new(FALSE, FALSE, sizeof(struct config_network));
    const struct config_network four = {AF_INET, {10, 0, 0, 0}, 24};
    const struct config_network six = {AF_INET6, {0xfd}, 8};
    g_array_append_val(own, four);
    g_array_append_val(own, six);
    return own;
}

static void
test_a_second_has_that_many_answers(void)
{
    AUTO(response_rate) *rate = response_rate_new(5, NULL);
    g_assert_cmpuint(sent(rate, "192.0.2.1", 100, START), ==, 5);
    g_assert_cmpuint(sent(rate, "192.0.2.1", 100, START + SECOND / 5), ==, 1);
    g_assert_cmpuint(sent(rate, "192.0.2.1", 100, START + 60 * (gint64)SECOND), ==, 5);
    g_assert_cmpuint(response_rate_limited(rate), ==, 300 - 11);
}

static void
test_a_network_shares_and_others_have_their_own(void)
{
    static const char *const apart[][3] = {
        {"192.0.2.1", "192.0.2.254", "192.0.3.1"},
        {"2001:db8:0:1::1", "2001:db8:0:ff::1", "2001:db8:0:100::1"},
        {"::ffff:198.51.100.1", "198.51.100.2", "198.51.101.2"}};
    for (gsize i = 0; i < G_N_ELEMENTS(apart); i++) {
        AUTO(response_rate) *rate = response_rate_new(5, NULL);
        g_assert_cmpuint(sent(rate, apart[i][0], 4, START), ==, 4);
        g_assert_cmpuint(sent(rate, apart[i][1], 4, START), ==, 1);
        g_assert_cmpuint(sent(rate, apart[i][2], 4, START), ==, 4);
    }
}

static void
test_of_the_others_every_second_one_is_truncated(void)
{
    AUTO(response_rate) *rate = response_rate_new(1, NULL);
    struct sockaddr_storage client = client_of("192.0.2.1");
    g_assert_cmpint(response_rate_take(rate, &client, START), ==, RESPONSE_RATE_SEND);
    for (int i = 0; i < 10; i++) {
        g_assert_cmpint(response_rate_take(rate, &client, START), ==, RESPONSE_RATE_TRUNCATE);
        g_assert_cmpint(response_rate_take(rate, &client, START), ==, RESPONSE_RATE_DROP);
    }
}

static void
test_each_client_of_our_networks_has_much_more(void)
{
    g_autoptr(GArray) own = own_networks();
    AUTO(response_rate) *rate = response_rate_new(5, own);
    g_assert_cmpuint(sent(rate, "10.0.0.7", 1000, START), ==, 5 * RESPONSE_RATE_OWN);
    g_assert_cmpuint(sent(rate, "10.0.0.8", 1000, START), ==, 5 * RESPONSE_RATE_OWN);
    g_assert_cmpuint(sent(rate, "fd00::1", 1000, START), ==, 5 * RESPONSE_RATE_OWN);
    g_assert_cmpuint(sent(rate, "fd00::2", 1000, START), ==, 5 * RESPONSE_RATE_OWN);
    g_assert_cmpuint(sent(rate, "10.0.1.7", 1000, START), ==, 5);
}

static void
test_the_machine_itself_and_a_rate_of_0_have_no_limit(void)
{
    AUTO(response_rate) *rate = response_rate_new(5, NULL);
    AUTO(response_rate) *off = response_rate_new(0, NULL);
    g_assert_cmpuint(sent(rate, "127.0.0.1", 1000, START), ==, 1000);
    g_assert_cmpuint(sent(rate, "::1", 1000, START), ==, 1000);
    g_assert_cmpuint(sent(off, "192.0.2.1", 1000, START), ==, 1000);
}

static void
test_a_flood_from_everywhere_does_not_free_who_is_limited(void)
{
    AUTO(response_rate) *rate = response_rate_new(5, NULL);
    g_assert_cmpuint(sent(rate, "192.0.2.1", 100, START), ==, 5);
    for (guint32 i = 0; i < 200000; i++) {
        struct sockaddr_storage client = {.ss_family = AF_INET};
        ((struct sockaddr_in *)&client)->sin_addr.s_addr = htonl(0x20000000 + (i << 8));
        response_rate_take(rate, &client, START);
    }
    g_assert_cmpuint(sent(rate, "192.0.2.1", 100, START), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/response_rate/a second has that many answers",
                    test_a_second_has_that_many_answers);
    g_test_add_func("/response_rate/a network shares and others have their own",
                    test_a_network_shares_and_others_have_their_own);
    g_test_add_func("/response_rate/of the others every second one is truncated",
                    test_of_the_others_every_second_one_is_truncated);
    g_test_add_func("/response_rate/each client of our networks has much more",
                    test_each_client_of_our_networks_has_much_more);
    g_test_add_func("/response_rate/the machine itself and a rate of 0 have no limit",
                    test_the_machine_itself_and_a_rate_of_0_have_no_limit);
    g_test_add_func("/response_rate/a flood from everywhere does not free who is limited",
                    test_a_flood_from_everywhere_does_not_free_who_is_limited);
    return g_test_run();
}
