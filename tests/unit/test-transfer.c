/*
 * transfer: what goes out comes in as the same zone, whole or as changes, signed or not, while the
 * zone goes on changing; who may not have it does not get it; and what a primary must not send is
 * told as what it did.
 */
#include "lib/base/fail.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/transfer/apply.h"
#include "netsvc/dns/transfer/incoming.h"
#include "netsvc/dns/transfer/outgoing.h"
#include "tests/unit/zone_text.h"

#define NOW 1800000000u
#define ID 4711

static const char *const text =
    "@ 3600 SOA ns.site.example. root.site.example. 7 3600 600 86400 300\n"
    "@ NS ns\n"
    "@ MX 10 Mail\n"
    "ns A 10.0.0.2\n"
    "mail A 10.0.0.3\n"
    "mail A 10.0.0.4\n"
    "*.wild TXT \"anything\"\n"
    "alias CNAME Mail.Site.Example.\n"
    "svc HTTPS 1 . alpn=h2\n"
    "odd TYPE65280 \\# 3 010203\n";

struct world {
    struct outgoings *outgoings;
    struct tsig_keys *keys;
    struct zone *zone;
    struct journal *journal;
    struct sockaddr_storage client;
};

static void
world_begin(struct world *world)
{
    g_autoptr(GPtrArray) config = g_ptr_array_new();
    g_autoptr(GBytes) bytes = g_bytes_new("secret", 6);
    struct config_tsig entry = {(char *)"transfer", (char *)"hmac-sha256", bytes};
    g_ptr_array_add(config, &entry);
    world->outgoings = outgoings_new();
    world->keys = tsig_keys_new(config, NULL);
    world->zone = zone_of("site.example", text);
    world->journal = journal_new(world->zone);
    memset(&world->client, 0, sizeof world->client);
    world->client.ss_family = AF_INET;
}

static void
world_end(struct world *world)
{
    outgoings_free(world->outgoings);
    tsig_keys_free(world->keys);
    journal_free(world->journal);
    zone_free(world->zone);
}

static void
set_address(struct zone *zone, const char *name, guint8 last)
{
    struct name owner = name_of(name);
    guint8 address[4] = {10, 0, 0, last};
    zone_set(zone, &owner, TYPE_A, 60, last != 0 ? address : NULL, last != 0 ? 4 : 0);
}

/* ---- one transfer, both sides of it ---- */

struct transfer {
    struct incoming *incoming;
    struct outgoing *outgoing;
    enum rcode rcode;
    guint messages;
};

static struct incoming_role
role_of(const struct world *world, enum incoming_kind kind, guint32 serial, gboolean sign)
{
    static struct name origin;
    origin = name_of("site.example");
    return (struct incoming_role){
        .origin = &origin,
        .kind = kind,
        .serial = serial,
        .key = sign ? tsig_keys_find(world->keys, "transfer") : NULL,
        .records_max = 1000000,
        .bytes_max = 64 << 20,
    };
}

static struct transfer
begin(const struct world *world, const struct incoming_role *role)
{
    struct transfer transfer = {.incoming = incoming_new(role)};
    guint8 wire[INCOMING_REQUEST_MAX];
    struct query query;
    struct tsig tsig;
    gsize size = incoming_request(transfer.incoming, ID, wire, NOW);
    g_assert_cmpint(query_parse(&query, wire, size), ==, QUERY_GOOD);
    g_assert_cmpint(tsig_check(&tsig, world->keys, wire, size, query.tsig, NOW), ==, RCODE_NOERROR);
    transfer.outgoing = outgoing_new(world->outgoings, &query, &tsig, &world->client, world->zone,
                                     world->journal, &transfer.rcode);
    tsig_clear(&tsig);
    return transfer;
}

