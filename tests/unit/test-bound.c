/* bound: the address child is told of each client that has a lease, and when that was all. */
#include "netsvc/dhcp/tell/bound.h"

#include <string.h>

struct told {
    guint packets, clients, ends;
    struct task_client last;
};

static void
hear(void *context, const void *clients, gsize size)
{
    struct told *told = context;
    g_assert_cmpuint(size, <=, TASK_BODY_MAX);
    g_assert_cmpuint(size % sizeof told->last, ==, 0);
    g_assert_cmpuint(told->ends, ==, 0); /* nothing comes behind the end */
    told->packets++;
    told->clients += (guint)(size / sizeof told->last);
    told->ends += size == 0;
    if (size > 0)
        memcpy(&told->last, (const guint8 *)clients + size - sizeof told->last, sizeof told->last);
}

static void
put(struct leases *leases, guint32 address, enum lease_state state, guint8 mac_size)
{
    const struct lease lease = {.address = address,
                                .state = state,
                                .until = 1000,
                                .key_size = 1,
                                .mac_size = mac_size,
                                .mac = {2, 0, 0, 0, 0, (guint8)address}};
    leases_put(leases, &lease);
}

static void
test_only_who_has_a_lease_and_a_mac_is_told_of(void)
{
    struct told told = {0};
    AUTO(leases) *leases = leases_new();
    put(leases, 7, LEASE_LEASED, 6);
    put(leases, 8, LEASE_EXPIRED, 6);
    put(leases, 9, LEASE_DECLINED, 6);
    put(leases, 10, LEASE_LEASED, 8);
    bound_tell(leases, hear, &told);
    g_assert_cmpuint(told.clients, ==, 1);
    g_assert_cmpuint(told.last.address, ==, 7);
    g_assert_cmpmem(told.last.mac, 6, "\2\0\0\0\0\7", 6);
    g_assert_cmpuint(told.ends, ==, 1);
}

static void
test_many_come_in_packets(void)
{
    struct told told = {0};
    AUTO(leases) *leases = leases_new();
    for (guint32 address = 1; address <= 2 * TASK_CLIENTS_MAX + 1; address++)
        put(leases, address, LEASE_LEASED, 6);
    bound_tell(leases, hear, &told);
    g_assert_cmpuint(told.clients, ==, 2 * TASK_CLIENTS_MAX + 1);
    g_assert_cmpuint(told.packets, ==, 4); /* the last is the end */
    g_assert_cmpuint(told.ends, ==, 1);
}

static void
test_before_leases_can_be_read_there_is_the_end_alone(void)
{
    struct told told = {0};
    bound_tell(NULL, hear, &told);
    g_assert_cmpuint(told.packets, ==, 1);
    g_assert_cmpuint(told.ends, ==, 1);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bound/only who has a lease and a MAC is told of",
                    test_only_who_has_a_lease_and_a_mac_is_told_of);
    g_test_add_func("/bound/many come in packets", test_many_come_in_packets);
    g_test_add_func("/bound/before leases can be read there is the end alone",
                    test_before_leases_can_be_read_there_is_the_end_alone);
    return g_test_run();
}
