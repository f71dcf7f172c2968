#include "netsvc/dns/serve/serve.h"
#include "tests/unit/awkward_zones.h"

#include <ldns/ldns.h>
#include <string.h>

static struct serve *
serve_new(void)
{
    struct serve *serve = g_new0(struct serve, 1);
    serve->zones = awkward_zones();
    return serve;
}

static void
serve_free(struct serve *serve)
{
    zones_free((struct zones *)serve->zones);
    g_free(serve);
}
AUTO_DEFINE(serve)

/* ---- asking ---- */

struct question {
    const char *name;
    guint16 type, class, flags;
    gboolean dnssec;
};

static guint8 *
put16(guint8 *at, guint value)
{
    at[0] = (guint8)(value >> 8);
    at[1] = (guint8)value;
    return at + 2;
}

static gsize
write_question(const struct question *question, guint8 *wire)
{
    ldns_rdf *name = ldns_dname_new_frm_str(question->name); /* keeps its letters */
    const guint counts[] = {1, 0, 0, question->dnssec};
    guint8 *at = put16(put16(wire, 0x102), question->flags);
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
        at = put16(at, counts[i]);
    memcpy(at, ldns_rdf_data(name), ldns_rdf_size(name));
    at = put16(put16(at + ldns_rdf_size(name), question->type), question->class);
    if (question->dnssec) {
        const guint8 opt[] = {0, 0, TYPE_OPT, 4, 208, 0, 0, 0x80, 0, 0, 0};
        memcpy(at, opt, sizeof opt);
        at += sizeof opt;
    }
    ldns_rdf_deep_free(name);
    return (gsize)(at - wire);
}

/* "name TTL TYPE data"; of a signature only what it covers. */
static void
append_record(GString *text, const ldns_rr *rr)
{
    char *record = ldns_rr2str(rr);
    g_auto(GStrv) words = g_strsplit_set(g_strchomp(record), "\t ", -1);
    guint n = g_strv_length(words);
    guint end = ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG ? 5 : n;
    for (guint i = 0; i < end && i < n; i++)
        if (i != 2 && *words[i] != '\0')
            g_string_append_printf(text, "%s%s", i > 0 ? " " : "", words[i]);
    g_string_append_c(text, '\n');
    free(record);
}

static void
append_section(GString *text, const char *head, const ldns_rr_list *list)
{
    if (ldns_rr_list_rr_count(list) > 0)
        g_string_append(text, head);
    for (gsize i = 0; i < ldns_rr_list_rr_count(list); i++)
        append_record(text, ldns_rr_list_rr(list, i));
}

static char *
ask_as(struct serve *serve, const struct question *question)
{
    guint8 wire[600];
    guint8 out[SERVE_UDP_OUT];
    const struct asker asker = {.fd = -1};
    gsize size = write_question(question, wire);
    g_autofree guint8 *exact = g_memdup2(wire, size);
    gsize written = serve_packet(serve, &asker, exact, size, out, sizeof out);
    ldns_pkt *packet = NULL;
    g_assert_cmpint(ldns_wire2pkt(&packet, out, written), ==, LDNS_STATUS_OK);
    g_assert_cmpuint(ldns_pkt_id(packet), ==, 0x102);
    GString *text = g_string_new(NULL);
    ldns_lookup_table *code = ldns_lookup_by_id(ldns_rcodes, (int)ldns_pkt_get_rcode(packet));
    g_string_append(text, code != NULL ? code->name : "?");
    g_string_append(text, ldns_pkt_aa(packet) ? " aa" : "");
    g_string_append(text, ldns_pkt_tc(packet) ? " tc\n" : "\n");
    append_section(text, "", ldns_pkt_answer(packet));
    append_section(text, "-- authority\n", ldns_pkt_authority(packet));
    append_section(text, "-- additional\n", ldns_pkt_additional(packet));
    ldns_pkt_free(packet);
    return g_string_free(text, FALSE);
}

static void
expect_of(struct serve *serve, const struct question *question, const char *expected)
{
    g_autofree char *answer = ask_as(serve, question);
    g_assert_cmpstr(answer, ==, expected);
}

