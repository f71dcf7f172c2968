#include "netsvc/dns/zone/zones.h"

#include "lib/base/fail.h"

#include <string.h>

#define TTL 300

static struct name
name(const char *text)
{
    struct name made;
    gboolean good = name_from_text(&made, text);
    g_assert_true(good);
    return made;
}

static gboolean
add(struct zone *zone, const char *owner, guint16 type, const char *rdata, gsize size,
    GError **error)
{
    struct name of = name(owner);
    return zone_add(zone, &of, type, TTL, (const guint8 *)rdata, size, error);
}

#define ADD(zone, owner, type, rdata)                                                              \
    g_assert_true(add(zone, owner, type, rdata, sizeof(rdata) - 1, NULL))

#define SOA "\2ns\4test\0\1h\4test\0\0\0\0\7\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"
#define NS "\2ns\4TEST\0"

static struct zone *
zone_of_test(void)
{
    struct name origin = name("test");
    struct zone *zone = zone_new(&origin);
    ADD(zone, "test", TYPE_NS, NS);
    ADD(zone, "test", TYPE_SOA, SOA);
    ADD(zone, "ns.test", TYPE_A, "\12\0\0\1");
    return zone;
}

static struct zone *
finished(void)
{
    struct zone *zone = zone_of_test();
    gboolean good = zone_finish(zone, NULL);
    g_assert_true(good);
    return zone;
}

static enum zone_found
look_up(const struct zone *zone, const char *text, struct zone_match *match)
{
    struct name wanted = name(text);
    struct name_hashes hashes;
    name_hashes(&wanted, &hashes);
    return zone_find(zone, &wanted, &hashes, match);
}

static void
set_a(struct zone *zone, const char *owner, const char *address)
{
    struct name of = name(owner);
    zone_set(zone, &of, TYPE_A, TTL, (const guint8 *)address, 4);
}

static void
assert_node(const struct node *node, const char *expected)
{
    struct name owner;
    char text[NAME_TEXT_MAX];
    g_assert_nonnull(node);
    node_name(node, &owner);
    g_assert_cmpstr(name_text(&owner, text), ==, expected);
}