/* One message over. */
static enum incoming_state
step(struct transfer *transfer, GError **error)
{
    static guint8 wire[DNS_TCP_MAX];
    gssize size = outgoing_next(transfer->outgoing, wire, NOW);
    g_assert_cmpint(size, >, 0);
    transfer->messages++;
    return incoming_take(transfer->incoming, wire, (gsize)size, NOW, error);
}

static enum incoming_state
run(struct transfer *transfer)
{
    static guint8 wire[DNS_TCP_MAX];
    g_autoptr(GError) error = NULL;
    enum incoming_state state = INCOMING_MORE;
    while (state == INCOMING_MORE)
        state = step(transfer, &error);
    g_assert_no_error(error);
    g_assert_cmpint(outgoing_next(transfer->outgoing, wire, NOW), ==, 0);
    return state;
}

static void
end(struct transfer *transfer)
{
    incoming_free(transfer->incoming);
    outgoing_free(transfer->outgoing);
}

static char *
text_of(const struct content *content)
{
    g_autoptr(GError) error = NULL;
    struct name origin = name_of("site.example");
    AUTO(zone) *zone = content_to_zone(content, &origin, &error);
    g_assert_no_error(error);
    return zone_as_text(zone);
}

/* The whole zone over, as text. */
static char *
transferred(struct world *world, gboolean sign)
{
    struct incoming_role role = role_of(world, INCOMING_AXFR, 0, sign);
    struct transfer transfer = begin(world, &role);
    g_assert_cmpint(run(&transfer), ==, INCOMING_ZONE);
    char *result = text_of(incoming_content(transfer.incoming));
    end(&transfer);
    return result;
}

/* ---- whole zones ---- */

static void
a_zone_comes_in_as_it_went_out(void)
{
    struct world world;
    world_begin(&world);
    g_autofree char *expected = zone_as_text(world.zone);
    g_autofree char *plain = transferred(&world, FALSE), *keyed = transferred(&world, TRUE);
    g_assert_cmpstr(plain, ==, expected);
    g_assert_cmpstr(keyed, ==, expected);
    world_end(&world);
}

static void
a_large_zone_goes_in_many_full_messages(void)
{
    struct world world;
    world_begin(&world);
    for (guint i = 0; i < 3000; i++) {
        g_autofree char *name = g_strdup_printf("client-%u.site.example", i);
        set_address(world.zone, name, (guint8)(1 + i % 250));
    }
    struct incoming_role role = role_of(&world, INCOMING_AXFR, 0, TRUE);
    struct transfer transfer = begin(&world, &role);
    g_assert_cmpint(run(&transfer), ==, INCOMING_ZONE);
    g_assert_cmpuint(content_count(incoming_content(transfer.incoming)), ==, 3010);
    g_assert_cmpuint(transfer.messages, >=, 4);
    g_assert_cmpuint(transfer.messages, <=, 6); /* compressed: some 28 bytes a record */
    g_autofree char *expected = zone_as_text(world.zone);
    g_autofree char *got = text_of(incoming_content(transfer.incoming));
    g_assert_cmpstr(got, ==, expected);
    end(&transfer);
    world_end(&world);
}

static void
a_transfer_has_the_zone_as_it_was_at_its_begin(void)
{
    struct world world;
    world_begin(&world);
    for (guint i = 0; i < 3000; i++) {
        g_autofree char *name = g_strdup_printf("client-%u.site.example", i);
        set_address(world.zone, name, 1);
    }
    g_autofree char *expected = zone_as_text(world.zone);
    struct incoming_role role = role_of(&world, INCOMING_AXFR, 0, FALSE);
    struct transfer transfer = begin(&world, &role);
    g_assert_cmpint(step(&transfer, NULL), ==, INCOMING_MORE);
    for (guint i = 0; i < 3000; i += 3) {
        g_autofree char *name = g_strdup_printf("client-%u.site.example", i);
        set_address(world.zone, name, i % 2 ? 2 : 0);
    }
    g_assert_cmpint(run(&transfer), ==, INCOMING_ZONE);
    g_autofree char *got = text_of(incoming_content(transfer.incoming));
    g_assert_cmpstr(got, ==, expected);
    end(&transfer);
    world_end(&world);
}

