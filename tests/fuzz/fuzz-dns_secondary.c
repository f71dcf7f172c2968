/*
 * dns_secondary: whatever a primary sends, what becomes a zone is one that goes out and comes in
 * again as it is, within its caps.
 *
 * The first byte says what was asked: 0 SOA, 1 AXFR, 2 IXFR from serial 7. Then messages, each
 * behind its length in two bytes; id and the bit of an answer are put into them, as others are not
 * looked at.
 */
#include "netsvc/bytes.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/transfer/apply.h"
#include "netsvc/dns/transfer/incoming.h"
#include "netsvc/dns/transfer/outgoing.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define ID 0x1234
#define SERIAL 7
#define RECORDS 2000
#define BYTES (1 << 20)
#define LENGTH 2

static struct name origin;

/* What was there before: serial 7, an NS, and one address. */
static struct content *
base_new(void)
{
    static const guint8 soa[] = "\0\0\0\0\0\7\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1";
    static const guint8 ns[] = "\2ns\4site\7example";
    struct content *base = content_new(BYTES);
    struct name host;
    gboolean good = name_from_text(&host, "ns.site.example") &&
                    content_add(base, &origin, TYPE_SOA, 60, soa, sizeof soa - 1) &&
                    content_add(base, &origin, TYPE_NS, 60, ns, sizeof ns) &&
                    content_add(base, &host, TYPE_A, 60, (const guint8[]){10, 0, 0, 1}, 4);
    g_assert(good);
    return base;
}

static struct incoming *
ask(enum incoming_kind kind, guint8 request[INCOMING_REQUEST_MAX], gsize *size)
{
    struct incoming_role role = {.origin = &origin,
                                 .kind = kind,
                                 .serial = SERIAL,
                                 .records_max = RECORDS,
                                 .bytes_max = BYTES};
    struct incoming *incoming = incoming_new(&role);
    *size = incoming_request(incoming, ID, request, 0);
    return incoming;
}

/* ---- what it has become ---- */

static struct outgoing *
send_zone(struct outgoings *outgoings, const struct zone *zone, const guint8 *request, gsize size)
{
    struct query query;
    struct tsig tsig = {0};
    struct sockaddr_storage client = {.ss_family = AF_INET};
    enum rcode rcode;
    enum query_outcome outcome = query_parse(&query, request, size);
    g_assert(outcome == QUERY_GOOD);
    struct outgoing *outgoing = outgoing_new(outgoings, &query, &tsig, &client, zone, NULL, &rcode);
    g_assert(outgoing != NULL);
    return outgoing;
}

static void
check_zone(const struct content *content)
{
    guint8 request[INCOMING_REQUEST_MAX];
    static guint8 wire[DNS_TCP_MAX];
    gsize size;
    gssize got;
    g_assert(content_count(content) <= RECORDS && content_size(content) <= BYTES);
    AUTO(zone) *zone = content_to_zone(content, &origin, NULL);
    if (zone == NULL)
        return;
    AUTO(incoming) *incoming = ask(INCOMING_AXFR, request, &size);
    AUTO(outgoings) *outgoings = outgoings_new();
    struct outgoing *outgoing = send_zone(outgoings, zone, request, size);
    enum incoming_state state = INCOMING_MORE;
    while ((got = outgoing_next(outgoing, wire, 0)) > 0) {
        g_assert(state == INCOMING_MORE);
        state = incoming_take(incoming, wire, (gsize)got, 0, NULL);
    }
    outgoing_free(outgoing);
    g_assert(got == 0 && state == INCOMING_ZONE);
    AUTO(zone) *again = content_to_zone(incoming_content(incoming), &origin, NULL);
    g_assert(again != NULL && zone_count(again) == zone_count(zone));
    g_assert(zone_serial(again) == zone_serial(zone));
}

/* Each RRset of the one is in the other. */
static void
check_same(const struct zone *a, const struct zone *b)
{
    struct zone_position position = {0};
    const struct name *owner;
    const struct rrset *rrset;
    g_assert(zone_count(a) == zone_count(b));
    while ((rrset = zone_next(a, &position, &owner)) != NULL) {
        const struct rrset *other = zone_rrset(b, owner, rrset->type);
        g_assert(other != NULL && rrset_equal(rrset, other));
    }
}

/* In place it comes to the same as anew. */
static void
check_changes(const struct content *changes)
{
    g_autoptr(GError) error = NULL;
    AUTO(content) *base = base_new();
    AUTO(zone) *placed = content_to_zone(base, &origin, NULL);
    AUTO(content) *result = apply_changes(base, changes, BYTES, NULL);
    gboolean in_place = apply_in_place(placed, changes, &error);
    g_assert(!in_place || (result != NULL && error == NULL));
    if (result == NULL || content_count(result) > RECORDS)
        return;
    check_zone(result);
    AUTO(zone) *anew = content_to_zone(result, &origin, NULL);
    if (in_place) {
        g_assert(anew != NULL);
        check_same(placed, anew);
    }
}

/* ---- the stream ---- */

static enum incoming_state
take_message(struct incoming *incoming, const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *wire = g_malloc(size + 1);
    memcpy(wire, data, size);
    if (size >= HEADER_SIZE) {
        bytes_put16(wire, ID);
        wire[2] |= FLAG_QR >> 8;
    }
    enum incoming_state state = incoming_take(incoming, wire, size, 0, &error);
    g_assert((state == INCOMING_FAILED) == (error != NULL));
    return state;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint8 request[INCOMING_REQUEST_MAX];
    gsize unused;
    enum incoming_state state = INCOMING_MORE;
    gboolean good = name_from_text(&origin, "site.example");
    g_assert(good);
    if (size == 0 || data[0] > INCOMING_IXFR)
        return 0;
    enum incoming_kind kind = data[0];
    AUTO(incoming) *incoming = ask(kind, request, &unused);
    for (data++, size--; state == INCOMING_MORE && size >= LENGTH;) {
        gsize length = MIN(bytes_get16(data), size - LENGTH);
        state = take_message(incoming, data + LENGTH, length);
        data += LENGTH + length;
        size -= LENGTH + length;
    }
    g_assert(state != INCOMING_CLOCK);
    if (state == INCOMING_ZONE)
        check_zone(incoming_content(incoming));
    if (state == INCOMING_CHANGES)
        check_changes(incoming_content(incoming));
    return 0;
}
