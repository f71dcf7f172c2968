/*
 * fuzz-arp: frames from the LAN. The input is a row of frames, each with its size before it (one
 * byte), while some addresses are probed. Every probe has one end, and nothing else is found.
 */
#include "netsvc/dhcp/link/arp.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define FIRST 0x0a420100u /* 10.66.1.0 */
#define PROBED 16         /* addresses from there on */

static guint found[PROBED];

static void
take_sent(void *context, guint link, guint32 address)
{
    (void)context;
    g_assert_true(link == 0 && address >= FIRST && address < FIRST + PROBED);
}

static void
take_found(void *context, guint32 address, gboolean used, const guint8 *mac)
{
    (void)context;
    g_assert_true(address >= FIRST && address < FIRST + PROBED && used == (mac != NULL));
    found[address - FIRST]++;
}

static void
take_frame(struct arp *arp, const guint8 *data, gsize size, gint64 now)
{
    struct frame_arp frame;
    guint8 mac[FRAME_MAC];
    if (!frame_read_arp(data, size, &frame))
        return;
    arp_take(arp, &frame, now);
    g_assert_true(frame.sender == 0 || arp_seen(arp, frame.sender, now, 0, mac));
    g_assert_true(frame.sender == 0 || memcmp(mac, frame.sender_mac, FRAME_MAC) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct arp_ears ears = {take_sent, take_found, NULL};
    AUTO(arp) *arp = arp_new(&ears);
    gint64 now = 1;
    memset(found, 0, sizeof found);
    for (guint i = 0; i < PROBED; i++)
        g_assert_true(arp_probe(arp, 0, FIRST + i, now));
    while (size > 0) {
        gsize frame = MIN(data[0], size - 1);
        /* a copy, so that reading beyond its end shows */
        g_autofree guint8 *copy = g_memdup2(data + 1, frame);
        take_frame(arp, copy, frame, now);
        data += 1 + frame;
        size -= 1 + frame;
        arp_tick(arp, ++now);
    }
    for (gint64 end = now + 2 * ARP_PROBE_MS; now < end; now += 10)
        arp_tick(arp, now);
    for (guint i = 0; i < PROBED; i++)
        g_assert_cmpuint(found[i], ==, 1);
    return 0;
}
