/* update: who has a key puts texts at _acme-challenge names, and nothing else anywhere. */
#include "netsvc/bytes.h"
#include "netsvc/dns/update/update.h"

#include "tests/unit/small_zone.h"

#define NOW 1000u

struct world {
    struct config_dns config;
    struct zones *zones;
    struct update *update;
    struct tsig signed_;
    guint8 wire[2048];
    gsize size;
};

static struct world world;

static void
set_up(void)
{
    memset(&world, 0, sizeof world);
    world.config.zones = g_ptr_array_new();
    world.zones = zones_new();
    zones_put(world.zones, small_zone("clinic.example"));
    world.update = update_new(&world.config);
    world.signed_.key = (const struct tsig_key *)&world; /* one that is good */
    name_from_text(&world.signed_.name, "acme-key");
}

static void
tear_down(void)
{
    update_free(world.update);
    zones_free(world.zones);
    g_ptr_array_unref(world.config.zones);
}

/* ---- requests ---- */

static void
put_name(const char *text)
{
    struct name name;
    g_assert_true(name_from_text(&name, text));
    memcpy(world.wire + world.size, name.wire, name.size);
    world.size += name.size;
}

static void
put(const void *data, gsize size)
{
    memcpy(world.wire + world.size, data, size);
    world.size += size;
}

static void
begin(const char *zone, guint type)
{
    memset(world.wire, 0, HEADER_SIZE);
    bytes_put16(world.wire + 2, OPCODE_UPDATE << FLAG_OPCODE_SHIFT);
    bytes_put16(world.wire + 4, 1);
    world.size = HEADER_SIZE;
    put_name(zone);
    bytes_put16(world.wire + world.size, type);
    bytes_put16(world.wire + world.size + 2, CLASS_IN);
    world.size += 4;
}

/* A record in a section: 3 of prerequisites, 4 of updates. `text` NULL: without data. */
static void
add(guint section, const char *owner, guint type, guint class, guint32 ttl, const char *text)
{
    guint8 head[10];
    const gsize length = text != NULL ? strlen(text) + 1 : 0;
    guint8 *count = world.wire + 2 * section;
    bytes_put16(count, bytes_get16(count) + 1u);
    put_name(owner);
    bytes_put16(bytes_put32(bytes_put16(bytes_put16(head, type), class), ttl), (guint)length);
    put(head, sizeof head);
    if (text != NULL) {
        const guint8 size = (guint8)strlen(text);
        put(&size, 1);
        put(text, strlen(text));
    }
}
#define PREREQUISITE 3
#define UPDATE 4

static enum rcode
serve_signed(const struct tsig *tsig)
{
    guint8 out[QUERY_UDP_MAX];
    struct query query;
    if (query_parse(&query, world.wire, world.size) != QUERY_GOOD)
        return RCODE_FORMERR;
    const struct update_request request = {&query, NULL, TRUE, world.zones, NOW};
    gsize size = update_serve(world.update, &request, tsig, out, sizeof out);
    g_assert_cmpuint(size, >=, HEADER_SIZE);
    g_assert_cmpuint(bytes_get16(out + 2) & FLAG_OPCODE_MASK, ==,
                     OPCODE_UPDATE << FLAG_OPCODE_SHIFT);
    return (enum rcode)(out[3] & RCODE_MASK);
}

static enum rcode
serve(void)
{
    return serve_signed(&world.signed_);
}

/* What a query for TXT says: the number of its answers; -1: it is not answered here. */
static int
texts_at(const char *name, guint32 now)
{
    guint8 out[QUERY_UDP_MAX], wire[512];
    struct name parsed;
    struct reply asked;
    struct query query;
    name_from_text(&parsed, name);
    reply_begin_question(&asked, &parsed, TYPE_TXT, CLASS_IN, wire, sizeof wire);
    gsize length = reply_end(&asked);
    bytes_put16(wire + 2, 0);
    g_assert_cmpint(query_parse(&query, wire, length), ==, QUERY_GOOD);
    const struct update_request request = {&query, NULL, TRUE, world.zones, now};
    gsize size = update_answer(world.update, &request, out, sizeof out);
    return size == 0 ? -1 : bytes_get16(out + 6);
}

