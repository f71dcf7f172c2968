/* probe: who answers has the address; silence means that nobody has. */
#include "netsvc/address/probe.h"

#include <string.h>

#define SERVICE 0x0a42000a

static const guint8 own[FRAME_MAC] = {2, 0, 0, 0, 0, 1}, other[FRAME_MAC] = {2, 0, 0, 0, 0, 7};

struct around {
    struct event_base *events;
    struct probe *probe;
    guint sent, ended;
    gboolean used;
    guint8 mac[FRAME_MAC];
};

static gboolean
send_frame(void *context, const guint8 *frame, gsize size)
{
    struct frame_arp arp;
    g_assert_true(frame_read_arp(frame, size, &arp));
    g_assert_cmpint(arp.act, ==, FRAME_ARP_REQUEST);
    g_assert_cmphex(arp.sender, ==, 0); /* so that nobody learns it */
    g_assert_cmphex(arp.target, ==, SERVICE);
    ((struct around *)context)->sent++;
    return TRUE;
}

static void
found(void *context, const guint8 *mac)
{
    struct around *around = context;
    around->ended++;
    around->used = mac != NULL;
    if (mac != NULL)
        memcpy(around->mac, mac, FRAME_MAC);
}

static void
begin(struct around *around)
{
    memset(around, 0, sizeof *around);
    const struct probe_ears ears = {send_frame, found, around};
    around->events = event_base_new();
    around->probe = probe_new(around->events, SERVICE, &ears);
    probe_begin(around->probe, own);
}

static void
end(struct around *around)
{
    probe_free(around->probe);
    event_base_free(around->events);
}

static struct frame_arp
arp(enum frame_arp_act act, guint32 sender, guint32 target)
{
    struct frame_arp made = {.act = act, .sender = sender, .target = target};
    memcpy(made.sender_mac, other, FRAME_MAC);
    return made;
}

static void
test_silence(void)
{
    struct around around;
    begin(&around);
    probe_begin(around.probe, own); /* once more is the same one */
    while (around.ended == 0)
        event_base_loop(around.events, EVLOOP_ONCE);
    g_assert_cmpuint(around.sent, ==, PROBE_TIMES);
    g_assert_false(around.used);
    g_assert_false(probe_runs(around.probe));
    end(&around);
}

static void
test_answers(void)
{
    const struct {
        struct frame_arp arp;
        gboolean used;
    } heard[] = {
        {arp(FRAME_ARP_REPLY, SERVICE, 0), TRUE},
        {arp(FRAME_ARP_REQUEST, SERVICE, SERVICE), TRUE}, /* it announces */
        {arp(FRAME_ARP_REQUEST, 0, SERVICE), TRUE},       /* it probes, too */
        {arp(FRAME_ARP_REQUEST, 0x0a420107, SERVICE), FALSE},
        {arp(FRAME_ARP_REPLY, 0x0a420107, 0), FALSE},
        {arp(FRAME_ARP_REPLY, 0, SERVICE), FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(heard); i++) {
        struct around around;
        begin(&around);
        probe_take(around.probe, &heard[i].arp);
        g_assert_cmpuint(around.ended, ==, heard[i].used ? 1 : 0);
        if (heard[i].used)
            g_assert_cmpmem(around.mac, FRAME_MAC, other, FRAME_MAC);
        probe_take(around.probe, &heard[i].arp); /* it has ended */
        g_assert_cmpuint(around.ended, ==, heard[i].used ? 1 : 0);
        end(&around);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/probe/silence after three tries means that nobody has it", test_silence);
    g_test_add_func("/probe/who says or wants it has it", test_answers);
    return g_test_run();
}