static void
refused(const char *owner, guint16 type, const char *rdata, gsize size, const char *why)
{
    AUTO(zone) *zone = zone_of_test();
    ADD(zone, "alias.test", TYPE_CNAME, NS);
    ADD(zone, "d.test", TYPE_DNAME, NS);
    gsize rrsets = zone_count(zone);
    g_autoptr(GError) error = NULL;
    g_assert_false(add(zone, owner, type, rdata, size, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_assert_nonnull(strstr(error->message, why));
    g_assert_cmpuint(zone_count(zone), ==, rrsets);
}
#define REFUSED(owner, type, rdata, why) refused(owner, type, rdata, sizeof(rdata) - 1, why)

static void
test_refused(void)
{
    REFUSED("other", TYPE_A, "\1\2\3\4", "outside");
    REFUSED("test.other", TYPE_A, "\1\2\3\4", "outside");
    REFUSED("alias.test", TYPE_A, "\1\2\3\4", "beside a CNAME");
    REFUSED("ns.test", TYPE_CNAME, NS, "must be alone");
    REFUSED("alias.test", TYPE_CNAME, "\1x\0", "only once");
    REFUSED("d.test", TYPE_DNAME, "\1x\0", "only once");
    REFUSED("test", TYPE_SOA, "\0\0\0\0\0\7\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", "only once");
    REFUSED("ns.test", TYPE_SOA, SOA, "elsewhere");
    REFUSED("x.test", TYPE_A, "\1\2\3", "damaged");
    REFUSED("x.test", TYPE_A, "\1\2\3\4\5", "damaged");
    REFUSED("x.test", TYPE_AAAA, "\1\2\3\4", "damaged");
    REFUSED("x.test", TYPE_NS, "\2ns", "damaged");
    REFUSED("x.test", TYPE_NS, "\300\14", "damaged");
    REFUSED("x.test", TYPE_NS, "\0\0", "damaged");
    REFUSED("x.test", TYPE_MX, "\0", "damaged");
    REFUSED("x.test", TYPE_TXT, "", "damaged");
    REFUSED("x.test", TYPE_TXT, "\3ab", "damaged");
    REFUSED("x.test", TYPE_SRV, "\0\1\0\1\0", "damaged");
    REFUSED("x.test", TYPE_ANY, "", "TYPE255 of 'x.test' is no type");
    REFUSED("x.test", TYPE_OPT, "", "no type");
}

static void
test_damage_leaves_the_rest(void)
{
    AUTO(zone) *zone = zone_of_test();
    ADD(zone, "x.test", TYPE_A, "\1\2\3\4");
    ADD(zone, "x.test", TYPE_A, "\1\2\3\5");
    g_assert_false(add(zone, "x.test", TYPE_A, "\1", 1, NULL));
    ADD(zone, "x.test", TYPE_A, "\1\2\3\4");
    struct name owner = name("x.test");
    g_assert_cmpuint(zone_rrset(zone, &owner, TYPE_A)->count, ==, 2);
    g_assert_cmpuint(zone_count(zone), ==, 4);
}

static void
test_lowest_ttl(void)
{
    AUTO(zone) *zone = zone_of_test();
    struct name owner = name("x.test");
    g_assert_true(zone_add(zone, &owner, TYPE_A, 9, (const guint8 *)"\1\2\3\4", 4, NULL));
    g_assert_true(zone_add(zone, &owner, TYPE_A, 7, (const guint8 *)"\1\2\3\5", 4, NULL));
    g_assert_true(zone_add(zone, &owner, TYPE_A, 8, (const guint8 *)"\1\2\3\6", 4, NULL));
    for (struct rrset_record record = {0}; rrset_next(zone_rrset(zone, &owner, TYPE_A), &record);)
        g_assert_cmpuint(record.ttl, ==, 7);
}

static void
test_not_whole(void)
{
    struct name origin = name("test");
    AUTO(zone) *zone = zone_new(&origin);
    g_autoptr(GError) error = NULL;
    g_assert_false(zone_finish(zone, &error));
    g_assert_cmpstr(error->message, ==, "zone 'test' has no SOA record");
    g_clear_error(&error);
    ADD(zone, "test", TYPE_SOA, SOA);
    g_assert_false(zone_finish(zone, &error));
    g_assert_cmpstr(error->message, ==, "zone 'test' has no NS record at its head");
    ADD(zone, "test", TYPE_NS, NS);
    g_assert_true(zone_finish(zone, NULL));
    g_assert_cmpuint(zone_serial(zone), ==, 7);
    g_assert_cmpuint(zone_negative_ttl(zone), ==, 5);
}

static void
test_compiled(void)
{
    AUTO(zone) *zone = finished();
    struct name owner = name("test");
    const struct rrset *ns = zone_rrset(zone, &owner, TYPE_NS);
    g_assert_cmpmem(ns->records + ns->size, ns->compact_size,
                    "\300\14\0\2\0\1\0\0\1\54\0\5\2ns\300\14", 17);
    const struct rrset *soa = zone_rrset(zone, &owner, TYPE_SOA);
    g_assert_cmpuint(soa->compact_size, ==, 12 + 5 + 4 + 20);
    struct name below = name("ns.test");
    g_assert_cmpuint(zone_rrset(zone, &below, TYPE_A)->compact_size, ==, 0);
}

static void
test_look_up(void)
{
    AUTO(zone) *zone = zone_of_test();
    struct zone_match match;
    ADD(zone, "a.ent.test", TYPE_A, "\1\2\3\4");
    ADD(zone, "*.wild.test", TYPE_A, "\1\2\3\4");
    ADD(zone, "x.cut.test", TYPE_NS, NS); /* below a delegation: hidden */
    ADD(zone, "cut.test", TYPE_NS, NS);
    ADD(zone, "glue.cut.test", TYPE_A, "\1\2\3\4");
    ADD(zone, "d.test", TYPE_DNAME, NS);
    g_assert_true(zone_finish(zone, NULL));

    g_assert_cmpint(look_up(zone, "NS.test", &match), ==, ZONE_EXACT);
    assert_node(match.node, "ns.test");
    g_assert_cmpint(look_up(zone, "ent.test", &match), ==, ZONE_EXACT);
    g_assert_null(match.node->rrsets);
    g_assert_cmpint(look_up(zone, "b.ent.test", &match), ==, ZONE_NOTHING);
    assert_node(match.encloser, "ent.test");
    g_assert_cmpint(look_up(zone, "a.b.wild.test", &match), ==, ZONE_WILDCARD);
    assert_node(match.node, "*.wild.test");
    g_assert_cmpint(look_up(zone, "*.wild.test", &match), ==, ZONE_EXACT);
    g_assert_cmpint(look_up(zone, "a.*.wild.test", &match), ==, ZONE_NOTHING);
    static const char *const below[] = {"cut.test", "glue.cut.test", "x.cut.test", "y.x.cut.test"};
    for (guint i = 0; i < G_N_ELEMENTS(below); i++) {
        g_assert_cmpint(look_up(zone, below[i], &match), ==, ZONE_CUT);
        assert_node(match.node, "cut.test");
    }
    g_assert_cmpint(look_up(zone, "d.test", &match), ==, ZONE_EXACT);
    g_assert_cmpint(look_up(zone, "a.d.test", &match), ==, ZONE_DNAME);
    g_assert_cmpint(look_up(zone, "test", &match), ==, ZONE_EXACT);
}

static void
test_set(void)
{
    AUTO(zone) *zone = finished();
    struct zone_match match;
    gsize before = zone_count(zone);
    set_a(zone, "pc.lan.test", "\1\2\3\4");
    g_assert_cmpuint(zone_serial(zone), ==, 8);
    set_a(zone, "pc.lan.test", "\1\2\3\4"); /* nothing new */
    g_assert_cmpuint(zone_serial(zone), ==, 8);
    set_a(zone, "pc.lan.test", "\1\2\3\5");
    g_assert_cmpuint(zone_serial(zone), ==, 9);
    g_assert_cmpint(look_up(zone, "pc.lan.test", &match), ==, ZONE_EXACT);
    g_assert_cmpuint(zone_count(zone), ==, before + 1);
    struct name gone = name("pc.lan.test");
    zone_set(zone, &gone, TYPE_A, 0, NULL, 0);
    zone_set(zone, &gone, TYPE_A, 0, NULL, 0);
    g_assert_cmpuint(zone_serial(zone), ==, 10);
    g_assert_cmpuint(zone_count(zone), ==, before);
    g_assert_cmpint(look_up(zone, "pc.lan.test", &match), ==, ZONE_NOTHING);
    assert_node(match.encloser, "test"); /* the empty one between is gone with it */
    zone_set_serial(zone, G_MAXUINT32);
    set_a(zone, "x.test", "\1\2\3\4");
    g_assert_cmpuint(zone_serial(zone), ==, 0);
}

static void
test_set_harmless(void)
{
    AUTO(zone) *zone = zone_of_test();
    ADD(zone, "alias.test", TYPE_CNAME, NS);
    g_assert_true(zone_finish(zone, NULL));
    set_a(zone, "elsewhere", "\1\2\3\4");
    set_a(zone, "alias.test", "\1\2\3\4");
    struct name apex = name("test"), alias = name("alias.test");
    zone_set(zone, &apex, TYPE_SOA, 0, NULL, 0);
    zone_set(zone, &apex, TYPE_NS, 0, NULL, 0);
    zone_set(zone, &alias, TYPE_AAAA, TTL, (const guint8 *)"\1", 1);
    g_assert_cmpuint(zone_serial(zone), ==, 7);
    g_assert_cmpuint(zone_count(zone), ==, 4);
}

/* Against a plain list: names come and go at random, and each must be found or not. */
static void
test_many(void)
{
    enum { NAMES = 3000, STEPS = 30000 };
    AUTO(zone) *zone = finished();
    static gboolean there[NAMES];
    guint count = 0;
    for (guint i = 0; i < STEPS; i++) {
        guint n = (guint)g_test_rand_int_range(0, NAMES);
        g_autofree char *text = g_strdup_printf("h%u.n%u.test", n, n % 7);
        struct name owner = name(text);
        there[n] = !there[n];
        count += there[n] ? 1U : -1U;
        zone_set(zone, &owner, TYPE_A, TTL, there[n] ? (const guint8 *)"\1\2\3\4" : NULL, 4);
    }
    for (guint n = 0; n < NAMES; n++) {
        g_autofree char *text = g_strdup_printf("h%u.n%u.test", n, n % 7);
        struct name owner = name(text);
        g_assert_cmpint(zone_rrset(zone, &owner, TYPE_A) != NULL, ==, there[n]);
    }
    g_assert_cmpuint(zone_count(zone), ==, count + 3);
    struct zone_position position = {0};
    const struct name *owner;
    const struct rrset *set = zone_next(zone, &position, &owner);
    g_assert_cmpuint(set->type, ==, TYPE_SOA);
    guint walked = 1;
    while (zone_next(zone, &position, &owner) != NULL)
        walked++;
    g_assert_cmpuint(walked, ==, count + 3);
}

struct change {
    guint count;
    gboolean had, has;
};

static void
changed(void *context, const struct name *owner, guint16 type, const struct rrset *old,
        const struct rrset *now)
{
    struct change *change = context;
    char text[NAME_TEXT_MAX];
    g_assert_cmpstr(name_text(owner, text), ==, "pc.test");
    g_assert_cmpuint(type, ==, TYPE_A);
    change->count++;
    change->had = old != NULL;
    change->has = now != NULL;
}

static void
test_watch(void)
{
    AUTO(zone) *zone = finished();
    struct change change = {0};
    zone_watch(zone, changed, &change);
    set_a(zone, "pc.test", "\1\2\3\4");
    g_assert_true(change.count == 1 && !change.had && change.has);
    set_a(zone, "pc.test", "\1\2\3\4");
    g_assert_cmpuint(change.count, ==, 1);
    struct name owner = name("pc.test");
    zone_set(zone, &owner, TYPE_A, 0, NULL, 0);
    g_assert_true(change.count == 2 && change.had && !change.has);
}

static void
put(struct zones *zones, const char *origin)
{
    struct name of = name(origin);
    struct zone *old = zones_put(zones, zone_new(&of));
    g_assert_null(old);
}

static const char *
zone_for(const struct zones *zones, const char *text, guint from, char *out)
{
    struct name wanted = name(text);
    struct name_hashes hashes;
    name_hashes(&wanted, &hashes);
    const struct zone *zone = zones_of(zones, &wanted, &hashes, from);
    return zone != NULL ? name_text(zone_origin(zone), out) : "none";
}

static gboolean
are_below(const struct zones *zones, const char *text)
{
    struct name above = name(text);
    struct name_hashes hashes;
    name_hashes(&above, &hashes);
    return zones_are_below(zones, &above, &hashes);
}

static void
test_zones(void)
{
    AUTO(zones) *zones = zones_new();
    char text[NAME_TEXT_MAX];
    g_assert_cmpstr(zone_for(zones, "a.b", 0, text), ==, "none");
    g_assert_cmpstr(zone_for(zones, ".", 0, text), ==, "none");
    put(zones, "b.test");
    put(zones, "a.b.test");
    put(zones, "10.in-addr.arpa");
    g_assert_cmpstr(zone_for(zones, "x.y.a.b.test", 0, text), ==, "a.b.test");
    g_assert_cmpstr(zone_for(zones, "a.b.test", 0, text), ==, "a.b.test");
    g_assert_cmpstr(zone_for(zones, "a.b.test", 1, text), ==, "b.test");
    g_assert_cmpstr(zone_for(zones, "b.test", 1, text), ==, "none");
    g_assert_cmpstr(zone_for(zones, "test", 0, text), ==, "none");
    g_assert_cmpstr(zone_for(zones, "c.b.test", 0, text), ==, "b.test");
    g_assert_true(are_below(zones, "test"));
    g_assert_true(are_below(zones, "arpa"));
    g_assert_true(are_below(zones, "a.b.test"));
    g_assert_false(are_below(zones, "est"));
    g_assert_false(are_below(zones, "x.a.b.test"));
    for (guint i = 0; i < 500; i++) {
        g_autofree char *origin = g_strdup_printf("z%u", i);
        put(zones, origin);
    }
    struct name gone = name("a.b.test");
    zone_free(zones_take(zones, &gone));
    g_assert_null(zones_take(zones, &gone));
    g_assert_cmpstr(zone_for(zones, "x.y.a.b.test", 0, text), ==, "b.test");
    g_assert_cmpstr(zone_for(zones, "x.z499", 0, text), ==, "z499");
    g_assert_cmpuint(zones_count(zones), ==, 502);
    struct name again = name("b.test");
    zone_free(zones_put(zones, zone_new(&again)));
    g_assert_cmpuint(zones_count(zones), ==, 502);
    put(zones, ".");
    g_assert_cmpstr(zone_for(zones, "org", 0, text), ==, ".");
    g_assert_cmpstr(zone_for(zones, "x.z499", 0, text), ==, "z499");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zone/what cannot be in it is refused with its reason", test_refused);
    g_test_add_func("/zone/a damaged record leaves the others as they were",
                    test_damage_leaves_the_rest);
    g_test_add_func("/zone/an RRset has the lowest TTL of its records", test_lowest_ttl);
    g_test_add_func("/zone/without SOA or NS it is not whole", test_not_whole);
    g_test_add_func("/zone/answers are written in advance with compression", test_compiled);
    g_test_add_func("/zone/look-up tells names, wildcards, delegations and DNAMEs", test_look_up);
    g_test_add_func("/zone/names are set and cleared and the serial rises", test_set);
    g_test_add_func("/zone/what cannot be set changes nothing", test_set_harmless);
    g_test_add_func("/zone/of thousands that come and go each is found", test_many);
    g_test_add_func("/zone/who watches is told of changes", test_watch);
    g_test_add_func("/zones/a name is in the zone with the longest match", test_zones);
    return g_test_run();
}
