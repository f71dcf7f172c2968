#include "netsvc/dns/wire/name.h"

#include <string.h>

static struct name
name(const char *text)
{
    struct name made;
    gboolean good = name_from_text(&made, text);
    g_assert_true(good);
    return made;
}

static void
assert_text(const struct name *made, const char *expected)
{
    char text[NAME_TEXT_MAX];
    g_assert_cmpstr(name_text(made, text), ==, expected);
}

static void
test_text(void)
{
    struct name made = name("WWW.Example.ORG.");
    assert_text(&made, "www.example.org");
    g_assert_cmpuint(made.size, ==, 17);
    g_assert_cmpuint(made.labels, ==, 3);
    g_assert_cmpmem(made.wire, made.size, "\3www\7example\3org", 17);
    made = name(".");
    assert_text(&made, ".");
    g_assert_cmpuint(made.size, ==, 1);
    made = name("a\\.b.c\\032d\\255.\\\\");
    assert_text(&made, "a\\.b.c\\032d\\255.\\\\");
    g_assert_cmpuint(made.labels, ==, 3);
    g_assert_cmpuint(made.wire[0], ==, 3);
    made = name("*._tcp.x");
    assert_text(&made, "*._tcp.x");
}

static void
test_no_text(void)
{
    static const char *const wrong[] = {
        "",
        "..",
        ".a",
        "a..b",
        "a\\",
        "a\\2",
        "a\\25",
        "a\\256",
        "a\\2x4",
        "a..",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", /* 64 */
    };
    struct name made;
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(name_from_text(&made, wrong[i]));
}

static void
test_longest(void)
{
    struct name made;
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < 126; i++)
        g_string_append(text, "a.");
    g_assert_true(name_from_text(&made, text->str)); /* 253 bytes */
    g_string_append(text, "a");
    g_assert_true(name_from_text(&made, text->str));
    g_assert_cmpuint(made.size, ==, 255);
    g_assert_cmpuint(made.labels, ==, NAME_LABELS_MAX);
    struct name longer;
    g_assert_false(name_prepend(&longer, "b", 1, &made));
    struct name_hashes hashes;
    name_hashes(&made, &hashes);
    g_assert_cmpuint(hashes.of[0], ==, name_hash(&made));
    g_string_append(text, "a");
    g_assert_false(name_from_text(&made, text->str));
    g_string_truncate(text, text->len - 1);
    g_string_append(text, ".a");
    g_assert_false(name_from_text(&made, text->str));

    g_autofree char *bytes = g_strnfill(63, 'x');
    struct name longest = name("x");
    name_parent(&longest, &longest, 1);
    for (guint i = 0; i < 3; i++)
        g_assert_true(name_prepend(&longest, bytes, 63, &longest));
    g_assert_false(name_prepend(&longest, bytes, 63, &longest));
    g_assert_true(name_prepend(&longest, bytes, 61, &longest));
    g_assert_cmpuint(longest.size, ==, 255);
}

#define WIRE(bytes) (const guint8 *)bytes, sizeof(bytes) - 1

static void
test_wire(void)
{
    struct name made;
    g_assert_cmpuint(name_from_wire(&made, WIRE("\3WwW\2aZ\0trailing"), NULL), ==, 8);
    assert_text(&made, "www.az");
    g_assert_cmpuint(name_from_wire(&made, WIRE("\0"), NULL), ==, 1);
    assert_text(&made, ".");
    g_assert_cmpuint(name_from_wire(&made, WIRE(""), NULL), ==, 0);
    g_assert_cmpuint(name_from_wire(&made, WIRE("\3www"), NULL), ==, 0);   /* no end */
    g_assert_cmpuint(name_from_wire(&made, WIRE("\5www\0"), NULL), ==, 0); /* lying length */
    g_assert_cmpuint(name_from_wire(&made, WIRE("\100www\0"), NULL), ==, 0);
    g_assert_cmpuint(name_from_wire(&made, WIRE("\300\0"), NULL), ==, 0);
    /* All bytes but the letters stay as they are. */
    guint8 odd[] = "\10@[`{\0\377\301Q";
    g_assert_cmpuint(name_from_wire(&made, odd, sizeof odd, NULL), ==, sizeof odd);
    g_assert_cmpmem(made.wire, made.size, "\10@[`{\0\377\301q", sizeof odd);
}