static void
expect(struct serve *serve, const char *name, guint16 type, const char *expected)
{
    expect_of(serve, &(struct question){name, type, CLASS_IN}, expected);
}

static void
expect_signed(struct serve *serve, const char *name, guint16 type, const char *expected)
{
    expect_of(serve, &(struct question){name, type, CLASS_IN, .dnssec = TRUE}, expected);
}

#define SOA "-- authority\ntest. 60 SOA ns.test. h.test. 1 2 3 4 60\n"

/* ---- what is there ---- */

static void
test_exact(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "NS.test", TYPE_A, "NOERROR aa\nNS.test. 3600 A 10.0.0.1\n");
    expect(serve, "test", TYPE_SOA, "NOERROR aa\ntest. 3600 SOA ns.test. h.test. 1 2 3 4 60\n");
    expect(serve, "test", TYPE_NS,
           "NOERROR aa\ntest. 3600 NS ns.test.\n-- additional\nns.test. 3600 A 10.0.0.1\n"
           "ns.test. 3600 AAAA fd00::1\n");
    expect(serve, "test", TYPE_MX,
           "NOERROR aa\ntest. 3600 MX 10 mail.test.\n-- additional\nmail.test. 3600 A 10.0.0.2\n");
    expect(serve, "srv.test", TYPE_SRV,
           "NOERROR aa\nsrv.test. 3600 SRV 1 1 1 mail.test.\n-- additional\n"
           "mail.test. 3600 A 10.0.0.2\n");
    expect(serve, "x.w.test", TYPE_MX,
           "NOERROR aa\nx.w.test. 3600 MX 1 mail.test.\n-- additional\n"
           "mail.test. 3600 A 10.0.0.2\n");
    expect(serve, "child.test", TYPE_SOA,
           "NOERROR aa\nchild.test. 3600 SOA ns.child.test. h.child.test. 7 2 3 4 60\n");
}

static void
test_any(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "ns.test", TYPE_ANY, "NOERROR aa\nns.test. 3600 HINFO \"RFC8482\" \"\"\n");
    expect(serve, "x.w.test", TYPE_ANY, "NOERROR aa\nx.w.test. 3600 HINFO \"RFC8482\" \"\"\n");
    expect(serve, "www.test", TYPE_ANY, "NOERROR aa\nwww.test. 3600 CNAME mail.test.\n");
    expect(serve, "w.test", TYPE_ANY, "NOERROR aa\n" SOA);
    expect(serve, "none.test", TYPE_ANY, "NXDOMAIN aa\n" SOA);
    expect_signed(serve, "ns.signed", TYPE_ANY,
                  "NOERROR aa\nns.signed. 300 A 10.0.0.8\nns.signed. 300 RRSIG A\n");
}

static void
test_cname(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "chain.test", TYPE_A,
           "NOERROR aa\nchain.test. 3600 CNAME www.test.\nwww.test. 3600 CNAME mail.test.\n"
           "mail.test. 3600 A 10.0.0.2\n");
    expect(serve, "chain.test", TYPE_CNAME, "NOERROR aa\nchain.test. 3600 CNAME www.test.\n");
    expect(serve, "www.test", TYPE_TXT, "NOERROR aa\nwww.test. 3600 CNAME mail.test.\n" SOA);
    expect(serve, "far.test", TYPE_A,
           "NXDOMAIN aa\nfar.test. 3600 CNAME www.other.\nwww.other. 3600 CNAME back.test.\n" SOA);
    expect(serve, "out.test", TYPE_A, "NOERROR aa\nout.test. 3600 CNAME www.nowhere.\n");
    expect(serve, "dangling.test", TYPE_A,
           "NXDOMAIN aa\ndangling.test. 3600 CNAME none.test.\n" SOA);
    expect(serve, "x.wc.test", TYPE_A,
           "NOERROR aa\nx.wc.test. 3600 CNAME mail.test.\nmail.test. 3600 A 10.0.0.2\n");
}

