/* cookie: as every server makes them (the examples of RFC 9018, appendix A), and no other is good.
 */
#include "netsvc/dns/wire/cookie.h"

#include <arpa/inet.h>
#include <string.h>

static void
from_hex(guint8 *bytes, const char *hex)
{
    for (gsize i = 0; hex[2 * i] != 0; i++)
        bytes[i] =
            (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
}

static struct cookie_secret
secret_of(const char *hex)
{
    struct cookie_secret secret;
    guint8 bytes[COOKIE_SECRET_SIZE];
    from_hex(bytes, hex);
    cookie_secret_set(&secret, bytes);
    return secret;
}

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

static const char *const secret_a = "e5e973e5a6b2a43f48e7dc849e37bfcf";

static const struct {
    const char *secret, *client, *cookie;
    gint64 made;
} examples[] = {
    {secret_a, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985},
    {secret_a, "198.51.100.100", "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385},
    {secret_a, "203.0.113.203", "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559734700},
    {"dd3bdf9344b678b185a6f5cb60fca715", "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741817},
    {"445536bcd2513298075a5d379663c962", "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961},
};

static void
test_siphash_gives_the_values_of_its_paper(void)
{
    const guint64 key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    guint8 data[15];
    for (gsize i = 0; i < sizeof data; i++)
        data[i] = (guint8)i;
    g_assert_cmphex(cookie_siphash(key, data, sizeof data), ==, 0xa129ca6149be45e5u);
    g_assert_cmphex(cookie_siphash(key, data, 0), ==, 0x726fdb47dd0e0e31u);
}

static void
test_cookies_are_those_of_the_rfc(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(examples); i++) {
        guint8 want[COOKIE_SIZE], got[COOKIE_SIZE];
        struct cookie_secret secret = secret_of(examples[i].secret);
        struct sockaddr_storage client = client_of(examples[i].client);
        from_hex(want, examples[i].cookie);
        cookie_make(&secret, want, &client, examples[i].made, got);
        g_assert_cmpmem(got, sizeof got, want, sizeof want);
        g_assert_cmpint(cookie_check(&secret, got, sizeof got, &client, examples[i].made), ==,
                        COOKIE_GOOD);
    }
}

static void
test_bytes_reserved_are_hashed_as_they_came(void)
{
    guint8 cookie[COOKIE_SIZE];
    struct cookie_secret secret = secret_of(secret_a);
    struct sockaddr_storage client = client_of("203.0.113.203");
    from_hex(cookie, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
    g_assert_cmpint(cookie_check(&secret, cookie, sizeof cookie, &client, 1559728000), ==,
                    COOKIE_GOOD);
}

static void
test_it_is_good_for_an_hour_and_fresh_for_half(void)
{
    static const struct {
        gint64 made, now;
        enum cookie_state state;
    } times[] = {
        {1000000, 1000000 + 1800, COOKIE_GOOD}, {1000000, 1000000 + 1801, COOKIE_OLD},
        {1000000, 1000000 + 3600, COOKIE_OLD},  {1000000, 1000000 + 3601, COOKIE_BAD},
        {1000000, 1000000 - 300, COOKIE_GOOD},  {1000000, 1000000 - 301, COOKIE_BAD},
        {0xffffffff, 0x100000000, COOKIE_GOOD},
    };
    struct cookie_secret secret;
    struct sockaddr_storage client = client_of("10.0.0.7");
    cookie_secret_random(&secret);
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        guint8 cookie[COOKIE_SIZE];
        cookie_make(&secret, (const guint8 *)"12345678", &client, times[i].made, cookie);
        g_assert_cmpint(cookie_check(&secret, cookie, sizeof cookie, &client, times[i].now), ==,
                        times[i].state);
    }
}

static void
test_any_other_byte_address_or_secret_makes_it_bad(void)
{
    struct cookie_secret secret, other;
    guint8 cookie[COOKIE_SIZE];
    struct sockaddr_storage client = client_of("10.0.0.7"), neighbour = client_of("10.0.0.8");
    cookie_secret_random(&secret);
    cookie_secret_random(&other);
    cookie_make(&secret, (const guint8 *)"12345678", &client, 1000000, cookie);
    for (gsize i = 0; i < sizeof cookie; i++) {
        cookie[i] ^= 1;
        g_assert_cmpint(cookie_check(&secret, cookie, sizeof cookie, &client, 1000000), ==,
                        COOKIE_BAD);
        cookie[i] ^= 1;
    }
    g_assert_cmpint(cookie_check(&secret, cookie, sizeof cookie, &client, 1000000), ==,
                    COOKIE_GOOD);
    g_assert_cmpint(cookie_check(&secret, cookie, sizeof cookie, &neighbour, 1000000), ==,
                    COOKIE_BAD);
    g_assert_cmpint(cookie_check(&other, cookie, sizeof cookie, &client, 1000000), ==, COOKIE_BAD);
}

static void
test_a_first_query_has_the_clients_part_only(void)
{
    struct cookie_secret secret;
    guint8 cookie[40] = {0};
    struct sockaddr_storage client = client_of("10.0.0.7");
    cookie_secret_random(&secret);
    g_assert_cmpint(cookie_check(&secret, NULL, 0, &client, 0), ==, COOKIE_NONE);
    g_assert_cmpint(cookie_check(&secret, cookie, 8, &client, 0), ==, COOKIE_CLIENT);
    for (gsize size = 16; size <= 40; size++)
        g_assert_cmpint(cookie_check(&secret, cookie, size, &client, 0), ==, COOKIE_BAD);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cookie/siphash gives the values of its paper",
                    test_siphash_gives_the_values_of_its_paper);
    g_test_add_func("/cookie/cookies are those of the rfc", test_cookies_are_those_of_the_rfc);
    g_test_add_func("/cookie/bytes reserved are hashed as they came",
                    test_bytes_reserved_are_hashed_as_they_came);
    g_test_add_func("/cookie/it is good for an hour and fresh for half",
                    test_it_is_good_for_an_hour_and_fresh_for_half);
    g_test_add_func("/cookie/any other byte address or secret makes it bad",
                    test_any_other_byte_address_or_secret_makes_it_bad);
    g_test_add_func("/cookie/a first query has the clients part only",
                    test_a_first_query_has_the_clients_part_only);
    return g_test_run();
}
