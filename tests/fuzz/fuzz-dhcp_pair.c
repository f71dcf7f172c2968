/*
 * fuzz-dhcp_pair: messages of the other node about leases. Whatever they are, what is taken from
 * them could be stored and be sent on: this node's own messages stay readable.
 *
 * The input is a row of messages, each with its size in two bytes before it. Before a message of
 * the first kind the session that this node asked for is set in it, so that it is not thrown away.
 */
#include "netsvc/bytes.h"
#include "netsvc/dhcp/pair/partner.h"
#include "netsvc/dhcp/pair/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

struct site {
    struct config config;
    struct clock clock;
    guint64 session; /* that it asked for last */
};

static gint64
stands(void *context)
{
    (void)context;
    return 100000;
}

static gboolean
is_believed(void *context)
{
    (void)context;
    return TRUE;
}

static void
must_be_readable(void *context, const guint8 *data, gsize size)
{
    struct site *site = context;
    struct wire wire;
    const char *why = NULL;
    g_assert_true(wire_read(&wire, data, size, &why));
    if (wire.kind == WIRE_HELLO)
        site->session = wire.session;
    wire_clear(&wire);
}

static void
check_leases(const struct leases *leases)
{
    for (const struct lease *lease = leases_after(leases, 0); lease != NULL;
         lease = leases_after(leases, lease->address)) {
        g_assert_true(lease->state > LEASE_OFFERED && lease->state < LEASE_STATES);
        g_assert_true(lease->key_size > 0 || lease->state == LEASE_DECLINED);
        g_assert_cmpuint(lease->mac_size, <=, sizeof lease->mac);
        g_assert_cmpuint(strnlen(lease->name, sizeof lease->name), <, sizeof lease->name);
        g_assert_cmpint(lease->until, <=, 100000 + (gint64)WIRE_LEFT_MAX);
        g_assert_cmpint(lease->since, <=, 100000);
    }
}

static void
take_all(struct partner *pair, struct site *site, const uint8_t *data, size_t size)
{
    while (size >= 2) {
        gsize length = MIN((gsize)bytes_get16(data), size - 2);
        g_autofree guint8 *message = g_memdup2(data + 2, length);
        if (length >= 12 && message[3] != WIRE_HELLO) {
            bytes_put32(message + 4, (guint32)(site->session >> 32));
            bytes_put32(message + 8, (guint32)site->session);
        }
        partner_take(pair, message, length);
        partner_before_commit(pair);
        partner_committed(pair);
        data += 2 + length;
        size -= 2 + length;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct site site = {.clock = {stands, stands, is_believed, "boot", NULL}};
    AUTO(leases) *leases = leases_new();
    site.config.dhcp.subnets = g_ptr_array_new();
    site.config.dhcp.hosts = g_ptr_array_new();
    {
        AUTO(server) *server = server_new(&site.config, leases, NULL, &site.clock, NULL);
        const struct partner_world world = {leases, NULL, server, &site.clock, stands, NULL};
        const struct partner_ears ears = {must_be_readable, NULL, NULL, &site};
        const struct task_state state = {.role = TASK_STANDBY, .peer = 1, .term = 2};
        AUTO(partner) *pair = partner_new(&world, &ears);
        partner_role(pair, &state);
        take_all(pair, &site, data, size);
        partner_second(pair);
        check_leases(leases);
    }
    g_ptr_array_unref(site.config.dhcp.subnets);
    g_ptr_array_unref(site.config.dhcp.hosts);
    return 0;
}
