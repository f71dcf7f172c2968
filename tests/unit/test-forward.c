/* forward: names that are not ours, with uplinks that live, die, lie and loop. */
#include "netsvc/dns/forward/exchange.h"
#include "tests/unit/uplink.h"

static char *
answers_in(const GByteArray *wire)
{
    return packet_section(wire->data, wire->len, LDNS_SECTION_ANSWER);
}

static void
expect_address(const GByteArray *wire, const char *owner, guint32 ttl, const char *address)
{
    g_autofree char *answers = answers_in(wire);
    g_autofree char *expected = g_strdup_printf("%s.\t%u\tIN\tA\t%s\n", owner, ttl, address);
    g_assert_cmpstr(answers, ==, expected);
}

static void
expect_absent(const GByteArray *wire, guint rcode, guint32 ttl, int error)
{
    g_autofree char *answers = answers_in(wire);
    g_autofree char *authority = packet_section(wire->data, wire->len, LDNS_SECTION_AUTHORITY);
    g_autofree char *soa = g_strdup_printf(".\t%u\tIN\tSOA\t. . 1 3600 3600 604800 %u\n", ttl, ttl);
    g_assert_cmpuint(packet_rcode(wire->data), ==, rcode);
    g_assert_cmpstr(answers, ==, "");
    g_assert_cmpstr(authority, ==, soa);
    g_assert_cmpint(packet_error(wire->data, wire->len), ==, error);
}

/* An uplink with one server that lives. */
static struct uplink *
alive(struct uplink_server **server)
{
    struct uplink *uplink = uplink_new();
    *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_is_alive(uplink, *server);
    return uplink;
}

static void
expect_state(struct uplink *uplink, const char *state)
{
    g_autofree char *json = uplink_json(uplink);
    g_autofree char *member = g_strdup_printf("\"state\":\"%s\"", state);
    if (strstr(json, member) == NULL)
        g_error("not %s: %s", state, json);
}

static void
test_a_name_is_asked_upstream_once_and_then_comes_from_the_cache(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "www.Example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 100);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    g_assert_cmpuint(first->data[0] << 8 | first->data[1], ==, 7);
    expect_address(first, "www.Example", 100, "9.9.9.9");

    uplink->now += 30 * G_TIME_SPAN_SECOND;
    g_autoptr(GByteArray) second = uplink_ask(uplink, 8, "WWW.example", TYPE_A);
    g_assert_nonnull(second);
    expect_address(second, "WWW.example", 70, "9.9.9.9");
    g_assert_true(uplink_has_none(uplink, server));
}

static void
test_the_same_question_of_many_is_asked_once(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    static const char *const names[] = {"a.example", "A.example", "a.EXAMPLE"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_null(uplink_ask(uplink, 100 + i, names[i], TYPE_A));
    uplink_take(uplink, server);
    g_assert_true(uplink_has_none(uplink, server));
    uplink_send_address(server, "9.9.9.9", 100);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        g_assert_cmpuint(answer->data[1], ==, 100 + i);
        expect_address(answer, names[i], 100, "9.9.9.9");
    }
}

static void
test_each_question_has_a_port_an_id_and_letters_of_its_own(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
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
    AUTO(uplink) *uplink = alive(&server);
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
    expect_address(answer, "www.example", 60, "9.9.9.9");
}

static void
test_a_stranger_that_keeps_guessing_makes_us_ask_by_tcp(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
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
    expect_address(answer, "www.example", 60, "9.9.9.9");
}

static void
test_a_truncated_answer_is_asked_for_again_by_tcp(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "www.example", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) cut = uplink_answer(server, RCODE_NOERROR);
    cut->data[2] |= FLAG_TC >> 8;
    uplink_send(server, cut);
    uplink_take_tcp(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    expect_address(answer, "www.example", 60, "9.9.9.9");
}

