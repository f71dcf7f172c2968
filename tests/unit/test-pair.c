/* Two nodes are made known to each other, and what may go wrong. */
#include "tests/unit/two_nodes.h"

#include "netsvc/failover/link/pair/code.h"

static struct two_nodes *
two_strangers(void)
{
    struct two_nodes *both = two_nodes_new(2);
    node_on(&both->a);
    node_on(&both->b);
    return both;
}

static struct two_nodes *
two_paired(void)
{
    struct two_nodes *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    node_join(&both->b, code, FALSE);
    g_assert_true(both->b.done);
    TURN_UNTIL(both, both->a.met == 1 && both->b.met == 1);
    return both;
}

static void
test_code_is_read_as_people_type(void)
{
    char code[CODE_SIZE];
    g_assert_true(code_read("0123-4567-89AB-CDEF-GHJK", code));
    g_assert_cmpstr(code, ==, "0123456789ABCDEFGHJK");
    g_assert_true(code_read(" o123 4567 89ab cdef ghjk", code));
    g_assert_cmpstr(code, ==, "0123456789ABCDEFGHJK");
    g_assert_true(code_read("Ol23-4567-89AB-CDEF-GHJK", code));
    g_assert_cmpstr(code, ==, "0123456789ABCDEFGHJK");
    g_assert_false(code_read("0123-4567-89AB-CDEF-GHJ", code));
    g_assert_false(code_read("0123-4567-89AB-CDEF-GHJKM", code));
    g_assert_false(code_read("0123-4567-89AB-CDEF-GHJU", code));
    g_assert_false(code_read("", code));
}

static void
test_a_code_pairs(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    const guint before = both->a.answers;
    node_ask(&both->a, "pair", "{\"wait\":true}", TRUE);
    node_join(&both->b, code, FALSE);
    g_assert_cmpstr(both->b.answer, !=, "");
    g_assert_true(both->b.done);
    g_assert_nonnull(strstr(both->b.answer, "\"name\":\"a\",\"unreached\":[]"));
    TURN_UNTIL(both, both->a.met == 1 && both->b.met == 1 && both->a.answers == before + 1);
    g_assert_true(both->a.done);
    g_assert_nonnull(strstr(both->a.answer, "\"name\":\"b\",\"unreached\":[]"));
    g_assert_true(both->a.first);
    g_assert_false(both->b.first);
    g_assert_cmpuint(both->a.parity, ==, 0);
    g_assert_cmpuint(both->b.parity, ==, 1);
    g_assert_cmpstr(link_peer(both->a.link), ==, link_id(both->b.link));
    g_assert_cmpstr(link_peer(both->b.link), ==, link_id(both->a.link));
}

static void
test_a_code_is_good_once(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    node_join(&both->b, code, FALSE);
    g_assert_true(both->b.done);
    node_join(&both->b, code, TRUE);
    g_assert_false(both->b.done);
}

static void
test_five_wrong_codes_end_it(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    const guint before = both->a.answers;
    node_ask(&both->a, "pair", "{\"wait\":true}", TRUE);
    for (guint i = 0; i < 5; i++) {
        g_assert_cmpuint(both->a.answers, ==, before);
        node_join(&both->b, "0123-4567-89AB-CDEF-GHJK", FALSE);
        g_assert_false(both->b.done);
        g_assert_nonnull(strstr(both->b.answer, "that is not the code"));
    }
    TURN_UNTIL(both, both->a.answers == before + 1);
    g_assert_false(both->a.done);
    node_join(&both->b, code, FALSE);
    g_assert_false(both->b.done);
    g_assert_nonnull(strstr(both->b.answer, "a stranger"));
}

static void
test_four_wrong_codes_do_not(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    for (guint i = 0; i < 4; i++)
        node_join(&both->b, "0123-4567-89AB-CDEF-GHJK", FALSE);
    g_assert_false(both->b.done);
    node_join(&both->b, code, FALSE);
    g_assert_true(both->b.done);
}

