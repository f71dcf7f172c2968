/* forward: names that are not ours, with uplinks that live, die, lie and loop. */
#include "tests/unit/small_zone.h"
#include "tests/unit/uplink.h"

static void
test_a_name_is_asked_upstream_once_and_then_comes_from_the_cache(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "www.Example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 100);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    g_assert_cmpuint(first->data[0] << 8 | first->data[1], ==, 7);
    uplink_expect_address(first, "www.Example", 100, "9.9.9.9");

    uplink->now += 30 * G_TIME_SPAN_SECOND;
    g_autoptr(GByteArray) second = uplink_ask(uplink, 8, "WWW.example", TYPE_A);
    g_assert_nonnull(second);
    uplink_expect_address(second, "WWW.example", 70, "9.9.9.9");
    g_assert_true(uplink_has_none(uplink, server));
}

static void
test_each_question_has_a_port_an_id_and_letters_of_its_own(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < 8; i++) {
        g_autofree char *name = g_strdup_printf("abcdefghijklmnopqrstuvwxyzabcdef%u.example", i);
        g_assert_null(uplink_ask(uplink, 1, name, TYPE_A));
        uplink_take(uplink, server);
        const guint8 *wire = server->query->data;
        g_hash_table_add(seen, g_strdup_printf("port %u", server->client.sin_port));
        g_hash_table_add(seen, g_strdup_printf("id %02x%02x", wire[0], wire[1]));
        g_hash_table_add(seen, g_strdup_printf("letters %.32s", (const char *)wire + 13));
    }
    /* One of them may be the same twice by chance. */
    g_assert_cmpuint(g_hash_table_size(seen), >=, 3 * 8 - 1);
}

static void
test_answers_with_another_id_question_or_port_are_passed_over(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "www.example", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) good = uplink_answer(server, RCODE_NOERROR);
    packet_put_record(good, 0, "", TYPE_A, 60, "\x06\x06\x06\x06", 4);

    g_autoptr(GByteArray) bad = g_byte_array_append(g_byte_array_new(), good->data, good->len);
    bad->data[1] ^= 1;
    uplink_send(server, bad); /* id */
    bad->data[1] ^= 1;
    for (guint i = 13; i < 16; i++)
        bad->data[i] ^= 0x20;
    uplink_send(server, bad); /* letters */
    struct uplink_server stranger = *server;
    stranger.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uplink_send(&stranger, good); /* port */
    close(stranger.fd);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);

    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_address(answer, "www.example", 60, "9.9.9.9");
}

static void
test_a_stranger_that_keeps_guessing_makes_us_ask_by_tcp(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "www.example", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) bad = uplink_answer(server, RCODE_NXDOMAIN);
    for (guint i = 0; i < 20; i++) {
        bad->data[0]++;
        uplink_send(server, bad);
    }
    uplink_take_tcp(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_address(answer, "www.example", 60, "9.9.9.9");
}

static void
test_a_truncated_answer_is_asked_for_again_by_tcp(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "www.example", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) cut = uplink_answer(server, RCODE_NOERROR);
    cut->data[2] |= FLAG_TC >> 8;
    uplink_send(server, cut);
    uplink_take_tcp(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_address(answer, "www.example", 60, "9.9.9.9");
}

static void
test_a_dead_uplink_is_answered_for_within_a_millisecond(void)
{
    AUTO(uplink) *uplink = uplink_new();
    uplink_listen(uplink, TRUE);
    uplink->parent = "clinic.example";
    uplink_begin(uplink);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    uplink_expect_state(uplink, "dead");
    gint64 quickest = G_MAXINT64;
    for (guint i = 0; i < 100; i++) {
        gint64 began = g_get_monotonic_time();
        g_autoptr(GByteArray) answer = uplink_ask(uplink, i, "connectivity.example", TYPE_A);
        quickest = MIN(quickest, g_get_monotonic_time() - began);
        g_assert_nonnull(answer);
        uplink_expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
    }
    g_assert_cmpint(quickest, <, G_TIME_SPAN_MILLISECOND);
    static const char *const above[] = {"clinic.example", ".", "arpa"};
    for (guint i = 0; i < G_N_ELEMENTS(above); i++) {
        g_autoptr(GByteArray) answer = uplink_ask(uplink, 1, above[i], TYPE_NS);
        uplink_expect_absent(answer, RCODE_NOERROR, 30, ERROR_NO_REACHABLE_AUTHORITY);
    }
}

