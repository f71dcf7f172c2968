/*
 * dns_upstream: whatever a forwarder answers, what the client gets can be read, is an answer to its
 * own question, and points at no private address; also behind a CNAME of ours.
 *
 * The first byte says what was asked and who asks, the rest is the answer; id and question are put
 * into it, as an upstream's without them is not looked at.
 */
#include "netsvc/dns/dns.h"
#include "netsvc/dns/forward/private.h"
#include "netsvc/dns/forward/relay.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define ID 0xbeef
#define HEADER_REST 10 /* a header without the id */

enum { ASK_DNSSEC = 0x10, ASK_EDNS = 0x20, ASK_TCP = 0x40, ASK_LATER = 0x80 };

static const guint16 types[] = {TYPE_A,     TYPE_AAAA, TYPE_HTTPS,     TYPE_MX,
                                TYPE_SRV,   TYPE_TXT,  TYPE_NS,        TYPE_SOA,
                                TYPE_CNAME, TYPE_PTR,  35 /* NAPTR */, TYPE_ANY,
                                TYPE_RRSIG, TYPE_NSEC, TYPE_DNAME,     257 /* CAA */};

static guint
get16(const guint8 *at)
{
    return (guint)(at[0] << 8 | at[1]);
}

#define NAME_BYTES 13
static const guint8 asked_name[NAME_BYTES] = "\x03wWw\x07"
                                             "eXample";
static const guint8 alias[NAME_BYTES] = "\x03our\x07"
                                        "example"; /* a CNAME of ours that leads there */

/* ---- the client ---- */

static gsize
write_question(guint8 *wire, guint id, const guint8 owner[NAME_BYTES], guint16 type)
{
    const guint8 head[HEADER_SIZE] = {(guint8)(id >> 8), (guint8)id, FLAG_RD >> 8, 0, 0, 1};
    const guint8 tail[] = {(guint8)(type >> 8), (guint8)type, 0, CLASS_IN};
    memcpy(wire, head, sizeof head);
    memcpy(wire + HEADER_SIZE, owner, NAME_BYTES);
    memcpy(wire + HEADER_SIZE + NAME_BYTES, tail, sizeof tail);
    return HEADER_SIZE + NAME_BYTES + sizeof tail;
}

/* ---- what the client gets ---- */

/* Behind the name that stands there; it must be one. */
static gsize
skip_name(const guint8 *wire, gsize size, gsize at)
{
    struct name name;
    gsize taken = name_from_wire(&name, wire + at, size - at, wire);
    g_assert_cmpuint(taken, >, 0);
    return at + taken;
}

static void
check_names(const guint8 *wire, gsize at, gsize end, guint16 type)
{
    const char *form = rdata_form(type);
    if (form == NULL || strchr(form, 'N') == NULL)
        return;
    for (; *form != '\0'; form++)
        at = *form == 'N' ? skip_name(wire, end, at) : at + (gsize)(*form - '0');
    g_assert_cmpuint(at, ==, end);
}

static gsize
check_record(const guint8 *wire, gsize size, gsize at, gboolean dnssec)
{
    at = skip_name(wire, size, at);
    g_assert_cmpuint(size - at, >=, 10);
    guint16 type = (guint16)get16(wire + at);
    gsize length = get16(wire + at + 8);
    at += 10;
    g_assert_cmpuint(length, <=, size - at);
    check_names(wire, at, at + length, type);
    g_assert_false(private_rdata(type, wire + at, length));
    g_assert_true(dnssec || type != TYPE_NSEC || get16(wire + 6) > 0);
    return at + length;
}

static void
check(const guint8 *wire, gsize size, const struct query *query)
{
    g_assert_cmpuint(get16(wire), ==, query->id);
    g_assert_cmpuint(get16(wire + 2) & FLAG_QR, !=, 0);
    g_assert_cmpuint(get16(wire + 4), ==, 1);
    g_assert_cmpint(
        memcmp(wire + HEADER_SIZE, query->wire + HEADER_SIZE, query->question_end - HEADER_SIZE),
        ==, 0);
    gsize at = query->question_end;
    guint records = get16(wire + 6) + get16(wire + 8) + get16(wire + 10);
    for (guint i = 0; i < records; i++)
        at = check_record(wire, size, at, query->dnssec_ok);
    g_assert_cmpuint(at, ==, size);
}

static void
answer_client(struct relay *relay, const struct cache_key *key, guint8 control, gboolean behind)
{
    static guint8 out[DNS_TCP_MAX];
    guint8 packet[128];
    struct query query;
    gsize size = write_question(packet, ID, behind ? alias : asked_name, key->type);
    if ((control & (ASK_EDNS | ASK_DNSSEC)) != 0) {
        const guint8 opt[] = {0, 0, TYPE_OPT, 4, 208, 0, 0, key->dnssec_ok ? 0x80 : 0, 0, 0, 0};
        memcpy(packet + size, opt, sizeof opt);
        size += sizeof opt;
        packet[11] = 1;
    }
    g_assert_cmpint(query_parse(&query, packet, size), ==, QUERY_GOOD);
    gboolean udp = (control & ASK_TCP) == 0;
    struct cache_answer answer = *relay_answer(relay);
    answer.until = (gint64)relay_seconds(relay);
    gint64 now = (control & ASK_LATER) != 0 ? answer.until / 2 + 1 : 0;
    gsize room = udp ? QUERY_UDP_MAX : sizeof out;
    struct reply reply;
    reply_begin(&reply, &query, NULL, udp, out, room);
    if (behind)
        reply_record(&reply, SECTION_ANSWER, query.name.wire, query.name.size, TYPE_CNAME, CLASS_IN,
                     60, key->name.wire, key->name.size);
    relay_write(relay, &answer, now, FALSE, &reply);
    size = reply_end(&reply);
    g_assert_cmpuint(size, <=, udp ? query.udp_size : room);
    check(out, size, &query);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct relay *relay;
    guint8 asked[128];
    if (relay == NULL)
        relay = relay_new();
    if (size < 1 + HEADER_REST || size > DNS_TCP_MAX - sizeof asked)
        return 0;
    guint8 control = data[0];
    struct cache_key key = {.type = types[control & 15], .dnssec_ok = (control & ASK_DNSSEC) != 0};
    gsize end = write_question(asked, 1, asked_name, key.type);
    name_from_wire(&key.name, asked + HEADER_SIZE, end - HEADER_SIZE, NULL);
    gsize wire_size = end + size - 1 - HEADER_REST;
    g_autofree guint8 *wire = g_malloc(wire_size);
    memcpy(wire, asked, end);
    memcpy(wire + 2, data + 1, HEADER_REST);
    wire[2] = FLAG_QR >> 8;
    wire[4] = 0;
    wire[5] = 1;
    memcpy(wire + end, data + 1 + HEADER_REST, size - 1 - HEADER_REST);
    g_assert_true(relay_matches(asked, end, wire, wire_size, FALSE));
    if (relay_read(relay, &key, wire, wire_size) == RELAY_GOOD) {
        answer_client(relay, &key, control, FALSE);
        answer_client(relay, &key, control, TRUE);
    }
    return 0;
}
