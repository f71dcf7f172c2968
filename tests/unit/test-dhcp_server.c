/* server: what a client in each state is answered, and where the answer goes. */
#include "netsvc/dhcp/serve/server.h"

#include "netsvc/dhcp/packet/dhcp_option.h"
#include "tests/unit/dhcp_clinic.h"

static guint32
option(const struct clinic *clinic, guint8 code)
{
    guint32 value = 0;
    g_assert_true(packet_seconds(&clinic->answer, code, &value));
    return value;
}

static void
assert_bytes(const struct clinic *clinic, guint8 code, const char *bytes, gsize size)
{
    const struct packet_bytes *value = &clinic->answer.options[code];
    g_assert_nonnull(value->data);
    g_assert_cmpmem(value->data, (int)value->size, bytes, (int)size);
}

#define HAS(code, text) assert_bytes(clinic, code, text, sizeof text - 1)
#define HAS_NOT(code) g_assert_false(packet_has(&clinic->answer, code))
#define TAKE(...) clinic_take(clinic, &(struct wish){__VA_ARGS__})
#define JOIN(...) clinic_join(clinic, (struct wish){__VA_ARGS__})
#define IS(act, what, ...)                                                                         \
    do {                                                                                           \
        g_assert_cmpint(TAKE(__VA_ARGS__), ==, act);                                               \
        g_assert_cmpint(clinic->answer.type, ==, what);                                            \
    } while (0)
#define ACK(...) IS(SERVER_COMMIT, PACKET_ACK, __VA_ARGS__)
#define NAK(...) IS(SERVER_SEND, PACKET_NAK, __VA_ARGS__)
#define SILENT(...) g_assert_cmpint(TAKE(__VA_ARGS__), ==, SERVER_NOTHING)

/* ---- getting one ---- */

static void
a_client_gets_an_address_of_the_pool(void)
{
    AUTO(clinic) *clinic = clinic_new();
    g_assert_cmpint(TAKE(.type = PACKET_DISCOVER, .client = 7), ==, SERVER_SEND);
    guint32 address = clinic->answer.yiaddr;
    g_assert_cmpint(clinic->answer.type, ==, PACKET_OFFER);
    g_assert_true(address >= WARD(100) && address <= WARD(119));
    g_assert_null(leases_of_address(clinic->leases, address)); /* nothing durable is promised */
    ACK(.type = PACKET_REQUEST, .client = 7, .requested = address, .server = SERVICE);
    g_assert_cmpuint(clinic->answer.yiaddr, ==, address);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, SERVICE);
    g_assert_cmpuint(option(clinic, PACKET_LEASE_TIME), ==, LEASE);
    g_assert_cmpuint(option(clinic, PACKET_T1), ==, LEASE / 2);
    g_assert_cmpuint(option(clinic, PACKET_T2), ==, LEASE * 7 / 8);
    HAS(PACKET_MASK, "\xff\xff\xff\0");
    HAS(PACKET_ROUTERS, "\x0a\0\0\1");
    HAS(PACKET_DNS, "\x0a\0\0\2");
    HAS(PACKET_DOMAIN, "ward.example");
    HAS(PACKET_BROADCAST, "\x0a\0\0\xff");
    const struct lease *lease = leases_of_address(clinic->leases, address);
    g_assert_cmpint(lease->state, ==, LEASE_LEASED);
    g_assert_cmpint(lease->until, ==, clinic->now + LEASE);
    g_assert_cmpmem(lease->key, lease->key_size, "\1\2\0\0\0\0\7", 7);
}

static void
an_address_stays_with_its_client(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7);
    g_assert_cmpuint(JOIN(.client = 7), ==, address);
    clinic->now += 2 * LEASE;
    server_expire(clinic->server);
    g_assert_cmpint(leases_of_address(clinic->leases, address)->state, ==, LEASE_EXPIRED);
    for (guint16 other = 8; other < 20; other++)
        g_assert_cmpuint(JOIN(.client = other), !=, address);
    g_assert_cmpuint(JOIN(.client = 7), ==, address);
    /* also when leases were lost, and whatever else it asks for */
    leases_free(clinic->leases);
    clinic->leases = leases_new();
    clinic_serve(clinic);
    g_assert_cmpuint(JOIN(.client = 7), ==, address);
}