/* Whoever is in the LAN can try: that shuts out others like him, not the other node. */
static void
test_wrong_codes_from_elsewhere_spend_no_try_of_the_other_node(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    g_autoptr(GArray) none = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    struct config_node away = {.name = both->b.self.name, .addresses = none};
    const guint before = both->a.answers;
    node_ask(&both->a, "pair", "{\"wait\":true}", TRUE);
    both->a.config.other = &away;
    for (guint i = 0; i < 5; i++)
        node_join(&both->b, "0123-4567-89AB-CDEF-GHJK", FALSE);
    node_join(&both->b, code, FALSE);
    g_assert_false(both->b.done);
    g_assert_nonnull(strstr(both->b.answer, "hears only this node's addresses"));
    g_assert_cmpuint(both->a.answers, ==, before); /* it still waits */
    both->a.config.other = &both->b.self;
    node_join(&both->b, code, FALSE);
    g_assert_true(both->b.done);
}

static void
test_who_else_has_tried_is_told(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autoptr(GArray) none = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    struct config_node away = {.name = both->b.self.name, .addresses = none};
    g_free(node_show(&both->a, "pair", 2));
    const guint before = both->a.answers;
    node_ask(&both->a, "pair", "{\"wait\":true}", TRUE);
    both->a.config.other = &away;
    node_join(&both->b, "0123-4567-89AB-CDEF-GHJK", FALSE);
    both->a.config.other = &both->b.self;
    TURN_UNTIL(both, both->a.answers == before + 1);
    g_assert_false(both->a.done);
    g_assert_nonnull(strstr(both->a.answer, "wrong codes came from 127.0.0.1\nhint: "));
}

static void
test_a_code_expires(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 1);
    const guint before = both->a.answers;
    node_ask(&both->a, "pair", "{\"wait\":true}", TRUE);
    TURN_UNTIL(both, both->a.answers == before + 1);
    g_assert_false(both->a.done);
    g_assert_nonnull(strstr(both->a.answer, "good no longer"));
    node_join(&both->b, code, FALSE);
    g_assert_false(both->b.done);
}

static void
test_a_cancelled_code_is_good_no_longer(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    node_ask(&both->a, "pair", "{\"cancel\":true}", TRUE);
    node_join(&both->b, code, FALSE);
    g_assert_false(both->b.done);
}

static void
test_only_the_active_one_introduces(void)
{
    AUTO(two_nodes) *both = two_strangers();
    node_ask(&both->a, "pair", "{}", FALSE);
    g_assert_false(both->a.done);
    node_ask(&both->a, "replace", "{}", TRUE);
    g_assert_false(both->a.done); /* there is none */
}

/* A code that was shown on the wrong one of the two takes nothing from the other. */
static void
test_who_serves_does_not_join_by_mistake(void)
{
    AUTO(two_nodes) *both = two_strangers();
    g_autofree char *code = node_show(&both->a, "pair", 600);
    g_autofree char *body = g_strdup_printf("{\"code\":\"%s\"}", code);
    node_ask(&both->b, "pair", body, TRUE);
    g_assert_false(both->b.done);
    g_assert_nonnull(strstr(both->b.answer, "--discard"));
    g_autofree char *discards = g_strdup_printf("{\"code\":\"%s\",\"discard\":true}", code);
    node_ask(&both->b, "pair", discards, TRUE);
    TURN_UNTIL(both, both->b.answers == 2);
    g_assert_true(both->b.done);
}

static void
test_names_must_fit(void)
{
    AUTO(two_nodes) *both = two_strangers();
    node_off(&both->b);
    both->b.config.node = both->a.self.name; /* nobody changed [node] name */
    node_on(&both->b);
    g_autofree char *code = node_show(&both->a, "pair", 600);
    node_join(&both->b, code, FALSE);
    g_assert_false(both->b.done);
    g_assert_nonnull(strstr(both->b.answer, "names do not fit"));
}

/* What the other one has is not given up by mistake. */
static void
test_a_paired_node_needs_discard(void)
{
    AUTO(two_nodes) *both = two_paired();
    node_ask(&both->a, "pair", "{}", TRUE);
    g_assert_false(both->a.done);
    g_autofree char *code = node_show(&both->a, "replace", 600);
    node_join(&both->b, code, FALSE);
    g_assert_false(both->b.done);
    g_assert_nonnull(strstr(both->b.answer, "--discard"));
    node_join(&both->b, code, TRUE);
    g_assert_true(both->b.done);
    TURN_UNTIL(both, both->a.met == 2 && both->b.met == 2);
    g_assert_cmpuint(both->b.forgotten, ==, 0);
}

