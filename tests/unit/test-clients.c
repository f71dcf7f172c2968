/* clients: a client's name is there as long as its lease, and nobody takes another's. */
#include "netsvc/dns/zone/clients.h"

#include "tests/unit/small_zone.h"

struct world {
    struct zones *zones;
    struct clients *clients;
    GString *told;
    guint changes;
};

static struct world world;

static void
tell(gpointer context, const char *text)
{
    g_assert_true(context == &world);
    g_string_append_printf(world.told, "%s%s", world.told->len > 0 ? "\n" : "", text);
}

static void
changed(gpointer context, struct zone *zone)
{
    g_assert_true(context == &world && zone != NULL);
    world.changes++;
}

static gboolean
is_ours(gpointer context, const struct zone *zone)
{
    char text[NAME_TEXT_MAX];
    g_assert_true(context == &world);
    return strstr(name_text(zone_origin(zone), text), "others") == NULL;
}

static void
set_up(void)
{
    const struct clients_role role = {is_ours, tell, changed, &world};
    struct name name = name_of("printer.lan.test");
    world = (struct world){.zones = zones_new(), .told = g_string_new(NULL)};
    zones_put(world.zones, small_zone("lan.test"));
    zones_put(world.zones, small_zone("0.0.10.in-addr.arpa"));
    zone_set(zone_holding(world.zones, "lan.test"), &name, TYPE_A, 60, (const guint8 *)"\12\0\0\2",
             4);
    world.clients = clients_new(world.zones, &role);
}

static void
tear_down(void)
{
    clients_free(world.clients);
    zones_free(world.zones);
    g_string_free(world.told, TRUE);
}

static void
take(enum message_name_act act, const char *name, guint8 last)
{
    struct message_name message = {.act = act, .address = 0x0a000000u | last, .lifetime = 600};
    g_strlcpy(message.name, name, sizeof message.name);
    gboolean good = clients_take(world.clients, &message, sizeof message);
    g_assert_true(good);
}

