/* private: what a forwarded answer may not point at. */
#include "netsvc/dns/forward/private.h"

#include <arpa/inet.h>

static gboolean
is_private(const char *text)
{
    guint8 address[16];
    if (inet_pton(AF_INET, text, address) == 1)
        return private_rdata(1, address, 4);
    g_assert_cmpint(inet_pton(AF_INET6, text, address), ==, 1);
    return private_rdata(28, address, 16);
}

static void
test_the_first_and_last_address_of_each_block_is_private_and_those_beside_it_are_not(void)
{
    static const struct {
        const char *before, *first, *last, *after;
    } blocks[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"223.255.255.255", "224.0.0.0", "255.255.255.255", NULL},
        {NULL, "::", "::1", NULL},
        {"fbff:ffff::", "fc00::", "fdff:ffff::", "fe00::"},
        {"fe7f:ffff::", "fe80::", "feff:ffff::", NULL},
        {NULL, "ff00::", "ffff:ffff::", NULL},
        {"64:ff9b:0:ffff::", "64:ff9b:1::", "64:ff9b:1:ffff::", "64:ff9b:2::"},
        {NULL, "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(blocks); i++) {
        g_test_message("%s", blocks[i].first);
        g_assert_true(is_private(blocks[i].first));
        g_assert_true(is_private(blocks[i].last));
        g_assert_false(blocks[i].before != NULL && is_private(blocks[i].before));
        g_assert_false(blocks[i].after != NULL && is_private(blocks[i].after));
    }
}

static void
test_a_private_ipv4_address_inside_an_ipv6_one_is_found(void)
{
    static const char *const shapes[] = {"::", "::ffff:", "::ffff:0:", "64:ff9b::"};
    for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autofree char *bad = g_strconcat(shapes[i], "192.168.1.1", NULL);
        g_autofree char *good = g_strconcat(shapes[i], "9.9.9.9", NULL);
        g_assert_true(is_private(bad));
        g_assert_false(is_private(good));
    }
    g_assert_true(is_private("2002:0a00:0001::1"));
    g_assert_false(is_private("2002:0909:0909::1"));
    g_assert_false(is_private("2620:fe::fe"));
}

static void
test_hints_of_https_records_are_looked_at(void)
{
    guint8 rdata[] = {0, 1, 1, 'a', 0, 0, 1, 0, 1, 9, 0, 4, 0, 8, 9, 9, 9, 9, 9, 9, 9, 8};
    g_assert_false(private_rdata(65, rdata, sizeof rdata));
    rdata[18] = 10;
    g_assert_true(private_rdata(65, rdata, sizeof rdata));
    g_assert_true(private_rdata(64, rdata, sizeof rdata));
    guint8 six[] = {0, 1, 0, 0, 6, 0, 16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    g_assert_true(private_rdata(65, six, sizeof six));
    six[7] = 0x20;
    g_assert_false(private_rdata(65, six, sizeof six));
}

static void
test_data_that_cannot_be_read_counts_as_private(void)
{
    static const guint8 bytes[] = {0, 1, 0, 0, 4, 0, 9, 1, 2, 3, 4, 5};
    g_assert_true(private_rdata(1, bytes, 3));
    g_assert_true(private_rdata(28, bytes, 4));
    for (gsize size = 0; size < sizeof bytes; size++)
        g_assert_cmpint(private_rdata(65, bytes, size), ==, size != 3);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func(
        "/private/the first and last address of each block is private, and those "
        "beside it are not",
        test_the_first_and_last_address_of_each_block_is_private_and_those_beside_it_are_not);
    g_test_add_func("/private/a private IPv4 address inside an IPv6 one is found",
                    test_a_private_ipv4_address_inside_an_ipv6_one_is_found);
    g_test_add_func("/private/hints of HTTPS records are looked at",
                    test_hints_of_https_records_are_looked_at);
    g_test_add_func("/private/data that cannot be read counts as private",
                    test_data_that_cannot_be_read_counts_as_private);
    return g_test_run();
}
