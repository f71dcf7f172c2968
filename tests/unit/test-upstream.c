/* upstream: which of the servers is worth asking, and how it is asked. */
#include "tests/unit/uplink.h"

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
test_an_uplink_that_comes_back_is_noticed(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server);
    uplink_pass(uplink, 400);
    uplink_take(uplink, server);
    uplink_pass(uplink, 800);
    uplink_expect_state(uplink, "dead");
    gint64 waited = 0;
    for (; uplink_has_none(uplink, server); waited += 500)
        uplink_pass(uplink, 500);
    g_assert_cmpint(waited, >=, 1000);
    g_assert_cmpint(waited, <=, 3000);
    uplink_is_alive(uplink, server);
    uplink_expect_state(uplink, "alive");
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
    uplink_expect_state(uplink, "loop");
    g_assert_nonnull(strstr(uplink->alerts->str, "leads back to this server"));
    g_autoptr(GByteArray) answer = uplink_ask(uplink, 7, "a.example", TYPE_A);
    g_assert_nonnull(answer);
    g_assert_true(uplink_has_none(uplink, server));

    g_string_truncate(uplink->alerts, 0);
    uplink_pass(uplink, 61000); /* looked at again */
    uplink_is_alive(uplink, server);
    uplink_expect_state(uplink, "alive");
    g_assert_true(g_str_has_suffix(uplink->alerts->str, ": \n"));
}

static void
test_a_forwarder_of_our_kind_without_an_uplink_is_dead_and_the_root_is_not(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    for (guint i = 0; i < 2; i++) {
        uplink_take(uplink, server);
        g_autoptr(GByteArray) absent = uplink_answer(server, RCODE_NXDOMAIN);
        const guint8 soa[22] = {0};
        packet_put_record(absent, 1, ".", TYPE_SOA, 30, soa, sizeof soa);
        uplink_send(server, absent);
    }
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    uplink_expect_state(uplink, "dead");

    uplink_pass(uplink, 1000);
    uplink_take(uplink, server);
    g_autoptr(GByteArray) of_root = uplink_answer(server, RCODE_NXDOMAIN);
    packet_put_soa(of_root, ".", 30, 30);
    uplink_send(server, of_root);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    uplink_expect_state(uplink, "alive");
}

/* Until it is probed; gives the milliseconds. */
static gint64
until_probed(struct uplink *uplink, struct uplink_server *server)
{
    gint64 waited = 0;
    for (; uplink_has_none(uplink, server); waited += 100)
        uplink_pass(uplink, 100);
    uplink_take(uplink, server);
    return waited;
}

/* A probe that was sent is not answered, nor is the one after it. */
static void
lose_probes(struct uplink *uplink, struct uplink_server *server)
{
    uplink_pass(uplink, 1000);
    if (!uplink_has_none(uplink, server)) {
        uplink_take(uplink, server);
        uplink_pass(uplink, 2000);
    }
}

static void
test_a_dead_one_is_probed_less_and_less_often_and_sooner_when_it_is_wanted(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server);
    lose_probes(uplink, server);
    uplink_expect_state(uplink, "dead");
    static const gint64 seconds[] = {1, 2, 4, 8, 16, 30, 30};
    for (guint i = 0; i < G_N_ELEMENTS(seconds); i++) {
        gint64 waited = until_probed(uplink, server);
        g_assert_cmpint(waited, >=, seconds[i] * 1000 - 100);
        g_assert_cmpint(waited, <=, seconds[i] * 1000 + 100);
        lose_probes(uplink, server);
    }
    g_autoptr(GByteArray) absent = uplink_ask(uplink, 7, "a.example", TYPE_A);
    g_assert_nonnull(absent);
    g_assert_cmpint(until_probed(uplink, server), <=, 3000);
}

static void
test_a_living_one_that_is_quiet_is_probed_oftener_while_clients_ask(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    gint64 waited = until_probed(uplink, server);
    g_assert_cmpint(waited, >=, 9900);
    g_assert_cmpint(waited, <=, 10100);
    for (guint i = 0; i < 7; i++) { /* nobody asks for a minute */
        g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NXDOMAIN);
        uplink_send(server, answer);
        waited = until_probed(uplink, server);
    }
    g_assert_cmpint(waited, >=, 59900);
    g_assert_cmpint(waited, <=, 60100);
}

static void
test_a_lost_probe_does_not_count_when_a_question_was_answered_meanwhile(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    until_probed(uplink, server);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_send_address(server, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    g_assert_cmpuint(packet_rcode(answer->data), ==, RCODE_NOERROR);
    lose_probes(uplink, server);
    uplink_expect_state(uplink, "alive");
    until_probed(uplink, server);
    lose_probes(uplink, server);
    uplink_expect_state(uplink, "dead");
}

static void
test_a_loop_whose_probe_is_lost_is_still_one(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    struct query query;
    guint8 out[QUERY_UDP_MAX];
    uplink_begin(uplink);
    uplink_take(uplink, server);
    g_assert_cmpint(query_parse(&query, server->query->data, server->query->len), ==, QUERY_GOOD);
    forward_answer(uplink->forward, &uplink->asker, &query, NULL, out, sizeof out);
    until_probed(uplink, server);
    lose_probes(uplink, server);
    uplink_expect_state(uplink, "loop");
}

#define ADD(name, test) g_test_add_func("/upstream/" name, test)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("a server that changes letters is asked in small ones",
        test_a_server_that_changes_letters_is_asked_in_small_ones);
    ADD("a server that knows no EDNS is asked without",
        test_a_server_that_knows_no_edns_is_asked_without);
    ADD("an uplink that comes back is noticed", test_an_uplink_that_comes_back_is_noticed);
    ADD("a forwarder that leads back to us is switched off",
        test_a_forwarder_that_leads_back_to_us_is_switched_off);
    ADD("a forwarder of our kind without an uplink is dead, and the root is not",
        test_a_forwarder_of_our_kind_without_an_uplink_is_dead_and_the_root_is_not);
    ADD("a dead one is probed less and less often, and sooner when it is wanted",
        test_a_dead_one_is_probed_less_and_less_often_and_sooner_when_it_is_wanted);
    ADD("a living one that is quiet is probed, oftener while clients ask",
        test_a_living_one_that_is_quiet_is_probed_oftener_while_clients_ask);
    ADD("a lost probe does not count when a question was answered meanwhile",
        test_a_lost_probe_does_not_count_when_a_question_was_answered_meanwhile);
    ADD("a loop whose probe is lost is still one", test_a_loop_whose_probe_is_lost_is_still_one);
    return g_test_run();
}
