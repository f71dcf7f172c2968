/* choose: who gets which address when reservations, probes, full pools and floods come in between.
 */
#include "netsvc/dhcp/choose/choose.h"

#include "tests/unit/dhcp_clinic.h"

#include <glib/gstdio.h>
#include <time.h>

#define POOL 20 /* addresses of the ward, one of them the camera's */

#define TAKE(...) clinic_take(clinic, &(struct wish){__VA_ARGS__})
#define JOIN(...) clinic_join(clinic, (struct wish){__VA_ARGS__})
#define DISCOVER(...) clinic_take(clinic, &(struct wish){.type = PACKET_DISCOVER, __VA_ARGS__})
#define REQUEST(...) clinic_take(clinic, &(struct wish){.type = PACKET_REQUEST, __VA_ARGS__})

static enum lease_state
state_of(const struct clinic *clinic, guint32 address)
{
    const struct lease *lease = leases_of_address(clinic->leases, address);
    return lease != NULL ? lease->state : LEASE_STATES;
}

/* ---- reservations ---- */

static void
a_reservation_is_its_owners_alone(void)
{
    AUTO(clinic) *clinic = clinic_new();
    g_assert_cmpuint(JOIN(.client = PRINTER), ==, PRINTER_ADDRESS);
    g_assert_cmpuint(JOIN(.client = 7, .id = "cam"), ==, CAMERA_ADDRESS);
    g_assert_cmpuint(JOIN(.client = 8, .hostname = "Scale"), ==, SCALE_ADDRESS);
    g_assert_cmpint(REQUEST(.client = 8, .ciaddr = SCALE_ADDRESS), ==, SERVER_COMMIT);
    for (guint16 other = 9; other < 40; other++) {
        guint32 address = JOIN(.client = other);
        g_assert_true(address != CAMERA_ADDRESS && address != PRINTER_ADDRESS &&
                      address != SCALE_ADDRESS);
    }
    g_assert_cmpuint(leases_count(clinic->leases, LEASE_LEASED, 0, G_MAXUINT32), ==, POOL + 2);
}

static void
a_reservation_that_somebody_has_is_given_when_that_ends(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 taken = JOIN(.client = 7);
    struct config_host *late = clinic_add_host(clinic, "late", taken); /* configured now */
    late->has_mac = TRUE;
    memcpy(late->mac, (const guint8[]){2, 0, 0, 0, 0, 8}, CONFIG_MAC_SIZE);
    clinic_serve(clinic);
    g_assert_cmpint(REQUEST(.client = 8, .requested = taken), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK);
    guint32 meanwhile = JOIN(.client = 8);
    g_assert_true(meanwhile != 0 && meanwhile != taken);
    g_assert_cmpint(REQUEST(.client = 8, .ciaddr = meanwhile), ==, SERVER_COMMIT);
    g_assert_cmpint(REQUEST(.client = 7, .ciaddr = taken), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK); /* so that it moves away */
    g_assert_cmpuint(JOIN(.client = 7), !=, taken);
    g_assert_cmpint(REQUEST(.client = 8, .ciaddr = meanwhile), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK);
    g_assert_cmpuint(JOIN(.client = 8), ==, taken);
    g_assert_null(leases_of_address(clinic->leases, meanwhile)); /* one client, one address */
}

static void
a_machine_keeps_its_reservation_under_every_identifier(void)
{
    AUTO(clinic) *clinic = clinic_new();
    g_assert_cmpuint(JOIN(.client = PRINTER), ==, PRINTER_ADDRESS);
    g_assert_cmpuint(JOIN(.client = PRINTER, .id = "\xff"
                                                   "boot"),
                     ==, PRINTER_ADDRESS);
    g_assert_cmpint(REQUEST(.client = PRINTER, .requested = PRINTER_ADDRESS), ==, SERVER_COMMIT);
}

static void
a_client_has_a_reservation_in_each_network(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_host *second = clinic_add_host(clinic, "printer-annex", ANNEX(77));
    second->has_mac = TRUE;
    memcpy(second->mac, (const guint8[]){2, 0, 0, 0, 0, PRINTER}, CONFIG_MAC_SIZE);
    clinic_serve(clinic);
    g_assert_cmpuint(JOIN(.client = PRINTER, .giaddr = RELAY), ==, ANNEX(77));
    g_assert_cmpuint(JOIN(.client = PRINTER), ==, PRINTER_ADDRESS);
}

