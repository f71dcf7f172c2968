#include "netsvc/dns/wire/reply.h"

#include "lib/base/cleanup.h"

#include <string.h>

#define NAME "\3wWw\4Test\0"
#define QUESTION NAME "\0\1\0\1"
#define OPT "\0\0\51\4\320\0\0\0\0\0\0"     /* size 1232, no option */
#define OPT_DO "\0\0\51\20\0\0\0\200\0\0\0" /* size 4096 */
#define HEADER(flags, counts) "\x12\x34" flags counts
#define QUERY_OF(counts) HEADER("\1\0", counts) QUESTION /* RD */
#define ONE "\0\1\0\0\0\0\0\0"
#define WITH_OPT "\0\1\0\0\0\0\0\1"

/* In memory of exactly its size, so that a sanitizer sees each byte too far. */
struct packet {
    guint8 *wire;
    struct query query;
    enum query_outcome outcome;
};

static struct packet *
packet_new(const char *bytes, gsize size)
{
    struct packet *packet = g_new0(struct packet, 1);
    packet->wire = g_memdup2(bytes, size);
    memset(&packet->query, 0xA5, sizeof packet->query); /* nothing is left from before */
    packet->outcome = query_parse(&packet->query, packet->wire, size);
    return packet;
}

static void
packet_free(struct packet *packet)
{
    g_free(packet->wire);
    g_free(packet);
}
AUTO_DEFINE(packet)
#define PACKET(variable, bytes) AUTO(packet) *variable = packet_new(bytes, sizeof(bytes) - 1)

static void
outcome(const char *bytes, gsize size, enum query_outcome expected)
{
    AUTO(packet) *packet = packet_new(bytes, size);
    g_assert_cmpint(packet->outcome, ==, expected);
}
#define GOOD(bytes) outcome(bytes, sizeof(bytes) - 1, QUERY_GOOD)
#define WRONG(bytes) outcome(bytes, sizeof(bytes) - 1, QUERY_WRONG)
#define IGNORED(bytes) outcome(bytes, sizeof(bytes) - 1, QUERY_IGNORE)

static void
test_plain(void)
{
    char text[NAME_TEXT_MAX];
    PACKET(packet, QUERY_OF(ONE));
    const struct query *query = &packet->query;
    g_assert_cmpint(packet->outcome, ==, QUERY_GOOD);
    g_assert_cmpuint(query->id, ==, 0x1234);
    g_assert_cmpuint(query->flags, ==, FLAG_RD);
    g_assert_cmpint(query->opcode, ==, OPCODE_QUERY);
    g_assert_cmpstr(name_text(&query->name, text), ==, "www.test");
    g_assert_cmpuint(query->type, ==, TYPE_A);
    g_assert_cmpuint(query->class, ==, CLASS_IN);
    g_assert_cmpuint(query->question_end, ==, 12 + 10 + 4);
    g_assert_false(query->has_opt || query->dnssec_ok || query->wants_nsid);
    g_assert_cmpuint(query->udp_size, ==, 512);
    g_assert_null(query->cookie);
    g_assert_cmpuint(query->tsig + query->authority, ==, 0);
}

static void
test_header(void)
{
    IGNORED("");
    IGNORED("\x12\x34\0\0\0\1\0\0\0\0\0");
    IGNORED(HEADER("\200\0", ONE) QUESTION); /* an answer */
    WRONG("\x12\x34\0\0\0\1\0\0\0\0\0\0");
    WRONG(HEADER("\0\0", "\0\0\0\0\0\0\0\0"));
    WRONG(HEADER("\0\0", "\0\2\0\0\0\0\0\0") QUESTION QUESTION);
    WRONG(HEADER("\0\0", "\377\377\0\0\0\0\0\0") QUESTION);
    GOOD(HEADER("\50\0", ONE) QUESTION);                /* UPDATE */
    WRONG(HEADER("\50\0", "\0\0\0\0\0\0\0\0"));         /* of no zone */
    GOOD(HEADER("\20\0", "\0\0\0\0\0\0\0\0"));          /* STATUS, with whatever is in it */
    GOOD(HEADER("\170\0", "\377\377\377\377\0\0\0\0")); /* opcode 15 */
}