static void
test_a_server_that_changes_letters_is_asked_in_small_ones(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server);
    g_autoptr(GByteArray) probe = uplink_answer(server, RCODE_NXDOMAIN);
    name_lower(probe->data + 12, probe->data + 12, probe->len - 12 - 4);
    uplink_send(server, probe);
    g_assert_null(uplink_ask(uplink, 7, "AbCdEfGhIjKlMnOpQrStUvWxYz.example", TYPE_A));
    uplink_take(uplink, server);
    g_assert_cmpmem(server->query->data + 13, 26, "abcdefghijklmnopqrstuvwxyz", 26);
}

static void
test_a_server_that_knows_no_edns_is_asked_without(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server);
    g_assert_cmpuint(server->query->data[11], ==, 1);
    g_autoptr(GByteArray) formerr = uplink_answer(server, RCODE_FORMERR);
    uplink_send(server, formerr);
    uplink_take(uplink, server);
    g_assert_cmpuint(server->query->data[11], ==, 0);
    g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NXDOMAIN);
    uplink_send(server, answer);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, server);
    g_assert_cmpuint(server->query->data[11], ==, 0);
}

static void
test_a_dead_uplink_is_answered_for_within_a_millisecond(void)
{
    AUTO(uplink) *uplink = uplink_new();
    uplink_listen(uplink, TRUE);
    uplink->parent = "clinic.example";
    uplink_begin(uplink);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    expect_state(uplink, "dead");
    gint64 quickest = G_MAXINT64;
    for (guint i = 0; i < 100; i++) {
        gint64 began = g_get_monotonic_time();
        g_autoptr(GByteArray) answer = uplink_ask(uplink, i, "connectivity.example", TYPE_A);
        quickest = MIN(quickest, g_get_monotonic_time() - began);
        g_assert_nonnull(answer);
        expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
    }
    g_assert_cmpint(quickest, <, G_TIME_SPAN_MILLISECOND);
    static const char *const above[] = {"clinic.example", ".", "arpa"};
    for (guint i = 0; i < G_N_ELEMENTS(above); i++) {
        g_autoptr(GByteArray) answer = uplink_ask(uplink, 1, above[i], TYPE_NS);
        expect_absent(answer, RCODE_NOERROR, 30, ERROR_NO_REACHABLE_AUTHORITY);
    }
}

static void
test_without_any_forwarder_it_is_the_same(void)
{
    AUTO(uplink) *uplink = uplink_new();
    uplink_begin(uplink);
    g_autoptr(GByteArray) answer = uplink_ask(uplink, 1, "a.example", TYPE_A);
    g_assert_nonnull(answer);
    expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
}

static void
test_queries_before_the_first_probe_wait_for_it(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_is_alive(uplink, server);
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    expect_address(answer, "a.example", 60, "9.9.9.9");
}

static void
test_when_the_last_uplink_dies_all_who_wait_are_answered(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    g_assert_null(uplink_ask(uplink, 8, "b.example", TYPE_A));
    uplink_pass(uplink, 400); /* lost: a probe goes out … */
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    uplink_pass(uplink, 400); /* … another … */
    expect_state(uplink, "alive");
    uplink_pass(uplink, 700); /* … and that was all */
    expect_state(uplink, "dead");
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
    }
    g_autoptr(GByteArray) at_once = uplink_ask(uplink, 9, "c.example", TYPE_A);
    g_assert_nonnull(at_once);
}

static void
test_an_uplink_that_comes_back_is_noticed(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server);
    uplink_pass(uplink, 400);
    uplink_take(uplink, server);
    uplink_pass(uplink, 800);
    expect_state(uplink, "dead");
    gint64 waited = 0;
    for (; uplink_has_none(uplink, server); waited += 500)
        uplink_pass(uplink, 500);
    g_assert_cmpint(waited, >=, 1000);
    g_assert_cmpint(waited, <=, 3000);
    uplink_is_alive(uplink, server);
    expect_state(uplink, "alive");
}