static void
a_pool_that_was_changed_is_moved_to(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7);
    g_array_index(clinic_ward(clinic)->pools, struct config_range, 0) =
        (struct config_range){WARD(10), WARD(19)};
    clinic_serve(clinic);
    g_assert_cmpint(REQUEST(.client = 7, .ciaddr = address), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK);
    guint32 moved = JOIN(.client = 7);
    g_assert_true(moved >= WARD(10) && moved <= WARD(19));
    g_assert_null(leases_of_address(clinic->leases, address));
}

static void
our_own_addresses_are_never_given_out(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_range *range = &g_array_index(clinic_ward(clinic)->pools, struct config_range, 0);
    *range = (struct config_range){WARD(0), WARD(7)}; /* .0 .1 .2 .3 are nobody's */
    guint32 router = WARD(3);
    g_array_append_val(clinic_ward(clinic)->routers, router);
    clinic_serve(clinic);
    for (guint16 client = 8; client < 20; client++) {
        guint32 address = JOIN(.client = client);
        g_assert_true(address == 0 || address > WARD(3));
    }
    g_assert_cmpuint(leases_count(clinic->leases, LEASE_LEASED, 0, G_MAXUINT32), ==, 4);
}

/* ---- full ---- */

static void
a_full_pool_is_told_and_so_is_its_end(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 first = JOIN(.client = 100);
    for (guint client = 101; client < 100 + POOL - 1; client++)
        g_assert_cmpuint(JOIN(.client = (guint16)client), !=, 0);
    g_assert_cmpstr(clinic->heard->str, ==, "");
    g_assert_cmpuint(JOIN(.client = 200), ==, 0);
    g_assert_cmpuint(JOIN(.client = 201), ==, 0);
    g_assert_cmpuint(JOIN(.client = 100), ==, first); /* who has one is served */
    g_assert_cmpstr(clinic->heard->str, ==, "ward full ");
    TAKE(.type = PACKET_RELEASE, .client = 100, .ciaddr = first, .server = SERVICE);
    g_assert_cmpstr(clinic->heard->str, ==, "ward full ward has room ");
    g_assert_cmpuint(JOIN(.client = 200), ==, first);
    g_assert_cmpuint(JOIN(.client = 100), ==, 0);
    g_assert_cmpstr(clinic->heard->str, ==, "ward full ward has room ward full ");
    clinic->now += 2 * LEASE;
    server_expire(clinic->server);
    g_assert_true(g_str_has_suffix(clinic->heard->str, "ward has room "));
}

static void
given_up_longest_ago_is_used_first(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 addresses[POOL - 1];
    for (guint16 i = 0; i < POOL - 1; i++) {
        clinic->now++;
        addresses[i] = JOIN(.client = (guint16)(100 + i));
    }
    clinic->now++;
    TAKE(.type = PACKET_RELEASE, .client = 105, .ciaddr = addresses[5], .server = SERVICE);
    clinic->now++;
    TAKE(.type = PACKET_RELEASE, .client = 103, .ciaddr = addresses[3], .server = SERVICE);
    clinic->now += LEASE + 100;
    server_expire(clinic->server);
    g_assert_cmpint(REQUEST(.client = 200, .requested = addresses[5]), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK); /* it is another's still */
    g_assert_cmpuint(JOIN(.client = 200), ==, addresses[5]);
    g_assert_cmpuint(JOIN(.client = 201), ==, addresses[3]);
    g_assert_cmpuint(JOIN(.client = 202), ==, addresses[0]);
    g_assert_cmpuint(JOIN(.client = 203), ==, addresses[1]);
    /* several at once are offered different ones, of which none is lost by that */
    g_assert_cmpint(DISCOVER(.client = 204), ==, SERVER_SEND);
    guint32 one = clinic->answer.yiaddr;
    g_assert_cmpint(DISCOVER(.client = 205), ==, SERVER_SEND);
    g_assert_cmpuint(clinic->answer.yiaddr, !=, one);
    g_assert_cmpuint(JOIN(.client = 102), ==, addresses[2]);
}

