/*
 * fuzz-dns_query: any packet, by UDP and by TCP, asked of awkward zones. Whatever it is, there is
 * no answer, or one that another library can read, no longer than allowed, with the packet's id and
 * question.
 */
#include "netsvc/dns/serve/serve.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/awkward_zones.h"

#include <ldns/ldns.h>

#define TCP_MAX 65535

static struct serve serve = {.options = {.nsid = "fuzz", .cookie = "12345678", .cookie_size = 24}};

static gsize
allowed(const struct query *query, gboolean udp)
{
    if (!udp)
        return TCP_MAX;
    return query->has_opt ? MIN(query->udp_size, QUERY_UDP_MAX) : 512;
}

static void
check(const struct query *query, gboolean udp, const guint8 *out, gsize size)
{
    ldns_pkt *packet = NULL;
    g_assert(size <= allowed(query, udp));
    ldns_status status = ldns_wire2pkt(&packet, out, size);
    g_assert(status == LDNS_STATUS_OK);
    g_assert(ldns_pkt_qr(packet) && ldns_pkt_id(packet) == query->id);
    g_assert((guint)ldns_pkt_get_opcode(packet) == query->opcode);
    gsize question = query->question_end - HEADER_SIZE;
    g_assert(memcmp(out + HEADER_SIZE, query->wire + HEADER_SIZE, question) == 0);
    g_assert(ldns_pkt_qdcount(packet) == (question > 0));
    /* To who speaks no EDNS nothing of it is told. */
    g_assert(ldns_pkt_edns(packet) == query->has_opt);
    if (ldns_pkt_tc(packet))
        g_assert(udp && ldns_pkt_ancount(packet) == 0 && ldns_pkt_nscount(packet) == 0);
    ldns_pkt_free(packet);
}

static void
ask(const guint8 *wire, gsize size, gboolean udp)
{
    static guint8 out[TCP_MAX];
    struct query query;
    const struct asker asker = {.fd = -1, .tcp = udp ? NULL : (struct tcp *)&serve};
    enum query_outcome outcome = query_parse(&query, wire, size);
    gsize written = serve_packet(&serve, &asker, wire, size, out, udp ? SERVE_UDP_OUT : sizeof out);
    g_assert((written == 0) == (outcome == QUERY_IGNORE));
    if (written > 0)
        check(&query, udp, out, written);
    if (outcome == QUERY_WRONG)
        g_assert((out[3] & RCODE_MASK) == RCODE_FORMERR);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (serve.zones == NULL)
        serve.zones = awkward_zones();
    ask(data, size, TRUE);
    ask(data, size, FALSE);
    return 0;
}
