/*
 * dns_tsig: no bytes but those that the key signed are taken for signed. The first byte says what
 * the rest is: 0 a request, 1 an answer to ours, 2 how to damage a good request: offset (two bytes)
 * and what to change there (one), again and again.
 */
#include "netsvc/bytes.h"
#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/incoming.h"
#include "netsvc/dns/transfer/tsig.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define NOW 1800000000u
#define ID 0x1234
#define MESSAGE_MAX 4096
#define DAMAGE 3 /* bytes */

static struct tsig_keys *keys;

static void
begin(void)
{
    g_autoptr(GPtrArray) config = g_ptr_array_new();
    g_autoptr(GBytes) secret = g_bytes_new_static("secret", 6);
    struct config_tsig entry = {(char *)"key.site", (char *)"hmac-sha256", secret};
    g_ptr_array_add(config, &entry);
    keys = tsig_keys_new(config, NULL);
    g_assert(keys != NULL);
}

static gsize
good_request(struct tsig *tsig, guint8 out[MESSAGE_MAX])
{
    struct reply reply;
    struct name name;
    gboolean good = name_from_text(&name, "site.example");
    g_assert(good);
    reply_begin_question(&reply, &name, TYPE_SOA, CLASS_IN, out, MESSAGE_MAX);
    gsize size = reply_end(&reply);
    bytes_put16(out, ID);
    bytes_put16(out + 2, 0);
    tsig_begin(tsig, tsig_keys_find(keys, "key.site"), 0);
    return tsig_sign(tsig, out, size, MESSAGE_MAX, NOW);
}

/* Whatever the verdict, an answer can be made and is no longer than said. */
static enum rcode
check_request(const guint8 *wire, gsize size)
{
    guint8 out[MESSAGE_MAX] = {0};
    struct query query;
    struct tsig tsig;
    if (query_parse(&query, wire, size) != QUERY_GOOD)
        return RCODE_FORMERR;
    enum rcode rcode = tsig_check(&tsig, keys, wire, size, query.tsig, NOW);
    if (query.tsig == 0)
        rcode = RCODE_FORMERR; /* unsigned: nothing that interests us */
    if (rcode == RCODE_NOERROR)
        g_assert(tsig.key != NULL && tsig.error == 0);
    gsize need = HEADER_SIZE + tsig_size(&tsig);
    gsize took = tsig_sign(&tsig, out, HEADER_SIZE, need, NOW);
    g_assert(took > 0 && took <= need);
    tsig_clear(&tsig);
    return rcode;
}

static void
check_answer(const guint8 *wire, gsize size)
{
    guint8 request[MESSAGE_MAX];
    struct tsig tsig;
    struct record record;
    g_autofree struct records *records = g_new(struct records, 1);
    gsize signature = 0;
    good_request(&tsig, request);
    if (records_begin(records, wire, size)) {
        while (records_next(records, &record) == RECORDS_ONE)
            if (record.type == TYPE_TSIG)
                signature = record.offset;
        /* Nobody without the key makes one that is taken. */
        enum tsig_verdict verdict = tsig_check_answer(&tsig, wire, size, signature, NOW, NULL);
        g_assert(verdict == TSIG_WRONG);
    }
    tsig_clear(&tsig);
}

static guint8
folded(const guint8 *wire, gsize at)
{
    return at < 2 ? 0 : (guint8)g_ascii_tolower((char)wire[at]);
}

static void
check_damage(const guint8 *data, gsize size)
{
    guint8 good[MESSAGE_MAX], bad[MESSAGE_MAX];
    struct tsig tsig;
    gboolean same = TRUE;
    gsize whole = good_request(&tsig, good);
    tsig_clear(&tsig);
    memcpy(bad, good, whole);
    for (; size >= DAMAGE; data += DAMAGE, size -= DAMAGE)
        bad[bytes_get16(data) % whole] ^= data[2];
    /* The id may be another, and letters of the key's name. */
    for (gsize i = 0; i < whole; i++)
        same = same && folded(good, i) == folded(bad, i);
    if (check_request(bad, whole) == RCODE_NOERROR)
        g_assert(same);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (keys == NULL)
        begin();
    if (size == 0 || size > MESSAGE_MAX)
        return 0;
    if (data[0] == 0)
        check_request(data + 1, size - 1);
    else if (data[0] == 1)
        check_answer(data + 1, size - 1);
    else if (data[0] == 2)
        check_damage(data + 1, size - 1);
    return 0;
}