#define SET(name, last) take(MESSAGE_NAME_SET, name, last)
#define GONE(name, last) take(MESSAGE_NAME_GONE, name, last)
#define FIRST() take(MESSAGE_NAME_FIRST, "", 0)
#define LAST() take(MESSAGE_NAME_LAST, "", 0)
#define ASSERT_NAME(name, text) ASSERT_HELD(world.zones, name, TYPE_A, text)
#define ASSERT_POINTER(last, text)                                                                 \
    ASSERT_HELD(world.zones, #last ".0.0.10.in-addr.arpa", TYPE_PTR, text)
#define ASSERT_TOLD(text) g_assert_cmpstr(world.told->str, ==, text)

static void
test_nobody_takes_a_name_that_a_wildcard_answers(void)
{
    set_up();
    struct name wildcard = name_of("*.lan.test");
    zone_set(zone_holding(world.zones, "lan.test"), &wildcard, TYPE_A, 60,
             (const guint8 *)"\12\0\0\3", 4);
    SET("portal.lan.test", 7);
    ASSERT_NAME("portal.lan.test", "");
    ASSERT_POINTER(7, "");
    ASSERT_TOLD("the client 10.0.0.7 calls itself 'portal.lan.test', which is answered by a "
                "wildcard of the configuration; it gets no name");
    tear_down();
}

static void
test_a_name_comes_with_its_lease_and_goes_with_it(void)
{
    set_up();
    SET("ann.lan.test", 7);
    ASSERT_NAME("ann.lan.test", "10.0.0.7");
    ASSERT_POINTER(7, "ann.lan.test");
    g_assert_cmpuint(world.changes, ==, 2); /* zones */
    GONE("ann.lan.test", 7);
    ASSERT_NAME("ann.lan.test", "");
    ASSERT_POINTER(7, "");
    ASSERT_TOLD("");
    g_assert_cmpuint(clients_count(world.clients), ==, 0);
    tear_down();
}

static void
test_each_change_raises_the_serial_and_is_in_the_journal(void)
{
    set_up();
    struct zone *zone = zone_holding(world.zones, "lan.test");
    guint32 serial = zone_serial(zone);
    g_assert_null(clients_journal(world.clients, zone));
    SET("ann.lan.test", 7);
    SET("ann.lan.test", 7); /* renewed */
    SET("bob.lan.test", 8);
    GONE("ann.lan.test", 7);
    g_assert_cmpuint(zone_serial(zone), ==, serial + 3);
    const struct journal *journal = clients_journal(world.clients, zone);
    g_assert_nonnull(journal_since(journal, serial));
    g_assert_null(journal_since(journal, serial + 2)->now);
    tear_down();
}

static guint32
ttl_for(guint32 lifetime)
{
    struct message_name message = {MESSAGE_NAME_SET, 0x0a000007, lifetime, "ann.lan.test"};
    struct name name = name_of(message.name);
    gboolean good = clients_take(world.clients, &message, sizeof message);
    g_assert_true(good);
    return zone_rrset(zone_holding(world.zones, "lan.test"), &name, TYPE_A)->ttl;
}

static void
test_it_is_kept_for_a_third_of_the_lease_at_most(void)
{
    set_up();
    g_assert_cmpuint(ttl_for(60), ==, 20);
    g_assert_cmpuint(ttl_for(3600), ==, CLIENTS_TTL_MAX);
    g_assert_cmpuint(ttl_for(G_MAXUINT32), ==, CLIENTS_TTL_MAX);
    g_assert_cmpuint(ttl_for(0), ==, 1);
    tear_down();
}

static void
test_a_client_with_another_name_gives_the_first_up(void)
{
    set_up();
    SET("ann.lan.test", 7);
    SET("bea.lan.test", 7);
    ASSERT_NAME("ann.lan.test", "");
    ASSERT_NAME("bea.lan.test", "10.0.0.7");
    ASSERT_POINTER(7, "bea.lan.test");
    tear_down();
}

static void
test_what_the_configuration_says_stays(void)
{
    set_up();
    SET("printer.lan.test", 7);
    SET("printer.lan.test", 7);
    ASSERT_NAME("printer.lan.test", "10.0.0.2");
    ASSERT_POINTER(7, "");
    ASSERT_TOLD("the client 10.0.0.7 calls itself 'printer.lan.test', which is set by the "
                "configuration; it gets no name");
    GONE("printer.lan.test", 7);
    ASSERT_NAME("printer.lan.test", "10.0.0.2");
    tear_down();
}

static void
test_a_reservation_is_no_dispute_with_itself(void)
{
    set_up();
    SET("printer.lan.test", 2);
    ASSERT_TOLD("");
    GONE("printer.lan.test", 2);
    ASSERT_NAME("printer.lan.test", "10.0.0.2");
    tear_down();
}

static void
test_a_pointer_of_the_configuration_stays(void)
{
    struct name name = name_of("7.0.0.10.in-addr.arpa");
    set_up();
    zone_set(zone_holding(world.zones, "0.0.10.in-addr.arpa"), &name, TYPE_PTR, 60,
             (const guint8 *)"\3box\0", 5);
    SET("ann.lan.test", 7);
    ASSERT_NAME("ann.lan.test", "10.0.0.7");
    ASSERT_POINTER(7, "box");
    GONE("ann.lan.test", 7);
    ASSERT_POINTER(7, "box");
    tear_down();
}

static void
test_who_was_first_keeps_the_name_until_its_lease_ends(void)
{
    set_up();
    SET("ann.lan.test", 7);
    SET("ann.lan.test", 8);
    SET("ann.lan.test", 8);
    ASSERT_NAME("ann.lan.test", "10.0.0.7");
    ASSERT_POINTER(8, "");
    ASSERT_TOLD("the client 10.0.0.8 calls itself 'ann.lan.test', which is that of 10.0.0.7; it "
                "gets no name");
    GONE("ann.lan.test", 7);
    ASSERT_NAME("ann.lan.test", "10.0.0.8");
    ASSERT_POINTER(8, "ann.lan.test");
    ASSERT_POINTER(7, "");
    tear_down();
}

static void
test_who_left_gets_the_name_no_more(void)
{
    set_up();
    SET("ann.lan.test", 7);
    SET("ann.lan.test", 8);
    GONE("ann.lan.test", 8);
    ASSERT_NAME("ann.lan.test", "10.0.0.7");
    GONE("ann.lan.test", 7);
    ASSERT_NAME("ann.lan.test", "");
    tear_down();
}

static void
test_when_all_are_told_the_others_are_gone(void)
{
    set_up();
    SET("ann.lan.test", 7);
    SET("bob.lan.test", 8);
    FIRST();
    ASSERT_NAME("ann.lan.test", "10.0.0.7");
    SET("bob.lan.test", 8);
    SET("cid.lan.test", 9);
    LAST();
    ASSERT_NAME("ann.lan.test", "");
    ASSERT_POINTER(7, "");
    ASSERT_NAME("bob.lan.test", "10.0.0.8");
    ASSERT_NAME("cid.lan.test", "10.0.0.9");
    tear_down();
}

static void
test_a_client_that_moved_while_nobody_told_has_its_name_at_the_end(void)
{
    set_up();
    SET("ann.lan.test", 7);
    SET("bob.lan.test", 8);
    FIRST();
    SET("ann.lan.test", 17);
    SET("bob.lan.test", 18); /* but 8 is still there */
    SET("bob.lan.test", 8);
    LAST();
    ASSERT_NAME("ann.lan.test", "10.0.0.17");
    ASSERT_POINTER(7, "");
    ASSERT_NAME("bob.lan.test", "10.0.0.8");
    ASSERT_TOLD("the client 10.0.0.18 calls itself 'bob.lan.test', which is that of 10.0.0.8; it "
                "gets no name");
    tear_down();
}

static void
test_a_dispute_is_told_once_although_all_is_told_again(void)
{
    set_up();
    SET("printer.lan.test", 7);
    FIRST();
    SET("printer.lan.test", 7);
    LAST();
    g_assert_null(strchr(world.told->str, '\n'));
    FIRST();
    LAST();
    FIRST();
    SET("printer.lan.test", 7);
    LAST();
    g_assert_nonnull(strchr(world.told->str, '\n')); /* it had gone */
    tear_down();
}

static void
test_names_of_power_and_such_as_no_host_has_are_not_given(void)
{
    static const char *const names[] = {"*.lan.test",   "a_b.lan.test", "-a.lan.test",
                                        "a-.lan.test",  "lan.test",     "a\\000.lan.test",
                                        "wpad.lan.test"};
    set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        SET(names[i], 7);
        g_assert_cmpuint(clients_count(world.clients), ==, 0);
    }
    ASSERT_NAME("wpad.lan.test", "");
    SET("ann.elsewhere", 7);
    g_assert_cmpuint(clients_count(world.clients), ==, 0);
    tear_down();
}

