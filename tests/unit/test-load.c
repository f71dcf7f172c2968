#include "netsvc/dns/zone/load.h"

#include "tests/unit/scratch.h"

#include <string.h>

#define HEAD                                                                                       \
    "$ORIGIN test.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 10.0.0.1\n" /* five lines */

static struct name
name(const char *text)
{
    struct name made;
    gboolean good = name_from_text(&made, text);
    g_assert_true(good);
    return made;
}

static struct zone *
load(const char *text, GError **error)
{
    struct name origin = name("test");
    return load_text(text, strlen(text), "/etc/test.zone", &origin, error);
}

static struct zone *
good(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct zone *zone = load(text, &error);
    g_assert_no_error(error);
    g_assert_nonnull(zone);
    return zone;
}

static const struct rrset *
rrset(const struct zone *zone, const char *owner, guint16 type)
{
    struct name of = name(owner);
    const struct rrset *set = zone_rrset(zone, &of, type);
    g_assert_nonnull(set);
    return set;
}

static void
assert_rdata(const struct zone *zone, const char *owner, guint16 type, const char *bytes,
             gsize size)
{
    struct rrset_record record = {0};
    g_assert_true(rrset_next(rrset(zone, owner, type), &record));
    g_assert_cmpmem(record.rdata, record.size, bytes, (int)size);
}
#define RDATA(zone, owner, type, bytes) assert_rdata(zone, owner, type, bytes, sizeof(bytes) - 1)

static void
test_form(void)
{
    AUTO(zone) *zone = good(
        "; a comment\n$ORIGIN test.\n$TTL 1h\n@ IN SOA ns ( h ; in parentheses\n 1 2 (3)\n4 5 )\n"
        "\n  \n  NS ns.test.\n\tNS ns2.elsewhere.\nns 60 IN A 10.0.0.1\n   IN 2m AAAA fd00::1\r\n"
        "WWW CNAME ns ; small letters\n$ORIGIN sub\nmx MX 10 ns.test.\nmx MX 20 @\n"
        "text TXT \"a;b (c\" \"\\\"q\\\"\" d\n\\042.x A 1.2.3.4\n$TTL 0\nzero A 1.2.3.4");
    g_assert_cmpuint(zone_count(zone), ==, 9);
    g_assert_cmpuint(rrset(zone, "test", TYPE_NS)->count, ==, 2);
    g_assert_cmpuint(rrset(zone, "test", TYPE_NS)->ttl, ==, 3600);
    g_assert_cmpuint(rrset(zone, "ns.test", TYPE_A)->ttl, ==, 60);
    g_assert_cmpuint(rrset(zone, "ns.test", TYPE_AAAA)->ttl, ==, 120);
    g_assert_cmpuint(rrset(zone, "zero.sub.test", TYPE_A)->ttl, ==, 0);
    RDATA(zone, "www.test", TYPE_CNAME, "\2ns\4test\0");
    g_assert_cmpuint(rrset(zone, "mx.sub.test", TYPE_MX)->count, ==, 2);
    RDATA(zone, "text.sub.test", TYPE_TXT, "\6a;b (c\3\"q\"\1d");
    RDATA(zone, "*.x.sub.test", TYPE_A, "\1\2\3\4");
}

static void
test_types(void)
{
    AUTO(zone) *zone = good(HEAD "https HTTPS 1 . alpn=h2 ipv4hint=1.2.3.4\n"
                                 "svcb SVCB 0 Foo.test.\n"
                                 "caa CAA 0 issue \"ca.test\"\n"
                                 "srv SRV 1 2 80 NS\n"
                                 "naptr NAPTR 1 2 \"u\" \"E2U+sip\" \"!^.*$!x!\" .\n"
                                 "sshfp SSHFP 1 1 0123456789abcdef0123456789abcdef01234567\n"
                                 "tlsa TLSA 3 1 1 00\n"
                                 "loc LOC 52 22 23 N 4 53 32 E -2m 0m 10000m 10m\n"
                                 "ds DS 1 8 2 0123\n"
                                 "odd TYPE65300 \\# 4 01 02 0304\n"
                                 "empty TYPE65301 \\# 0\n"
                                 "known A \\# 4 0A000007\n"
                                 "hinfo HINFO \"a\" \"b\"\n"
                                 "ptr PTR a.b.c.\n");
    RDATA(zone, "odd.test", 65300, "\1\2\3\4");
    RDATA(zone, "empty.test", 65301, "");
    RDATA(zone, "known.test", TYPE_A, "\12\0\0\7");
    RDATA(zone, "srv.test", TYPE_SRV, "\0\1\0\2\0\120\2ns\4test\0");
    RDATA(zone, "svcb.test", TYPE_SVCB, "\0\0\3Foo\4test\0");
    RDATA(zone, "https.test", TYPE_HTTPS, "\0\1\0\0\1\0\3\2h2\0\4\0\4\1\2\3\4");
    RDATA(zone, "caa.test", 257, "\0\5issueca.test");
}

static void
wrong(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(load(text, &error));
    g_assert_nonnull(error);
    if (!g_str_has_prefix(error->message, message))
        g_assert_cmpstr(error->message, ==, message);
}