static void
what_a_client_asks_for_it_gets_if_that_is_free(void)
{
    AUTO(clinic) *clinic = clinic_new();
    IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 7, .requested = WARD(117));
    g_assert_cmpuint(clinic->answer.yiaddr, ==, WARD(117));
    static const guint32 not_to_be_had[] = {
        WARD(117), WARD(99), CAMERA_ADDRESS, PRINTER_ADDRESS, WARD(0),
        WARD(255), OWN,      SERVICE,        ANNEX(11)};
    for (gsize i = 0; i < G_N_ELEMENTS(not_to_be_had); i++) {
        IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = (guint16)(20 + i),
           .requested = not_to_be_had[i]);
        g_assert_cmpuint(clinic->answer.yiaddr, !=, not_to_be_had[i]);
    }
}

static void
rapid_commit_needs_no_second_message(void)
{
    AUTO(clinic) *clinic = clinic_new();
    ACK(.type = PACKET_DISCOVER, .client = 7, .rapid = TRUE);
    HAS(PACKET_RAPID_COMMIT, "");
    g_assert_cmpint(leases_of_address(clinic->leases, clinic->answer.yiaddr)->state, ==,
                    LEASE_LEASED);
    clinic->config.dhcp.probe = TRUE; /* an address that must be probed first is offered */
    IS(SERVER_PROBE, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 8, .rapid = TRUE);
    HAS_NOT(PACKET_RAPID_COMMIT);
}

static void
lease_times_are_within_the_subnets_bounds(void)
{
    static const struct {
        guint32 asked, granted;
    } rows[] = {{0, LEASE}, {60, 120}, {500, 500}, {3 * LEASE, 3 * LEASE}, {0xffffffff, 4 * LEASE}};
    AUTO(clinic) *clinic = clinic_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 7,
           .seconds = rows[i].asked);
        g_assert_cmpuint(option(clinic, PACKET_LEASE_TIME), ==, rows[i].granted);
        ACK(.type = PACKET_REQUEST, .client = 7, .requested = clinic->answer.yiaddr,
            .server = SERVICE, .seconds = rows[i].asked);
        g_assert_cmpuint(option(clinic, PACKET_LEASE_TIME), ==, rows[i].granted);
        g_assert_cmpint(leases_of_address(clinic->leases, clinic->answer.yiaddr)->until, ==,
                        clinic->now + rows[i].granted);
    }
}

static void
a_pool_with_a_lease_time_of_its_own_gives_no_longer_ones(void)
{
    static const guint32 asked[] = {0, 500, 4 * LEASE};
    AUTO(clinic) *clinic = clinic_new();
    const struct config_subnet *subnet = clinic->config.dhcp.subnets->pdata[0];
    g_array_index(subnet->pools, struct config_range, 0).lease = LEASE / 2;
    for (gsize i = 0; i < G_N_ELEMENTS(asked); i++) {
        IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 7, .seconds = asked[i]);
        g_assert_cmpuint(option(clinic, PACKET_LEASE_TIME), ==, asked[i] == 500 ? 500 : LEASE / 2);
    }
}

/* ---- REQUEST ---- */

static void
selecting_another_server_forgets_the_offer(void)
{
    AUTO(clinic) *clinic = clinic_new();
    TAKE(.type = PACKET_DISCOVER, .client = 7, .requested = WARD(110));
    SILENT(.type = PACKET_REQUEST, .client = 7, .requested = WARD(200), .server = WARD(254));
    IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 8, .requested = WARD(110));
    g_assert_cmpuint(clinic->answer.yiaddr, ==, WARD(110));
}

static void
selecting_us_without_an_offer_is_a_nak_only_where_it_must(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 taken = JOIN(.client = 8);
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = taken, .server = SERVICE);
    HAS(PACKET_MESSAGE, "that address is not this client's");
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = WARD(99), .server = OWN);
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = ANNEX(11), .server = OWN);
    HAS(PACKET_MESSAGE, "that address is of another network");
    /* the offer may have been forgotten in a restart */
    ACK(.type = PACKET_REQUEST, .client = 7, .requested = WARD(110), .server = SERVICE);
    SILENT(.type = PACKET_REQUEST, .client = 7, .server = SERVICE);
}

