/* pair: what two nodes give out, whatever becomes of the link between them.
 * A random campaign over all of it: test-dhcp_pair_campaign.c. */
#include "netsvc/dhcp/pair/wire.h"
#include "tests/unit/dhcp_pair.h"

#define A (&lan->nodes[0])
#define B (&lan->nodes[1])

/* a is active, b follows, and both are in step. */
static struct lan *
in_step(void)
{
    struct lan *lan = lan_new(FALSE);
    node_tell(A, TASK_ACTIVE, 2);
    node_tell(B, TASK_STANDBY, 2);
    lan_link(lan, TRUE);
    lan_run(lan);
    g_assert_true(partner_waits(A->pair));
    return lan;
}

/* The address that it has in the end; 0: none. */
static guint32
join(struct lan *lan, struct node *node, guint16 client)
{
    guint32 address = node_offer(node, client);
    if (address == 0 || node_select(node, client, address) != SERVER_COMMIT)
        return 0;
    lan_run(lan);
    return lan->clients[client].address;
}

static gint64
rest_ms(const struct lan *lan, guint client)
{
    return lan->clients[client].until - lan->ms;
}

/* ---- the word ---- */

static void
test_a_client_is_told_when_both_nodes_have_its_lease(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = node_offer(A, 7);
    g_assert_cmpint(node_select(A, 7, address), ==, SERVER_COMMIT);
    g_assert_cmpuint(lan->clients[7].address, ==, 0); /* it waits */
    g_assert_true(node_receive(B));
    g_assert_nonnull(node_lease(B, address));
    g_assert_cmpuint(lan->clients[7].address, ==, 0);
    g_assert_true(node_receive(A)); /* the word */
    g_assert_cmpuint(lan->clients[7].address, ==, address);
    g_assert_cmpint(rest_ms(lan, 7), ==, LEASE * 1000);
    g_assert_true(lan->clients[7].worded);
    /* seconds are sent, not times: the clocks are a day apart */
    g_assert_cmpint(node_lease(B, address)->until - node_now(B), ==, LEASE);
}

static void
test_without_the_word_a_lease_is_short(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = node_offer(A, 7);
    node_select(A, 7, address);
    lan->cut = TRUE; /* what is under way is lost */
    g_bytes_unref(g_queue_pop_head(&B->inbox));
    lan_pass(lan, PARTNER_WORD_MS - 1);
    g_assert_cmpuint(lan->clients[7].address, ==, 0);
    lan_pass(lan, 1);
    g_assert_cmpuint(lan->clients[7].address, ==, address);
    g_assert_cmpint(rest_ms(lan, 7), ==, SERVER_MCLT * 1000);
    g_assert_false(lan->clients[7].worded);
    g_assert_cmpint(node_lease(A, address)->until - node_now(A), ==, SERVER_MCLT);
}

static void
test_what_the_other_node_knows_counts_beyond_the_cut(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = join(lan, A, 7);
    lan_pass(lan, 1800 * 1000);
    lan_link(lan, FALSE);
    node_renew(A, 7, address);
    g_assert_cmpint(rest_ms(lan, 7), ==,
                    (1800 + SERVER_MCLT) * 1000); /* of b's hour half is left */
    lan_pass(lan, 2000 * 1000);
    node_renew(A, 7, address);
    g_assert_cmpint(rest_ms(lan, 7), ==, SERVER_MCLT * 1000);
    lan_link(lan, TRUE);
    lan_run(lan);
    node_renew(A, 7, address);
    lan_run(lan);
    g_assert_cmpint(rest_ms(lan, 7), ==, LEASE * 1000); /* extended again */
}

