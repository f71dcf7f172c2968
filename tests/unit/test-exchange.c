/* exchange: questions on their way, and who waits for them. */
#include "netsvc/dns/forward/exchange.h"
#include "tests/unit/uplink.h"

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
            uplink_expect_absent(answer, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);
    }
    return waiting;
}

static void
test_the_same_question_of_many_is_asked_once(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    static const char *const names[] = {"a.example", "A.example", "a.EXAMPLE"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_null(uplink_ask(uplink, 100 + i, names[i], TYPE_A));
    uplink_take(uplink, server);
    g_assert_true(uplink_has_none(uplink, server));
    uplink_send_address(server, "9.9.9.9", 100);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        g_assert_cmpuint(answer->data[1], ==, 100 + i);
        uplink_expect_address(answer, names[i], 100, "9.9.9.9");
    }
}

static void
test_nobody_waits_for_a_server_that_shows_no_life(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_true(uplink_has_none(uplink, server));
    server->mute = TRUE;
    uplink_pass(uplink, 1000);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_pass(uplink, 190);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    uplink_pass(uplink, 10);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_absent(answer, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);
    uplink_expect_state(uplink, "alive");
    g_autoptr(GByteArray) other = uplink_ask(uplink, 8, "a.example", TYPE_A);
    g_assert_nonnull(other);

    uplink_take(uplink, server); /* late, but to be kept */
    uplink_send_address(server, "9.9.9.9", 60);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    g_autoptr(GByteArray) cached = uplink_ask(uplink, 9, "a.example", TYPE_A);
    g_assert_nonnull(cached);
    uplink_expect_address(cached, "a.example", 60, "9.9.9.9");
}

static void
test_the_slower_its_pulses_are_the_longer_a_server_is_waited_for(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_take(uplink, server); /* the probe; the pulse comes behind it */
    uplink->now += 600 * G_TIME_SPAN_MILLISECOND;
    g_assert_true(uplink_has_none(uplink, server));
    g_autoptr(GByteArray) probe = uplink_answer(server, RCODE_NXDOMAIN);
    uplink_send(server, probe);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    g_assert_true(uplink_has_none(uplink, server));
    server->mute = TRUE;
    uplink_pass(uplink, 1000);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_pass(uplink, 1400);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    uplink_pass(uplink, 100);
    g_assert_cmpuint(uplink_answers(uplink), ==, 1);
}

static void
test_a_server_that_fails_has_shown_and_its_verdict_is_waited_for(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_true(uplink_has_none(uplink, server));
    server->mute = TRUE;
    uplink_pass(uplink, 5000);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, server);
    g_autoptr(GByteArray) failure = uplink_answer(server, RCODE_SERVFAIL);
    uplink->now += 50 * G_TIME_SPAN_MILLISECOND;
    uplink_send(server, failure);
    uplink_take(uplink, server); /* its probe, unanswered for a while */
    uplink_pass(uplink, 250);
    g_assert_cmpuint(uplink_answers(uplink), ==, 0);
    g_autoptr(GByteArray) probe = uplink_answer(server, RCODE_NXDOMAIN);
    uplink_send(server, probe);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    g_assert_cmpuint(packet_rcode(answer->data), ==, RCODE_SERVFAIL);
}

static void
test_when_the_last_uplink_dies_all_who_wait_are_answered(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    uplink_pass(uplink, 1000);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    g_assert_null(uplink_ask(uplink, 8, "b.example", TYPE_A));
    guint lost = 0; /* a router without an uplink: it has a pulse, and answers nothing else */
    for (guint waited = 0; uplink_answers(uplink) == 0; waited += 50) {
        uplink_pass(uplink, 50);
        for (; !uplink_has_none(uplink, server); lost++)
            uplink_take(uplink, server);
        g_assert_cmpuint(waited, <=, 1500);
    }
    g_assert_cmpuint(lost, >=, 4); /* two questions, two probes */
    uplink_expect_state(uplink, "dead");
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GByteArray) answer = uplink_next(uplink);
        uplink_expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
    }
    g_autoptr(GByteArray) at_once = uplink_ask(uplink, 9, "c.example", TYPE_A);
    g_assert_nonnull(at_once);
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
    uplink_expect_address(answer, "a.example", 60, "9.9.9.9");
}

static void
test_queries_before_the_first_probe_do_not_wait_for_long(void)
{
    AUTO(uplink) *uplink = uplink_new();
    uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_pass(uplink, 200);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_absent(answer, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);
    uplink_expect_state(uplink, "unknown");
}