static void
test_mistakes(void)
{
    wrong(HEAD "\n\na A 1.2.3\n", "/etc/test.zone:8: 'a A 1.2.3' is no record: ");
    wrong(HEAD "a TXT (\n\"x\"\ny A 1.2.3.4", "/etc/test.zone:6: '(' without ')'");
    wrong(HEAD "a TXT x)\n", "/etc/test.zone:6: ')' without '('");
    wrong(HEAD "a TXT \"x\n\n", "/etc/test.zone:6: a quoted text has no end");
    wrong(HEAD "a TXT (\nx ) y z\nb NOTYPE 1", "/etc/test.zone:8: 'b NOTYPE 1' is no record: ");
    wrong(HEAD "a CNAME b\na A 1.2.3.4\n",
          "/etc/test.zone:7: record A of 'a.test' stands beside a CNAME, which must be alone");
    wrong(HEAD "a.other. A 1.2.3.4\n",
          "/etc/test.zone:6: record A of 'a.other' is outside of the zone");
    wrong(HEAD "@ SOA ns h 2 2 3 4 5\n", "/etc/test.zone:6: record SOA of 'test' is there already");
    wrong(HEAD "a CH TXT x\n", "/etc/test.zone:6: the class is not IN");
    wrong(HEAD "$GENERATE 1-2 a A 1.2.3.$\n", "/etc/test.zone:6: '$GENERATE' is not known");
    wrong(HEAD "$TTL x\n", "/etc/test.zone:6: $TTL has no number");
    wrong(HEAD "$TTL\n", "/etc/test.zone:6: $TTL has no number");
    wrong(HEAD "$ORIGIN\n", "/etc/test.zone:6: $ORIGIN has no name");
    wrong(HEAD "$ORIGIN a..b\n", "/etc/test.zone:6: $ORIGIN has no name");
    wrong(HEAD "$INCLUDE\n", "/etc/test.zone:6: $INCLUDE has no file");
    wrong(HEAD "$INCLUDE none/such\n", "/etc/test.zone:6: cannot open '/etc/none/such'");
    wrong("  A 1.2.3.4\n", "/etc/test.zone:1: the first record begins without a name");
    wrong("", "/etc/test.zone: zone 'test' has no SOA record");
    wrong("@ SOA ns h 1 2 3 4 5\n", "/etc/test.zone: zone 'test' has no NS record at its head");
    wrong("@ SOA ns h 1 2 3 4 5\n@ NS ns.test\n",
          "/etc/test.zone: 'ns.test.test' is a name server of 'test', but has no address (A or "
          "AAAA)\nhint: a whole name ends with a dot");
    wrong("@ SOA ns h 1 2 3 4 5\n@ NS ns\n",
          "/etc/test.zone: 'ns.test' is a name server of 'test', but has no address (A or AAAA)");
    wrong(HEAD "cut NS a.cut\n", "/etc/test.zone: 'a.cut.test' is a name server of 'cut.test'");
    wrong(HEAD "a A \\# 3 010203\n", "/etc/test.zone:6: ");
}

static void
test_too_much(void)
{
    g_autoptr(GString) text = g_string_new(HEAD);
    for (guint i = 0; i < RRSET_SIZE_MAX / (RRSET_RECORD_HEAD + 4); i++)
        g_string_append_printf(text, "a A 10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
    zone_free(good(text->str));
    g_string_append(text, "a A 11.0.0.1\n");
    wrong(text->str, "/etc/test.zone:3756: record A of 'a.test' is damaged, or its type has more");
    g_string_assign(text, HEAD "a TXT");
    for (guint i = 0; i < 6000; i++)
        g_string_append(text, " \"01234567890123456789\"");
    g_autoptr(GError) error = NULL;
    g_assert_null(load(text->str, &error));
    g_assert_nonnull(error);
}

static void
write_file(struct scratch *scratch, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(scratch->path, file, NULL);
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

static void
test_include(void)
{
    AUTO(scratch) *scratch = scratch_new();
    write_file(scratch, "main.zone",
               HEAD "$INCLUDE part sub\nafter A 1.2.3.4\n$INCLUDE part\n$INCLUDE bad\n");
    write_file(scratch, "part", "in A 1.2.3.5\n$ORIGIN deep\nin A 1.2.3.6\n");
    write_file(scratch, "bad", "\n");
    g_autofree char *path = g_build_filename(scratch->path, "main.zone", NULL);
    struct name origin = name("test");
    g_autoptr(GError) error = NULL;
    AUTO(zone) *zone = load_file(path, &origin, &error);
    g_assert_no_error(error);
    RDATA(zone, "in.sub.test", TYPE_A, "\1\2\3\5");
    RDATA(zone, "in.deep.sub.test", TYPE_A, "\1\2\3\6");
    RDATA(zone, "after.test", TYPE_A, "\1\2\3\4");
    RDATA(zone, "in.test", TYPE_A, "\1\2\3\5");

    write_file(scratch, "bad", "\nx A 1\n");
    g_assert_null(load_file(path, &origin, &error));
    g_autofree char *expected = g_strdup_printf("%s/bad:2: '", scratch->path);
    g_assert_true(g_str_has_prefix(error->message, expected));
    g_clear_error(&error);
    write_file(scratch, "bad", "$INCLUDE bad\n");
    g_assert_null(load_file(path, &origin, &error));
    g_assert_nonnull(strstr(error->message, "bad:1: $INCLUDE goes too deep"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/load/lines, parentheses, defaults and escapes are as RFC 1035 has them",
                    test_form);
    g_test_add_func("/load/types known and unknown become wire", test_types);
    g_test_add_func("/load/a mistake is told with file and line", test_mistakes);
    g_test_add_func("/load/what fits into no answer is refused", test_too_much);
    g_test_add_func("/load/files are included beside the file and at their origin", test_include);
    return g_test_run();
}