static void
test_question(void)
{
    PACKET(half, HEADER("\1\0", ONE) NAME "\0\1\0");
    g_assert_cmpint(half->outcome, ==, QUERY_WRONG);
    g_assert_cmpuint(half->query.question_end, ==, HEADER_SIZE);
    WRONG(HEADER("\1\0", ONE) "\3www");
    WRONG(HEADER("\1\0", ONE) "\300\14\0\1\0\1"); /* to itself */
    WRONG(HEADER("\1\0", ONE) "\300\0\0\1\0\1");  /* into the header */
    WRONG(HEADER("\1\0", ONE) "\100www\0\0\1\0\1");
    GOOD(HEADER("\1\0", ONE) "\0\0\2\0\1"); /* the root's NS */
    WRONG(QUERY_OF(ONE) "x");               /* something behind it */
    PACKET(behind, QUERY_OF(ONE) "x");
    g_assert_cmpuint(behind->query.question_end, ==, 26); /* so that the answer has the question */
}

#define RECORD "\300\14\0\1\0\1\0\0\0\1\0\4\1\2\3\4"

static void
test_sections(void)
{
    WRONG(QUERY_OF("\0\1\0\1\0\0\0\0") RECORD); /* an answer in a question */
    WRONG(QUERY_OF("\0\1\0\0\0\1\0\0") RECORD); /* an authority that is no IXFR's */
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\1"));        /* fewer than it says */
    GOOD(QUERY_OF("\0\1\0\0\0\0\0\1") RECORD);  /* an additional one, passed over */
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\2") RECORD);
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\3") RECORD RECORD RECORD);
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\1") "\300\14\0\1\0\1\0\0\0\1\0\5\1\2\3\4"); /* lying length */
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\1") "\300\14\0\1\0\1\0\0\0\1\0");
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\1") "\300\32\0\1\0\1\0\0\0\1\0\0"); /* a name that loops */
}

static void
test_transfer_and_notify(void)
{
    PACKET(ixfr, HEADER("\0\0", "\0\1\0\0\0\1\0\0") "\4test\0\0\373\0\1" RECORD);
    g_assert_cmpint(ixfr->outcome, ==, QUERY_GOOD);
    g_assert_cmpuint(ixfr->query.authority, ==, 12 + 6 + 4);
    WRONG(HEADER("\0\0", "\0\1\0\0\0\2\0\0") "\4test\0\0\373\0\1" RECORD RECORD);
    PACKET(notify, HEADER("\44\0", "\0\1\0\1\0\0\0\0") "\4test\0\0\6\0\1" RECORD);
    g_assert_cmpint(notify->outcome, ==, QUERY_GOOD);
    g_assert_cmpint(notify->query.opcode, ==, OPCODE_NOTIFY);
    WRONG(HEADER("\44\0", "\0\1\0\2\0\0\0\0") "\4test\0\0\6\0\1" RECORD RECORD);
}

static void
test_opt(void)
{
    PACKET(plain, QUERY_OF(WITH_OPT) OPT);
    g_assert_cmpint(plain->outcome, ==, QUERY_GOOD);
    g_assert_true(plain->query.has_opt && !plain->query.dnssec_ok);
    g_assert_cmpuint(plain->query.udp_size, ==, 1232);
    PACKET(dnssec, QUERY_OF(WITH_OPT) OPT_DO);
    g_assert_true(dnssec->query.dnssec_ok);
    g_assert_cmpuint(dnssec->query.udp_size, ==, 4096);
    PACKET(small, QUERY_OF(WITH_OPT) "\0\0\51\0\1\0\0\0\0\0\0");
    g_assert_cmpuint(small->query.udp_size, ==, 512);
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\2") OPT OPT);
    WRONG(QUERY_OF(WITH_OPT) "\1x\0\0\51\4\320\0\0\0\0\0\0"); /* not the root's */
    WRONG(QUERY_OF("\0\1\0\1\0\0\0\0") OPT);                  /* in another section */
    PACKET(later, QUERY_OF(WITH_OPT) "\0\0\51\4\320\0\1\0\0\0\4\0\3\377\377");
    g_assert_cmpint(later->outcome, ==, QUERY_GOOD); /* a version whose options we cannot read */
    g_assert_cmpuint(later->query.edns_version, ==, 1);
}

