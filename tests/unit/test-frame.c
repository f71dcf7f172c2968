/* frame: what goes out is what the RFCs draw, what comes in is taken only when it makes sense. */
#include "netsvc/bytes.h"
#include "netsvc/dhcp/link/frame.h"
#include "netsvc/dhcp/packet/packet.h"

#include <string.h>

static const guint8 ours[FRAME_MAC] = {0x52, 0x54, 0, 0, 0, 1};
static const guint8 theirs[FRAME_MAC] = {0x52, 0x54, 0, 0, 0, 2};

#define ADDRESS 0x0a420107u /* 10.66.1.7 */
#define OWN 0x0a420001u

/* An ARP reply: 10.66.1.7 is at 52:54:00:00:00:02, as it was seen on a wire. */
static const guint8 reply[] = {0x52, 0x54, 0, 0, 0,    1,    0x52, 0x54, 0,    0,    0,  2,  8, 6,
                               0,    1,    8, 0, 6,    4,    0,    2,    0x52, 0x54, 0,  0,  0, 2,
                               10,   66,   1, 7, 0x52, 0x54, 0,    0,    0,    1,    10, 66, 0, 1};

/* ---- ARP ---- */

static void
test_an_answer_is_read(void)
{
    struct frame_arp arp;
    g_assert_true(frame_read_arp(reply, sizeof reply, &arp));
    g_assert_cmpint(arp.act, ==, FRAME_ARP_REPLY);
    g_assert_cmpmem(arp.sender_mac, FRAME_MAC, theirs, FRAME_MAC);
    g_assert_cmphex(arp.sender, ==, ADDRESS);
    g_assert_cmpmem(arp.target_mac, FRAME_MAC, ours, FRAME_MAC);
    g_assert_cmphex(arp.target, ==, OWN);
}

static void
test_a_probe_asks_all_and_says_no_address(void)
{
    guint8 frame[FRAME_MIN];
    static const guint8 all[FRAME_MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const guint8 none[FRAME_MAC];
    struct frame_arp arp;
    g_assert_cmpuint(frame_write_probe(frame, ours, ADDRESS), ==, FRAME_MIN);
    g_assert_cmpmem(frame, FRAME_MAC, all, FRAME_MAC);
    g_assert_true(frame_read_arp(frame, FRAME_MIN, &arp));
    g_assert_cmpint(arp.act, ==, FRAME_ARP_REQUEST);
    g_assert_cmpmem(arp.sender_mac, FRAME_MAC, ours, FRAME_MAC);
    g_assert_cmphex(arp.sender, ==, 0);
    g_assert_cmpmem(arp.target_mac, FRAME_MAC, none, FRAME_MAC);
    g_assert_cmphex(arp.target, ==, ADDRESS);
}

static void
test_what_is_cut_off_is_no_arp(void)
{
    struct frame_arp arp;
    for (gsize size = 0; size < sizeof reply; size++) {
        g_autofree guint8 *cut = g_memdup2(reply, size + 1);
        g_assert_false(frame_read_arp(cut, size, &arp));
    }
}

static void
test_what_is_not_ethernet_and_ipv4_is_no_arp(void)
{
    /* ethertype, hardware, protocol, sizes, act, a MAC that is a group's */
    static const gsize places[] = {12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        guint8 wrong[sizeof reply];
        struct frame_arp arp;
        memcpy(wrong, reply, sizeof reply);
        wrong[places[i]] ^= places[i] == 21 ? 0x80 : 1;
        g_assert_false(frame_read_arp(wrong, sizeof wrong, &arp));
    }
}

/* ---- UDP ---- */

/* RFC 1071, by the book: the sum of all with its checksum is all ones. */
static guint16
sum_of(const guint8 *data, gsize size, guint32 begin)
{
    guint32 sum = begin;
    for (gsize i = 0; i < size; i++)
        sum += i % 2 == 0 ? (guint32)data[i] << 8 : data[i];
    while (sum > G_MAXUINT16)
        sum = (sum & G_MAXUINT16) + (sum >> 16);
    return (guint16)sum;
}

static void
assert_right(gsize size)
{
    g_autofree guint8 *data = g_malloc(size + 1);
    const struct frame_udp udp = {ours, theirs, OWN, ADDRESS, 67, 68};
    guint8 frame[FRAME_MAX];
    memset(frame, 0xa5, sizeof frame);
    for (gsize i = 0; i < size; i++)
        data[i] = (guint8)g_test_rand_int();
    gsize written = frame_write_udp(frame, &udp, data, size);
    g_assert_cmpuint(written, ==, MAX(size + FRAME_UDP_HEADERS, (gsize)FRAME_MIN));
    g_assert_cmpmem(frame, FRAME_MAC, theirs, FRAME_MAC);
    g_assert_cmpmem(frame + FRAME_MAC, FRAME_MAC, ours, FRAME_MAC);
    const guint8 *ip = frame + 14, *head = ip + 20;
    g_assert_cmphex(bytes_get16(frame + 12), ==, 0x0800);
    g_assert_cmphex(ip[0], ==, 0x45);
    g_assert_cmpuint(bytes_get16(ip + 2), ==, 28 + size);
    g_assert_cmphex(bytes_get32(ip + 12), ==, OWN);
    g_assert_cmphex(bytes_get32(ip + 16), ==, ADDRESS);
    g_assert_cmphex(sum_of(ip, 20, 0), ==, 0xffff);
    g_assert_cmpuint(bytes_get16(head), ==, 67);
    g_assert_cmpuint(bytes_get16(head + 2), ==, 68);
    g_assert_cmpuint(bytes_get16(head + 4), ==, 8 + size);
    guint32 pseudo = sum_of(ip + 12, 8, 17 + 8 + (guint32)size);
    g_assert_cmphex(bytes_get16(head + 6), !=, 0);
    g_assert_cmphex(sum_of(head, 8 + size, pseudo), ==, 0xffff);
    g_assert_cmpint(memcmp(head + 8, data, size), ==, 0);
    for (gsize i = size + FRAME_UDP_HEADERS; i < written; i++)
        g_assert_cmpuint(frame[i], ==, 0);
}

static void
test_of_each_size_the_checksums_are_right(void)
{
    for (gsize size = 0; size <= PACKET_SEND_MAX; size++)
        assert_right(size);
}

static void
test_what_is_too_large_is_not_written(void)
{
    static const guint8 data[FRAME_MAX];
    const struct frame_udp udp = {ours, theirs, OWN, ADDRESS, 67, 68};
    guint8 frame[FRAME_MAX];
    g_assert_cmpuint(frame_write_udp(frame, &udp, data, FRAME_MAX - FRAME_UDP_HEADERS), ==,
                     FRAME_MAX);
    g_assert_cmpuint(frame_write_udp(frame, &udp, data, FRAME_MAX - FRAME_UDP_HEADERS + 1), ==, 0);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/an answer is read", test_an_answer_is_read);
    g_test_add_func("/frame/a probe asks all and says no address",
                    test_a_probe_asks_all_and_says_no_address);
    g_test_add_func("/frame/what is cut off is no arp", test_what_is_cut_off_is_no_arp);
    g_test_add_func("/frame/what is not ethernet and ipv4 is no arp",
                    test_what_is_not_ethernet_and_ipv4_is_no_arp);
    g_test_add_func("/frame/of each size the checksums are right",
                    test_of_each_size_the_checksums_are_right);
    g_test_add_func("/frame/what is too large is not written",
                    test_what_is_too_large_is_not_written);
    return g_test_run();
}