static void
test_a_replaced_node_is_told_so(void)
{
    AUTO(two_nodes) *both = two_paired();
    node_off(&both->b);
    gsize size;
    g_autofree char *identity = file_read(both->b.scratch->fd, "identity.pem", 65536, &size, NULL);
    g_autofree char *pairing = file_read(both->b.scratch->fd, "pairing", 65536, NULL, NULL);
    node_wipe(&both->b);
    node_on(&both->b);
    g_autofree char *code = node_show(&both->a, "replace", 600);
    node_join(&both->b, code, FALSE);
    g_assert_true(both->b.done);
    TURN_UNTIL(both, both->a.met == 2 && both->b.met == 2);
    g_assert_cmpuint(both->a.parity, ==, 0);

    node_off(&both->b); /* the old disk is found again, and put in */
    g_assert_true(file_replace(both->b.scratch->fd, "identity.pem", identity, size, 0600, NULL));
    g_assert_true(
        file_replace(both->b.scratch->fd, "pairing", pairing, strlen(pairing), 0600, NULL));
    node_on(&both->b);
    TURN_UNTIL(both, both->b.forgotten == 1);
    g_assert_cmpuint(both->b.met, ==, 2);
    node_off(&both->b); /* it remembers */
    node_on(&both->b);
    TURN_UNTIL(both, both->b.forgotten == 2);
}

static void
test_forgetting_makes_it_alone(void)
{
    AUTO(two_nodes) *both = two_paired();
    node_ask(&both->b, "forget", "{}", FALSE);
    g_assert_false(both->b.done);
    node_ask(&both->a, "forget", "{}", TRUE);
    g_assert_true(both->a.done);
    g_assert_cmpuint(both->a.alone, ==, 1);
    g_assert_cmpstr(link_peer(both->a.link), ==, "");
    TURN_UNTIL(both, both->b.forgotten == 1);
    g_autofree char *code = node_show(&both->a, "pair", 600);
    node_join(&both->b, code, TRUE);
    g_assert_true(both->b.done);
    TURN_UNTIL(both, both->a.met == 2 && both->b.met == 2);
}

/* Whichever of the two ends at whichever turn of the loop: both can begin anew, and meet. */
static void
cut_at(guint turns, gboolean cut_a, gboolean *complete)
{
    AUTO(two_nodes) *both = two_strangers();
    struct node *cut = cut_a ? &both->a : &both->b;
    g_autofree char *code = node_show(&both->a, "pair", 600);
    g_autofree char *body = g_strdup_printf("{\"code\":\"%s\"}", code);
    node_ask(&both->b, "pair", body, FALSE);
    for (guint i = 0; i < turns; i++)
        two_nodes_turn(both);
    *complete = both->a.paired > 0 && both->b.paired > 0;
    node_off(cut);
    node_on(cut);
    TURN_UNTIL(both, both->b.answers == 1);
    if (*complete) {
        TURN_UNTIL(both, both->a.met > 0 && both->b.met > 0);
        return;
    }
    g_autofree char *again = node_show(&both->a, "pair", 600);
    node_join(&both->b, again, FALSE);
    g_assert_true(both->b.done);
    TURN_UNTIL(both, both->a.met == 1 && both->b.met == 1);
}

static void
test_a_cut_at_any_step_heals(void)
{
    for (guint cut_a = 0; cut_a < 2; cut_a++) {
        gboolean complete = FALSE;
        for (guint turns = 0; !complete; turns++)
            cut_at(turns, cut_a != 0, &complete);
    }
}

/* ---- a proof of another connection ---- */

struct caller {
    struct session *session;
    struct identity *identity;
    gboolean greeted, denied, welcomed;
};

static void
caller_greeted(void *context, struct session *session)
{
    (void)session;
    ((struct caller *)context)->greeted = TRUE;
}