static void
test_loops(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "self.test", TYPE_A, "NOERROR aa\nself.test. 3600 CNAME self.test.\n");
    expect(serve, "loop1.test", TYPE_A,
           "NOERROR aa\nloop1.test. 3600 CNAME loop2.test.\nloop2.test. 3600 CNAME loop1.test.\n");
    /* Eight are followed. */
    expect(serve, "c2.test", TYPE_A,
           "NOERROR aa\nc2.test. 3600 CNAME c3.test.\nc3.test. 3600 CNAME c4.test.\n"
           "c4.test. 3600 CNAME c5.test.\nc5.test. 3600 CNAME c6.test.\n"
           "c6.test. 3600 CNAME c7.test.\nc7.test. 3600 CNAME c8.test.\n"
           "c8.test. 3600 CNAME c9.test.\nc9.test. 3600 CNAME c10.test.\nc10.test. 3600 A "
           "1.2.3.4\n");
    expect(serve, "c1.test", TYPE_A,
           "NOERROR aa\nc1.test. 3600 CNAME c2.test.\nc2.test. 3600 CNAME c3.test.\n"
           "c3.test. 3600 CNAME c4.test.\nc4.test. 3600 CNAME c5.test.\n"
           "c5.test. 3600 CNAME c6.test.\nc6.test. 3600 CNAME c7.test.\n"
           "c7.test. 3600 CNAME c8.test.\nc8.test. 3600 CNAME c9.test.\nc9.test. 3600 CNAME "
           "c10.test.\n");
}

static void
test_dname(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "x.d.test", TYPE_A,
           "NOERROR aa\nd.test. 3600 DNAME target.test.\nx.d.test. 3600 CNAME x.target.test.\n"
           "x.target.test. 3600 A 10.0.0.6\n");
    expect(serve, "d.test", TYPE_TXT, "NOERROR aa\nd.test. 3600 TXT \"here\"\n");
    expect(serve, "d.test", TYPE_DNAME, "NOERROR aa\nd.test. 3600 DNAME target.test.\n");
    expect(serve, "d.test", TYPE_A, "NOERROR aa\n" SOA);
    expect(serve, "x.d.test", TYPE_CNAME,
           "NOERROR aa\nd.test. 3600 DNAME target.test.\nx.d.test. 3600 CNAME x.target.test.\n");
    expect(
        serve, "y.d.test", TYPE_A,
        "NXDOMAIN aa\nd.test. 3600 DNAME target.test.\ny.d.test. 3600 CNAME y.target.test.\n" SOA);
    g_autofree char *label = g_strnfill(63, 'x');
    g_autofree char *name = g_strdup_printf("%s.%.30s.long.test", label, label);
    g_autofree char *answer = ask_as(serve, &(struct question){name, TYPE_A, CLASS_IN});
    g_assert_true(g_str_has_prefix(answer, "YXDOMAIN aa\nlong.test. 3600 DNAME "));
    g_assert_null(strstr(answer, "CNAME"));
}

/* ---- what is not ---- */

static void
test_nothing(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "none.test", TYPE_A, "NXDOMAIN aa\n" SOA);
    expect(serve, "a.b.c.none.test", TYPE_A, "NXDOMAIN aa\n" SOA);
    expect(serve, "below.ns.test", TYPE_A, "NXDOMAIN aa\n" SOA);
    expect(serve, "ns.test", TYPE_TXT, "NOERROR aa\n" SOA);
    expect(serve, "w.test", TYPE_A, "NOERROR aa\n" SOA); /* an empty non-terminal */
    expect(serve, "ent.w.test", TYPE_A, "NOERROR aa\n" SOA);
    expect(serve, "none.ent.w.test", TYPE_A, "NXDOMAIN aa\n" SOA);
    /* Above a zone of ours, so that it exists, although its own zone does not know. */
    expect(serve, "nodelegation.test", TYPE_A, "NOERROR aa\n" SOA);
    expect(serve, "a.nodelegation.test", TYPE_A, "NOERROR aa\n" SOA);
    expect(serve, "x.nodelegation.test", TYPE_A, "NXDOMAIN aa\n" SOA);
}