static void
who_comes_back_after_a_power_cut_keeps_the_address(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7);
    clinic_serve(clinic);
    ACK(.type = PACKET_REQUEST, .client = 7, .requested = address, .to_all = TRUE);
    g_assert_cmpuint(clinic->answer.yiaddr, ==, address);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_HARDWARE);
}

static void
init_reboot_is_refused_only_when_provably_wrong(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 mine = JOIN(.client = 7), other = JOIN(.client = 8), free = WARD(119);
    g_assert_true(mine != free && other != free);
    const struct {
        guint16 client;
        guint32 requested;
        enum packet_type answer; /* PACKET_BOOTP: none */
    } rows[] = {
        {7, mine, PACKET_ACK},
        {7, other, PACKET_NAK},           /* another's */
        {7, free, PACKET_NAK},            /* it has another one */
        {9, free, PACKET_ACK},            /* our leases may have been lost */
        {10, WARD(200), PACKET_BOOTP},    /* of no pool: nothing is known */
        {10, ANNEX(11), PACKET_NAK},      /* another network */
        {10, 0xc0a80107, PACKET_NAK},     /* */
        {10, SERVICE, PACKET_NAK},        /* never anyone's */
        {10, OWN, PACKET_NAK},            /* */
        {10, WARD(255), PACKET_NAK},      /* */
        {10, WARD(0), PACKET_NAK},        /* */
        {10, CAMERA_ADDRESS, PACKET_NAK}, /* reserved for another */
        {PRINTER, WARD(118), PACKET_NAK}, /* it has a reservation */
        {PRINTER, PRINTER_ADDRESS, PACKET_ACK},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        enum server_act act = TAKE(.type = PACKET_REQUEST, .client = rows[i].client,
                                   .requested = rows[i].requested, .to_all = TRUE);
        g_test_message("row %zu", i);
        g_assert_cmpint(clinic->answer.type, ==, rows[i].answer);
        g_assert_cmpint(act, ==,
                        rows[i].answer == PACKET_ACK   ? SERVER_COMMIT
                        : rows[i].answer == PACKET_NAK ? SERVER_SEND
                                                       : SERVER_NOTHING);
    }
    clinic->config.dhcp.authoritative = FALSE;
    SILENT(.type = PACKET_REQUEST, .client = 7, .requested = other);
    SILENT(.type = PACKET_REQUEST, .client = 7, .requested = 0xc0a80107);
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = other, .server = SERVICE);
}

static void
a_renewal_lengthens_the_lease(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7);
    clinic->now += LEASE / 2;
    ACK(.type = PACKET_REQUEST, .client = 7, .ciaddr = address);
    g_assert_cmpuint(clinic->answer.ciaddr, ==, address);
    g_assert_cmpuint(clinic->answer.yiaddr, ==, address);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_CLIENT);
    g_assert_cmpuint(clinic->reply.address, ==, address);
    const struct lease *lease = leases_of_address(clinic->leases, address);
    g_assert_cmpint(lease->until, ==, clinic->now + LEASE);
    g_assert_cmpint(lease->since, ==, 1000);
    clinic->now += 2 * LEASE; /* late, but nobody else has it */
    server_expire(clinic->server);
    ACK(.type = PACKET_REQUEST, .client = 7, .ciaddr = address, .to_all = TRUE);
}

static void
rebinding_in_another_network_is_refused(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7, .giaddr = RELAY);
    g_assert_true(address >= ANNEX(10) && address <= ANNEX(19));
    NAK(.type = PACKET_REQUEST, .client = 7, .ciaddr = address, .to_all = TRUE);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_ALL);
    /* the same sent to us alone came through a router */
    ACK(.type = PACKET_REQUEST, .client = 7, .ciaddr = address);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_CLIENT);
    NAK(.type = PACKET_REQUEST, .client = 8, .ciaddr = address);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_CLIENT);
    ACK(.type = PACKET_REQUEST, .client = 7, .ciaddr = address, .giaddr = RELAY);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_RELAY);
    NAK(.type = PACKET_REQUEST, .client = 7, .ciaddr = WARD(110), .giaddr = RELAY);
    SILENT(.type = PACKET_REQUEST, .client = 7, .ciaddr = WARD(200));
}

/* ---- DECLINE, RELEASE, INFORM ---- */