static void
a_record_larger_than_a_message_of_ours_still_goes(void)
{
    struct world world;
    g_autofree guint8 *large = g_malloc0(50000);
    struct name owner = name_of("large.site.example");
    world_begin(&world);
    zone_set(world.zone, &owner, 65281, 60, large, 50000);
    g_autofree char *expected = zone_as_text(world.zone), *got = transferred(&world, TRUE);
    g_assert_cmpstr(got, ==, expected);
    world_end(&world);
}

static void
too_many_at_once_are_put_off(void)
{
    struct world world;
    struct transfer transfers[OUTGOING_PER_CLIENT], more;
    world_begin(&world);
    struct incoming_role role = role_of(&world, INCOMING_AXFR, 0, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(transfers); i++)
        transfers[i] = begin(&world, &role);
    more = begin(&world, &role);
    g_assert_null(more.outgoing);
    g_assert_cmpint(more.rcode, ==, RCODE_SERVFAIL);
    end(&more);
    end(&transfers[0]);
    transfers[0] = begin(&world, &role);
    g_assert_nonnull(transfers[0].outgoing);
    for (guint i = 0; i < G_N_ELEMENTS(transfers); i++)
        end(&transfers[i]);
    world_end(&world);
}

/* ---- answers of others ---- */

#define SOA(serial) "@ SOA ns root " serial " 1 1 1 1\n"

static gsize
write_answer(const char *lines, guint8 *wire)
{
    ldns_pkt *packet = ldns_pkt_new();
    uint8_t *made = NULL;
    size_t size = 0;
    ldns_rdf *origin = ldns_dname_new_frm_str("site.example");
    g_auto(GStrv) parts = g_strsplit(lines, "\n", -1);
    ldns_pkt_set_id(packet, ID);
    ldns_pkt_set_qr(packet, true);
    for (char **line = parts; *line != NULL && **line != 0; line++) {
        ldns_rr *rr = NULL;
        ldns_status status = ldns_rr_new_frm_str(&rr, *line, 60, origin, NULL);
        g_assert_cmpint(status, ==, LDNS_STATUS_OK);
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr);
    }
    ldns_pkt2wire(&made, packet, &size);
    memcpy(wire, made, size);
    free(made);
    ldns_rdf_deep_free(origin);
    ldns_pkt_free(packet);
    return size;
}

/* ---- changes ---- */

static void
changes_alone_bring_the_old_zone_to_the_new_one(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("client-%u.site.example", i);
        set_address(world.zone, name, 1);
    }
    AUTO(content) *base = content_of_zone(world.zone, 1 << 20);
    guint32 serial = zone_serial(world.zone);
    set_address(world.zone, "client-3.site.example", 0);
    set_address(world.zone, "client-4.site.example", 9);
    set_address(world.zone, "new.site.example", 5);
    set_address(world.zone, "brief.site.example", 6);
    set_address(world.zone, "brief.site.example", 0);
    struct incoming_role role = role_of(&world, INCOMING_IXFR, serial, TRUE);
    struct transfer transfer = begin(&world, &role);
    g_assert_cmpint(run(&transfer), ==, INCOMING_CHANGES);
    g_assert_cmpuint(content_count(incoming_content(transfer.incoming)), ==, 2 + 2 + 2);
    AUTO(content) *result =
        apply_changes(base, incoming_content(transfer.incoming), 1 << 20, &error);
    g_assert_no_error(error);
    g_autofree char *expected = zone_as_text(world.zone), *got = text_of(result);
    g_assert_cmpstr(got, ==, expected);
    end(&transfer);
    world_end(&world);
}