static void
test_after_three_misses_nobody_waits_until_the_other_is_back(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = join(lan, A, 7);
    lan->loss = 100;
    for (guint i = 0; i < PARTNER_MISSES; i++) {
        guint acks = lan->acks;
        node_renew(A, 7, address);
        g_assert_cmpuint(lan->acks, ==, acks);
        lan_pass(lan, PARTNER_WORD_MS);
        g_assert_cmpuint(lan->acks, ==, acks + 1);
    }
    guint acks = lan->acks;
    node_renew(A, 7, address);
    g_assert_cmpuint(lan->acks, ==, acks + 1); /* at once */
    lan->loss = 0;
    for (guint i = 0; i < 20 && !partner_waits(A->pair); i++) {
        lan_pass(lan, 1000);
        lan_run(lan);
    }
    g_assert_true(partner_waits(A->pair));
    g_assert_cmpint(node_lease(B, address)->until - node_now(B), >, 0);
}

static void
test_an_address_of_the_others_half_needs_its_word(void)
{
    AUTO(lan) *lan = in_step();
    struct wish wish = {.type = PACKET_DISCOVER, .client = 7, .requested = WARD(111)};
    g_assert_cmpint(node_ask(A, &wish), ==, SERVER_SEND);
    g_assert_cmpuint(A->clinic->answer.yiaddr, ==, WARD(111));
    node_select(A, 7, WARD(111));
    lan->cut = TRUE;
    g_bytes_unref(g_queue_pop_head(&B->inbox));
    lan_pass(lan, PARTNER_WORD_MS);
    g_assert_cmpuint(lan->clients[7].address, ==, 0);
    g_assert_null(leases_of_address(A->clinic->leases, WARD(111)));
    lan->cut = FALSE;
    lan_link(lan, FALSE);
    /* it asks again, and learns that it cannot have it */
    g_assert_cmpint(node_select(A, 7, WARD(111)), ==, SERVER_SEND);
    g_assert_cmpuint(lan->nos[7], ==, 1);
    lan_link(lan, TRUE);
    lan_run(lan);
    g_assert_cmpint(node_ask(A, &wish), ==, SERVER_SEND);
    node_select(A, 7, WARD(111));
    lan_run(lan);
    g_assert_cmpuint(lan->clients[7].address, ==, WARD(111));
    g_assert_false(node_lease(A, WARD(111))->pending);
}

/* ---- halves ---- */

static void
test_without_the_other_node_new_clients_get_the_own_half(void)
{
    for (guint place = 0; place < 2; place++) {
        AUTO(lan) *lan = lan_new(FALSE);
        struct node *node = &lan->nodes[place];
        node_tell(node, TASK_ACTIVE, 2 + place);
        guint got = 0;
        for (guint16 client = 1; client < 20; client++) {
            guint32 address = join(lan, node, client);
            g_assert_true(address == 0 || (address & 1) == place);
            got += address != 0;
        }
        g_assert_cmpuint(got, ==, place == 0 ? 10 : 9); /* .105 is the camera's */
        guint32 camera = 0;
        struct wish wish = {.type = PACKET_DISCOVER, .client = 30, .id = "cam"};
        g_assert_cmpint(node_ask(node, &wish), ==, SERVER_SEND);
        camera = node->clinic->answer.yiaddr;
        g_assert_cmpuint(camera, ==, CAMERA_ADDRESS); /* nobody else gets it from either */
    }
}

static void
test_with_the_others_word_the_whole_pool_is_given(void)
{
    AUTO(lan) *lan = in_step();
    guint got = 0;
    for (guint16 client = 1; client < 25; client++)
        got += join(lan, A, client) != 0;
    g_assert_cmpuint(got, ==, 19);
    for (guint32 host = 100; host < 120; host++)
        g_assert_true(WARD(host) == CAMERA_ADDRESS || node_lease(B, WARD(host)) != NULL);
}

static void
test_after_a_forced_switch_no_address_changes_its_client(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = 0;
    for (guint16 client = 1; client <= 10; client++) {
        address = join(lan, A, client);
        g_assert_cmpuint(address & 1, ==, 0); /* the own half first */
    }
    node_stop(A);
    lan_link(lan, FALSE);
    lan_pass(lan, 2 * LEASE * 1000); /* all are over */
    B->state.forced = 1;
    node_tell(B, TASK_ACTIVE, 3);
    for (guint16 client = 11; client < 30; client++)
        g_assert_cmpuint(join(lan, B, client) & 1, ==, client < 20 ? 1 : 0);
    g_assert_cmpuint(join(lan, B, 30), ==, 0);
    lan_pass(lan, PARTNER_DEAD_SECONDS * 1000);
    g_assert_cmpuint(join(lan, B, 30), ==, 0); /* it may live still */
    B->state.fenced = 1;
    node_tell(B, TASK_ACTIVE, 3);
    g_assert_cmpuint(join(lan, B, 30), !=, 0);
}

