/* sweep, sightings, held, rivals: the small parts between the LAN and the DHCP server. */
#include "netsvc/bytes.h"
#include "netsvc/dhcp/link/held.h"
#include "netsvc/dhcp/link/rivals.h"
#include "netsvc/dhcp/link/sightings.h"
#include "netsvc/dhcp/link/sweep.h"

#include <string.h>

#define FIRST 0x0a420100u /* 10.66.1.0 */
#define NOW 1000

static const guint8 mac[FRAME_MAC] = {0x52, 0x54, 0, 0, 0, 2};
static const guint8 other[FRAME_MAC] = {0x52, 0x54, 0, 0, 0, 3};

/* ---- sweep ---- */

struct pools {
    struct config_subnet subnet;
    struct config_dhcp dhcp;
    struct leases *leases;
    struct sweep sweep;
};

static void
add_pool(struct pools *pools, guint32 first, guint32 size)
{
    struct config_range range = {first, first + size - 1};
    g_array_append_val(pools->subnet.pools, range);
}

static void
pools_set_up(struct pools *pools, gconstpointer data)
{
    (void)data;
    pools->leases = leases_new();
    pools->subnet.pools = g_array_new(FALSE, FALSE, sizeof(struct config_range));
    pools->dhcp.subnets = g_ptr_array_new();
    g_ptr_array_add(pools->dhcp.subnets, &pools->subnet);
}

static void
pools_tear_down(struct pools *pools, gconstpointer data)
{
    (void)data;
    g_array_unref(pools->subnet.pools);
    g_ptr_array_unref(pools->dhcp.subnets);
    leases_free(pools->leases);
}

static void
put(struct pools *pools, guint32 address, enum lease_state state, gint64 since)
{
    struct lease lease = {.address = address, .state = state, .since = since, .key_size = 1};
    leases_put(pools->leases, &lease);
}

static guint32
next(struct pools *pools)
{
    return sweep_next(&pools->sweep, &pools->dhcp, pools->leases, NOW);
}

static void
test_nothing_is_probed_unless_clients_come(struct pools *pools, gconstpointer data)
{
    (void)data;
    add_pool(pools, FIRST, 4);
    g_assert_cmphex(next(pools), ==, 0);
    sweep_wake(&pools->sweep, NOW);
    g_assert_cmphex(next(pools), ==, FIRST);
    g_assert_cmphex(
        sweep_next(&pools->sweep, &pools->dhcp, pools->leases, NOW + SWEEP_AWAKE_SECONDS), ==, 0);
}

static void
test_each_address_that_nobody_has_comes_in_turn(struct pools *pools, gconstpointer data)
{
    (void)data;
    add_pool(pools, FIRST, 4);
    add_pool(pools, FIRST + 16, 2);
    put(pools, FIRST + 1, LEASE_LEASED, 0);
    put(pools, FIRST + 2, LEASE_DECLINED, 0);
    put(pools, FIRST + 3, LEASE_EXPIRED, 0);
    sweep_wake(&pools->sweep, NOW);
    for (guint round = 0; round < 3; round++) {
        g_assert_cmphex(next(pools), ==, FIRST);
        g_assert_cmphex(next(pools), ==, FIRST + 3);
        g_assert_cmphex(next(pools), ==, FIRST + 16);
        g_assert_cmphex(next(pools), ==, FIRST + 17);
    }
}

static void
test_of_a_large_pool_the_oldest_comes(struct pools *pools, gconstpointer data)
{
    (void)data;
    add_pool(pools, FIRST, SWEEP_POOL_MAX + 1);
    sweep_wake(&pools->sweep, NOW);
    g_assert_cmphex(next(pools), ==, 0);
    put(pools, FIRST + 7, LEASE_EXPIRED, 200);
    put(pools, FIRST + 9, LEASE_RELEASED, 100);
    g_assert_cmphex(next(pools), ==, FIRST + 9);
}

static void
test_where_there_is_no_pool_there_is_nothing(struct pools *pools, gconstpointer data)
{
    (void)data;
    sweep_wake(&pools->sweep, NOW);
    g_assert_cmphex(next(pools), ==, 0);
    g_ptr_array_set_size(pools->dhcp.subnets, 0);
    g_assert_cmphex(next(pools), ==, 0);
}

static void
test_a_probe_is_the_sweeps_until_another_wants_it(void)
{
    struct sweep sweep = {0};
    sweep_enter(&sweep, FIRST);
    g_assert_false(sweep_leave(&sweep, FIRST + 1));
    g_assert_true(sweep_leave(&sweep, FIRST));
    g_assert_false(sweep_leave(&sweep, FIRST));
}

/* ---- sightings ---- */

