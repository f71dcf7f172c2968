/*
 * dns_update: whatever an update says, texts come to _acme-challenge names of the zone alone, the
 * answer has a code, and no more is kept than may be. The first byte says whether it was signed.
 */
#include "netsvc/bytes.h"
#include "netsvc/dns/update/update.h"
#include "netsvc/web/acme/validate/lookup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/small_zone.h"

static void
try_answer(struct update *update, const struct zones *zones, const char *text, gboolean may)
{
    guint8 wire[512], out[QUERY_UDP_MAX];
    struct name name = name_of(text);
    struct reply asked;
    struct query query;
    reply_begin_question(&asked, &name, TYPE_TXT, CLASS_IN, wire, sizeof wire);
    gsize length = reply_end(&asked);
    bytes_put16(wire + 2, 0);
    enum query_outcome outcome = query_parse(&query, wire, length);
    g_assert(outcome == QUERY_GOOD);
    const struct update_request request = {&query, NULL, TRUE, zones, 1};
    gsize size = update_answer(update, &request, out, sizeof out);
    g_assert(size == 0 || may);
    g_autoptr(GPtrArray) values =
        size > 0 ? lookup_parse(out, size, query.id, LDNS_RR_TYPE_TXT, NULL) : NULL;
    g_assert(size == 0 || values != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint8 out[QUERY_UDP_MAX];
    struct query query;
    struct config_dns config = {.zones = g_ptr_array_new()};
    struct tsig tsig = {.name = name_of("acme-key")};
    if (size > 0 && data[0] != 0)
        tsig.key = (const struct tsig_key *)&config;
    AUTO(zones) *zones = zones_new();
    zones_put(zones, small_zone("test"));
    AUTO(update) *update = update_new(&config);
    if (size > 1 && query_parse(&query, data + 1, size - 1) == QUERY_GOOD &&
        query.opcode == OPCODE_UPDATE) {
        const struct update_request request = {&query, NULL, TRUE, zones, 1};
        gsize made = update_serve(update, &request, &tsig, out, sizeof out);
        g_assert(made >= HEADER_SIZE && made <= sizeof out);
        try_answer(update, zones, "_acme-challenge.test", tsig.key != NULL);
        try_answer(update, zones, "_acme-challenge.a.test", tsig.key != NULL);
        try_answer(update, zones, "a.test", FALSE);
    }
    for (guint type = 1; size > 1 && type <= 28; type += 27) {
        GPtrArray *values = lookup_parse(data + 1, size - 1, 0, (ldns_rr_type)type, NULL);
        g_clear_pointer(&values, g_ptr_array_unref);
    }
    g_ptr_array_unref(config.zones);
    return 0;
}