/* ---- silence ---- */

static void
test_who_is_not_active_says_nothing(void)
{
    static const guint32 silent[] = {TASK_WAIT, TASK_STANDBY, TASK_SWITCHING};
    AUTO(lan) *lan = lan_new(FALSE);
    g_assert_false(partner_answers(A->pair)); /* until it is told */
    for (gsize i = 0; i < G_N_ELEMENTS(silent); i++) {
        node_tell(A, silent[i], 2);
        g_assert_cmpuint(node_offer(A, 7), ==, 0);
        g_assert_cmpint(node_select(A, 7, WARD(100)), ==, SERVER_NOTHING);
    }
    g_assert_cmpuint(A->replies, ==, 0);
    node_tell(A, TASK_ALONE, 0);
    g_assert_cmpuint(join(lan, A, 7), !=, 0);
    g_assert_cmpint(rest_ms(lan, 7), ==, LEASE * 1000); /* alone there is no word to wait for */
}

static void
test_who_stops_being_active_tells_nobody_what_waits(void)
{
    AUTO(lan) *lan = in_step();
    node_select(A, 7, node_offer(A, 7));
    node_tell(A, TASK_SWITCHING, 2);
    lan_run(lan);
    lan_pass(lan, 1000);
    g_assert_cmpuint(lan->clients[7].address, ==, 0);
}

/* ---- both the same ---- */

static void
assert_same(const struct lan *lan)
{
    for (guint32 address = WARD(0); address < WARD(256); address++) {
        const struct lease *a = leases_of_address(A->clinic->leases, address);
        const struct lease *b = leases_of_address(B->clinic->leases, address);
        g_assert_true((a == NULL) == (b == NULL));
        if (a == NULL)
            continue;
        g_assert_cmpint(a->state, ==, b->state);
        g_assert_cmpmem(a->key, a->key_size, b->key, b->key_size);
        g_assert_cmpstr(a->name, ==, b->name);
        if (a->state == LEASE_LEASED)
            g_assert_cmpint(ABS((a->until - node_now(A)) - (b->until - node_now(B))), <=, 1);
    }
}

static void
test_who_comes_back_gets_all_that_was_missed(void)
{
    AUTO(lan) *lan = in_step();
    guint32 goes = join(lan, A, 1), stays = join(lan, A, 2);
    lan_link(lan, FALSE);
    node_ask(
        A, &(struct wish){.type = PACKET_RELEASE, .client = 1, .ciaddr = goes, .server = SERVICE});
    join(lan, A, 3);
    node_ask(A, &(struct wish){.type = PACKET_DECLINE,
                               .client = 2,
                               .requested = stays,
                               .server = SERVICE,
                               .to_all = TRUE});
    join(lan, A, 2);
    lan_link(lan, TRUE);
    lan_run(lan);
    assert_same(lan);
    g_assert_null(node_lease(B, goes));
    g_assert_cmpint(leases_of_address(B->clinic->leases, stays)->state, ==, LEASE_DECLINED);
}

static void
test_what_was_removed_stays_so(void)
{
    AUTO(lan) *lan = in_step();
    guint32 before = join(lan, A, 1);
    lan_link(lan, FALSE);
    /* it gets another address: the first one's record goes */
    A->clinic->config.dhcp.decline_rest = 1;
    node_ask(A, &(struct wish){.type = PACKET_DECLINE,
                               .client = 1,
                               .requested = before,
                               .server = SERVICE,
                               .to_all = TRUE});
    lan_pass(lan, 5000);
    g_assert_null(leases_of_address(A->clinic->leases, before));
    g_assert_nonnull(node_lease(B, before));
    lan_link(lan, TRUE);
    lan_run(lan);
    g_assert_null(leases_of_address(B->clinic->leases, before));
    assert_same(lan);
}

