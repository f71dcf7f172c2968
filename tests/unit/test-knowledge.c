/* knowledge: what is seen is never more than was told, and the later term counts. */
#include "netsvc/dhcp/lease/knowledge.h"

static void
test_all_up_to_a_number_is_seen(void)
{
    struct knowledge knowledge = {0};
    g_assert_true(knowledge_raise(&knowledge, 5, 10));
    g_assert_false(knowledge_raise(&knowledge, 5, 10));
    g_assert_false(knowledge_raise(&knowledge, 5, 3)); /* never less */
    g_assert_true(knowledge_has(&knowledge, (struct version){5, 10}));
    g_assert_false(knowledge_has(&knowledge, (struct version){5, 11}));
    g_assert_false(knowledge_has(&knowledge, (struct version){6, 1}));
}

static void
test_what_nobody_wrote_is_not_seen(void)
{
    struct knowledge knowledge = {0};
    g_assert_false(knowledge_raise(&knowledge, 0, 10));
    g_assert_false(knowledge_has(&knowledge, (struct version){0, 0}));
}

static void
test_of_too_many_writers_the_oldest_is_forgotten(void)
{
    struct knowledge knowledge = {0};
    for (guint64 term = 1; term <= KNOWLEDGE_MAX + 2; term++)
        g_assert_true(knowledge_raise(&knowledge, term << 32 | 1, 1));
    g_assert_cmpuint(knowledge.n, ==, KNOWLEDGE_MAX);
    g_assert_false(knowledge_has(&knowledge, (struct version){1, 1}));
    g_assert_true(
        knowledge_has(&knowledge, (struct version){(guint64)(KNOWLEDGE_MAX + 2) << 32 | 1, 1}));
    g_assert_false(knowledge_raise(&knowledge, 1, 1)); /* an old one takes no newer one's place */
}

static void
test_a_later_term_is_larger(void)
{
    for (guint i = 0; i < 100; i++) {
        struct version early = {knowledge_writer(3), 900}, late = {knowledge_writer(4), 1};
        g_assert_cmpint(version_compare(early, late), <, 0);
        g_assert_cmpint(version_compare(late, early), >, 0);
    }
    g_assert_cmpint((gint64)knowledge_writer(G_MAXUINT64), >, 0);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/knowledge/all up to a number is seen", test_all_up_to_a_number_is_seen);
    g_test_add_func("/knowledge/what nobody wrote is not seen", test_what_nobody_wrote_is_not_seen);
    g_test_add_func("/knowledge/of too many writers the oldest is forgotten",
                    test_of_too_many_writers_the_oldest_is_forgotten);
    g_test_add_func("/knowledge/a later term is larger", test_a_later_term_is_larger);
    return g_test_run();
}
