/* Two nodes' links over loopback. */
#include "tests/unit/two_nodes.h"

static struct two_nodes *
two_met(guint paths)
{
    struct two_nodes *both = two_nodes_new(paths);
    two_nodes_introduce(both);
    node_on(&both->a);
    node_on(&both->b);
    TURN_UNTIL(both, both->a.met == 1 && both->b.met == 1);
    return both;
}

static void
test_they_meet_and_talk(void)
{
    AUTO(two_nodes) *both = two_met(1);
    g_assert_true(link_is_up(both->a.link));
    g_assert_true(link_send(both->a.link, LINK_PROTOCOL, "one", 3));
    g_assert_true(link_send(both->a.link, LINK_RELAY, "", 0));
    g_assert_true(link_send(both->b.link, LINK_NOTE, "two", 3));
    TURN_UNTIL(both, both->b.heard->len == 5 && both->a.heard->len == 4);
    g_assert_cmpstr(both->b.heard->str, ==, "AoneB");
    g_assert_cmpstr(both->a.heard->str, ==, "Ctwo");
    g_assert_cmpuint(both->a.paired, ==, 1); /* they had not talked before */
    g_assert_cmpuint(both->a.lost + both->b.lost, ==, 0);
}

static void
test_who_ends_is_lost_and_met_again(void)
{
    AUTO(two_nodes) *both = two_met(2);
    for (guint i = 1; i <= 5; i++) {
        node_off(&both->b);
        TURN_UNTIL(both, both->a.lost == i);
        g_assert_false(link_is_up(both->a.link));
        g_assert_false(link_send(both->a.link, LINK_PROTOCOL, "x", 1));
        node_on(&both->b);
        TURN_UNTIL(both, both->a.met == i + 1 && both->b.met == i + 1);
    }
    g_assert_cmpuint(both->a.paired, ==, 1);
    g_assert_cmpuint(both->b.paired, ==, 1);
}

static void
test_another_key_is_a_stranger(void)
{
    AUTO(two_nodes) *both = two_met(1);
    node_off(&both->b);
    TURN_UNTIL(both, both->a.lost == 1);
    g_assert_cmpint(unlinkat(both->b.scratch->fd, "identity.pem", 0), ==, 0);
    g_assert_cmpint(unlinkat(both->b.scratch->fd, "pairing", 0), ==, 0);
    node_on(&both->b);
    g_autoptr(GString) status = g_string_new(NULL);
    while (strstr(status->str, "its key is not the other node's") == NULL) {
        g_string_assign(status, "{");
        link_append(both->a.link, status);
        two_nodes_turn(both);
    }
    g_assert_cmpuint(both->a.met, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link/they meet and talk", test_they_meet_and_talk);
    g_test_add_func("/link/who ends is lost and met again", test_who_ends_is_lost_and_met_again);
    g_test_add_func("/link/another key is a stranger", test_another_key_is_a_stranger);
    return g_test_run();
}