static void
caller_take(void *context, struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    struct caller *caller = context;
    (void)session;
    (void)data;
    (void)size;
    caller->denied = kind == WIRE_DENIED;
    caller->welcomed = kind == WIRE_WELCOME;
}

static void
caller_gone(void *context, struct session *session, const char *why)
{
    (void)context;
    (void)session;
    (void)why;
}

static gboolean
anybody(void *context, const guint8 pin[IDENTITY_PIN_SIZE])
{
    (void)context;
    (void)pin;
    return TRUE;
}

static void
prove(const struct caller *caller, const struct identity *identity, const char *typed,
      guint8 proof[WIRE_PROOF_SIZE])
{
    char code[CODE_SIZE];
    const struct code_party joiner = {identity->id, identity->pin};
    const struct code_party shower = {session_hello(caller->session)->id,
                                      session_pin(caller->session)};
    g_assert_true(code_read(typed, code));
    g_assert_true(code_prove(code, caller->session, &joiner, &shower, NULL, proof));
}

static void
test_a_proof_is_of_one_connection(void)
{
    AUTO(two_nodes) *both = two_strangers();
    guint8 of_first[WIRE_PROOF_SIZE], of_second[WIRE_PROOF_SIZE];
    struct caller first = {0}, second = {0};
    AUTO(identity) *identity = identity_load(both->b.scratch->fd, NULL);
    AUTO(tls) *tls = tls_new(identity, anybody, NULL, NULL);
    struct wire_hello hello = {.name = "b"};
    memcpy(hello.id, identity->id, sizeof hello.id);
    const struct session_world world = {both->events, tls, &hello};
    struct session_ears ears = {caller_greeted, caller_take, NULL, caller_gone, &first};
    const struct config_peer *a = &g_array_index(both->a.self.addresses, struct config_peer, 0);
    g_autofree char *code = node_show(&both->a, "pair", 600);
    first.session = session_call(&world, a, WIRE_PAIR, &ears);
    ears.context = &second;
    second.session = session_call(&world, a, WIRE_PAIR, &ears);
    TURN_UNTIL(both, first.greeted && second.greeted);
    prove(&first, identity, code, of_first);
    prove(&second, identity, code, of_second);
    g_assert_true(session_send(second.session, WIRE_PROOF, of_first, sizeof of_first));
    TURN_UNTIL(both, second.denied);
    g_assert_true(session_send(first.session, WIRE_PROOF, of_first, sizeof of_first));
    TURN_UNTIL(both, first.welcomed);
    session_free(first.session);
    session_free(second.session);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pair/code is read as people type", test_code_is_read_as_people_type);
    g_test_add_func("/pair/a code pairs", test_a_code_pairs);
    g_test_add_func("/pair/a code is good once", test_a_code_is_good_once);
    g_test_add_func("/pair/five wrong codes end it", test_five_wrong_codes_end_it);
    g_test_add_func("/pair/four wrong codes do not", test_four_wrong_codes_do_not);
    g_test_add_func("/pair/wrong codes from elsewhere spend no try of the other node",
                    test_wrong_codes_from_elsewhere_spend_no_try_of_the_other_node);
    g_test_add_func("/pair/who else has tried is told", test_who_else_has_tried_is_told);
    g_test_add_func("/pair/a code expires", test_a_code_expires);
    g_test_add_func("/pair/a cancelled code is good no longer",
                    test_a_cancelled_code_is_good_no_longer);
    g_test_add_func("/pair/only the active one introduces", test_only_the_active_one_introduces);
    g_test_add_func("/pair/who serves does not join by mistake",
                    test_who_serves_does_not_join_by_mistake);
    g_test_add_func("/pair/names must fit", test_names_must_fit);
    g_test_add_func("/pair/a paired node needs discard", test_a_paired_node_needs_discard);
    g_test_add_func("/pair/a replaced node is told so", test_a_replaced_node_is_told_so);
    g_test_add_func("/pair/forgetting makes it alone", test_forgetting_makes_it_alone);
    g_test_add_func("/pair/a cut at any step heals", test_a_cut_at_any_step_heals);
    g_test_add_func("/pair/a proof is of one connection", test_a_proof_is_of_one_connection);
    return g_test_run();
}