static void
test_without_any_forwarder_it_is_the_same(void)
{
    AUTO(uplink) *uplink = uplink_new();
    uplink_begin(uplink);
    g_autoptr(GByteArray) answer = uplink_ask(uplink, 1, "a.example", TYPE_A);
    g_assert_nonnull(answer);
    uplink_expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
}

static void
test_an_old_answer_is_given_while_the_uplink_is_dead(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    g_assert_cmpuint(packet_rcode(first->data), ==, RCODE_NOERROR);
    for (guint i = 0; i < 10; i++)
        uplink_pass(uplink, 10000);
    uplink_expect_state(uplink, "dead");
    g_autoptr(GByteArray) stale = uplink_ask(uplink, 8, "a.example", TYPE_A);
    g_assert_nonnull(stale);
    uplink_expect_address(stale, "a.example", 30, "9.9.9.9");
    g_assert_cmpint(packet_error(stale->data, stale->len), ==, ERROR_STALE);
}

static void
test_a_server_that_lives_but_is_slow_keeps_nobody_waiting(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "slow.example", TYPE_A));
    uplink_take(uplink, server);
    struct uplink_server asked = *server;
    asked.query = g_byte_array_append(g_byte_array_new(), server->query->data, server->query->len);
    gint64 waited = 0;
    for (; uplink_answers(uplink) == 0; waited += 100) {
        uplink_pass(uplink, 100);
        while (!uplink_has_none(uplink, server)) {
            uplink_take(uplink, server);
            if (server->query->data[12] != 4) { /* a probe, not "slow" */
                g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NXDOMAIN);
                uplink_send(server, answer);
            }
        }
    }
    g_assert_cmpint(waited, >=, 1700);
    g_assert_cmpint(waited, <=, 2000);
    uplink_expect_state(uplink, "alive");
    g_autoptr(GByteArray) absent = uplink_next(uplink);
    uplink_expect_absent(absent, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);

    uplink_send_address(&asked, "9.9.9.9", 60); /* late, but to be kept */
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    g_autoptr(GByteArray) cached = uplink_ask(uplink, 8, "slow.example", TYPE_A);
    g_assert_nonnull(cached);
    uplink_expect_address(cached, "slow.example", 60, "9.9.9.9");
    g_byte_array_unref(asked.query);
}