static void
test_compression(void)
{
    struct name made;
    const guint8 message[] = "\3org\0\3www\300\0\1a\300\5\300\5\300\20";
    gsize size = sizeof message - 1;
    g_assert_cmpuint(name_from_wire(&made, message + 5, size - 5, message), ==, 6);
    assert_text(&made, "www.org");
    g_assert_cmpuint(name_from_wire(&made, message + 11, size - 11, message), ==, 4);
    assert_text(&made, "a.www.org");
    g_assert_cmpuint(name_from_wire(&made, message + 15, size - 15, message), ==, 2);
    assert_text(&made, "www.org");
    /* To itself; forwards; loops; cut off. */
    const guint8 loops[] = "\300\0\1a\300\2\300\10\300\6\300";
    for (guint at = 0; at < sizeof loops - 1; at += at == 2 ? 4 : 2)
        g_assert_cmpuint(name_from_wire(&made, loops + at, sizeof loops - 1 - at, loops), ==, 0);
    /* Together too long: 4 × 63 bytes and more before the pointer. */
    guint8 giant[600] = {0};
    for (guint i = 0; i < 3; i++)
        giant[i * 64] = 63;
    giant[256] = 63;
    giant[320] = 0xC0;
    g_assert_cmpuint(name_from_wire(&made, giant + 256, 66, giant), ==, 0);
    giant[256] = 61;
    giant[318] = 0xC0;
    g_assert_cmpuint(name_from_wire(&made, giant + 256, 66, giant), ==, 64);
    g_assert_cmpuint(made.size, ==, 255);
}

static void
test_relations(void)
{
    struct name a = name("a.b.org"), b = name("b.org"), other = name("ab.org"), root = name(".");
    g_assert_true(name_is_below(&a, &b));
    g_assert_true(name_is_below(&b, &b));
    g_assert_true(name_is_below(&b, &root));
    g_assert_false(name_is_below(&b, &a));
    g_assert_false(name_is_below(&other, &b));
    struct name up;
    name_parent(&up, &a, 1);
    g_assert_true(name_equal(&up, &b));
    name_parent(&up, &a, 9);
    g_assert_true(name_equal(&up, &root));
    g_assert_true(name_prepend(&up, "A", 1, &b));
    g_assert_true(name_equal(&up, &a));
    g_assert_cmpuint(name_hash(&up), ==, name_hash(&a));
    struct name_hashes hashes;
    name_hashes(&a, &hashes);
    g_assert_cmpuint(hashes.of[1], ==, name_hash(&b));
    g_assert_cmpuint(hashes.of[3], ==, name_hash(&root));
}

/* The example of RFC 4034 6.1. */
static void
test_canonical_order(void)
{
    static const char *const ordered[] = {"example",         "a.example",      "yljkjljk.a.example",
                                          "z.a.example",     "zabc.a.example", "z.example",
                                          "\\001.z.example", "*.z.example",    "\\200.z.example"};
    for (guint i = 0; i < G_N_ELEMENTS(ordered); i++)
        for (guint j = 0; j < G_N_ELEMENTS(ordered); j++) {
            struct name a = name(ordered[i]), b = name(ordered[j]);
            int order = name_compare(a.wire, b.wire);
            g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
        }
}

static void
test_reverse(void)
{
    struct name made;
    name_reverse4(&made, 0x0A000007);
    assert_text(&made, "7.0.0.10.in-addr.arpa");
    name_reverse4(&made, 0xFFFFFFFF);
    assert_text(&made, "255.255.255.255.in-addr.arpa");
    guint8 address[16] = {0xfd, 0x12, [15] = 0xab};
    name_reverse6(&made, address);
    assert_text(&made, "b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/name/text goes to wire in small letters and back", test_text);
    g_test_add_func("/name/text that is no name is refused", test_no_text);
    g_test_add_func("/name/255 bytes and 127 labels are the limit", test_longest);
    g_test_add_func("/name/wire is taken within its bounds only", test_wire);
    g_test_add_func("/name/compression leads backwards and ends", test_compression);
    g_test_add_func("/name/a name is below its parents", test_relations);
    g_test_add_func("/name/order is canonical", test_canonical_order);
    g_test_add_func("/name/addresses have reverse names", test_reverse);
    return g_test_run();
}