#define OPT_OF(length) "\0\0\51\4\320\0\0\0\0\0" length

static void
test_options(void)
{
    PACKET(nsid, QUERY_OF(WITH_OPT) OPT_OF("\10") "\0\3\0\0\377\0\0\0");
    g_assert_cmpint(nsid->outcome, ==, QUERY_GOOD);
    g_assert_true(nsid->query.wants_nsid);
    WRONG(QUERY_OF(WITH_OPT) OPT_OF("\3") "\0\3\0");   /* half an option */
    WRONG(QUERY_OF(WITH_OPT) OPT_OF("\4") "\0\3\0\1"); /* lying length */
    WRONG(QUERY_OF(WITH_OPT) OPT_OF("\5") "\0\3\377\377x");
    PACKET(cookie, QUERY_OF(WITH_OPT) OPT_OF("\14") "\0\12\0\10"
                                                    "abcdefgh");
    g_assert_cmpmem(cookie->query.cookie, (int)cookie->query.cookie_size, "abcdefgh", 8);
    PACKET(both, QUERY_OF(WITH_OPT) OPT_OF("\24") "\0\12\0\20"
                                                  "abcdefgh12345678");
    g_assert_cmpuint(both->query.cookie_size, ==, 16);
    PACKET(two, QUERY_OF(WITH_OPT) OPT_OF("\30") "\0\12\0\10"
                                                 "abcdefgh"
                                                 "\0\12\0\10"
                                                 "ijklmnop");
    g_assert_cmpmem(two->query.cookie, (int)two->query.cookie_size, "abcdefgh", 8);
    /* No question but for the cookie. */
    PACKET(alone, HEADER("\0\0", "\0\0\0\0\0\0\0\1") OPT_OF("\14") "\0\12\0\10"
                                                                   "abcdefgh");
    g_assert_cmpint(alone->outcome, ==, QUERY_GOOD);
    g_assert_cmpuint(alone->query.question_end, ==, HEADER_SIZE);
    g_assert_cmpuint(alone->query.cookie_size, ==, 8);
    WRONG(HEADER("\0\0", "\0\0\0\0\0\0\0\1") OPT);
    WRONG(QUERY_OF(WITH_OPT) OPT_OF("\13") "\0\12\0\7"
                                           "abcdefg");
    WRONG(QUERY_OF(WITH_OPT) OPT_OF("\23") "\0\12\0\17"
                                           "abcdefgh1234567");
    WRONG(QUERY_OF(WITH_OPT) OPT_OF("\55") "\0\12\0\51"
                                           "abcdefgh123456781234567812345678123456789");
}

#define TSIG "\1k\0\0\372\0\377\0\0\0\0\0\0"

static void
test_tsig(void)
{
    PACKET(last, QUERY_OF("\0\1\0\0\0\0\0\2") OPT TSIG);
    g_assert_cmpint(last->outcome, ==, QUERY_GOOD);
    g_assert_cmpuint(last->query.tsig, ==, 26 + 11);
    g_assert_true(last->query.has_opt);
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\2") TSIG OPT);
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\2") TSIG TSIG);
    WRONG(QUERY_OF("\0\1\0\0\0\0\0\1") "\1k\0\0\372\0\1\0\0\0\0\0\0"); /* of class IN */
}

/* ---- replies ---- */

static void
assert_reply(struct reply *reply, const char *expected, gsize size)
{
    gsize written = reply_end(reply);
    g_assert_cmpmem(reply->wire, (int)written, expected, (int)size);
}
#define ASSERT_REPLY(reply, bytes) assert_reply(reply, bytes, sizeof(bytes) - 1)