/* By copying all, and in place. */
static void
changes_of_random_kind_always_lead_to_the_same_zone(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    guint in_place = 0;
    for (guint i = 0; i < 60; i++) {
        g_autofree char *name = g_strdup_printf("client-%u.site.example", i);
        set_address(world.zone, name, 1);
    }
    AUTO(content) *follower = content_of_zone(world.zone, 1 << 20);
    struct name origin = name_of("site.example");
    AUTO(zone) *placed = content_to_zone(follower, &origin, &error);
    for (int round = 0; round < 200; round++) {
        guint32 serial = zone_serial(world.zone);
        for (int n = g_test_rand_int_range(1, 12); n > 0; n--) {
            g_autofree char *name =
                g_strdup_printf("client-%d.site.example", g_test_rand_int_range(0, 60));
            set_address(world.zone, name, (guint8)g_test_rand_int_range(0, 4));
        }
        struct incoming_role role = role_of(&world, INCOMING_IXFR, serial, FALSE);
        struct transfer transfer = begin(&world, &role);
        enum incoming_state state = run(&transfer);
        if (state == INCOMING_CHANGES) {
            struct content *next =
                apply_changes(follower, incoming_content(transfer.incoming), 1 << 20, &error);
            g_assert_no_error(error);
            content_free(follower);
            follower = next;
            in_place += apply_in_place(placed, incoming_content(transfer.incoming), &error) ? 1 : 0;
            g_assert_no_error(error);
            g_assert_cmpuint(zone_serial(placed), ==, zone_serial(world.zone));
        } else {
            g_assert_cmpint(state, ==, INCOMING_SAME);
            g_assert_cmpuint(serial, ==, zone_serial(world.zone));
        }
        end(&transfer);
    }
    g_assert_cmpuint(in_place, >, 100);
    g_autofree char *expected = zone_as_text(world.zone), *got = text_of(follower);
    g_autofree char *there = zone_as_text(placed);
    g_assert_cmpstr(got, ==, expected);
    g_assert_cmpstr(there, ==, expected);
    world_end(&world);
}

/* The records of `lines` as changes from serial 7 to 8. */
static gboolean
change_in_place(struct zone *zone, const char *removed, const char *added, char **message)
{
    g_autoptr(GError) error = NULL;
    struct world world;
    guint8 wire[4096];
    world_begin(&world);
    struct incoming_role role = role_of(&world, INCOMING_IXFR, 7, FALSE);
    AUTO(incoming) *incoming = incoming_new(&role);
    incoming_request(incoming, ID, wire, NOW);
    g_autofree char *lines =
        g_strconcat(SOA("8"), SOA("7"), removed, SOA("8"), added, SOA("8"), NULL);
    gsize size = write_answer(lines, wire);
    g_assert_cmpint(incoming_take(incoming, wire, size, NOW, &error), ==, INCOMING_CHANGES);
    g_assert_no_error(error);
    gboolean done = apply_in_place(zone, incoming_content(incoming), &error);
    *message = error != NULL ? g_strdup(error->message) : NULL;
    world_end(&world);
    return done;
}