static void
test_a_name_that_cannot_be_resolved_is_said_to_be_so_only_while_the_uplink_lives(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "broken.example", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) failure = uplink_answer(server, RCODE_SERVFAIL);
    uplink_send(server, failure);
    g_autoptr(GByteArray) servfail = uplink_next(uplink);
    g_assert_cmpuint(packet_rcode(servfail->data), ==, RCODE_SERVFAIL);
    g_autoptr(GByteArray) again = uplink_ask(uplink, 8, "broken.example", TYPE_A);
    g_assert_nonnull(again); /* RFC 9520: kept for a while */
    g_assert_cmpuint(packet_rcode(again->data), ==, RCODE_SERVFAIL);

    /* Later a router without an uplink: it fails whatever is asked. */
    uplink->now += 8 * G_TIME_SPAN_SECOND;
    g_assert_null(uplink_ask(uplink, 9, "a.example", TYPE_A));
    for (guint i = 0; i < 3; i++) {
        uplink_take(uplink, server);
        g_autoptr(GByteArray) more = uplink_answer(server, RCODE_SERVFAIL);
        uplink_send(server, more);
    }
    g_autoptr(GByteArray) absent = uplink_next(uplink);
    uplink_expect_absent(absent, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
    uplink_expect_state(uplink, "dead");
    g_autoptr(GByteArray) old = uplink_ask(uplink, 10, "broken.example", TYPE_A);
    uplink_expect_absent(old, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
}

static void
test_an_answer_that_points_into_the_lan_is_dropped(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "rebind.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "192.168.1.1", 1);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_absent(answer, RCODE_NOERROR, 30, ERROR_BLOCKED);
    g_autoptr(GByteArray) cached = uplink_ask(uplink, 8, "rebind.example", TYPE_A);
    g_assert_nonnull(cached);
    uplink_expect_absent(cached, RCODE_NOERROR, 30, ERROR_BLOCKED);
}

static void
test_a_name_above_ours_exists_whatever_the_internet_says(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    uplink->parent = "lan";
    for (guint i = 0; i < 2; i++) { /* from upstream, from the cache */
        g_autoptr(GByteArray) answer = uplink_ask(uplink, 7, "lan", TYPE_A);
        g_assert_cmpint(answer == NULL, ==, i == 0);
        if (i == 0) {
            uplink_take(uplink, server);
            g_autoptr(GByteArray) absent = uplink_answer(server, RCODE_NXDOMAIN);
            packet_put_soa(absent, ".", 60, 60);
            uplink_send(server, absent);
            answer = uplink_next(uplink);
        }
        g_assert_cmpuint(packet_rcode(answer->data), ==, RCODE_NOERROR);
    }
}

static void
test_who_is_outside_our_networks_is_refused(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    struct sockaddr_in *client = (struct sockaddr_in *)&uplink->asker.address;
    client->sin_addr.s_addr = htonl(0x09090909);
    g_autoptr(GByteArray) answer = uplink_ask(uplink, 7, "a.example", TYPE_A);
    g_assert_nonnull(answer);
    g_assert_cmpuint(packet_rcode(answer->data), ==, RCODE_REFUSED);
    g_assert_cmpint(packet_error(answer->data, answer->len), ==, ERROR_PROHIBITED);
    g_assert_true(uplink_has_none(uplink, server));

    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&uplink->asker.address;
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6};
    memcpy(six->sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A)); /* 127.0.0.1 in an IPv6 socket */
}