static void
test_wildcards(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "X.w.test", TYPE_A, "NOERROR aa\nX.w.test. 3600 A 10.0.0.3\n");
    expect(serve, "x.y.w.test", TYPE_A, "NOERROR aa\nx.y.w.test. 3600 A 10.0.0.3\n");
    expect(serve, "*.w.test", TYPE_A, "NOERROR aa\n*.w.test. 3600 A 10.0.0.3\n");
    expect(serve, "x.w.test", TYPE_TXT, "NOERROR aa\n" SOA);
    expect(serve, "in.w.test", TYPE_A, "NOERROR aa\n" SOA); /* itself there */
    expect(serve, "x.in.w.test", TYPE_A, "NXDOMAIN aa\n" SOA);
    expect(serve, "x.*.w.test", TYPE_A, "NXDOMAIN aa\n" SOA);
    expect(serve, "x.we2.test", TYPE_A, "NOERROR aa\n" SOA); /* a wildcard without records */
}

static void
test_delegations(void)
{
    AUTO(serve) *serve = serve_new();
    const char *const referral =
        "NOERROR\n-- authority\ncut.test. 3600 NS ns.cut.test.\n"
        "cut.test. 3600 NS ns.sibling.test.\ncut.test. 3600 NS ns.elsewhere.\n"
        "-- additional\nns.cut.test. 3600 A 10.0.0.4\nns.sibling.test. 3600 A 10.0.0.5\n";
    expect(serve, "cut.test", TYPE_A, referral);
    expect(serve, "cut.test", TYPE_NS, referral);
    expect(serve, "a.b.cut.test", TYPE_A, referral);
    expect(serve, "hidden.cut.test", TYPE_A, referral);
    expect(serve, "ns.cut.test", TYPE_A, referral);
    expect(serve, "x.cut.test", TYPE_DS, referral);
    expect(serve, "cut.test", TYPE_DS, "NOERROR aa\ncut.test. 3600 DS 1 13 2 00\n");
    expect(serve, "sibling.test", TYPE_DS, "NOERROR aa\n" SOA);
    expect(serve, "tocut.test", TYPE_A,
           "NOERROR aa\ntocut.test. 3600 CNAME x.cut.test.\n-- authority\n"
           "cut.test. 3600 NS ns.cut.test.\ncut.test. 3600 NS ns.sibling.test.\n"
           "cut.test. 3600 NS ns.elsewhere.\n"
           "-- additional\nns.cut.test. 3600 A 10.0.0.4\nns.sibling.test. 3600 A 10.0.0.5\n");
    /* Both sides are ours: DS is the parent's, where it delegates. */
    expect(serve, "child.test", TYPE_DS, "NOERROR aa\nchild.test. 3600 DS 2 13 2 00\n");
    expect(serve, "b.a.nodelegation.test", TYPE_DS,
           "NOERROR aa\n-- authority\nb.a.nodelegation.test. 60 SOA ns.b.a.nodelegation.test. "
           "h.b.a.nodelegation.test. 7 2 3 4 60\n");
    expect(serve, "test", TYPE_DS, "NOERROR aa\n" SOA);
}

static guint
count(const char *text, const char *word)
{
    guint n = 0;
    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* Glue is needed; the addresses of mail servers can be asked for. Each is there once. */
static void
test_too_long(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "x.glue.test", TYPE_A, "NOERROR tc\n");
    g_autofree char *some = ask_as(serve, &(struct question){"mails.test", TYPE_MX, CLASS_IN});
    g_assert_true(g_str_has_prefix(some, "NOERROR aa\n"));
    g_assert_cmpuint(count(some, " MX "), ==, 24);
    g_assert_cmpuint(count(some, " A ") + count(some, " AAAA "), <, 24);
    g_autofree char *all = ask_as(
        serve, &(struct question){"mails.test", TYPE_MX, CLASS_IN, .dnssec = TRUE}); /* 1232 */
    g_assert_cmpuint(count(all, " A "), ==, 12);
    g_assert_cmpuint(count(all, " AAAA "), ==, 12);
}