#define CHALLENGE "_acme-challenge.www.clinic.example"

static void
test_texts_are_put_and_taken_back(void)
{
    set_up();
    begin("clinic.example", TYPE_SOA);
    add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_IN, 60, "one");
    add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_IN, 60, "two");
    g_assert_cmpint(serve(), ==, RCODE_NOERROR);
    g_assert_cmpint(texts_at(CHALLENGE, NOW), ==, 2);
    g_assert_cmpint(texts_at("_acme-challenge.clinic.example", NOW), ==, -1);
    begin("clinic.example", TYPE_SOA);
    add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_NONE, 0, "one");
    g_assert_cmpint(serve(), ==, RCODE_NOERROR);
    g_assert_cmpint(texts_at(CHALLENGE, NOW), ==, 1);
    begin("clinic.example", TYPE_SOA);
    add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_ANY, 0, NULL);
    g_assert_cmpint(serve(), ==, RCODE_NOERROR);
    g_assert_cmpint(texts_at(CHALLENGE, NOW), ==, -1);
    tear_down();
}

static void
test_a_text_is_gone_after_an_hour(void)
{
    set_up();
    begin("clinic.example", TYPE_SOA);
    add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_IN, 60, "one");
    g_assert_cmpint(serve(), ==, RCODE_NOERROR);
    g_assert_cmpint(texts_at(CHALLENGE, NOW + TEXTS_SECONDS - 1), ==, 1);
    g_assert_cmpint(texts_at(CHALLENGE, NOW + TEXTS_SECONDS), ==, -1);
    tear_down();
}

static void
test_all_else_is_refused_and_nothing_of_it_is_done(void)
{
    static const struct {
        const char *owner;
        guint type, class;
        guint32 ttl;
        const char *text;
        enum rcode rcode;
    } wrong[] = {
        {"www.clinic.example", TYPE_TXT, CLASS_IN, 60, "x", RCODE_REFUSED},
        {"_acme-challenge", TYPE_TXT, CLASS_IN, 60, "x", RCODE_NOTZONE},
        {"_acme-challenge.other.example", TYPE_TXT, CLASS_IN, 60, "x", RCODE_NOTZONE},
        {CHALLENGE, 13, CLASS_IN, 60, NULL, RCODE_FORMERR},
        {CHALLENGE, TYPE_CNAME, CLASS_ANY, 0, NULL, RCODE_REFUSED},
        {CHALLENGE, TYPE_TXT, CLASS_ANY, 1, NULL, RCODE_FORMERR},
        {CHALLENGE, TYPE_TXT, CLASS_ANY, 0, "x", RCODE_FORMERR},
        {CHALLENGE, TYPE_TXT, CLASS_NONE, 0, NULL, RCODE_REFUSED},
        {CHALLENGE, TYPE_TXT, CLASS_CH, 0, "x", RCODE_FORMERR},
    };
    set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        begin("clinic.example", TYPE_SOA);
        add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_IN, 60, "good");
        add(UPDATE, wrong[i].owner, wrong[i].type, wrong[i].class, wrong[i].ttl, wrong[i].text);
        g_test_message("%" G_GSIZE_FORMAT, i);
        g_assert_cmpint(serve(), ==, wrong[i].rcode);
        g_assert_cmpint(texts_at(CHALLENGE, NOW), ==, -1);
    }
    tear_down();
}

static void
test_zones_that_are_not_ours_and_who_has_no_key(void)
{
    static const struct tsig nobody;
    set_up();
    begin("other.example", TYPE_SOA);
    g_assert_cmpint(serve(), ==, RCODE_NOTAUTH);
    begin("clinic.example", TYPE_TXT);
    g_assert_cmpint(serve(), ==, RCODE_FORMERR);
    begin("clinic.example", TYPE_SOA);
    add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_IN, 60, "x");
    g_assert_cmpint(serve_signed(NULL), ==, RCODE_REFUSED);
    g_assert_cmpint(serve_signed(&nobody), ==, RCODE_REFUSED);
    struct config_zone followed = {.name = (char *)"far.example", .tsig = (char *)"acme-key"};
    g_ptr_array_add(world.config.zones, &followed);
    g_assert_cmpint(serve(), ==, RCODE_REFUSED); /* that key is for transfers */
    g_ptr_array_set_size(world.config.zones, 0);
    g_assert_cmpint(serve(), ==, RCODE_NOERROR);
    tear_down();
}