static void
test_messages_that_are_lost_or_come_twice_change_nothing(void)
{
    AUTO(lan) *lan = in_step();
    lan->loss = 30;
    lan->twice = 30;
    for (guint i = 0; i < 300; i++) {
        guint16 client = (guint16)g_test_rand_int_range(1, 15);
        if (lan->clients[client].address != 0 && lan->clients[client].until > lan->ms)
            node_renew(A, client, lan->clients[client].address);
        else
            join(lan, A, client);
        lan_run(lan);
        lan_pass(lan, 500);
    }
    lan->loss = lan->twice = 0;
    for (guint i = 0; i < 30; i++) {
        lan_pass(lan, 1000);
        lan_run(lan);
    }
    assert_same(lan);
    g_assert_true(partner_waits(A->pair));
}

static void
test_many_leases_go_over_in_many_messages(void)
{
    AUTO(lan) *lan = lan_new(FALSE);
    node_tell(A, TASK_ACTIVE, 2);
    node_tell(B, TASK_STANDBY, 2);
    for (guint32 i = 1; i <= 5000; i++) {
        struct lease lease = {.address = 0x0b000000 + i,
                              .state = LEASE_LEASED,
                              .until = node_now(A) + LEASE,
                              .since = node_now(A),
                              .key_size = LEASE_KEY_MAX,
                              .seconds = LEASE,
                              .version = {knowledge_writer(1), i}};
        bytes_put32(lease.key, i);
        leases_put(A->clinic->leases, &lease);
    }
    lan_link(lan, TRUE);
    lan_run(lan);
    g_assert_true(partner_waits(A->pair));
    g_assert_cmpuint(leases_count(B->clinic->leases, LEASE_LEASED, 0, G_MAXUINT32), ==, 5000);
    struct partner_look look;
    partner_look(A->pair, &look);
    g_assert_true(look.in_step);
    g_assert_cmpuint(look.behind, ==, 0);
}

static void
test_the_standby_tells_names_as_the_active_node_does(void)
{
    AUTO(lan) *lan = in_step();
    struct wish wish = {.type = PACKET_DISCOVER, .client = 7, .hostname = "phone"};
    node_ask(A, &wish);
    wish.type = PACKET_REQUEST;
    wish.requested = A->clinic->answer.yiaddr;
    wish.server = SERVICE;
    node_ask(A, &wish);
    lan_run(lan);
    g_assert_cmpstr(A->clinic->heard->str, ==, B->clinic->heard->str);
    g_assert_nonnull(strstr(B->clinic->heard->str, "+phone.ward.example="));
    node_ask(A, &(struct wish){.type = PACKET_RELEASE,
                               .client = 7,
                               .ciaddr = lan->clients[7].address,
                               .server = SERVICE});
    lan_run(lan);
    g_assert_cmpstr(A->clinic->heard->str, ==, B->clinic->heard->str);
    g_assert_nonnull(strstr(B->clinic->heard->str, "-phone.ward.example="));
}

/* ---- both gave ---- */

static void
give(struct node *node, guint16 client, guint32 address)
{
    struct choose_limits none = {.paired = FALSE};
    server_limit(node->clinic->server, &none, FALSE); /* as no protocol would have it */
    struct wish wish = {.type = PACKET_REQUEST, .client = client, .requested = address};
    g_assert_cmpint(clinic_take(node->clinic, &wish), ==, SERVER_COMMIT);
    node_settle(node);
}

