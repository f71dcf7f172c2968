/* journal: from each serial that is kept the zone can be followed to the one it has. */
#include "netsvc/dns/zone/journal.h"

#include "tests/unit/small_zone.h"

static void
set_address(struct zone *zone, const char *text, const char *address)
{
    struct name name = name_of(text);
    zone_set(zone, &name, TYPE_A, 60, (const guint8 *)address, address != NULL ? 4 : 0);
}

static void
assert_address(const struct rrset *set, const char *address)
{
    struct rrset_record record = {0};
    g_assert_true((set == NULL) == (address == NULL));
    if (set == NULL)
        return;
    g_assert_true(rrset_next(set, &record));
    g_assert_cmpmem(record.rdata, record.size, address, 4);
    g_assert_cmpuint(record.ttl, ==, 60);
    g_assert_false(rrset_next(set, &record));
}

static void
assert_change(const struct journal *journal, guint32 from, const char *owner, const char *old,
              const char *now)
{
    char text[NAME_TEXT_MAX];
    const struct journal_change *change = journal_since(journal, from);
    g_assert_nonnull(change);
    g_assert_cmpuint(change->from, ==, from);
    g_assert_cmpuint(change->to, ==, from + 1);
    g_assert_cmpuint(change->type, ==, TYPE_A);
    g_assert_cmpstr(name_text(&change->owner, text), ==, owner);
    assert_address(change->old, old);
    assert_address(change->now, now);
}

static void
test_each_change_leads_from_one_serial_to_the_next(void)
{
    AUTO(zone) *zone = small_zone("test");
    AUTO(journal) *journal = journal_new(zone);
    set_address(zone, "a.test", "\12\0\0\1");
    set_address(zone, "b.test", "\12\0\0\2");
    set_address(zone, "a.test", "\12\0\0\3");
    set_address(zone, "b.test", NULL);
    set_address(zone, "b.test", NULL); /* no change */
    g_assert_cmpuint(zone_serial(zone), ==, 11);
    assert_change(journal, 7, "a.test", NULL, "\12\0\0\1");
    assert_change(journal, 8, "b.test", NULL, "\12\0\0\2");
    assert_change(journal, 9, "a.test", "\12\0\0\1", "\12\0\0\3");
    assert_change(journal, 10, "b.test", "\12\0\0\2", NULL);
    g_assert_null(journal_since(journal, 11));
    g_assert_null(journal_since(journal, 6));
}

static void
test_the_oldest_are_forgotten_first(void)
{
    AUTO(zone) *zone = small_zone("test");
    AUTO(journal) *journal = journal_new(zone);
    for (guint i = 0; i < JOURNAL_CHANGES + 10; i++)
        set_address(zone, "a.test", i % 2 == 0 ? "\12\0\0\1" : "\12\0\0\2");
    g_assert_null(journal_since(journal, 7 + 9));
    assert_change(journal, 7 + 10, "a.test", "\12\0\0\2", "\12\0\0\1");
    assert_change(journal, zone_serial(zone) - 1, "a.test", "\12\0\0\1", "\12\0\0\2");
    g_assert_null(journal_since(journal, zone_serial(zone)));
}

static void
test_large_changes_are_fewer(void)
{
    AUTO(zone) *zone = small_zone("test");
    AUTO(journal) *journal = journal_new(zone);
    struct name name = name_of("a.test");
    static guint8 text[251] = {250};
    guint kept = 0;
    for (guint i = 0; i < JOURNAL_CHANGES; i++) {
        memcpy(text + 1, &i, sizeof i);
        zone_set(zone, &name, TYPE_TXT, 60, text, sizeof text);
    }
    while (journal_since(journal, zone_serial(zone) - 1 - kept) != NULL)
        kept++;
    g_assert_cmpuint(kept, >, 500);
    g_assert_cmpuint(kept, <, JOURNAL_BYTES / (sizeof(struct journal_change) + 2 * sizeof text));
}

static void
test_nothing_leads_over_a_serial_that_was_set(void)
{
    AUTO(zone) *zone = small_zone("test");
    AUTO(journal) *journal = journal_new(zone);
    set_address(zone, "a.test", "\12\0\0\1");
    zone_set_serial(zone, 100);
    set_address(zone, "a.test", "\12\0\0\2");
    g_assert_null(journal_since(journal, 7));
    g_assert_null(journal_since(journal, 8));
    assert_change(journal, 100, "a.test", "\12\0\0\1", "\12\0\0\2");
}

static void
test_serials_turn_over(void)
{
    AUTO(zone) *zone = small_zone("test");
    AUTO(journal) *journal = journal_new(zone);
    zone_set_serial(zone, G_MAXUINT32 - 1);
    for (guint i = 0; i < 4; i++)
        set_address(zone, "a.test", i % 2 == 0 ? "\12\0\0\1" : "\12\0\0\2");
    assert_change(journal, G_MAXUINT32 - 1, "a.test", NULL, "\12\0\0\1");
    assert_change(journal, G_MAXUINT32, "a.test", "\12\0\0\1", "\12\0\0\2");
    assert_change(journal, 1, "a.test", "\12\0\0\1", "\12\0\0\2");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/each change leads from one serial to the next",
                    test_each_change_leads_from_one_serial_to_the_next);
    g_test_add_func("/journal/the oldest are forgotten first", test_the_oldest_are_forgotten_first);
    g_test_add_func("/journal/large changes are fewer", test_large_changes_are_fewer);
    g_test_add_func("/journal/nothing leads over a serial that was set",
                    test_nothing_leads_over_a_serial_that_was_set);
    g_test_add_func("/journal/serials turn over", test_serials_turn_over);
    return g_test_run();
}