static void
test_prerequisites_hold_or_nothing_is_done(void)
{
    static const struct {
        guint type, class;
        const char *text;
        enum rcode before, after; /* a text is there */
    } all[] = {
        {TYPE_ANY, CLASS_ANY, NULL, RCODE_NXDOMAIN, RCODE_NOERROR},
        {TYPE_ANY, CLASS_NONE, NULL, RCODE_NOERROR, RCODE_YXDOMAIN},
        {TYPE_TXT, CLASS_ANY, NULL, RCODE_NXRRSET, RCODE_NOERROR},
        {TYPE_TXT, CLASS_NONE, NULL, RCODE_NOERROR, RCODE_YXRRSET},
        {TYPE_TXT, CLASS_IN, "one", RCODE_NXRRSET, RCODE_NOERROR},
        {TYPE_TXT, CLASS_IN, "two", RCODE_NXRRSET, RCODE_NXRRSET},
        {TYPE_TXT, CLASS_CH, NULL, RCODE_FORMERR, RCODE_FORMERR},
    };
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(all); i++) {
        const gboolean after = i % 2 != 0;
        set_up();
        begin("clinic.example", TYPE_SOA);
        add(UPDATE, CHALLENGE, TYPE_TXT, CLASS_IN, 60, "one");
        if (after)
            g_assert_cmpint(serve(), ==, RCODE_NOERROR);
        begin("clinic.example", TYPE_SOA);
        add(PREREQUISITE, CHALLENGE, all[i / 2].type, all[i / 2].class, 0, all[i / 2].text);
        g_test_message("%" G_GSIZE_FORMAT, i);
        g_assert_cmpint(serve(), ==, after ? all[i / 2].after : all[i / 2].before);
        tear_down();
    }
}

static void
test_only_so_many_are_kept(void)
{
    AUTO(texts) *texts = texts_new();
    struct name name;
    for (guint i = 0; i < TEXTS_MAX; i++) {
        g_autofree char *text = g_strdup_printf("_acme-challenge.n%u.example", i / TEXTS_OF_NAME);
        const guint8 rdata[2] = {1, (guint8)(i % TEXTS_OF_NAME)};
        name_from_text(&name, text);
        g_assert_true(texts_add(texts, &name, rdata, 2, TEXTS_SECONDS, NOW));
    }
    g_assert_false(texts_add(texts, &name, (const guint8 *)"\1x", 2, TEXTS_SECONDS, NOW));
    name_from_text(&name, "_acme-challenge.more.example");
    g_assert_false(texts_add(texts, &name, (const guint8 *)"\1x", 2, TEXTS_SECONDS, NOW));
    g_assert_true(
        texts_add(texts, &name, (const guint8 *)"\1x", 2, TEXTS_SECONDS, NOW + TEXTS_SECONDS));
    g_assert_cmpuint(texts_count(texts), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/update/texts are put and taken back", test_texts_are_put_and_taken_back);
    g_test_add_func("/update/a text is gone after an hour", test_a_text_is_gone_after_an_hour);
    g_test_add_func("/update/all else is refused and nothing of it is done",
                    test_all_else_is_refused_and_nothing_of_it_is_done);
    g_test_add_func("/update/zones that are not ours, and who has no key",
                    test_zones_that_are_not_ours_and_who_has_no_key);
    g_test_add_func("/update/prerequisites hold or nothing is done",
                    test_prerequisites_hold_or_nothing_is_done);
    g_test_add_func("/update/only so many are kept", test_only_so_many_are_kept);
    return g_test_run();
}