static void
test_of_an_address_that_both_gave_the_later_terms_client_keeps_it(void)
{
    for (guint later = 0; later < 2; later++) {
        AUTO(lan) *lan = lan_new(FALSE);
        node_tell(A, TASK_ACTIVE, later == 0 ? 4 : 2);
        node_tell(B, TASK_ACTIVE, 3);
        give(A, 7, WARD(110));
        give(B, 8, WARD(110));
        node_tell(later == 0 ? B : A, TASK_STANDBY, 4);
        lan_link(lan, TRUE);
        lan_run(lan);
        assert_same(lan);
        guint kept = later == 0 ? 7 : 8;
        g_assert_cmpuint(node_lease(A, WARD(110))->key[6], ==, kept);
        g_assert_cmpuint(A->conflicts + B->conflicts, >, 0);
        struct node *active = later == 0 ? A : B;
        node_renew(active, kept == 7 ? 8 : 7, WARD(110));
        g_assert_cmpuint(lan->nos[kept == 7 ? 8 : 7], ==, 1);
    }
}

static void
test_a_lease_is_not_lost_to_its_end_that_the_later_term_saw(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = join(lan, A, 7);
    lan_link(lan, FALSE);
    B->state.forced = 1;
    node_tell(B, TASK_ACTIVE, 3);
    struct wish leaves = {
        .type = PACKET_RELEASE, .client = 7, .ciaddr = address, .server = SERVICE};
    node_ask(B, &leaves);
    node_select(A, 7, address); /* and comes again where a is heard */
    g_assert_cmpuint(lan->clients[7].address, ==, address);
    node_tell(A, TASK_STANDBY, 3);
    lan_link(lan, TRUE);
    lan_run(lan);
    g_assert_nonnull(node_lease(A, address));
    g_assert_nonnull(node_lease(B, address));
    assert_same(lan);
}

static void
test_what_the_other_node_believes_to_be_leased_is_given_to_nobody_else(void)
{
    AUTO(lan) *lan = in_step();
    guint32 left = join(lan, A, 1), over = join(lan, A, 2);
    g_assert_cmpuint((left & 1) + (over & 1), ==, 0);
    lan_link(lan, FALSE);
    struct wish leaves = {.type = PACKET_RELEASE, .client = 1, .ciaddr = left, .server = SERVICE};
    node_ask(A, &leaves);
    lan_pass(lan, (LEASE + CHOOSE_GIVEN_UP_SECONDS) * 1000); /* the other one is over for both */
    guint got = 0, of_over = 0;
    for (guint16 client = 3; client < 30; client++) {
        guint32 address = join(lan, A, client);
        g_assert_cmpuint(address, !=, left);
        got += address != 0;
        of_over += address == over;
    }
    g_assert_cmpuint(got, ==, 9);
    g_assert_cmpuint(of_over, ==, 1);
}

static void
test_while_both_answer_the_word_of_neither_counts(void)
{
    AUTO(lan) *lan = in_step();
    B->state.forced = 1;
    node_tell(B, TASK_ACTIVE, 3);
    lan_run(lan);
    g_assert_false(partner_waits(A->pair));
    g_assert_false(partner_waits(B->pair));
    for (guint16 client = 1; client < 10; client++) {
        g_assert_cmpuint(join(lan, A, client) & 1, ==, 0);
        g_assert_cmpint(rest_ms(lan, client), ==, SERVER_MCLT * 1000);
        g_assert_cmpuint(join(lan, B, (guint16)(client + 10)) & 1, ==, 1);
    }
    node_tell(A, TASK_STANDBY, 3);
    B->state.forced = 0;
    node_tell(B, TASK_ACTIVE, 3);
    lan_run(lan);
    g_assert_true(partner_waits(B->pair));
}

static void
test_who_asks_twice_while_it_waits_keeps_what_it_was_told(void)
{
    AUTO(lan) *lan = in_step();
    struct wish wish = {.type = PACKET_DISCOVER, .client = 7, .requested = WARD(111)};
    node_ask(A, &wish);
    node_select(A, 7, WARD(111)); /* of the other half: the word is needed */
    node_select(A, 7, WARD(111));
    node_receive(B);
    lan->loss = 100;
    node_receive(B);
    node_receive(A);
    g_assert_cmpuint(lan->clients[7].address, ==, WARD(111)); /* for the first one it came */
    lan_pass(lan, PARTNER_WORD_MS);
    g_assert_nonnull(node_lease(A, WARD(111)));
    g_assert_false(node_lease(A, WARD(111))->pending);
}

