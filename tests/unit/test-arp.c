/* arp: an address is free after silence, used when somebody answers; what was seen is known, and
 * nothing grows without bounds. */
#include "netsvc/dhcp/link/arp.h"

#include <string.h>

#define ADDRESS 0x0a420107u
#define BEGIN 1000

static const guint8 somebody[FRAME_MAC] = {0x52, 0x54, 0, 0, 0, 2};

struct wire {
    struct arp *arp;
    guint sent, links;
    guint32 last_sent;
    guint quiet, used;
    guint32 last_found;
    guint8 mac[FRAME_MAC];
};

static void
take_sent(void *context, guint link, guint32 address)
{
    struct wire *wire = context;
    wire->sent++;
    wire->links |= 1u << link;
    wire->last_sent = address;
}

static void
take_found(void *context, guint32 address, gboolean used, const guint8 *mac)
{
    struct wire *wire = context;
    wire->last_found = address;
    if (used) {
        wire->used++;
        memcpy(wire->mac, mac, FRAME_MAC);
    } else {
        wire->quiet++;
    }
    g_assert_false(arp_is_probing(wire->arp, address));
}

static void
set_up(struct wire *wire, gconstpointer data)
{
    const struct arp_ears ears = {take_sent, take_found, wire};
    (void)data;
    wire->arp = arp_new(&ears);
}

static void
tear_down(struct wire *wire, gconstpointer data)
{
    (void)data;
    arp_free(wire->arp);
}

static struct frame_arp
frame_of(enum frame_arp_act act, guint32 sender, guint32 target)
{
    struct frame_arp frame = {.act = act, .sender = sender, .target = target};
    memcpy(frame.sender_mac, somebody, FRAME_MAC);
    return frame;
}

static void
comes(struct wire *wire, enum frame_arp_act act, guint32 sender, guint32 target, gint64 now)
{
    struct frame_arp frame = frame_of(act, sender, target);
    arp_take(wire->arp, &frame, now);
}

/* ---- probes ---- */

static void
test_silence_makes_an_address_free(struct wire *wire, gconstpointer data)
{
    (void)data;
    g_assert_true(arp_probe(wire->arp, 3, ADDRESS, BEGIN));
    g_assert_cmpuint(wire->sent, ==, 1);
    g_assert_cmpuint(wire->links, ==, 1u << 3);
    for (gint64 now = BEGIN; now < BEGIN + ARP_PROBE_MS; now++) {
        arp_tick(wire->arp, now);
        g_assert_cmpuint(wire->quiet, ==, 0);
        g_assert_cmpint(arp_next(wire->arp), >, now);
    }
    g_assert_cmpuint(wire->sent, ==, ARP_PROBES);
    g_assert_cmpint(arp_next(wire->arp), ==, BEGIN + ARP_PROBE_MS);
    arp_tick(wire->arp, BEGIN + ARP_PROBE_MS);
    g_assert_cmpuint(wire->quiet, ==, 1);
    g_assert_cmphex(wire->last_found, ==, ADDRESS);
    g_assert_cmpint(arp_next(wire->arp), ==, G_MAXINT64);
}

static void
test_who_answers_uses_it(struct wire *wire, gconstpointer data)
{
    (void)data;
    arp_probe(wire->arp, 0, ADDRESS, BEGIN);
    arp_tick(wire->arp, BEGIN + 150);
    comes(wire, FRAME_ARP_REPLY, ADDRESS + 1, 0, BEGIN + 160);
    g_assert_cmpuint(wire->used, ==, 0);
    comes(wire, FRAME_ARP_REPLY, ADDRESS, 0, BEGIN + 170);
    g_assert_cmpuint(wire->used, ==, 1);
    g_assert_cmpmem(wire->mac, FRAME_MAC, somebody, FRAME_MAC);
    arp_tick(wire->arp, BEGIN + 10 * ARP_PROBE_MS);
    g_assert_cmpuint(wire->used + wire->quiet, ==, 1);
    g_assert_cmpuint(wire->sent, ==, 2);
}

static void
test_who_probes_for_it_too_will_use_it(struct wire *wire, gconstpointer data)
{
    (void)data;
    arp_probe(wire->arp, 0, ADDRESS, BEGIN);
    comes(wire, FRAME_ARP_REQUEST, 0, ADDRESS, BEGIN + 10);
    g_assert_cmpuint(wire->used, ==, 1);
}

static void
test_who_only_looks_for_it_does_not_use_it(struct wire *wire, gconstpointer data)
{
    (void)data;
    arp_probe(wire->arp, 0, ADDRESS, BEGIN);
    comes(wire, FRAME_ARP_REQUEST, ADDRESS + 1, ADDRESS, BEGIN + 10);
    g_assert_cmpuint(wire->used, ==, 0);
}

static void
test_one_probe_runs_for_an_address(struct wire *wire, gconstpointer data)
{
    (void)data;
    arp_probe(wire->arp, 0, ADDRESS, BEGIN);
    g_assert_true(arp_probe(wire->arp, 0, ADDRESS, BEGIN + 200));
    g_assert_cmpuint(wire->sent, ==, 1);
    arp_tick(wire->arp, BEGIN + 120);
    arp_tick(wire->arp, BEGIN + 220);
    arp_tick(wire->arp, BEGIN + ARP_PROBE_MS);
    g_assert_cmpuint(wire->quiet, ==, 1);
    arp_probe(wire->arp, 0, ADDRESS, BEGIN + 1000);
    g_assert_true(arp_is_probing(wire->arp, ADDRESS));
}

