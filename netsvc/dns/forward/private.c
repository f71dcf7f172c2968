#include "netsvc/dns/forward/private.h"

#include "netsvc/bytes.h"

#include <string.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_SVCB = 64, TYPE_HTTPS = 65 };
enum { SVCB_IPV4HINT = 4, SVCB_IPV6HINT = 6 }; /* RFC 9460, 14.3.2 */

static const struct {
    guint32 network;
    guint prefix;
} blocks4[] = {
    {0x00000000, 8},  /* this network, RFC 791 */
    {0x0a000000, 8},  /* RFC 1918 */
    {0x64400000, 10}, /* shared by providers, RFC 6598 */
    {0x7f000000, 8},  /* loopback, RFC 1122 */
    {0xa9fe0000, 16}, /* link-local, RFC 3927 */
    {0xac100000, 12}, /* RFC 1918 */
    {0xc0000000, 24}, /* protocols, RFC 6890 */
    {0xc0a80000, 16}, /* RFC 1918 */
    {0xc6120000, 15}, /* measuring, RFC 2544 */
    {0xe0000000, 3},  /* multicast, reserved, broadcast: RFC 1112 */
};

static const struct {
    guint8 network[8];
    guint prefix;
    int ipv4; /* offset of one inside, by which it is judged; -1: none, all are private */
} blocks6[] = {
    {{0xfc}, 7, -1},                          /* unique local, RFC 4193 */
    {{0xfe, 0x80}, 9, -1},                    /* link-local, RFC 4291; site-local, RFC 3879 */
    {{0xff}, 8, -1},                          /* multicast */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, -1}, /* NAT64 of one's own, RFC 8215 */
    {{0x01}, 64, -1},                         /* discard, RFC 6666 */
    {{0x20, 0x02}, 16, 2},                    /* 6to4, RFC 3056 */
};

static gboolean
is_private4(guint32 address)
{
    for (gsize i = 0; i < G_N_ELEMENTS(blocks4); i++)
        if ((address ^ blocks4[i].network) >> (32 - blocks4[i].prefix) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
begins_with(const guint8 *address, const guint8 *network, guint prefix)
{
    guint bytes = prefix / 8, bits = prefix % 8;
    return memcmp(address, network, bytes) == 0 &&
           (bits == 0 || (address[bytes] ^ network[bytes]) >> (8 - bits) == 0);
}

static gboolean
is_private6(const guint8 address[16])
{
    /* With the last 32 bits an IPv4 address: unspecified, loopback and compatible (RFC 4291 2.5),
     * mapped, translated (RFC 2765), NAT64 (RFC 6052). */
    static const guint8 prefixes96[][12] = {
        {0},
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
        {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
        {0, 0x64, 0xff, 0x9b},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes96); i++)
        if (memcmp(address, prefixes96[i], sizeof prefixes96[i]) == 0)
            return is_private4(bytes_get32(address + 12));
    for (gsize i = 0; i < G_N_ELEMENTS(blocks6); i++)
        if (begins_with(address, blocks6[i].network, blocks6[i].prefix))
            return blocks6[i].ipv4 < 0 || is_private4(bytes_get32(address + blocks6[i].ipv4));
    return FALSE;
}

static gboolean
holds_private(const guint8 *addresses, gsize size, gsize each)
{
    if (size % each != 0)
        return TRUE;
    for (gsize i = 0; i < size; i += each)
        if (each == 4 ? is_private4(bytes_get32(addresses + i)) : is_private6(addresses + i))
            return TRUE;
    return FALSE;
}

/* RFC 9460 2.2: priority, target name, then parameters of key, size, value. */
static gboolean
svcb_private(const guint8 *rdata, gsize size)
{
    gsize at = 2;
    while (at < size && rdata[at] != 0)
        at += 1 + (gsize)rdata[at];
    at++;
    if (at > size)
        return TRUE;
    while (at < size) {
        if (size - at < 4)
            return TRUE;
        guint key = bytes_get16(rdata + at);
        gsize length = bytes_get16(rdata + at + 2);
        at += 4;
        if (length > size - at)
            return TRUE;
        if ((key == SVCB_IPV4HINT && holds_private(rdata + at, length, 4)) ||
            (key == SVCB_IPV6HINT && holds_private(rdata + at, length, 16)))
            return TRUE;
        at += length;
    }
    return FALSE;
}

gboolean
private_rdata(guint16 type, const guint8 *rdata, gsize size)
{
    switch (type) {
    case TYPE_A:
        return size != 4 || is_private4(bytes_get32(rdata));
    case TYPE_AAAA:
        return size != 16 || is_private6(rdata);
    case TYPE_SVCB:
    case TYPE_HTTPS:
        return svcb_private(rdata, size);
    default:
        return FALSE;
    }
}