static void
test_an_answer_that_is_not_to_be_kept_is_asked_for_again(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    for (guint i = 0; i < 2; i++) {
        g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
        uplink_take(uplink, server);
        uplink_send_address(server, "9.9.9.9", 0);
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        uplink_expect_address(answer, "a.example", 0, "9.9.9.9");
    }
    for (guint i = 0; i < 10; i++)
        uplink_pass(uplink, 10000);
    uplink_expect_state(uplink, "dead");
    g_autoptr(GByteArray) absent = uplink_ask(uplink, 8, "a.example", TYPE_A);
    uplink_expect_absent(absent, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
}

static void
test_dnssec_is_asked_for_and_kept_for_those_who_want_it(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    static const struct {
        guint flags;
        gboolean dnssec_ok;
        const char *address;
    } clients[] = {
        {FLAG_RD, FALSE, "9.9.9.1"},
        {FLAG_RD, TRUE, "9.9.9.2"},
        {FLAG_RD | FLAG_CD, FALSE, "9.9.9.3"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_assert_null(
            uplink_ask_with(uplink, clients[i].flags, clients[i].dnssec_ok, "a.example", TYPE_A));
        uplink_take(uplink, server);
        struct query query;
        g_assert_cmpint(query_parse(&query, server->query->data, server->query->len), ==,
                        QUERY_GOOD);
        g_assert_cmpuint(query.flags, ==, clients[i].flags);
        g_assert_cmpint(query.dnssec_ok, ==, clients[i].dnssec_ok);
        uplink_send_address(server, clients[i].address, 60);
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        g_assert_cmpuint(packet_rcode(answer->data), ==, RCODE_NOERROR);
    }
    for (guint i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_autoptr(GByteArray) answer =
            uplink_ask_with(uplink, clients[i].flags, clients[i].dnssec_ok, "a.example", TYPE_A);
        uplink_expect_address(answer, "a.example", 60, clients[i].address);
    }
}

static void
test_who_wants_no_recursion_gets_what_is_in_the_cache_only(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_autoptr(GByteArray) refused = uplink_ask_with(uplink, 0, FALSE, "a.example", TYPE_A);
    g_assert_cmpuint(packet_rcode(refused->data), ==, RCODE_REFUSED);
    g_assert_cmpint(packet_error(refused->data, refused->len), ==, ERROR_NOT_AUTHORITATIVE);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    g_assert_cmpuint(packet_rcode(first->data), ==, RCODE_NOERROR);
    g_autoptr(GByteArray) cached = uplink_ask_with(uplink, 0, FALSE, "a.example", TYPE_A);
    uplink_expect_address(cached, "a.example", 60, "9.9.9.9");
}

static void
test_types_that_are_no_data_are_not_forwarded(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    static const guint16 types[] = {0, TYPE_OPT, 249, 253, 254};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autoptr(GByteArray) answer = uplink_ask(uplink, 7, "a.example", types[i]);
        g_assert_nonnull(answer);
        g_assert_cmpuint(packet_rcode(answer->data), ==, RCODE_NOTIMP);
    }
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_ANY));
}

/* ---- chains of ours that lead to others ---- */

static const char *const chains[][2] = {
    {"out.test", "www.lotus.example"}, {"one.test", "out.test"},    {"home.test", "localhost"},
    {"inner.test", "ns.test"},         {"none.test", "x.internal"}, {"above.test", "lan"},
};

/* Names of ours that are said to be others', and a DNAME at d.test for lotus.example. */
static struct zones *
chain_zones(void)
{
    struct zones *zones = zones_new();
    struct zone *zone = small_zone("test");
    struct name target = name_of("lotus.example"), d = name_of("d.test"), ns = name_of("ns.test");
    zone_add(zone, &d, TYPE_DNAME, 60, target.wire, target.size, NULL);
    zone_add(zone, &ns, TYPE_A, 60, (const guint8 *)"\12\0\0\1", 4, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(chains); i++) {
        struct name name = name_of(chains[i][0]);
        target = name_of(chains[i][1]);
        zone_add(zone, &name, TYPE_CNAME, 60, target.wire, target.size, NULL);
    }
    g_assert_true(zone_finish(zone, NULL));
    zones_put(zones, zone);
    return zones;
}

static void
expect_answer(const GByteArray *wire, guint rcode, guint flags, const char *expected)
{
    g_autofree char *answers = packet_section(wire->data, wire->len, LDNS_SECTION_ANSWER);
    g_assert_cmpstr(answers, ==, expected);
    g_assert_cmpuint(packet_rcode(wire->data), ==, rcode);
    g_assert_cmpuint((wire->data[2] << 8 | wire->data[3]) & (FLAG_AA | FLAG_RA | FLAG_TC), ==,
                     flags);
}

static void
expect_no_uplink(const GByteArray *wire, int error)
{
    g_autofree char *authority = packet_section(wire->data, wire->len, LDNS_SECTION_AUTHORITY);
    g_assert_cmpstr(authority, ==, ".\t30\tIN\tSOA\t. . 1 3600 3600 604800 30\n");
    g_assert_cmpint(packet_error(wire->data, wire->len), ==, error);
}