static void
test_what_all_servers_refuse_is_not_there(void)
{
    AUTO(uplink) *uplink = uplink_new();
    struct uplink_server *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    for (guint i = 0; i < 2; i++) { /* the probe, a question */
        uplink_take(uplink, server);
        g_autoptr(GByteArray) refused = uplink_answer(server, RCODE_REFUSED);
        uplink_send(server, refused);
        g_assert_cmpuint(uplink_answers(uplink), ==, i);
        uplink_expect_state(uplink, "alive");
        if (i == 0)
            g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    }
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_absent(answer, RCODE_NXDOMAIN, 30, ERROR_NO_REACHABLE_AUTHORITY);
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
    g_assert_true(uplink_has_none(uplink, first));
    first->mute = TRUE;
    g_assert_null(uplink_ask(uplink, 7, "a.example", TYPE_A));
    uplink_take(uplink, first);
    g_assert_true(uplink_has_none(uplink, second));
    uplink_pass(uplink, 110); /* silent for half a round trip at the most */
    uplink_take(uplink, second);
    uplink_send_address(second, "9.9.9.9", 60);
    g_autoptr(GByteArray) answer = uplink_next(uplink);
    uplink_expect_address(answer, "a.example", 60, "9.9.9.9");

    g_assert_true(uplink_has_none(uplink, first));
    uplink_pass(uplink, 190); /* its pulse is lost: it is looked at */
    g_assert_true(uplink_has_none(uplink, first));
    uplink_pass(uplink, 10);
    g_assert_false(uplink_has_none(uplink, first));
}

static void
test_one_client_that_asks_for_everything_leaves_room_for_the_others(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
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
test_a_lost_question_is_asked_again_and_not_more_often_when_the_server_proves_to_live(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "slow.example", TYPE_A));
    uplink_take(uplink, server);
    uplink_pass(uplink, 310);
    guint questions = 0;
    for (guint i = 0; i < 2; i++) { /* the question and a probe, whatever comes first */
        uplink_take(uplink, server);
        if (server->query->data[12] == strlen("slow")) {
            questions++;
            continue;
        }
        g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NXDOMAIN);
        uplink_send(server, answer);
    }
    g_assert_cmpuint(questions, ==, 1);
    g_assert_true(uplink_has_none(uplink, server));
}

/* As time passes, the server answers probes and nothing else. */
static void
pass_without_answer(struct uplink *uplink, struct uplink_server *server, guint milliseconds)
{
    for (guint i = 0; i < milliseconds / 100; i++) {
        uplink_pass(uplink, 100);
        while (!uplink_has_none(uplink, server)) {
            uplink_take(uplink, server);
            g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NXDOMAIN);
            if (server->query->data[12] != strlen("slow"))
                uplink_send(server, answer);
        }
    }
}

static void
test_who_asks_for_what_others_waited_for_in_vain_does_not_wait(void)
{
    struct uplink_server *server;
    AUTO(uplink) *uplink = uplink_alive(&server);
    g_assert_null(uplink_ask(uplink, 7, "slow.example", TYPE_A));
    pass_without_answer(uplink, server, 2000);
    g_autoptr(GByteArray) first = uplink_next(uplink);
    uplink_expect_absent(first, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);
    g_autoptr(GByteArray) second = uplink_ask(uplink, 8, "slow.example", TYPE_A);
    g_assert_nonnull(second);
    uplink_expect_absent(second, RCODE_NXDOMAIN, 5, ERROR_NETWORK_ERROR);

    pass_without_answer(uplink, server, 3000);
    g_autofree char *json = uplink_json(uplink);
    g_assert_nonnull(strstr(json, "\"asking\":0")); /* given up */
    g_assert_null(uplink_ask(uplink, 9, "slow.example", TYPE_A));
}

#define ADD(name, test) g_test_add_func("/exchange/" name, test)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("the same question of many is asked once", test_the_same_question_of_many_is_asked_once);
    ADD("nobody waits for a server that shows no life",
        test_nobody_waits_for_a_server_that_shows_no_life);
    ADD("the slower its pulses are, the longer a server is waited for",
        test_the_slower_its_pulses_are_the_longer_a_server_is_waited_for);
    ADD("a server that fails has shown, and its verdict is waited for",
        test_a_server_that_fails_has_shown_and_its_verdict_is_waited_for);
    ADD("when the last uplink dies, all who wait are answered",
        test_when_the_last_uplink_dies_all_who_wait_are_answered);
    ADD("queries before the first probe wait for it",
        test_queries_before_the_first_probe_wait_for_it);
    ADD("queries before the first probe do not wait for long",
        test_queries_before_the_first_probe_do_not_wait_for_long);
    ADD("what all servers refuse is not there", test_what_all_servers_refuse_is_not_there);
    ADD("what one server loses, another is asked for",
        test_what_one_server_loses_another_is_asked_for);
    ADD("one client that asks for everything leaves room for the others",
        test_one_client_that_asks_for_everything_leaves_room_for_the_others);
    ADD("a lost question is asked again, and not more often when the server proves to live",
        test_a_lost_question_is_asked_again_and_not_more_often_when_the_server_proves_to_live);
    ADD("who asks for what others waited for in vain does not wait",
        test_who_asks_for_what_others_waited_for_in_vain_does_not_wait);
    return g_test_run();
}