static void
test_who_comes_late_still_sends_all_of_them(struct wire *wire, gconstpointer data)
{
    (void)data;
    arp_probe(wire->arp, 0, ADDRESS, BEGIN);
    for (guint i = 0; i < ARP_PROBES; i++)
        arp_tick(wire->arp, BEGIN + 10000 + i * 200);
    g_assert_cmpuint(wire->sent, ==, ARP_PROBES);
    g_assert_cmpuint(wire->quiet, ==, 1);
}

static void
test_so_many_run_at_once_and_no_more(struct wire *wire, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < ARP_RUNNING_MAX; i++)
        g_assert_true(arp_probe(wire->arp, 0, ADDRESS + i, BEGIN + i / 100));
    g_assert_false(arp_probe(wire->arp, 0, ADDRESS + ARP_RUNNING_MAX, BEGIN));
    g_assert_cmpuint(wire->sent, ==, ARP_RUNNING_MAX);
    for (gint64 now = BEGIN; now < BEGIN + 1000; now += 10)
        arp_tick(wire->arp, now);
    g_assert_cmpuint(wire->quiet, ==, ARP_RUNNING_MAX);
    g_assert_cmpuint(wire->sent, ==, ARP_PROBES * ARP_RUNNING_MAX);
}

/* ---- the table ---- */

static void
test_what_was_seen_is_known_for_as_long_as_is_asked(struct wire *wire, gconstpointer data)
{
    guint8 mac[FRAME_MAC] = {0};
    (void)data;
    g_assert_false(arp_seen(wire->arp, ADDRESS, BEGIN, G_MAXINT64, mac));
    comes(wire, FRAME_ARP_REQUEST, ADDRESS, ADDRESS + 1, BEGIN);
    g_assert_false(arp_seen(wire->arp, ADDRESS + 1, BEGIN, 100, mac));
    g_assert_true(arp_seen(wire->arp, ADDRESS, BEGIN + 100, 100, mac));
    g_assert_cmpmem(mac, FRAME_MAC, somebody, FRAME_MAC);
    g_assert_false(arp_seen(wire->arp, ADDRESS, BEGIN + 101, 100, mac));
}

static void
test_a_probe_of_others_says_nothing_of_an_address(struct wire *wire, gconstpointer data)
{
    guint8 mac[FRAME_MAC];
    (void)data;
    comes(wire, FRAME_ARP_REQUEST, 0, ADDRESS, BEGIN);
    g_assert_false(arp_seen(wire->arp, ADDRESS, BEGIN, G_MAXINT64, mac));
    g_assert_false(arp_seen(wire->arp, 0, BEGIN, G_MAXINT64, mac));
}

static void
test_the_last_ones_push_out_the_first_ones(struct wire *wire, gconstpointer data)
{
    for (guint round = 0; round < 32; round++) { /* each table has places of its own for them */
        guint8 mac[FRAME_MAC];
        guint known = 0;
        tear_down(wire, data);
        set_up(wire, data);
        for (guint i = 0; i < 4 * ARP_TABLE; i++)
            comes(wire, FRAME_ARP_REPLY, ADDRESS + i, 0, BEGIN + i);
        g_assert_false(arp_seen(wire->arp, ADDRESS, BEGIN, G_MAXINT64, mac));
        for (guint i = 3 * ARP_TABLE; i < 4 * ARP_TABLE; i++)
            known += arp_seen(wire->arp, ADDRESS + i, BEGIN + i, G_MAXINT64, mac);
        g_assert_cmpuint(known, >, ARP_TABLE * 3 / 4);
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/arp/silence makes an address free", struct wire, NULL, set_up,
               test_silence_makes_an_address_free, tear_down);
    g_test_add("/arp/who answers uses it", struct wire, NULL, set_up, test_who_answers_uses_it,
               tear_down);
    g_test_add("/arp/who probes for it too will use it", struct wire, NULL, set_up,
               test_who_probes_for_it_too_will_use_it, tear_down);
    g_test_add("/arp/who only looks for it does not use it", struct wire, NULL, set_up,
               test_who_only_looks_for_it_does_not_use_it, tear_down);
    g_test_add("/arp/one probe runs for an address", struct wire, NULL, set_up,
               test_one_probe_runs_for_an_address, tear_down);
    g_test_add("/arp/who comes late still sends all of them", struct wire, NULL, set_up,
               test_who_comes_late_still_sends_all_of_them, tear_down);
    g_test_add("/arp/so many run at once and no more", struct wire, NULL, set_up,
               test_so_many_run_at_once_and_no_more, tear_down);
    g_test_add("/arp/what was seen is known for as long as is asked", struct wire, NULL, set_up,
               test_what_was_seen_is_known_for_as_long_as_is_asked, tear_down);
    g_test_add("/arp/a probe of others says nothing of an address", struct wire, NULL, set_up,
               test_a_probe_of_others_says_nothing_of_an_address, tear_down);
    g_test_add("/arp/the last ones push out the first ones", struct wire, NULL, set_up,
               test_the_last_ones_push_out_the_first_ones, tear_down);
    return g_test_run();
}