static void
test_a_chain_of_ours_that_leads_outside_is_followed(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    g_assert_null(uplink_ask(uplink, 7, "One.test", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NOERROR);
    packet_put_record(answer, 0, "", TYPE_CNAME, 50, "\1a\5lotus\7example", 17);
    packet_put_record(answer, 0, "a.lotus.example", TYPE_A, 40, "\x09\x09\x09\x09", 4);
    uplink_send(server, answer);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    g_assert_cmpuint(first->data[0] << 8 | first->data[1], ==, 7);
    g_assert_cmpmem(first->data + HEADER_SIZE, 10, "\3One\4test", 10);
    expect_answer(first, RCODE_NOERROR, FLAG_AA | FLAG_RA,
                  "One.test.\t60\tIN\tCNAME\tout.test.\n"
                  "out.test.\t60\tIN\tCNAME\twww.lotus.example.\n"
                  "www.lotus.example.\t50\tIN\tCNAME\ta.lotus.example.\n"
                  "a.lotus.example.\t40\tIN\tA\t9.9.9.9\n");

    uplink->now += 30 * G_TIME_SPAN_SECOND;
    g_autoptr(GByteArray) second = uplink_ask(uplink, 8, "www.d.test", TYPE_A);
    g_assert_nonnull(second); /* from the cache, by another way */
    expect_answer(second, RCODE_NOERROR, FLAG_AA | FLAG_RA,
                  "d.test.\t60\tIN\tDNAME\tlotus.example.\n"
                  "www.d.test.\t60\tIN\tCNAME\twww.lotus.example.\n"
                  "www.lotus.example.\t20\tIN\tCNAME\ta.lotus.example.\n"
                  "a.lotus.example.\t10\tIN\tA\t9.9.9.9\n");
    g_assert_true(uplink_has_none(uplink, server));
}

static void
test_those_who_come_by_other_ways_wait_for_the_same_answer(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    g_assert_null(uplink_ask(uplink, 1, "out.test", TYPE_A));
    g_assert_null(uplink_ask(uplink, 2, "www.lotus.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 40);
    g_autoptr(GByteArray) followed = uplink_next(uplink);
    g_autoptr(GByteArray) direct = uplink_next(uplink);
    expect_answer(followed, RCODE_NOERROR, FLAG_AA | FLAG_RA,
                  "out.test.\t60\tIN\tCNAME\twww.lotus.example.\n"
                  "www.lotus.example.\t40\tIN\tA\t9.9.9.9\n");
    expect_answer(direct, RCODE_NOERROR, FLAG_RA, "www.lotus.example.\t40\tIN\tA\t9.9.9.9\n");
    g_assert_true(uplink_has_none(uplink, server));
}

static void
test_what_the_chain_leads_to_may_not_be_there(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    uplink->parent = "lan";
    for (guint i = 0; i < 2; i++) {
        const char *name = i == 0 ? "out.test" : "above.test";
        g_assert_null(uplink_ask(uplink, 7, name, TYPE_A));
        uplink_take(uplink, server);
        g_autoptr(GByteArray) absent = uplink_answer(server, RCODE_NXDOMAIN);
        packet_put_soa(absent, "example", 60, 60);
        uplink_send(server, absent);
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        g_autofree char *soa = packet_section(answer->data, answer->len, LDNS_SECTION_AUTHORITY);
        expect_answer(answer, i == 0 ? RCODE_NXDOMAIN : RCODE_NOERROR, FLAG_AA | FLAG_RA,
                      i == 0 ? "out.test.\t60\tIN\tCNAME\twww.lotus.example.\n"
                             : "above.test.\t60\tIN\tCNAME\tlan.\n");
        g_assert_cmpstr(soa, ==, "example.\t60\tIN\tSOA\tns.example. root.example. 1 1 1 1 60\n");
    }
}

static void
test_without_an_uplink_the_chain_is_told_at_once(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    g_assert_null(uplink_ask(uplink, 7, "out.test", TYPE_A));
    for (guint i = 0; i < 10; i++)
        uplink_pass(uplink, 10000);
    uplink_expect_state(uplink, "dead");
    g_autoptr(GByteArray) waited = uplink_next(uplink); /* while it was not known yet */
    g_autoptr(GByteArray) dead = uplink_ask(uplink, 8, "out.test", TYPE_A);
    static const char *const chain = "out.test.\t60\tIN\tCNAME\twww.lotus.example.\n";
    expect_answer(waited, RCODE_NXDOMAIN, FLAG_AA | FLAG_RA, chain);
    g_assert_nonnull(dead);
    expect_answer(dead, RCODE_NXDOMAIN, FLAG_AA | FLAG_RA, chain);
    expect_no_uplink(dead, ERROR_NO_REACHABLE_AUTHORITY);
}

static void
test_special_names_end_a_chain_here(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    g_autoptr(GByteArray) home = uplink_ask(uplink, 7, "home.test", TYPE_A);
    expect_answer(home, RCODE_NOERROR, FLAG_AA | FLAG_RA,
                  "home.test.\t60\tIN\tCNAME\tlocalhost.\n"
                  "localhost.\t3600\tIN\tA\t127.0.0.1\n");
    g_autoptr(GByteArray) none = uplink_ask(uplink, 7, "none.test", TYPE_A);
    expect_answer(none, RCODE_NXDOMAIN, FLAG_AA | FLAG_RA,
                  "none.test.\t60\tIN\tCNAME\tx.internal.\n");
    g_assert_true(uplink_has_none(uplink, server));
}

static void
test_private_addresses_behind_a_chain_are_dropped_but_ours_are_told(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    g_assert_null(uplink_ask(uplink, 7, "out.test", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "10.0.0.1", 60);
    g_autoptr(GByteArray) blocked = uplink_next(uplink);
    expect_answer(blocked, RCODE_NOERROR, FLAG_AA | FLAG_RA,
                  "out.test.\t60\tIN\tCNAME\twww.lotus.example.\n");
    expect_no_uplink(blocked, ERROR_BLOCKED);
    g_autoptr(GByteArray) inner = uplink_ask(uplink, 7, "inner.test", TYPE_A);
    expect_answer(inner, RCODE_NOERROR, FLAG_AA,
                  "inner.test.\t60\tIN\tCNAME\tns.test.\nns.test.\t60\tIN\tA\t10.0.0.1\n");
}

static void
test_who_may_not_ask_others_through_us_gets_what_is_ours(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    struct sockaddr_in *client = (struct sockaddr_in *)&uplink->asker.address;
    static const char *const chain = "out.test.\t60\tIN\tCNAME\twww.lotus.example.\n";
    g_autoptr(GByteArray) iterative = uplink_ask_with(uplink, 0, FALSE, "out.test", TYPE_A);
    expect_answer(iterative, RCODE_NOERROR, FLAG_AA, chain);
    client->sin_addr.s_addr = htonl(0x09090909);
    g_autoptr(GByteArray) outside = uplink_ask(uplink, 7, "out.test", TYPE_A);
    expect_answer(outside, RCODE_NOERROR, FLAG_AA, chain);
    g_assert_true(uplink_has_none(uplink, server));
}

static void
test_a_chain_whose_rest_does_not_fit_is_truncated(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    guint8 text[251] = {sizeof text - 1};
    g_assert_null(uplink_ask(uplink, 7, "out.test", TYPE_TXT));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) short_one = uplink_answer(server, RCODE_NOERROR);
    short_one->data[2] |= FLAG_TC >> 8;
    uplink_send(server, short_one);
    uplink_take_tcp(uplink, server);
    g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NOERROR);
    for (guint i = 0; i < 8; i++)
        packet_put_record(answer, 0, "", TYPE_TXT, 60, text, sizeof text);
    uplink_send(server, answer);
    g_autoptr(GByteArray) cut = uplink_next(uplink);
    expect_answer(cut, RCODE_NOERROR, FLAG_AA | FLAG_RA | FLAG_TC, "");
}

/* Its zone may have changed while it waited. */
static void
test_what_is_ours_is_looked_up_again_when_the_rest_comes(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    AUTO(zones) *zones = chain_zones();
    uplink->zones = zones;
    g_assert_null(uplink_ask(uplink, 7, "out.test", TYPE_A));
    uplink_take(uplink, server);
    AUTO(zone) *before = zones_put(zones, small_zone("test"));
    g_assert_nonnull(before);
    uplink_send_address(server, "9.9.9.9", 40);
    g_autoptr(GByteArray) gone = uplink_next(uplink);
    expect_answer(gone, RCODE_NXDOMAIN, FLAG_AA, "");
}

#define ADD(name, test) g_test_add_func("/forward/" name, test)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a name is asked upstream once, and then comes from the cache",
        test_a_name_is_asked_upstream_once_and_then_comes_from_the_cache);
    ADD("each question has a port, an id and letters of its own",
        test_each_question_has_a_port_an_id_and_letters_of_its_own);
    ADD("answers with another id, question or port are passed over",
        test_answers_with_another_id_question_or_port_are_passed_over);
    ADD("a stranger that keeps guessing makes us ask by TCP",
        test_a_stranger_that_keeps_guessing_makes_us_ask_by_tcp);
    ADD("a truncated answer is asked for again by TCP",
        test_a_truncated_answer_is_asked_for_again_by_tcp);
    ADD("a dead uplink is answered for within a millisecond",
        test_a_dead_uplink_is_answered_for_within_a_millisecond);
    ADD("without any forwarder it is the same", test_without_any_forwarder_it_is_the_same);
    ADD("an old answer is given while the uplink is dead",
        test_an_old_answer_is_given_while_the_uplink_is_dead);
    ADD("a server that lives but is slow keeps nobody waiting",
        test_a_server_that_lives_but_is_slow_keeps_nobody_waiting);
    ADD("a name that cannot be resolved is said to be so only while the uplink lives",
        test_a_name_that_cannot_be_resolved_is_said_to_be_so_only_while_the_uplink_lives);
    ADD("an answer that points into the LAN is dropped",
        test_an_answer_that_points_into_the_lan_is_dropped);
    ADD("a name above ours exists, whatever the Internet says",
        test_a_name_above_ours_exists_whatever_the_internet_says);
    ADD("who is outside our networks is refused", test_who_is_outside_our_networks_is_refused);
    ADD("an answer that is not to be kept is asked for again",
        test_an_answer_that_is_not_to_be_kept_is_asked_for_again);
    ADD("DNSSEC is asked for, and kept, for those who want it",
        test_dnssec_is_asked_for_and_kept_for_those_who_want_it);
    ADD("who wants no recursion gets what is in the cache only",
        test_who_wants_no_recursion_gets_what_is_in_the_cache_only);
    ADD("types that are no data are not forwarded", test_types_that_are_no_data_are_not_forwarded);
    ADD("a chain of ours that leads outside is followed",
        test_a_chain_of_ours_that_leads_outside_is_followed);
    ADD("those who come by other ways wait for the same answer",
        test_those_who_come_by_other_ways_wait_for_the_same_answer);
    ADD("what the chain leads to may not be there", test_what_the_chain_leads_to_may_not_be_there);
    ADD("without an uplink the chain is told at once",
        test_without_an_uplink_the_chain_is_told_at_once);
    ADD("special names end a chain here", test_special_names_end_a_chain_here);
    ADD("private addresses behind a chain are dropped, but ours are told",
        test_private_addresses_behind_a_chain_are_dropped_but_ours_are_told);
    ADD("who may not ask others through us gets what is ours",
        test_who_may_not_ask_others_through_us_gets_what_is_ours);
    ADD("a chain whose rest does not fit is truncated",
        test_a_chain_whose_rest_does_not_fit_is_truncated);
    ADD("what is ours is looked up again when the rest comes",
        test_what_is_ours_is_looked_up_again_when_the_rest_comes);
    return g_test_run();
}