static void
test_who_left_while_it_waited_is_told_nothing(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = node_offer(A, 7);
    node_select(A, 7, address);
    node_ask(A, &(struct wish){
                    .type = PACKET_RELEASE, .client = 7, .ciaddr = address, .server = SERVICE});
    lan_run(lan);
    lan_pass(lan, PARTNER_WORD_MS);
    g_assert_cmpuint(lan->acks, ==, 0);
    g_assert_null(node_lease(B, address));
}

static void
test_a_lease_that_the_earlier_term_gave_is_not_lost(void)
{
    AUTO(lan) *lan = in_step();
    guint32 address = join(lan, A, 7);
    lan_link(lan, FALSE);
    lan_pass(lan, 3000 * 1000);
    node_renew(A, 7, address); /* 20 minutes: what b knows, and ten more */
    B->state.forced = 1;
    node_tell(B, TASK_ACTIVE, 3);
    lan_pass(lan, 900 * 1000); /* at b it is over meanwhile */
    g_assert_null(node_lease(B, address));
    node_tell(A, TASK_STANDBY, 3);
    lan_link(lan, TRUE);
    lan_run(lan);
    g_assert_nonnull(node_lease(B, address));
    g_assert_cmpint(node_lease(B, address)->until - node_now(B), ==, rest_ms(lan, 7) / 1000);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add_func("/pair/" name, function)
    TEST("a client is told when both nodes have its lease",
         test_a_client_is_told_when_both_nodes_have_its_lease);
    TEST("without the word a lease is short", test_without_the_word_a_lease_is_short);
    TEST("what the other node knows counts beyond the cut",
         test_what_the_other_node_knows_counts_beyond_the_cut);
    TEST("after three misses nobody waits until the other is back",
         test_after_three_misses_nobody_waits_until_the_other_is_back);
    TEST("an address of the other's half needs its word",
         test_an_address_of_the_others_half_needs_its_word);
    TEST("without the other node new clients get the own half",
         test_without_the_other_node_new_clients_get_the_own_half);
    TEST("with the other's word the whole pool is given",
         test_with_the_others_word_the_whole_pool_is_given);
    TEST("after a forced switch no address changes its client",
         test_after_a_forced_switch_no_address_changes_its_client);
    TEST("who is not active says nothing", test_who_is_not_active_says_nothing);
    TEST("who stops being active tells nobody what waits",
         test_who_stops_being_active_tells_nobody_what_waits);
    TEST("who comes back gets all that was missed", test_who_comes_back_gets_all_that_was_missed);
    TEST("what was removed stays so", test_what_was_removed_stays_so);
    TEST("messages that are lost or come twice change nothing",
         test_messages_that_are_lost_or_come_twice_change_nothing);
    TEST("many leases go over in many messages", test_many_leases_go_over_in_many_messages);
    TEST("the standby tells names as the active node does",
         test_the_standby_tells_names_as_the_active_node_does);
    TEST("of an address that both gave the later term's client keeps it",
         test_of_an_address_that_both_gave_the_later_terms_client_keeps_it);
    TEST("a lease is not lost to its end that the later term saw",
         test_a_lease_is_not_lost_to_its_end_that_the_later_term_saw);
    TEST("what the other node believes to be leased is given to nobody else",
         test_what_the_other_node_believes_to_be_leased_is_given_to_nobody_else);
    TEST("while both answer the word of neither counts",
         test_while_both_answer_the_word_of_neither_counts);
    TEST("who asks twice while it waits keeps what it was told",
         test_who_asks_twice_while_it_waits_keeps_what_it_was_told);
    TEST("who left while it waited is told nothing", test_who_left_while_it_waited_is_told_nothing);
    TEST("a lease that the earlier term gave is not lost",
         test_a_lease_that_the_earlier_term_gave_is_not_lost);
    return g_test_run();
}