static void
test_an_old_answer_is_given_while_the_uplink_is_dead(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    for (guint i = 0; i < 10; i++)
        uplink_pass(uplink, 10000);
    expect_state(uplink, "dead");
    g_autoptr(GByteArray) stale = uplink_ask(uplink, 8, "a.example", TYPE_A);
    g_assert_nonnull(stale);
    expect_address(stale, "a.example", 30, "9.9.9.9");
    g_assert_cmpint(packet_error(stale->data, stale->len), ==, ERROR_STALE);
}

static void
test_a_server_that_lives_but_is_slow_keeps_nobody_waiting(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
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
    expect_state(uplink, "alive");
    g_autoptr(GByteArray) absent = uplink_next(uplink);
    expect_absent(absent, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);

    uplink_send_address(&asked, "9.9.9.9", 60); /* late, but to be kept */
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    g_autoptr(GByteArray) cached = uplink_ask(uplink, 8, "slow.example", TYPE_A);
    g_assert_nonnull(cached);
    expect_address(cached, "slow.example", 60, "9.9.9.9");
    g_byte_array_unref(asked.query);
}

static void
test_a_name_that_cannot_be_resolved_is_said_to_be_so_only_while_the_uplink_lives(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
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
    expect_absent(absent, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
    expect_state(uplink, "dead");
    g_autoptr(GByteArray) old = uplink_ask(uplink, 10, "broken.example", TYPE_A);
    expect_absent(old, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
}

static void
test_what_one_server_loses_another_is_asked_for(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *first = uplink_listen(uplink, FALSE);
    struct uplink_server *second = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_is_alive(uplink, first);
    uplink->now += 5000; /* it is slower by that */
    uplink_is_alive(uplink, second);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, first);
    g_assert_true(uplink_has_none(uplink, second));
    uplink_pass(uplink, 310);
    uplink_take(uplink, second);
    uplink_send_address(second, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    expect_address(answer, "a.example", 60, "9.9.9.9");
}

static void
test_an_answer_that_points_into_the_lan_is_dropped(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "rebind.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "192.168.1.1", 1);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    expect_absent(answer, RCODE_NOERROR, 30, ERROR_BLOCKED);
    g_autoptr(GByteArray) cached = uplink_ask(uplink, 8, "rebind.example", TYPE_A);
    g_assert_nonnull(cached);
    expect_absent(cached, RCODE_NOERROR, 30, ERROR_BLOCKED);
}

static void
test_a_name_above_ours_exists_whatever_the_internet_says(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
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
test_a_forwarder_that_leads_back_to_us_is_switched_off(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server);
    struct query query;
    guint8 out[QUERY_UDP_MAX];
    g_assert_cmpint(query_parse(&query, server->query->data, server->query->len), ==, QUERY_GOOD);
    gsize size = forward_answer(uplink->forward, &uplink->asker, &query, NULL, out, sizeof out);
    g_assert_cmpuint(size, >, 0);
    g_assert_cmpuint(packet_rcode(out), ==, RCODE_NXDOMAIN);
    expect_state(uplink, "loop");
    g_assert_nonnull(strstr(uplink->alerts->str, "leads back to this server"));
    g_autoptr(GByteArray) answer = uplink_ask(uplink, 7, "a.example", TYPE_A);
    g_assert_nonnull(answer);
    g_assert_true(uplink_has_none(uplink, server));

    g_string_truncate(uplink->alerts, 0);
    uplink_pass(uplink, 61000); /* looked at again */
    uplink_is_alive(uplink, server);
    expect_state(uplink, "alive");
    g_assert_true(g_str_has_suffix(uplink->alerts->str, ": \n"));
}

static void
test_who_is_outside_our_networks_is_refused(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
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

static guint
waiting_of(struct uplink *uplink, guint host, guint asked)
{
    struct sockaddr_in *client = (struct sockaddr_in *)&uplink->asker.address;
    guint waiting = 0;
    client->sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
    for (guint i = 0; i < asked; i++) {
        g_autofree char *name = g_strdup_printf("n%u.host%u.example", i, host);
        g_autoptr(GByteArray) answer = uplink_ask(uplink, i, name, TYPE_A);
        if (answer == NULL)
            waiting++;
        else
            expect_absent(answer, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);
    }
    return waiting;
}

static void
test_one_client_that_asks_for_everything_leaves_room_for_the_others(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = alive(&server);
    g_assert_cmpuint(waiting_of(uplink, 1, 600), ==, EXCHANGES_MAX / 2);
    guint waiting = EXCHANGES_MAX / 2;
    for (guint host = 2; host < 10; host++) {
        guint of_host = waiting_of(uplink, host, 100);
        g_assert_cmpuint(of_host, ==, host < 6 ? EXCHANGE_SHARE : 0);
        waiting += of_host;
    }
    g_assert_cmpuint(waiting, ==, EXCHANGES_MAX);
}

static void
test_a_forwarder_of_our_kind_without_an_uplink_is_dead(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    for (guint i = 0; i < 2; i++) {
        uplink_take(uplink, server);
        g_autoptr(GByteArray) absent = uplink_answer(server, RCODE_NXDOMAIN);
        packet_put_soa(absent, ".", 30, 30);
        uplink_send(server, absent);
    }
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    expect_state(uplink, "dead");
}

#define ADD(name, test) g_test_add_func("/forward/" name, test)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a name is asked upstream once, and then comes from the cache",
        test_a_name_is_asked_upstream_once_and_then_comes_from_the_cache);
    ADD("the same question of many is asked once", test_the_same_question_of_many_is_asked_once);
    ADD("each question has a port, an id and letters of its own",
        test_each_question_has_a_port_an_id_and_letters_of_its_own);
    ADD("answers with another id, question or port are passed over",
        test_answers_with_another_id_question_or_port_are_passed_over);
    ADD("a stranger that keeps guessing makes us ask by TCP",
        test_a_stranger_that_keeps_guessing_makes_us_ask_by_tcp);
    ADD("a truncated answer is asked for again by TCP",
        test_a_truncated_answer_is_asked_for_again_by_tcp);
    ADD("a server that changes letters is asked in small ones",
        test_a_server_that_changes_letters_is_asked_in_small_ones);
    ADD("a server that knows no EDNS is asked without",
        test_a_server_that_knows_no_edns_is_asked_without);
    ADD("a dead uplink is answered for within a millisecond",
        test_a_dead_uplink_is_answered_for_within_a_millisecond);
    ADD("without any forwarder it is the same", test_without_any_forwarder_it_is_the_same);
    ADD("queries before the first probe wait for it",
        test_queries_before_the_first_probe_wait_for_it);
    ADD("when the last uplink dies, all who wait are answered",
        test_when_the_last_uplink_dies_all_who_wait_are_answered);
    ADD("an uplink that comes back is noticed", test_an_uplink_that_comes_back_is_noticed);
    ADD("an old answer is given while the uplink is dead",
        test_an_old_answer_is_given_while_the_uplink_is_dead);
    ADD("a server that lives but is slow keeps nobody waiting",
        test_a_server_that_lives_but_is_slow_keeps_nobody_waiting);
    ADD("a name that cannot be resolved is said to be so only while the uplink lives",
        test_a_name_that_cannot_be_resolved_is_said_to_be_so_only_while_the_uplink_lives);
    ADD("what one server loses, another is asked for",
        test_what_one_server_loses_another_is_asked_for);
    ADD("an answer that points into the LAN is dropped",
        test_an_answer_that_points_into_the_lan_is_dropped);
    ADD("a name above ours exists, whatever the Internet says",
        test_a_name_above_ours_exists_whatever_the_internet_says);
    ADD("a forwarder that leads back to us is switched off",
        test_a_forwarder_that_leads_back_to_us_is_switched_off);
    ADD("who is outside our networks is refused", test_who_is_outside_our_networks_is_refused);
    ADD("one client that asks for everything leaves room for the others",
        test_one_client_that_asks_for_everything_leaves_room_for_the_others);
    ADD("a forwarder of our kind without an uplink is dead",
        test_a_forwarder_of_our_kind_without_an_uplink_is_dead);
    return g_test_run();
}