static void
test_reply(void)
{
    guint8 out[QUERY_UDP_MAX];
    struct reply reply;
    PACKET(packet, QUERY_OF(ONE));
    reply_begin(&reply, &packet->query, NULL, TRUE, out, sizeof out);
    reply.flags = FLAG_AA;
    const guint8 *owner = packet->query.name.wire;
    reply_record(&reply, SECTION_ANSWER, owner, 10, TYPE_CNAME, CLASS_IN, 9,
                 (const guint8 *)"\1a\4test\0", 8);
    reply_record(&reply, SECTION_AUTHORITY, (const guint8 *)"\1a\4test\0", 8, TYPE_A, CLASS_IN, 9,
                 (const guint8 *)"\1\2\3\4", 4);
    reply_record(&reply, SECTION_ADDITIONAL, (const guint8 *)"\0", 1, TYPE_SRV, CLASS_IN, 9,
                 (const guint8 *)"\0\1\0\1\0\1\1a\4test\0", 14);
    /* Letters as they came; names compressed where that is allowed. */
    ASSERT_REPLY(&reply, HEADER("\205\0", "\0\1\0\1\0\1\0\1") QUESTION
                 "\300\14\0\5\0\1\0\0\0\11\0\4\1a\300\20"
                 "\300\46\0\1\0\1\0\0\0\11\0\4\1\2\3\4"
                 "\0\0\41\0\1\0\0\0\11\0\16\0\1\0\1\0\1\1a\4test\0");
}

static void
test_reply_opt(void)
{
    guint8 out[QUERY_UDP_MAX];
    struct reply reply;
    const struct reply_options options = {.nsid = "n1", .cookie = "abcdefgh", .cookie_size = 8};
    PACKET(asks, QUERY_OF(WITH_OPT) "\0\0\51\4\320\0\0\200\0\0\4\0\3\0\0");
    reply_begin(&reply, &asks->query, &options, TRUE, out, sizeof out);
    reply.rcode = RCODE_BADVERS;
    reply.error = ERROR_NOT_READY;
    reply.error_text = "why";
    ASSERT_REPLY(&reply, HEADER("\201\0", "\0\1\0\0\0\0\0\1") QUESTION
                 "\0\0\51\4\320\1\0\200\0\0\33\0\3\0\2n1\0\12\0\10"
                 "abcdefgh"
                 "\0\17\0\5\0\16why");
    PACKET(does_not, QUERY_OF(WITH_OPT) OPT);
    reply_begin(&reply, &does_not->query, &options, TRUE, out, sizeof out);
    ASSERT_REPLY(&reply, HEADER("\201\0", "\0\1\0\0\0\0\0\1") QUESTION
                 "\0\0\51\4\320\0\0\0\0\0\14\0\12\0\10"
                 "abcdefgh");
    PACKET(none, QUERY_OF(ONE));
    reply_begin(&reply, &none->query, &options, TRUE, out, sizeof out);
    reply.error = ERROR_NOT_READY;
    ASSERT_REPLY(&reply, HEADER("\201\0", ONE) QUESTION);
}

static void
fill(struct reply *reply, guint records)
{
    for (guint i = 0; i < records; i++)
        reply_record(reply, SECTION_ANSWER, reply->query->name.wire, 10, TYPE_A, CLASS_IN, 9,
                     (const guint8 *)"\1\2\3\4", 4); /* 16 bytes each */
}

static void
test_truncation(void)
{
    guint8 out[QUERY_UDP_MAX];
    struct reply reply;
    PACKET(old, QUERY_OF(ONE));
    reply_begin(&reply, &old->query, NULL, TRUE, out, sizeof out);
    fill(&reply, (512 - 26) / 16);
    g_assert_cmpuint(reply_end(&reply), ==, 26 + 30 * 16);
    g_assert_cmpuint(out[2] & 2, ==, 0);
    reply_begin(&reply, &old->query, NULL, TRUE, out, sizeof out);
    fill(&reply, (512 - 26) / 16 + 1);
    ASSERT_REPLY(&reply, HEADER("\203\0", ONE) QUESTION);

    /* The OPT record has its room; what the asker takes is no reason to send more than 1232. */
    PACKET(large, QUERY_OF(WITH_OPT) OPT_DO);
    reply_begin(&reply, &large->query, NULL, TRUE, out, sizeof out);
    fill(&reply, (QUERY_UDP_MAX - 26 - 11) / 16);
    g_assert_cmpuint(reply_end(&reply), <=, QUERY_UDP_MAX);
    g_assert_cmpuint(out[2] & 2, ==, 0);
    reply_begin(&reply, &large->query, NULL, TRUE, out, sizeof out);
    fill(&reply, (QUERY_UDP_MAX - 26 - 11) / 16 + 1);
    ASSERT_REPLY(&reply,
                 HEADER("\203\0", "\0\1\0\0\0\0\0\1") QUESTION "\0\0\51\4\320\0\0\200\0\0\0");

    /* By TCP there is no other way. */
    g_autofree guint8 *stream = g_malloc(65535);
    reply_begin(&reply, &large->query, NULL, FALSE, stream, 65535);
    fill(&reply, 5000);
    ASSERT_REPLY(&reply,
                 HEADER("\201\2", "\0\1\0\0\0\0\0\1") QUESTION "\0\0\51\4\320\0\0\200\0\0\0");
}