static void
a_flood_of_discovers_does_not_lock_clients_out(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 known = JOIN(.client = 7), gone = JOIN(.client = 8);
    TAKE(.type = PACKET_RELEASE, .client = 8, .ciaddr = gone, .server = SERVICE);
    DISCOVER(.client = 7);
    for (guint16 client = 1000; client < 1000 + 500; client++) {
        g_assert_cmpint(DISCOVER(.client = client), ==, SERVER_SEND);
        g_assert_cmpuint(clinic->answer.yiaddr, !=, known);
    }
    g_assert_cmpuint(JOIN(.client = 7), ==, known);
    g_assert_cmpuint(JOIN(.client = 8), ==, gone); /* it was remembered */
    g_assert_cmpuint(JOIN(.client = 9), !=, 0);
    clinic->now += SERVER_OFFER_SECONDS;
    server_expire(clinic->server);
    g_assert_cmpstr(clinic->heard->str, ==, "ward full ward has room ");
    for (guint client = 100; client < 100 + POOL - 4; client++)
        g_assert_cmpuint(JOIN(.client = (guint16)client), !=, 0);
}

static void
so_many_offers_are_remembered_and_no_more(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_subnet *ward = clinic_ward(clinic);
    ward->prefix = 15;
    ward->mask = 0xfffe0000;
    g_array_index(ward->pools, struct config_range, 0) =
        (struct config_range){WARD(256), WARD(256 + 4 * OFFERS_MAX)};
    clinic_serve(clinic);
    for (guint32 i = 0; i <= OFFERS_MAX; i++) { /* one too many: the first goes */
        char id[16];
        g_snprintf(id, sizeof id, "c%06u", i);
        DISCOVER(.client = 7, .id = id, .requested = WARD(256 + i));
        g_assert_cmpuint(clinic->answer.yiaddr, ==, WARD(256 + i));
    }
    DISCOVER(.client = 8, .requested = WARD(257));
    g_assert_cmpuint(clinic->answer.yiaddr, !=, WARD(257));
    DISCOVER(.client = 9, .requested = WARD(256));
    g_assert_cmpuint(clinic->answer.yiaddr, ==, WARD(256));
}

static void
offers_end(void)
{
    AUTO(clinic) *clinic = clinic_new();
    DISCOVER(.client = 7, .requested = WARD(110));
    g_assert_cmpint(server_expire(clinic->server), ==, clinic->now + SERVER_OFFER_SECONDS);
    DISCOVER(.client = 8, .requested = WARD(110));
    g_assert_cmpuint(clinic->answer.yiaddr, !=, WARD(110));
    clinic->now += SERVER_OFFER_SECONDS;
    server_expire(clinic->server);
    DISCOVER(.client = 9, .requested = WARD(110));
    g_assert_cmpuint(clinic->answer.yiaddr, ==, WARD(110));
}

/* ---- probes ---- */

static void
an_address_that_was_not_probed_is_offered_at_once_and_held_when_asked_for(void)
{
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    g_assert_cmpint(DISCOVER(.client = 7), ==, SERVER_PROBE);
    guint32 address = clinic->answer.yiaddr;
    g_assert_cmpuint(clinic->probe, ==, address);
    struct wish request = {
        .type = PACKET_REQUEST, .client = 7, .requested = address, .server = SERVICE};
    g_assert_cmpint(clinic_take(clinic, &request), ==, SERVER_HOLD);
    g_assert_cmpuint(clinic->probe, ==, address);
    g_assert_cmpint(state_of(clinic, address), ==, LEASE_STATES);
    server_probed(clinic->server, address, FALSE, NULL);
    g_assert_cmpint(clinic_take(clinic, &request), ==, SERVER_COMMIT);
    g_assert_cmpint(state_of(clinic, address), ==, LEASE_LEASED);
    /* its own now: no probe, also much later */
    clinic->now += 10 * LEASE;
    server_expire(clinic->server);
    g_assert_cmpint(DISCOVER(.client = 7), ==, SERVER_SEND);
    g_assert_cmpint(REQUEST(.client = 7, .requested = address), ==, SERVER_COMMIT);
}