static void
a_declined_address_rests(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7);
    SILENT(.type = PACKET_DECLINE, .client = 8, .requested = address, .server = SERVICE);
    SILENT(.type = PACKET_DECLINE, .client = 7, .requested = address, .server = WARD(254));
    SILENT(.type = PACKET_DECLINE, .client = 7, .requested = address);
    SILENT(.type = PACKET_DECLINE, .client = 7, .requested = WARD(119), .server = SERVICE);
    g_assert_cmpint(
        TAKE(.type = PACKET_DECLINE, .client = 7, .requested = address, .server = SERVICE), ==,
        SERVER_COMMIT);
    g_assert_cmpuint(clinic->reply.size, ==, 0);
    g_assert_cmpint(leases_of_address(clinic->leases, address)->state, ==, LEASE_DECLINED);
    g_assert_nonnull(strstr(clinic->heard->str, "conflict"));
    g_assert_cmpuint(JOIN(.client = 7), !=, address);
    NAK(.type = PACKET_REQUEST, .client = 9, .requested = address);
    clinic->now += REST - 1;
    server_expire(clinic->server);
    g_assert_nonnull(leases_of_address(clinic->leases, address));
    clinic->now += 1;
    server_expire(clinic->server);
    g_assert_null(leases_of_address(clinic->leases, address));
    ACK(.type = PACKET_REQUEST, .client = 9, .requested = address);
}

static void
one_who_declines_all_makes_few_rest(void)
{
    AUTO(clinic) *clinic = clinic_new();
    for (guint i = 0; i < 200; i++) {
        guint32 address = JOIN(.client = 7);
        g_assert_cmpuint(address, !=, 0);
        TAKE(.type = PACKET_DECLINE, .client = 7, .requested = address, .server = SERVICE);
    }
    g_assert_cmpuint(leases_count(clinic->leases, LEASE_DECLINED, 0, G_MAXUINT32), ==, 4);
}

static void
a_released_address_is_the_clients_still(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7, .hostname = "phone");
    SILENT(.type = PACKET_RELEASE, .client = 8, .ciaddr = address, .server = SERVICE);
    SILENT(.type = PACKET_RELEASE, .client = 7, .ciaddr = address, .server = WARD(254));
    SILENT(.type = PACKET_RELEASE, .client = 7, .ciaddr = address);
    g_assert_cmpint(TAKE(.type = PACKET_RELEASE, .client = 7, .ciaddr = address, .server = SERVICE),
                    ==, SERVER_COMMIT);
    g_assert_cmpuint(clinic->reply.size, ==, 0);
    g_assert_cmpint(leases_of_address(clinic->leases, address)->state, ==, LEASE_RELEASED);
    g_assert_nonnull(strstr(clinic->heard->str, "-phone.ward.example"));
    for (guint16 other = 8; other < 20; other++)
        g_assert_cmpuint(JOIN(.client = other), !=, address);
    g_assert_cmpuint(JOIN(.client = 7), ==, address);
}

static void
inform_gets_options_and_no_lease(void)
{
    AUTO(clinic) *clinic = clinic_new();
    IS(SERVER_SEND, PACKET_ACK, .type = PACKET_INFORM, .client = 7, .ciaddr = WARD(77));
    g_assert_cmpuint(clinic->answer.yiaddr, ==, 0);
    g_assert_cmpuint(clinic->answer.ciaddr, ==, WARD(77));
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_CLIENT);
    g_assert_cmpuint(clinic->reply.address, ==, WARD(77));
    HAS_NOT(PACKET_LEASE_TIME);
    HAS_NOT(PACKET_T1);
    HAS_NOT(PACKET_T2);
    HAS(PACKET_DNS, "\x0a\0\0\2");
    g_assert_null(leases_of_address(clinic->leases, WARD(77)));
    /* who lies about where it is makes us send nothing to many or to strangers */
    static const guint32 lies[] = {0, WARD(255), WARD(0), SERVICE, 0x08080808, 0xffffffff};
    for (gsize i = 0; i < G_N_ELEMENTS(lies); i++)
        SILENT(.type = PACKET_INFORM, .client = 7, .ciaddr = lies[i]);
}

/* ---- where it goes ---- */