static void
in_place_goes_what_is_single_and_fits(void)
{
    static const struct {
        const char *removed, *added;
        gboolean done;
        const char *cause; /* with neither: the zone is to be made anew */
    } cases[] = {
        {"ns 300 A 10.0.0.2\n", "ns 300 A 10.0.0.9\n", TRUE, NULL},
        {"ns 300 A 10.0.0.2\n", "ns 60 A 10.0.0.2\n", TRUE, NULL}, /* its TTL */
        {"ns 300 A 10.0.0.2\n", "", TRUE, NULL},
        {"alias CNAME mail\n", "alias A 10.0.0.9\n", TRUE, NULL},
        {"", "new A 10.0.0.9\n", TRUE, NULL},
        {"", "new A 10.0.0.9\nnew A 10.0.0.8\n", FALSE, NULL},
        {"", "ns A 10.0.0.9\n", FALSE, NULL},   /* a second one */
        {"mail A 10.0.0.3\n", "", FALSE, NULL}, /* of two */
        {"ns A 10.0.0.3\n", "", FALSE, "its changes remove a record that is not there"},
        {"none A 10.0.0.3\n", "", FALSE, "its changes remove a record that is not there"},
        {"", "ns A 10.0.0.2\n", FALSE, "its changes add a record that is there"},
        {"@ NS ns\n", "", FALSE, "its changes lead to what no zone can be"},
        {"", "alias A 10.0.0.2\n", FALSE, "its changes lead to what no zone can be"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(zone) *zone = zone_of("site.example", text);
        g_autofree char *message = NULL;
        gboolean done = change_in_place(zone, cases[i].removed, cases[i].added, &message);
        g_assert_cmpstr(message, ==, cases[i].cause);
        g_assert_cmpint(done, ==, cases[i].done);
        if (cases[i].cause == NULL)
            g_assert_cmpuint(zone_serial(zone), ==, done ? 8 : 7);
    }
}

static void
who_has_the_serial_gets_the_soa_alone(void)
{
    struct world world;
    world_begin(&world);
    for (guint32 serial = 7; serial < 9; serial++) { /* the same, and one ahead of us */
        struct incoming_role role = role_of(&world, INCOMING_IXFR, serial, TRUE);
        struct transfer transfer = begin(&world, &role);
        g_assert_cmpint(run(&transfer), ==, INCOMING_SAME);
        g_assert_cmpuint(outgoing_sent(transfer.outgoing), ==, 1);
        end(&transfer);
    }
    world_end(&world);
}

static void
who_is_too_far_behind_gets_the_whole_zone(void)
{
    struct world world;
    world_begin(&world);
    struct incoming_role role = role_of(&world, INCOMING_IXFR, 3, TRUE);
    struct transfer transfer = begin(&world, &role);
    g_assert_cmpint(run(&transfer), ==, INCOMING_ZONE);
    g_autofree char *expected = zone_as_text(world.zone);
    g_autofree char *got = text_of(incoming_content(transfer.incoming));
    g_assert_cmpstr(got, ==, expected);
    end(&transfer);
    world_end(&world);
}

static void
changes_that_do_not_fit_are_refused(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    set_address(world.zone, "one.site.example", 1);
    AUTO(content) *base = content_of_zone(world.zone, 1 << 20);
    guint32 serial = zone_serial(world.zone);
    set_address(world.zone, "one.site.example", 0);
    struct incoming_role role = role_of(&world, INCOMING_IXFR, serial, FALSE);
    struct transfer transfer = begin(&world, &role);
    g_assert_cmpint(run(&transfer), ==, INCOMING_CHANGES);
    AUTO(content) *later = content_of_zone(world.zone, 1 << 20);
    g_assert_null(apply_changes(later, incoming_content(transfer.incoming), 1 << 20, &error));
    g_assert_cmpstr(error->message, ==, "its changes remove a record that is not there");
    AUTO(content) *fits = apply_changes(base, incoming_content(transfer.incoming), 1 << 20, NULL);
    g_assert_nonnull(fits);
    end(&transfer);
    world_end(&world);
}

/* ---- who ---- */

static void
only_the_key_or_the_networks_get_a_zone(void)
{
    struct world world;
    world_begin(&world);
    g_autoptr(GArray) networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    struct config_network lan = {.family = AF_INET, .address = {10}, .prefix = 8};
    g_array_append_val(networks, lan);
    struct config_dns config = {.networks = networks};
    struct config_zone open = {0}, keyed = {.tsig = (char *)"transfer"};
    struct tsig none = {0}, good = {.key = tsig_keys_find(world.keys, "transfer")};
    struct tsig bad = {.error = TSIG_BADSIG};
    struct sockaddr_storage inside = {.ss_family = AF_INET}, outside = inside;
    ((struct sockaddr_in *)&inside)->sin_addr.s_addr = g_htonl(0x0a000007);
    ((struct sockaddr_in *)&outside)->sin_addr.s_addr = g_htonl(0xc0000201);
    const struct {
        struct config_zone *zone;
        struct tsig *tsig;
        struct sockaddr_storage *from;
        enum rcode rcode;
    } cases[] = {
        {&open, &none, &inside, RCODE_NOERROR},   {&open, &none, &outside, RCODE_REFUSED},
        {&open, &bad, &inside, RCODE_NOTAUTH},    {&keyed, &none, &inside, RCODE_REFUSED},
        {&keyed, &good, &outside, RCODE_NOERROR}, {&keyed, &bad, &inside, RCODE_NOTAUTH},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(
            outgoing_permit(&config, cases[i].zone, world.keys, cases[i].tsig, cases[i].from), ==,
            cases[i].rcode);
    world_end(&world);
}

/* ---- what a primary must not do ---- */

struct script {
    const char *what;        /* records, a line each */
    enum incoming_kind kind; /* serial 7 is had */
    const char *cause;       /* NULL: it is taken */
};

static void
a_primary_that_does_wrong_is_told_what_it_did(void)
{
    static const struct script scripts[] = {
        {SOA("8") "@ NS ns\nns A 10.0.0.1\n" SOA("8"), INCOMING_AXFR, NULL},
        {"@ NS ns\n" SOA("8"), INCOMING_AXFR, "its answer does not begin with an SOA"},
        {SOA("8") "@ NS ns\n" SOA("9"), INCOMING_AXFR,
         "its answer has another serial at its end than at its begin"},
        {SOA("8") "@ NS ns\n" SOA("8") "ns A 10.0.0.1\n", INCOMING_AXFR,
         "its answer goes on after its end"},
        {SOA("8") "other.example. NS ns\n", INCOMING_AXFR,
         "its answer has a record of another class or outside of the zone"},
        {SOA("8") "ns CH A 10.0.0.1\n", INCOMING_AXFR,
         "its answer has a record of another class or outside of the zone"},
        {SOA("8") "@ NS ns\nsub SOA ns root 8 1 1 1 1\n", INCOMING_AXFR,
         "its answer has an SOA elsewhere than at the head of the zone"},
        {SOA("8") SOA("8"), INCOMING_AXFR,
         "its answer has changes from another serial than ours, or no records"},
        {"", INCOMING_AXFR, "its answer has a message without records"},
        {SOA("8") SOA("7") SOA("8") "ns A 10.0.0.1\n" SOA("8"), INCOMING_IXFR, NULL},
        {SOA("9") SOA("7") SOA("8") SOA("8") SOA("9") SOA("9"), INCOMING_IXFR, NULL},
        {SOA("9") SOA("7") SOA("8") SOA("7"), INCOMING_IXFR,
         "its answer has changes that do not follow each other"},
        {SOA("9") SOA("6") SOA("9"), INCOMING_IXFR,
         "its answer has changes from another serial than ours, or no records"},
        {SOA("8"), INCOMING_SOA, NULL},
    };
    struct world world;
    world_begin(&world);
    for (gsize i = 0; i < G_N_ELEMENTS(scripts); i++) {
        guint8 wire[4096];
        g_autoptr(GError) error = NULL;
        struct incoming_role role = role_of(&world, scripts[i].kind, 7, FALSE);
        AUTO(incoming) *incoming = incoming_new(&role);
        incoming_request(incoming, ID, wire, NOW);
        gsize size = write_answer(scripts[i].what, wire);
        enum incoming_state state = incoming_take(incoming, wire, size, NOW, &error);
        g_assert_cmpstr(error != NULL ? error->message : NULL, ==, scripts[i].cause);
        g_assert_cmpint(state == INCOMING_FAILED, ==, error != NULL);
        g_assert_cmpint(state, !=, INCOMING_MORE);
    }
    world_end(&world);
}

static void
an_answer_that_never_ends_is_cut_off(void)
{
    struct world world;
    guint8 wire[4096];
    g_autoptr(GError) error = NULL;
    enum incoming_state state = INCOMING_MORE;
    world_begin(&world);
    struct incoming_role role = role_of(&world, INCOMING_AXFR, 0, FALSE);
    role.records_max = 100;
    AUTO(incoming) *incoming = incoming_new(&role);
    incoming_request(incoming, ID, wire, NOW);
    const char *lines = SOA("8") "@ NS ns\n";
    guint messages = 0;
    for (; state == INCOMING_MORE && messages < 1000; messages++) {
        gsize size = write_answer(lines, wire);
        state = incoming_take(incoming, wire, size, NOW, &error);
        lines = "ns A 10.0.0.1\n";
    }
    g_assert_cmpint(state, ==, INCOMING_FAILED);
    g_assert_cmpuint(messages, ==, 100);
    g_assert_true(g_str_has_prefix(error->message, "its answer is larger than 100 records"));
    world_end(&world);
}

static void
a_refusal_is_told_by_its_name_and_no_ixfr_leads_to_axfr(void)
{
    struct world world;
    world_begin(&world);
    for (enum incoming_kind kind = INCOMING_AXFR; kind <= INCOMING_IXFR; kind++) {
        guint8 wire[4096];
        g_autoptr(GError) error = NULL;
        struct incoming_role role = role_of(&world, kind, 7, FALSE);
        AUTO(incoming) *incoming = incoming_new(&role);
        incoming_request(incoming, ID, wire, NOW);
        gsize size = write_answer("", wire);
        wire[3] = kind == INCOMING_IXFR ? RCODE_NOTIMP : RCODE_REFUSED;
        g_assert_cmpint(incoming_take(incoming, wire, size, NOW, &error), ==,
                        kind == INCOMING_IXFR ? INCOMING_WHOLE : INCOMING_FAILED);
        g_assert_cmpstr(error != NULL ? error->message : "", ==,
                        kind == INCOMING_IXFR ? "" : "it answered REFUSED");
    }
    world_end(&world);
}

static void
serials_are_compared_as_rfc_1982_says(void)
{
    g_assert_true(serial_is_after(1, 0));
    g_assert_false(serial_is_after(0, 1));
    g_assert_false(serial_is_after(5, 5));
    g_assert_true(serial_is_after(0, 0xffffffffu));
    g_assert_true(serial_is_after(0x7fffffffu, 0));
    g_assert_false(serial_is_after(0x80000000u, 0));
    g_assert_false(serial_is_after(0, 0x80000000u));
}

#define TEST(name) g_test_add_func("/transfer/" #name, name)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_zone_comes_in_as_it_went_out);
    TEST(a_large_zone_goes_in_many_full_messages);
    TEST(a_transfer_has_the_zone_as_it_was_at_its_begin);
    TEST(a_record_larger_than_a_message_of_ours_still_goes);
    TEST(too_many_at_once_are_put_off);
    TEST(changes_alone_bring_the_old_zone_to_the_new_one);
    TEST(changes_of_random_kind_always_lead_to_the_same_zone);
    TEST(in_place_goes_what_is_single_and_fits);
    TEST(who_has_the_serial_gets_the_soa_alone);
    TEST(who_is_too_far_behind_gets_the_whole_zone);
    TEST(changes_that_do_not_fit_are_refused);
    TEST(only_the_key_or_the_networks_get_a_zone);
    TEST(a_primary_that_does_wrong_is_told_what_it_did);
    TEST(an_answer_that_never_ends_is_cut_off);
    TEST(a_refusal_is_told_by_its_name_and_no_ixfr_leads_to_axfr);
    TEST(serials_are_compared_as_rfc_1982_says);
    return g_test_run();
}