static void
test_taken_back(void)
{
    guint8 out[QUERY_UDP_MAX];
    struct reply reply;
    PACKET(packet, QUERY_OF(ONE));
    reply_begin(&reply, &packet->query, NULL, TRUE, out, sizeof out);
    fill(&reply, 1);
    struct reply_mark mark = reply_mark(&reply);
    fill(&reply, 100);
    g_assert_true(reply.full);
    reply_back(&reply, &mark);
    ASSERT_REPLY(&reply, HEADER("\201\0", "\0\1\0\1\0\0\0\0") QUESTION
                 "\300\14\0\1\0\1\0\0\0\11\0\4\1\2\3\4");
}

/* A pointer reaches 16383. */
static void
test_far(void)
{
    struct reply reply;
    PACKET(packet, QUERY_OF(ONE));
    g_autofree guint8 *out = g_malloc(65535);
    reply_begin(&reply, &packet->query, NULL, FALSE, out, 65535);
    fill(&reply, 1100);
    gsize start = reply.size;
    for (guint i = 0; i < 2; i++)
        reply_record(&reply, SECTION_ANSWER, (const guint8 *)"\1a\1b\0", 5, TYPE_A, CLASS_IN, 9,
                     (const guint8 *)"\1\2\3\4", 4);
    g_assert_cmpuint(reply.size - start, ==, 2 * (5 + 14));
    g_assert_cmpmem(out + start, 5, out + start + 19, 5);
}

/* The longest question, NSID and cookie fit into 512 bytes. */
static void
test_longest(void)
{
    g_autoptr(GByteArray) wire = g_byte_array_new();
    guint8 out[QUERY_UDP_MAX];
    g_autofree char *nsid = g_strnfill(300, 'n');
    const struct reply_options options = {.nsid = nsid, .cookie_size = REPLY_COOKIE_MAX};
    g_byte_array_append(wire, (const guint8 *)HEADER("\1\0", WITH_OPT), HEADER_SIZE);
    for (guint i = 0; i < 127; i++)
        g_byte_array_append(wire, (const guint8 *)"\1a", 2);
    g_byte_array_append(wire, (const guint8 *)"\0\0\1\0\1\0\0\51\0\0\0\0\0\0\0\4\0\3\0\0", 20);
    AUTO(packet) *packet = packet_new((const char *)wire->data, wire->len);
    g_assert_cmpint(packet->outcome, ==, QUERY_GOOD);
    gsize size = reply_code(&packet->query, &options, RCODE_REFUSED, TRUE, out, sizeof out);
    g_assert_cmpuint(size, ==, 12 + 255 + 4 + 11 + 4 + REPLY_NSID_MAX + 4 + REPLY_COOKIE_MAX);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/query/a plain one is read", test_plain);
    g_test_add_func("/query/a header says what it is and what is in it", test_header);
    g_test_add_func("/query/there is one question, in one piece", test_question);
    g_test_add_func("/query/sections hold what they say and nothing else", test_sections);
    g_test_add_func("/query/IXFR and NOTIFY have a SOA record with them", test_transfer_and_notify);
    g_test_add_func("/query/one OPT record, of the root", test_opt);
    g_test_add_func("/query/options have their lengths", test_options);
    g_test_add_func("/query/TSIG comes last", test_tsig);
    g_test_add_func("/reply/names are compressed, the question is as it came", test_reply);
    g_test_add_func("/reply/the OPT record has what was asked for", test_reply_opt);
    g_test_add_func("/reply/what does not fit is truncated", test_truncation);
    g_test_add_func("/reply/what can be missed is taken back", test_taken_back);
    g_test_add_func("/reply/what is beyond a pointer's reach is written anew", test_far);
    g_test_add_func("/reply/the longest question has an answer", test_longest);
    return g_test_run();
}