static void
replies_go_where_the_client_can_hear_them(void)
{
    static const struct {
        guint16 flags;
        guint32 giaddr;
        guint8 htype;
        enum server_to to;
    } rows[] = {
        {0, 0, 0, SERVER_TO_HARDWARE},  {PACKET_FLAG_BROADCAST, 0, 0, SERVER_TO_ALL},
        {0, RELAY, 0, SERVER_TO_RELAY}, {PACKET_FLAG_BROADCAST, RELAY, 0, SERVER_TO_RELAY},
        {0, 0, 32, SERVER_TO_ALL}, /* no frame of ours reaches InfiniBand */
    };
    AUTO(clinic) *clinic = clinic_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 7, .to_all = TRUE,
           .flags = rows[i].flags, .giaddr = rows[i].giaddr, .htype = rows[i].htype);
        g_assert_cmpint(clinic->reply.to, ==, rows[i].to);
        g_assert_cmpuint(clinic->answer.flags, ==, rows[i].flags);
        g_assert_cmpuint(clinic->reply.from, ==, SERVICE);
        guint32 to = rows[i].to == SERVER_TO_RELAY ? RELAY
                     : rows[i].to == SERVER_TO_ALL ? INADDR_BROADCAST
                                                   : clinic->answer.yiaddr;
        g_assert_cmpuint(clinic->reply.address, ==, to);
        g_assert_cmpuint(clinic->reply.mac_size, ==, rows[i].to == SERVER_TO_HARDWARE ? 6 : 0);
    }
    /* not to whom a client names without having that address */
    TAKE(.type = PACKET_DISCOVER, .client = 7, .ciaddr = 0x08080808);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_HARDWARE);
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = 0xc0a80107);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_ALL);
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = 0xc0a80107, .giaddr = RELAY);
    g_assert_cmpint(clinic->reply.to, ==, SERVER_TO_RELAY);
    g_assert_cmpuint(clinic->answer.flags, ==, PACKET_FLAG_BROADCAST);
}

static void
a_relay_says_where_the_client_is(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7, .giaddr = RELAY, .agent = "\1\2ab", .agent_size = 4);
    g_assert_true(address >= ANNEX(10) && address <= ANNEX(19));
    HAS(PACKET_AGENT, "\1\2ab");
    const struct packet_bytes *agent = &clinic->answer.options[PACKET_AGENT];
    g_assert_cmpuint(agent->data[agent->size], ==, PACKET_END);
    SILENT(.type = PACKET_DISCOVER, .client = 7, .giaddr = 0xc0a80101);
    /* RFC 3527: another subnet than that of the relay's own address */
    IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 8, .giaddr = 0xc0a80101,
       .agent = "\5\4\x0a\1\0\0", .agent_size = 6);
    g_assert_cmpuint(clinic->reply.address, ==, 0xc0a80101);
    g_assert_cmpuint(clinic->answer.yiaddr & 0xffffff00, ==, ANNEX(0));
    /* … which only a relay may say */
    IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 9, .agent = "\5\4\x0a\1\0\0",
       .agent_size = 6);
    g_assert_cmpuint(clinic->answer.yiaddr & 0xffffff00, ==, WARD(0));
    /* RFC 5107: the relay is to hear renewals */
    static const char override[] = "\x0b\4\x0a\1\0\1";
    IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 9, .giaddr = RELAY,
       .agent = override, .agent_size = 6);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, RELAY);
    ACK(.type = PACKET_REQUEST, .client = 9, .giaddr = RELAY, .server = RELAY,
        .requested = clinic->answer.yiaddr, .agent = override, .agent_size = 6);
    SILENT(.type = PACKET_REQUEST, .client = 9, .giaddr = RELAY, .server = RELAY,
           .requested = clinic->answer.yiaddr);
}

/* A relay would not know where to send it, nor the client that it is meant. */
static void
what_must_come_back_does_or_there_is_no_answer(void)
{
    AUTO(clinic) *clinic = clinic_new();
    g_autofree char *id = g_strnfill(200, 'i'), *agent = g_strnfill(240, 'a');
    SILENT(.type = PACKET_DISCOVER, .client = 7, .giaddr = RELAY, .id = id, .agent = agent,
           .agent_size = 240);
    IS(SERVER_SEND, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 7, .giaddr = RELAY, .id = id,
       .agent = agent, .agent_size = 240, .max_size = 1500);
    g_assert_cmpuint(clinic->answer.options[PACKET_CLIENT_ID].size, ==, 200);
    g_assert_cmpuint(clinic->answer.options[PACKET_AGENT].size, ==, 240);
}