/* ---- signed ---- */

#define SIGNED_SOA                                                                                 \
    "-- authority\nsigned. 60 SOA ns.signed. h.signed. 1 2 3 4 60\nsigned. 60 RRSIG SOA\n"
#define NSEC(owner, rest) owner " 300 NSEC " rest "\n" owner " 300 RRSIG NSEC\n"
#define NSEC_APEX NSEC("signed.", "*.a.signed. NS SOA")
#define NSEC_WILD NSEC("*.a.signed.", "b.signed. TXT")
#define NSEC_B NSEC("b.signed.", "cut.signed. CNAME")
#define NSEC_CUT NSEC("cut.signed.", "x.ent.signed. NS")
#define NSEC_NS NSEC("ns.signed.", "safe.signed. A")
#define NSEC_SAFE NSEC("safe.signed.", "signed. NS DS")

static void
test_signed(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "ns.signed", TYPE_A, "NOERROR aa\nns.signed. 300 A 10.0.0.8\n");
    expect_signed(serve, "ns.signed", TYPE_A,
                  "NOERROR aa\nns.signed. 300 A 10.0.0.8\nns.signed. 300 RRSIG A\n");
    expect_signed(serve, "b.signed", TYPE_A,
                  "NOERROR aa\nb.signed. 300 CNAME ns.signed.\nb.signed. 300 RRSIG CNAME\n"
                  "ns.signed. 300 A 10.0.0.8\nns.signed. 300 RRSIG A\n");
    expect_signed(serve, "b.signed", TYPE_NSEC, "NOERROR aa\n" NSEC_B);
    /* An unsigned zone gives the same with DO. */
    expect_signed(serve, "ns.test", TYPE_A, "NOERROR aa\nns.test. 3600 A 10.0.0.1\n");
}

static void
test_proofs(void)
{
    AUTO(serve) *serve = serve_new();
    expect_signed(serve, "ns.signed", TYPE_TXT, "NOERROR aa\n" SIGNED_SOA NSEC_NS);
    expect_signed(serve, "ent.signed", TYPE_A, "NOERROR aa\n" SIGNED_SOA NSEC_CUT);
    expect_signed(serve, "none.signed", TYPE_A,
                  "NXDOMAIN aa\n" SIGNED_SOA NSEC("x.ent.signed.", "ns.signed. TXT") NSEC_APEX);
    expect_signed(serve, "zz.signed", TYPE_A, "NXDOMAIN aa\n" SIGNED_SOA NSEC_SAFE NSEC_APEX);
    /* The same record proves both. */
    expect_signed(serve, "0.signed", TYPE_A, "NXDOMAIN aa\n" SIGNED_SOA NSEC_APEX);
    expect_signed(serve, "x.a.signed", TYPE_TXT,
                  "NOERROR aa\nx.a.signed. 300 TXT \"x\"\nx.a.signed. 300 RRSIG TXT\n"
                  "-- authority\n" NSEC_WILD);
    expect_signed(serve, "x.a.signed", TYPE_A, "NOERROR aa\n" SIGNED_SOA NSEC_WILD);
    expect_signed(serve, "x.cut.signed", TYPE_A,
                  "NOERROR\n-- authority\ncut.signed. 300 NS ns.cut.signed.\n" NSEC_CUT
                  "-- additional\nns.cut.signed. 300 A 1.2.3.4\n");
    expect_signed(serve, "cut.signed", TYPE_DS, "NOERROR aa\n" SIGNED_SOA NSEC_CUT);
    expect_signed(serve, "safe.signed", TYPE_A,
                  "NOERROR\n-- authority\nsafe.signed. 300 NS ns.test.\n"
                  "safe.signed. 300 DS 1 13 2 00\nsafe.signed. 300 RRSIG DS\n");
    expect(serve, "none.signed", TYPE_A,
           "NXDOMAIN aa\n-- authority\nsigned. 60 SOA ns.signed. h.signed. 1 2 3 4 60\n");
}

/* ---- what is no look-up ---- */