static void
an_address_that_answers_rests_and_its_client_gets_another(void)
{
    static const guint8 stranger[] = {2, 9, 9, 9, 9, 9}, itself[] = {2, 0, 0, 0, 0, 7};
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    DISCOVER(.client = 7);
    guint32 address = clinic->answer.yiaddr;
    g_assert_cmpint(REQUEST(.client = 7, .requested = address, .server = SERVICE), ==, SERVER_HOLD);
    server_probed(clinic->server, address, TRUE, stranger);
    g_assert_cmpint(state_of(clinic, address), ==, LEASE_DECLINED);
    g_autofree char *heard = g_strdup_printf("conflict %u seen ", address & 0xff);
    g_assert_cmpstr(clinic->heard->str, ==, heard);
    g_assert_cmpint(REQUEST(.client = 7, .requested = address, .server = SERVICE), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK);
    g_assert_cmpint(DISCOVER(.client = 7), ==, SERVER_PROBE);
    g_assert_cmpuint(clinic->answer.yiaddr, !=, address);
    /* a client that has the address already answers for itself */
    guint32 second = clinic->answer.yiaddr;
    server_probed(clinic->server, second, TRUE, itself);
    g_assert_cmpint(REQUEST(.client = 7, .requested = second, .server = SERVICE), ==,
                    SERVER_COMMIT);
}

static void
what_was_quiet_a_minute_ago_needs_no_probe(void)
{
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    server_probed(clinic->server, WARD(110), FALSE, NULL);
    clinic->now += SERVER_QUIET_SECONDS - 1;
    g_assert_cmpint(DISCOVER(.client = 7, .requested = WARD(110)), ==, SERVER_SEND);
    g_assert_cmpuint(clinic->answer.yiaddr, ==, WARD(110));
    clinic->now += 1;
    g_assert_cmpint(REQUEST(.client = 7, .requested = WARD(110), .server = SERVICE), ==,
                    SERVER_HOLD);
}

static void
what_was_declined_is_not_quiet_any_more(void)
{
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    clinic->config.dhcp.decline_rest = 1;
    server_probed(clinic->server, WARD(110), FALSE, NULL);
    g_assert_cmpint(REQUEST(.client = 7, .requested = WARD(110)), ==, SERVER_COMMIT);
    TAKE(.type = PACKET_DECLINE, .client = 7, .requested = WARD(110), .server = SERVICE);
    clinic->now += 1;
    server_expire(clinic->server);
    g_assert_cmpint(REQUEST(.client = 7, .requested = WARD(110)), ==, SERVER_HOLD);
}

static void
behind_a_relay_nothing_is_probed(void)
{
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    g_assert_cmpint(DISCOVER(.client = 7, .giaddr = RELAY), ==, SERVER_SEND);
}

static void
a_held_address_is_nobody_elses(void)
{
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    g_assert_cmpint(REQUEST(.client = 7, .requested = WARD(110)), ==, SERVER_HOLD);
    for (guint16 client = 1000; client < 1000 + 200; client++) {
        DISCOVER(.client = client, .requested = WARD(110));
        g_assert_cmpuint(clinic->answer.yiaddr, !=, WARD(110));
    }
    g_assert_cmpint(REQUEST(.client = 8, .requested = WARD(110)), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK);
    server_probed(clinic->server, WARD(110), FALSE, NULL);
    g_assert_cmpint(REQUEST(.client = 7, .requested = WARD(110)), ==, SERVER_COMMIT);
}

static void
who_is_seen_to_use_a_free_address_may_have_it(void)
{
    static const guint8 seven[] = {2, 0, 0, 0, 0, 7};
    AUTO(clinic) *clinic = clinic_new();
    clinic->config.dhcp.probe = TRUE;
    server_probed(clinic->server, WARD(110), TRUE, seven); /* leases were lost, say */
    g_assert_cmpint(state_of(clinic, WARD(110)), ==, LEASE_DECLINED);
    g_assert_cmpint(REQUEST(.client = 8, .ciaddr = WARD(110), .to_all = TRUE), ==, SERVER_SEND);
    g_assert_cmpint(clinic->answer.type, ==, PACKET_NAK);
    g_assert_cmpint(REQUEST(.client = 7, .ciaddr = WARD(110), .to_all = TRUE), ==, SERVER_HOLD);
    server_probed(clinic->server, WARD(110), TRUE, seven);
    g_assert_cmpint(REQUEST(.client = 7, .ciaddr = WARD(110), .to_all = TRUE), ==, SERVER_COMMIT);
    /* what is leased stays so, whoever else uses it, but that is told */
    g_string_truncate(clinic->heard, 0);
    server_probed(clinic->server, WARD(110), TRUE, seven);
    g_assert_cmpstr(clinic->heard->str, ==, "");
    server_probed(clinic->server, WARD(110), TRUE, (const guint8[]){2, 9, 9, 9, 9, 9});
    g_assert_cmpint(state_of(clinic, WARD(110)), ==, LEASE_LEASED);
    g_assert_cmpstr(clinic->heard->str, ==, "conflict 110 seen ");
    server_probed(clinic->server, OWN, TRUE, seven);
    server_probed(clinic->server, 0x08080808, TRUE, seven);
    g_assert_null(leases_of_address(clinic->leases, OWN));
}