static void
networks_of_one_interface_are_together(void)
{
    AUTO(clinic) *clinic = clinic_new();
    clinic_ward(clinic)->interface = g_strdup("lan");
    struct config_subnet *second = clinic_add_subnet(clinic, "second", 0xc0a80100, 10, 19);
    second->interface = g_strdup("lan");
    clinic_serve(clinic);
    guint32 address = JOIN(.client = 7, .own = 0xc0a80101);
    g_assert_cmpuint(address & 0xffffff00, ==, 0xc0a80100);
    ACK(.type = PACKET_REQUEST, .client = 7, .requested = address, .to_all = TRUE);
    NAK(.type = PACKET_REQUEST, .client = 7, .requested = ANNEX(11), .to_all = TRUE);
    /* the interface tells the subnet where our address does not */
    g_assert_cmpuint(JOIN(.client = 8, .own = 0x08080808) & 0xffffff00, ==, WARD(0));
    clinic->config.dhcp.probe = TRUE;
    IS(SERVER_PROBE, PACKET_OFFER, .type = PACKET_DISCOVER, .client = 9, .own = 0x08080808);
}

static void
the_identifier_is_the_address_that_moves_with_the_service(void)
{
    AUTO(clinic) *clinic = clinic_new();
    TAKE(.type = PACKET_DISCOVER, .client = 7);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, SERVICE);
    /* RFC 5107 is for relays */
    TAKE(.type = PACKET_DISCOVER, .client = 7, .agent = "\x0b\4\x0a\1\0\1", .agent_size = 6);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, SERVICE);
    clinic->config.service_address = ANNEX(5); /* it cannot be heard here */
    TAKE(.type = PACKET_DISCOVER, .client = 7);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, OWN);
    TAKE(.type = PACKET_DISCOVER, .client = 7, .giaddr = RELAY);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, ANNEX(5));
    clinic->config.service_address = 0xc0a80102; /* in no subnet of DHCP */
    TAKE(.type = PACKET_DISCOVER, .client = 7);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, OWN);
    g_assert_cmpuint(clinic->reply.from, ==, OWN);
    clinic->config.service_address = 0;
    TAKE(.type = PACKET_DISCOVER, .client = 7);
    g_assert_cmpuint(option(clinic, PACKET_SERVER), ==, OWN);
}

/* ---- options ---- */

static void
options_are_those_asked_for_in_that_order(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_subnet *ward = clinic_ward(clinic);
    ward->mtu = 1400;
    g_ptr_array_add(ward->search, (char *)"ward.example");
    g_ptr_array_add(ward->search, (char *)"example");
    guint32 ntp = SERVICE;
    g_array_append_val(ward->ntp, ntp);
    struct config_option *routes = dhcp_option_parse("121=10.9.0.0/16 via 10.0.0.1", NULL);
    struct config_option *portal = dhcp_option_parse("114=https://clinic.example", NULL);
    g_ptr_array_add(ward->options, routes);
    g_ptr_array_add(ward->options, portal);
    clinic_serve(clinic);
    TAKE(.type = PACKET_DISCOVER, .client = 7, .parameters = "\x77\3\6\x79\x72\x1a\x2a\3\x33\xfc");
    HAS(PACKET_MASK, "\xff\xff\xff\0");
    HAS(PACKET_SEARCH, "\4ward\7example\0\xc0\5");
    HAS(PACKET_ROUTES, "\x10\x0a\x09\x0a\0\0\1");
    HAS(PACKET_MTU, "\5\x78");
    HAS(PACKET_NTP, "\x0a\0\0\2");
    HAS(114, "https://clinic.example");
    HAS_NOT(PACKET_DOMAIN);
    HAS_NOT(252);
    static const guint8 order[] = {PACKET_MASK,   PACKET_SEARCH, PACKET_ROUTERS, PACKET_DNS,
                                   PACKET_ROUTES, 114,           PACKET_MTU,     PACKET_NTP};
    for (gsize i = 1; i < G_N_ELEMENTS(order); i++)
        g_assert_true(clinic->answer.options[order[i]].data >
                      clinic->answer.options[order[i - 1]].data);
    TAKE(.type = PACKET_DISCOVER, .client = 7); /* who asks for none gets all */
    HAS(PACKET_DOMAIN, "ward.example");
    HAS(114, "https://clinic.example");
    dhcp_option_free(routes);
    dhcp_option_free(portal);
}