static void
count_tell(void *context, const struct sighting *sighting, gboolean is)
{
    gint *told = context;
    told[0] += is;
    told[1] += !is;
    g_assert_cmphex(sighting->address, >=, FIRST);
}

static void
test_what_is_seen_is_told_once_and_when_it_is_over(void)
{
    gint told[2] = {0};
    struct sightings sightings = {.tell = count_tell, .context = told};
    sightings_note(&sightings, FIRST, NULL, NOW);
    sightings_note(&sightings, FIRST, NULL, NOW + 50);
    g_assert_cmpint(told[0], ==, 1);
    sightings_note(&sightings, FIRST, mac, NOW + 60);
    sightings_note(&sightings, FIRST, mac, NOW + 60);
    sightings_note(&sightings, FIRST, NULL, NOW + 60);
    g_assert_cmpint(told[0], ==, 2);
    sightings_note(&sightings, FIRST, other, NOW + 60);
    g_assert_cmpint(told[0], ==, 3);
    sightings_age(&sightings, NOW + 159, 100);
    g_assert_cmpint(told[1], ==, 0);
    sightings_age(&sightings, NOW + 160, 100);
    g_assert_cmpint(told[1], ==, 1);
    sightings_note(&sightings, FIRST, mac, NOW + 200);
    g_assert_cmpint(told[0], ==, 4);
}

static void
test_of_too_many_the_first_are_told(void)
{
    gint told[2] = {0};
    struct sightings sightings = {.tell = count_tell, .context = told};
    for (guint i = 0; i < 10 * SIGHTINGS_MAX; i++)
        sightings_note(&sightings, FIRST + i, mac, NOW + i % 2);
    g_assert_cmpint(told[0], ==, SIGHTINGS_MAX);
    sightings_age(&sightings, NOW + 100, 100);
    g_assert_cmpint(told[1], ==, SIGHTINGS_MAX / 2);
    sightings_age(&sightings, NOW + 101, 100);
    g_assert_cmpint(told[1], ==, SIGHTINGS_MAX);
}

static void
test_who_answers_for_many_shows(void)
{
    gint told[2] = {0};
    struct sightings sightings = {.tell = count_tell, .context = told};
    for (guint i = 0; i < 3; i++)
        sightings_note(&sightings, FIRST + i, mac, NOW);
    sightings_note(&sightings, FIRST + 3, other, NOW);
    sightings_note(&sightings, FIRST + 4, NULL, NOW);
    g_assert_cmpuint(sightings_of_mac(&sightings, FIRST + 9, mac), ==, 3);
    g_assert_cmpuint(sightings_of_mac(&sightings, FIRST, mac), ==, 2);
    g_assert_cmpuint(sightings_of_mac(&sightings, FIRST, other), ==, 1);
}

/* ---- held ---- */

static void
hold(struct held *held, guint32 address, const char *text)
{
    held_add(held, address, 3, TRUE, (const guint8 *)text, strlen(text));
}

static void
assert_taken(struct held *held, guint32 address, const char *text)
{
    g_autofree struct held_request *request = held_take(held, address);
    g_assert_nonnull(request);
    g_assert_cmpmem(request->data, (int)request->size, text, (int)strlen(text));
    g_assert_true(request->link == 3 && request->to_all && request->address == address);
}

static void
test_requests_wait_for_their_address_in_order(void)
{
    AUTO(held) *held = held_new();
    hold(held, FIRST, "a");
    hold(held, FIRST + 1, "b");
    hold(held, FIRST, "c");
    hold(held, FIRST, "a"); /* again */
    assert_taken(held, FIRST, "a");
    assert_taken(held, FIRST, "c");
    g_assert_null(held_take(held, FIRST));
    assert_taken(held, FIRST + 1, "b");
    g_assert_null(held_take(held, FIRST + 1));
}

static void
test_so_many_requests_wait_and_no_more(void)
{
    AUTO(held) *held = held_new();
    guint count = 0;
    for (guint i = 0; i < 2 * HELD_MAX; i++)
        hold(held, FIRST + i, "a");
    for (guint i = 0; i < 100; i++) {
        g_autofree char *text = g_strdup_printf("%u", i);
        hold(held, FIRST - 1, text);
    }
    for (guint i = 0; i < 2 * HELD_MAX; i++) {
        g_autofree struct held_request *request = held_take(held, FIRST + i);
        count += request != NULL;
    }
    g_assert_cmpuint(count, ==, HELD_MAX);
    g_assert_null(held_take(held, FIRST - 1));
    for (guint i = 0; i < 100; i++) {
        g_autofree char *text = g_strdup_printf("%u", i);
        hold(held, FIRST - 1, text);
    }
    for (count = 0;; count++) {
        g_autofree struct held_request *request = held_take(held, FIRST - 1);
        if (request == NULL)
            break;
    }
    g_assert_cmpuint(count, <, 20);
}