static void
test_a_zone_of_others_is_not_changed(void)
{
    struct name origin = name_of("others.lan.test");
    set_up();
    zones_put(world.zones, small_zone("others.lan.test"));
    struct zone *zone = zones_named(world.zones, &origin);
    SET("ann.others.lan.test", 7);
    g_assert_cmpuint(clients_count(world.clients), ==, 0);
    g_assert_cmpuint(zone_serial(zone), ==, 7);
    g_assert_null(clients_journal(world.clients, zone));
    tear_down();
}

static void
test_a_message_of_another_size_is_refused(void)
{
    static struct message_name messages[MESSAGE_NAMES_MAX + 1];
    set_up();
    g_assert_false(clients_take(world.clients, messages, sizeof messages[0] - 1));
    g_assert_false(clients_take(world.clients, messages, sizeof messages));
    memset(messages[1].name, 'a', sizeof messages[1].name);
    g_assert_true(clients_take(world.clients, messages, sizeof messages[0]));
    g_assert_false(clients_take(world.clients, messages, 2 * sizeof messages[0]));
    messages[0].act = MESSAGE_NAME_LAST + 1;
    g_assert_false(clients_take(world.clients, messages, sizeof messages[0]));
    tear_down();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clients/a name comes with its lease and goes with it",
                    test_a_name_comes_with_its_lease_and_goes_with_it);
    g_test_add_func("/clients/nobody takes a name that a wildcard answers",
                    test_nobody_takes_a_name_that_a_wildcard_answers);
    g_test_add_func("/clients/each change raises the serial and is in the journal",
                    test_each_change_raises_the_serial_and_is_in_the_journal);
    g_test_add_func("/clients/it is kept for a third of the lease at most",
                    test_it_is_kept_for_a_third_of_the_lease_at_most);
    g_test_add_func("/clients/a client with another name gives the first up",
                    test_a_client_with_another_name_gives_the_first_up);
    g_test_add_func("/clients/what the configuration says stays",
                    test_what_the_configuration_says_stays);
    g_test_add_func("/clients/a reservation is no dispute with itself",
                    test_a_reservation_is_no_dispute_with_itself);
    g_test_add_func("/clients/a pointer of the configuration stays",
                    test_a_pointer_of_the_configuration_stays);
    g_test_add_func("/clients/who was first keeps the name until its lease ends",
                    test_who_was_first_keeps_the_name_until_its_lease_ends);
    g_test_add_func("/clients/who left gets the name no more", test_who_left_gets_the_name_no_more);
    g_test_add_func("/clients/when all are told the others are gone",
                    test_when_all_are_told_the_others_are_gone);
    g_test_add_func("/clients/a client that moved while nobody told has its name at the end",
                    test_a_client_that_moved_while_nobody_told_has_its_name_at_the_end);
    g_test_add_func("/clients/a dispute is told once although all is told again",
                    test_a_dispute_is_told_once_although_all_is_told_again);
    g_test_add_func("/clients/names of power and such as no host has are not given",
                    test_names_of_power_and_such_as_no_host_has_are_not_given);
    g_test_add_func("/clients/a zone of others is not changed",
                    test_a_zone_of_others_is_not_changed);
    g_test_add_func("/clients/a message of another size is refused",
                    test_a_message_of_another_size_is_refused);
    return g_test_run();
}