static void
a_client_identifier_comes_back(void)
{
    AUTO(clinic) *clinic = clinic_new();
    guint32 address = JOIN(.client = 7, .id = "\1id");
    HAS(PACKET_CLIENT_ID, "\1id");
    /* it is the client, whatever machine it is on */
    g_assert_cmpuint(JOIN(.client = 8, .id = "\1id"), ==, address);
    g_assert_cmpuint(JOIN(.client = 7, .id = "\1other"), !=, address);
    NAK(.type = PACKET_REQUEST, .client = 7, .id = "\1x", .requested = address);
    HAS(PACKET_CLIENT_ID, "\1x");
}

static void
what_is_too_much_for_a_small_client_spills_over(void)
{
    AUTO(clinic) *clinic = clinic_new();
    struct config_option *options[3];
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *fill = g_strnfill(100, (char)('a' + i));
        g_autofree char *text = g_strdup_printf("%u=text:%s", 224 + i, fill);
        options[i] = dhcp_option_parse(text, NULL);
        g_ptr_array_add(clinic_ward(clinic)->options, options[i]);
    }
    clinic_serve(clinic);
    TAKE(.type = PACKET_DISCOVER, .client = 7);
    g_assert_cmpuint(clinic->reply.size, <=, 548);
    g_assert_true(packet_has(&clinic->answer, PACKET_OVERLOAD));
    g_assert_true(packet_has(&clinic->answer, 226));
    TAKE(.type = PACKET_DISCOVER, .client = 7, .max_size = 1500);
    HAS_NOT(PACKET_OVERLOAD);
    g_assert_true(packet_has(&clinic->answer, 226));
    for (guint i = 0; i < G_N_ELEMENTS(options); i++)
        dhcp_option_free(options[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function, text) g_test_add_func("/dhcp_server/" text, function)
    TEST(a_client_gets_an_address_of_the_pool, "a client gets an address of the pool");
    TEST(an_address_stays_with_its_client, "an address stays with its client");
    TEST(what_a_client_asks_for_it_gets_if_that_is_free,
         "what a client asks for it gets if that is free");
    TEST(rapid_commit_needs_no_second_message, "rapid commit needs no second message");
    TEST(lease_times_are_within_the_subnets_bounds, "lease times are within the subnet's bounds");
    TEST(a_pool_with_a_lease_time_of_its_own_gives_no_longer_ones,
         "a pool with a lease time of its own gives no longer ones");
    TEST(selecting_another_server_forgets_the_offer, "selecting another server forgets the offer");
    TEST(selecting_us_without_an_offer_is_a_nak_only_where_it_must,
         "selecting us without an offer is a NAK only where it must");
    TEST(who_comes_back_after_a_power_cut_keeps_the_address,
         "who comes back after a power cut keeps the address");
    TEST(init_reboot_is_refused_only_when_provably_wrong,
         "INIT-REBOOT is refused only when provably wrong");
    TEST(a_renewal_lengthens_the_lease, "a renewal lengthens the lease");
    TEST(rebinding_in_another_network_is_refused, "rebinding in another network is refused");
    TEST(a_declined_address_rests, "a declined address rests");
    TEST(one_who_declines_all_makes_few_rest, "one who declines all makes few rest");
    TEST(a_released_address_is_the_clients_still, "a released address is the client's still");
    TEST(inform_gets_options_and_no_lease, "INFORM gets options and no lease");
    TEST(replies_go_where_the_client_can_hear_them, "replies go where the client can hear them");
    TEST(a_relay_says_where_the_client_is, "a relay says where the client is");
    TEST(what_must_come_back_does_or_there_is_no_answer,
         "what must come back does, or there is no answer");
    TEST(networks_of_one_interface_are_together, "networks of one interface are together");
    TEST(the_identifier_is_the_address_that_moves_with_the_service,
         "the identifier is the address that moves with the service");
    TEST(options_are_those_asked_for_in_that_order, "options are those asked for, in that order");
    TEST(a_client_identifier_comes_back, "a client identifier comes back");
    TEST(what_is_too_much_for_a_small_client_spills_over,
         "what is too much for a small client spills over");
#undef TEST
    return g_test_run();
}