/* ---- rivals ---- */

static void
test_our_question_is_a_discover_as_of_a_relay_and_known_again(void)
{
    guint8 data[RIVALS_QUESTION_SIZE];
    g_autofree struct packet *packet = g_new0(struct packet, 1);
    const char *why = NULL;
    rivals_question(data, mac, FIRST);
    g_assert_true(packet_parse(packet, data, sizeof data, &why));
    g_assert_cmpint(packet->type, ==, PACKET_DISCOVER);
    g_assert_cmphex(packet->giaddr, ==, FIRST);
    g_assert_cmpint(memcmp(packet->chaddr, mac, FRAME_MAC), !=, 0);
    g_assert_cmpint(packet->chaddr[0] & 3, ==, 2); /* nobody's, and no group */
    g_assert_true(rivals_is_question(packet, mac, FIRST));
    g_assert_false(rivals_is_question(packet, other, FIRST));
    g_assert_false(rivals_is_question(packet, mac, FIRST + 1));
    g_assert_cmphex(rivals_told_by(packet, FIRST + 5), ==, 0);
}

static guint32
told_by(guint8 op, guint8 type, guint32 giaddr, guint32 server)
{
    guint8 data[PACKET_MIN_SENT];
    g_autofree struct packet *packet = g_new0(struct packet, 1);
    const char *why = NULL;
    rivals_question(data, mac, giaddr);
    data[0] = op;
    guint8 *option = data + PACKET_OPTIONS;
    const guint8 options[] = {PACKET_TYPE, 1, type, server != 0 ? PACKET_SERVER : PACKET_PAD};
    memset(option, 0, sizeof data - PACKET_OPTIONS);
    memcpy(option, options, sizeof options);
    if (server != 0) {
        option[4] = 4;
        bytes_put32(option + 5, server);
    }
    option[9] = PACKET_END;
    g_assert_true(packet_parse(packet, data, sizeof data, &why));
    return rivals_told_by(packet, FIRST + 5);
}

static void
test_a_server_shows_by_its_answers_and_by_who_chose_it(void)
{
    g_assert_cmphex(told_by(2, PACKET_OFFER, FIRST, FIRST + 9), ==, FIRST + 9);
    g_assert_cmphex(told_by(2, PACKET_OFFER, FIRST, 0), ==, FIRST + 5);
    g_assert_cmphex(told_by(1, PACKET_REQUEST, 0, FIRST + 9), ==, FIRST + 9);
    g_assert_cmphex(told_by(1, PACKET_REQUEST, 0, 0), ==, 0);
    g_assert_cmphex(told_by(1, PACKET_REQUEST, FIRST, FIRST + 9), ==, 0);
    g_assert_cmphex(told_by(1, PACKET_RELEASE, 0, FIRST + 9), ==, 0);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/sweep/nothing is probed unless clients come", struct pools, NULL, pools_set_up,
               test_nothing_is_probed_unless_clients_come, pools_tear_down);
    g_test_add("/sweep/each address that nobody has comes in turn", struct pools, NULL,
               pools_set_up, test_each_address_that_nobody_has_comes_in_turn, pools_tear_down);
    g_test_add("/sweep/of a large pool the oldest comes", struct pools, NULL, pools_set_up,
               test_of_a_large_pool_the_oldest_comes, pools_tear_down);
    g_test_add("/sweep/where there is no pool there is nothing", struct pools, NULL, pools_set_up,
               test_where_there_is_no_pool_there_is_nothing, pools_tear_down);
    g_test_add_func("/sweep/a probe is the sweeps until another wants it",
                    test_a_probe_is_the_sweeps_until_another_wants_it);
    g_test_add_func("/sweep/what is seen is told once and when it is over",
                    test_what_is_seen_is_told_once_and_when_it_is_over);
    g_test_add_func("/sweep/of too many the first are told", test_of_too_many_the_first_are_told);
    g_test_add_func("/sweep/who answers for many shows", test_who_answers_for_many_shows);
    g_test_add_func("/sweep/requests wait for their address in order",
                    test_requests_wait_for_their_address_in_order);
    g_test_add_func("/sweep/so many requests wait and no more",
                    test_so_many_requests_wait_and_no_more);
    g_test_add_func("/sweep/our question is a discover as of a relay and known again",
                    test_our_question_is_a_discover_as_of_a_relay_and_known_again);
    g_test_add_func("/sweep/a server shows by its answers and by who chose it",
                    test_a_server_shows_by_its_answers_and_by_who_chose_it);
    return g_test_run();
}