static void
test_refused(void)
{
    AUTO(serve) *serve = serve_new();
    expect_of(serve, &(struct question){"version.bind", TYPE_TXT, CLASS_CH}, "REFUSED\n");
    expect_of(serve, &(struct question){"id.server", TYPE_TXT, CLASS_CH}, "REFUSED\n");
    expect_of(serve, &(struct question){"ns.test", TYPE_A, CLASS_ANY}, "REFUSED\n");
    expect(serve, "test", TYPE_AXFR, "REFUSED\n");
    expect(serve, "test", TYPE_IXFR, "REFUSED\n");
    expect_of(serve, &(struct question){"test", TYPE_SOA, CLASS_IN, OPCODE_NOTIFY << 11},
              "NOTIMPL\n");
    expect_of(serve, &(struct question){"test", TYPE_SOA, CLASS_IN, OPCODE_UPDATE << 11},
              "NOTIMPL\n");
    g_assert_cmpuint(serve->counts.refused, ==, 5);
}

static void
test_foreign(void)
{
    AUTO(serve) *serve = serve_new();
    expect(serve, "www.example.org", TYPE_A,
           "NXDOMAIN\n-- authority\n. 30 SOA . . 1 3600 3600 3600 30\n");
    expect(serve, ".", TYPE_NS, "NXDOMAIN\n-- authority\n. 30 SOA . . 1 3600 3600 3600 30\n");
    g_assert_cmpuint(serve->counts.foreign, ==, 2);
}

static gsize
part(gpointer context, const struct asker *asker, const struct query *query,
     const struct reply_options *options, guint8 *out, gsize room)
{
    (void)context;
    return reply_code(query, options, RCODE_YXDOMAIN, serve_is_udp(asker), out, room);
}

static enum serve_verdict
admit(gpointer context, const struct asker *asker, const struct query *query,
      struct reply_options *options)
{
    (void)asker, (void)query, (void)options;
    return *(const enum serve_verdict *)context;
}

static void
test_parts(void)
{
    AUTO(serve) *serve = serve_new();
    serve->parts = (struct serve_parts){.transfer = part, .notify = part, .foreign = part};
    expect(serve, "test", TYPE_AXFR, "YXDOMAIN\n");
    expect(serve, "test", TYPE_IXFR, "YXDOMAIN\n");
    expect(serve, "elsewhere", TYPE_A, "YXDOMAIN\n");
    expect_of(serve, &(struct question){"test", TYPE_SOA, CLASS_IN, OPCODE_NOTIFY << 11},
              "YXDOMAIN\n");
    expect(serve, "ns.test", TYPE_A, "NOERROR aa\nns.test. 3600 A 10.0.0.1\n");

    enum serve_verdict verdict = SERVE_TRUNCATE;
    serve->parts = (struct serve_parts){.admit = admit};
    serve->context = &verdict;
    expect(serve, "ns.test", TYPE_A, "NOERROR tc\n");
    verdict = SERVE_ANSWER;
    expect(serve, "ns.test", TYPE_A, "NOERROR aa\nns.test. 3600 A 10.0.0.1\n");
    verdict = SERVE_DROP;
    guint8 wire[600], out[SERVE_UDP_OUT];
    const struct asker asker = {.fd = -1};
    gsize size = write_question(&(struct question){"ns.test", TYPE_A, CLASS_IN}, wire);
    g_assert_cmpuint(serve_packet(serve, &asker, wire, size, out, sizeof out), ==, 0);
    g_assert_cmpuint(serve->counts.limited, ==, 2);
}