/* ---- durable ---- */

static void
what_was_acknowledged_is_there_after_a_restart(void)
{
    g_autofree char *folder = g_dir_make_tmp("lifeboat-choose-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "leases", NULL);
    g_autoptr(GError) error = NULL;
    AUTO(clinic) *clinic = clinic_new();
    clinic->store = store_open(path, &clinic->clock, clinic->leases, &error);
    g_assert_no_error(error);
    clinic_serve(clinic);
    guint32 kept = JOIN(.client = 7, .hostname = "phone"), released = JOIN(.client = 8);
    guint32 declined = JOIN(.client = 9);
    TAKE(.type = PACKET_RELEASE, .client = 8, .ciaddr = released, .server = SERVICE);
    TAKE(.type = PACKET_DECLINE, .client = 9, .requested = declined, .server = SERVICE);
    DISCOVER(.client = 10);
    guint32 offered = clinic->answer.yiaddr;
    g_assert_true(store_commit(clinic->store, &error));
    g_clear_pointer(&clinic->server, server_free);
    g_clear_pointer(&clinic->store, store_free);
    leases_free(clinic->leases);
    clinic->leases = leases_new();
    clinic->store = store_open(path, &clinic->clock, clinic->leases, &error);
    g_assert_no_error(error);
    clinic_serve(clinic);
    g_assert_cmpint(state_of(clinic, kept), ==, LEASE_LEASED);
    g_assert_cmpint(state_of(clinic, released), ==, LEASE_RELEASED);
    g_assert_cmpint(state_of(clinic, declined), ==, LEASE_DECLINED);
    g_assert_cmpint(state_of(clinic, offered), ==, LEASE_STATES);
    g_string_truncate(clinic->heard, 0);
    JOIN(.client = 11, .hostname = "phone"); /* the name is taken still */
    g_assert_true(g_str_has_prefix(clinic->heard->str, "+phone-2.ward.example"));
    g_assert_cmpint(REQUEST(.client = 7, .requested = kept), ==, SERVER_COMMIT);
    g_clear_pointer(&clinic->server, server_free);
    g_clear_pointer(&clinic->store, store_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *file = g_build_filename(folder, name, NULL);
        g_remove(file);
    }
    g_rmdir(folder);
}

/* ---- many ---- */

#define MANY 100000 /* clients with -m perf, else a tenth of a tenth */

/* Microseconds of ours alone. */
static gint64
cpu_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

/* Nanoseconds for each client, of what `act` does for one. */
static void
measure(struct clinic *clinic, guint n, const char *what,
        void (*act)(struct clinic *clinic, const char *id))
{
    gint64 begin = cpu_time();
    for (guint i = 0; i < n; i++) {
        char id[16];
        g_snprintf(id, sizeof id, "c%06u", i);
        act(clinic, id);
    }
    g_test_minimized_result((double)(cpu_time() - begin) * 1000 / n,
                            "%s: %.0f ns, with the test's own work", what,
                            (double)(cpu_time() - begin) * 1000 / n);
}

static void
join_one(struct clinic *clinic, const char *id)
{
    g_assert_cmpuint(JOIN(.client = 7, .id = id, .hostname = id), !=, 0);
}

static void
come_back(struct clinic *clinic, const char *id)
{
    DISCOVER(.client = 7, .id = id);
    g_assert_cmpint(REQUEST(.client = 7, .id = id, .requested = clinic->answer.yiaddr), ==,
                    SERVER_COMMIT);
}

static void
renew_one(struct clinic *clinic, const char *id)
{
    const struct lease *lease =
        leases_of_key(clinic->leases, WARD(0), 0xfffe0000, (const guint8 *)id, strlen(id));
    g_assert_cmpint(REQUEST(.client = 7, .id = id, .ciaddr = lease->address), ==, SERVER_COMMIT);
}

static void
flood(struct clinic *clinic, const char *id)
{
    g_autofree char *other = g_strconcat("x", id, NULL);
    g_assert_cmpint(DISCOVER(.client = 7, .id = other), ==, SERVER_SEND);
}

static void
many_clients_have_an_address_each(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint n = g_test_perf() ? MANY : MANY / 100;
    struct config_subnet *ward = clinic_ward(clinic);
    ward->prefix = 15;
    ward->mask = 0xfffe0000;
    struct config_range *range = &g_array_index(ward->pools, struct config_range, 0);
    *range = (struct config_range){WARD(256), WARD(256 + n)}; /* all but full in the end */
    clinic_serve(clinic);
    measure(clinic, n, "DISCOVER and REQUEST, new", join_one);
    g_assert_cmpuint(leases_count(clinic->leases, LEASE_LEASED, 0, G_MAXUINT32), ==, n);
    measure(clinic, n, "REQUEST, renewed", renew_one);
    measure(clinic, n, "DISCOVER and REQUEST, known", come_back);
    measure(clinic, n, "DISCOVER, the pool full", flood);
    clinic->now += 2 * LEASE;
    gint64 begin = cpu_time();
    while (server_expire(clinic->server) == clinic->now)
        ;
    g_test_minimized_result((double)(cpu_time() - begin) * 1000 / n, "end of a lease: %.0f ns",
                            (double)(cpu_time() - begin) * 1000 / n);
    measure(clinic, n, "DISCOVER, of those given up longest ago", flood);
    g_assert_cmpuint(leases_count(clinic->leases, LEASE_EXPIRED, 0, G_MAXUINT32), ==, n);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function, text) g_test_add_func("/choose/" text, function)
    TEST(a_reservation_is_its_owners_alone, "a reservation is its owner's alone");
    TEST(a_reservation_that_somebody_has_is_given_when_that_ends,
         "a reservation that somebody has is given when that ends");
    TEST(a_machine_keeps_its_reservation_under_every_identifier,
         "a machine keeps its reservation under every identifier");
    TEST(a_client_has_a_reservation_in_each_network, "a client has a reservation in each network");
    TEST(a_pool_that_was_changed_is_moved_to, "a pool that was changed is moved to");
    TEST(our_own_addresses_are_never_given_out, "our own addresses are never given out");
    TEST(a_full_pool_is_told_and_so_is_its_end, "a full pool is told, and so is its end");
    TEST(given_up_longest_ago_is_used_first, "given up longest ago is used first");
    TEST(a_flood_of_discovers_does_not_lock_clients_out,
         "a flood of DISCOVERs does not lock clients out");
    TEST(so_many_offers_are_remembered_and_no_more, "so many offers are remembered, and no more");
    TEST(offers_end, "offers end");
    TEST(an_address_that_was_not_probed_is_offered_at_once_and_held_when_asked_for,
         "an address that was not probed is offered at once and held when asked for");
    TEST(an_address_that_answers_rests_and_its_client_gets_another,
         "an address that answers rests, and its client gets another");
    TEST(what_was_quiet_a_minute_ago_needs_no_probe, "what was quiet a minute ago needs no probe");
    TEST(what_was_declined_is_not_quiet_any_more, "what was declined is not quiet any more");
    TEST(behind_a_relay_nothing_is_probed, "behind a relay nothing is probed");
    TEST(a_held_address_is_nobody_elses, "a held address is nobody else's");
    TEST(who_is_seen_to_use_a_free_address_may_have_it,
         "who is seen to use a free address may have it");
    TEST(what_was_acknowledged_is_there_after_a_restart,
         "what was acknowledged is there after a restart");
    TEST(many_clients_have_an_address_each, "many clients have an address each");
#undef TEST
    return g_test_run();
}
