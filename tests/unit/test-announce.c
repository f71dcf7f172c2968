/* announce: whom it tells, in which words, and that no queue is flooded. */
#include "netsvc/address/announce.h"

#include <string.h>

#define SERVICE 0x0a42000a /* 10.66.0.10 */

static const guint8 own[FRAME_MAC] = {2, 0, 0, 0, 0, 1}, phone[FRAME_MAC] = {2, 0, 0, 0, 0, 7},
                    all[FRAME_MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct around {
    struct event_base *events;
    struct announce *announce;
    GArray *frames; /* guint8[FRAME_MIN] */
    guint wanted;   /* how often clients were asked for */
    gboolean full;  /* nothing can be sent for now */
};

static gboolean
send_frame(void *context, const guint8 *frame, gsize size)
{
    struct around *around = context;
    g_assert_cmpuint(size, ==, FRAME_MIN);
    if (!around->full)
        g_array_append_vals(around->frames, frame, 1);
    return !around->full;
}

static void
want_clients(void *context)
{
    ((struct around *)context)->wanted++;
}

static void
begin(struct around *around)
{
    memset(around, 0, sizeof *around);
    const struct announce_ears ears = {send_frame, want_clients, around};
    around->events = event_base_new();
    around->frames = g_array_new(FALSE, FALSE, FRAME_MIN);
    around->announce = announce_new(around->events, SERVICE, &ears);
    announce_begin(around->announce, own);
}

static void
end(struct around *around)
{
    announce_free(around->announce);
    event_base_free(around->events);
    g_array_unref(around->frames);
}

static struct frame_arp
arp_of(const struct around *around, guint i)
{
    struct frame_arp arp;
    const guint8 *frame = (const guint8 *)around->frames->data + (gsize)i * FRAME_MIN;
    g_assert_cmpuint(i, <, around->frames->len);
    g_assert_true(frame_read_arp(frame, FRAME_MIN, &arp));
    g_assert_cmphex(arp.sender, ==, SERVICE);
    g_assert_cmpmem(arp.sender_mac, FRAME_MAC, own, FRAME_MAC);
    return arp;
}

static const guint8 *
station_of(const struct around *around, guint i)
{
    return (const guint8 *)around->frames->data + (gsize)i * FRAME_MIN;
}

/* In both forms; RFC 5227 3. */
static void
test_all(void)
{
    struct around around;
    begin(&around);
    g_assert_cmpuint(around.frames->len, ==, 2);
    g_assert_cmpuint(around.wanted, ==, 1);
    for (guint i = 0; i < 2; i++) {
        const struct frame_arp arp = arp_of(&around, i);
        g_assert_cmpint(arp.act, ==, i == 0 ? FRAME_ARP_REQUEST : FRAME_ARP_REPLY);
        g_assert_cmphex(arp.target, ==, SERVICE);
        g_assert_cmpmem(station_of(&around, i), FRAME_MAC, all, FRAME_MAC);
    }
    end(&around);
}

static void
test_one(void)
{
    const struct task_client client = {.address = 0x0a420107, .mac = {2, 0, 0, 0, 0, 7}};
    struct around around;
    begin(&around);
    announce_clients(around.announce, &client, 1);
    const struct frame_arp arp = arp_of(&around, 2);
    g_assert_cmpint(arp.act, ==, FRAME_ARP_REQUEST); /* it must answer that, so it learns */
    g_assert_cmphex(arp.target, ==, client.address);
    g_assert_cmpmem(station_of(&around, 2), FRAME_MAC, phone, FRAME_MAC);
    end(&around);
}

static void
test_nobody(void)
{
    const struct task_client nobody[] = {
        {.address = 0x0a420107, .mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {.mac = {2, 0, 0, 0, 0, 7}},
    };
    struct around around;
    begin(&around);
    announce_clients(around.announce, nobody, G_N_ELEMENTS(nobody));
    g_assert_cmpuint(around.frames->len, ==, 2);
    announce_stop(around.announce);
    const struct task_client client = {.address = 0x0a420107, .mac = {2, 0, 0, 0, 0, 7}};
    announce_clients(around.announce, &client, 1); /* it comes too late */
    g_assert_cmpuint(around.frames->len, ==, 2);
    end(&around);
}

static void
test_portions(void)
{
    struct task_client clients[3 * ANNOUNCE_PORTION];
    struct around around;
    for (guint32 i = 0; i < G_N_ELEMENTS(clients); i++)
        clients[i] = (struct task_client){.address = 0x0a420100 + i, .mac = {2, 0, 0, 0, 1, 1}};
    begin(&around);
    announce_clients(around.announce, clients, G_N_ELEMENTS(clients));
    g_assert_cmpuint(around.frames->len, ==, 2 + ANNOUNCE_PORTION);
    around.full = TRUE; /* the card's queue: none is passed over */
    event_base_loop(around.events, EVLOOP_ONCE);
    g_assert_cmpuint(around.frames->len, ==, 2 + ANNOUNCE_PORTION);
    around.full = FALSE;
    while (around.frames->len < 2 + G_N_ELEMENTS(clients))
        event_base_loop(around.events, EVLOOP_ONCE);
    for (guint i = 0; i < G_N_ELEMENTS(clients); i++)
        g_assert_cmphex(arp_of(&around, 2 + i).target, ==, clients[i].address);
    end(&around);
}

static void
test_times(void)
{
    static const guint waits[] = {1000, 2000, 7000, 60000, 60000};
    for (guint i = 0; i < G_N_ELEMENTS(waits); i++)
        g_assert_cmpuint(announce_wait(i), ==, waits[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/announce/all are told in both forms", test_all);
    g_test_add_func("/announce/a client alone is asked for its own address", test_one);
    g_test_add_func("/announce/who is nobody alone, or comes too late, is not told", test_nobody);
    g_test_add_func("/announce/many are told in portions, and none is passed over", test_portions);
    g_test_add_func("/announce/the times are those of the protocol", test_times);
    return g_test_run();
}