/* What others know: an address where it is asked for, else that there is none. */
static gboolean
follow_part(gpointer context, const struct asker *asker, struct reply *reply,
            const struct name *name)
{
    guint *count = context;
    (void)asker;
    ++*count;
    if (reply->query->type == TYPE_TXT)
        return FALSE;
    if (reply->query->type == TYPE_A)
        reply_record(reply, SECTION_ANSWER, name->wire, name->size, TYPE_A, CLASS_IN, 7,
                     (const guint8 *)"\11\11\11\11", 4);
    else
        reply_record(reply, SECTION_AUTHORITY, (const guint8 *)"", 1, TYPE_SOA, CLASS_IN, 7,
                     (const guint8 *)"\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 22);
    return TRUE;
}

static const char outward[] =
    "$TTL 300\n@ SOA ns.test. h 1 2 3 4 60\n@ NS ns.test.\n@ DNSKEY 257 3 13 AAAA\n"
    "@ NSEC *.w NS SOA\n@ RRSIG SOA" SIGNATURE "@ RRSIG NSEC" SIGNATURE
    "*.w CNAME out.nowhere.\n*.w NSEC @ CNAME\n"
    "*.w RRSIG CNAME" SIGNATURE "*.w RRSIG NSEC" SIGNATURE;

static void
test_follow(void)
{
    AUTO(serve) *serve = serve_new();
    guint count = 0;
    struct name origin;
    guint8 wire[600], out[SERVE_UDP_OUT];
    const struct asker asker = {.fd = -1};
    serve->parts = (struct serve_parts){.follow = follow_part};
    serve->context = &count;
    expect(serve, "out.test", TYPE_A,
           "NOERROR aa\nout.test. 3600 CNAME www.nowhere.\nwww.nowhere. 7 A 9.9.9.9\n");
    expect(serve, "out.test", TYPE_AAAA,
           "NOERROR aa\nout.test. 3600 CNAME www.nowhere.\n-- authority\n. 7 SOA . . 1 2 3 4 5\n");
    gsize size = write_question(&(struct question){"out.test", TYPE_TXT, CLASS_IN}, wire);
    g_assert_cmpuint(serve_packet(serve, &asker, wire, size, out, sizeof out), ==, 0);
    g_assert_cmpuint(count, ==, 3);

    /* Nobody is to be asked where the name itself was, or the chain ends at one of ours. */
    expect(serve, "out.test", TYPE_CNAME, "NOERROR aa\nout.test. 3600 CNAME www.nowhere.\n");
    expect(serve, "loop1.test", TYPE_A,
           "NOERROR aa\nloop1.test. 3600 CNAME loop2.test.\nloop2.test. 3600 CNAME loop1.test.\n");
    g_assert_cmpuint(count, ==, 3);

    /* A wildcard's proof comes behind what others say. */
    name_from_text(&origin, "outward");
    g_autoptr(GError) error = NULL;
    struct zone *zone = load_text(outward, strlen(outward), "zone", &origin, &error);
    g_assert_no_error(error);
    zones_put((struct zones *)serve->zones, zone);
    expect_signed(serve, "x.w.outward", TYPE_A,
                  "NOERROR aa\nx.w.outward. 300 CNAME out.nowhere.\n"
                  "x.w.outward. 300 RRSIG CNAME\nout.nowhere. 7 A 9.9.9.9\n-- authority\n"
                  "*.w.outward. 300 NSEC outward. CNAME\n*.w.outward. 300 RRSIG NSEC\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/answer/what a name has, with addresses of names in it", test_exact);
    g_test_add_func("/answer/ANY is answered shortly", test_any);
    g_test_add_func("/answer/CNAMEs are followed through all zones", test_cname);
    g_test_add_func("/answer/loops and long chains end", test_loops);
    g_test_add_func("/answer/DNAMEs lead elsewhere", test_dname);
    g_test_add_func("/answer/what is not there has a SOA record", test_nothing);
    g_test_add_func("/answer/wildcards stand for what is not there", test_wildcards);
    g_test_add_func("/answer/delegations refer, with glue", test_delegations);
    g_test_add_func("/answer/what is too long is truncated only where something needed is missing",
                    test_too_long);
    g_test_add_func("/answer/signatures come to who wants them", test_signed);
    g_test_add_func("/answer/what is not there is proven", test_proofs);
    g_test_add_func("/serve/what we do not do is refused", test_refused);
    g_test_add_func("/serve/foreign names are not there", test_foreign);
    g_test_add_func("/serve/parts do theirs", test_parts);
    g_test_add_func("/serve/a chain that leads outside is followed by others", test_follow);
    return g_test_run();
}
