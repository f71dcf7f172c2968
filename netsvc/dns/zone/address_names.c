#include "netsvc/dns/zone/address_names.h"

#include <arpa/inet.h>
#include <string.h>

#define OCTETS 4
#define SIZE4 4 /* bytes of an address */
#define SIZE6 16
#define ACME "_acme-challenge" /* RFC 8555, 8.4 */

/* ---- names ---- */

/* "10-0-0-7": four numbers as people write them, without zeros in front. */
static gboolean
read4(const guint8 *label, gsize size, guint8 *address)
{
    gsize at = 0;
    for (guint i = 0; i < OCTETS; i++) {
        guint value = 0;
        gsize begin = at;
        while (at < size && g_ascii_isdigit(label[at]) && value <= G_MAXUINT8)
            value = value * 10 + (guint)(label[at++] - '0');
        if (at == begin || value > G_MAXUINT8 || (label[begin] == '0' && at - begin > 1))
            return FALSE;
        address[i] = (guint8)value;
        if (i < OCTETS - 1 && (at == size || label[at++] != '-'))
            return FALSE;
    }
    return at == size;
}

/* "fd00--7": hyphens for colons. */
static gboolean
read6(const guint8 *label, gsize size, guint8 *address)
{
    char text[INET6_ADDRSTRLEN];
    if (size >= sizeof text)
        return FALSE;
    for (gsize i = 0; i < size; i++) {
        if (!g_ascii_isxdigit(label[i]) && label[i] != '-')
            return FALSE;
        text[i] = label[i] == '-' ? ':' : (char)label[i];
    }
    text[size] = 0;
    return inet_pton(AF_INET6, text, address) == 1;
}

static enum address_name
find_label(const struct address_names *names, const guint8 *label, guint8 *address)
{
    gsize size = *label++;
    if (read4(label, size, address))
        return config_networks_have(names->networks, AF_INET, address) ? ADDRESS_NAME_4
                                                                       : ADDRESS_NAME_NONE;
    if (read6(label, size, address))
        return config_networks_have(names->networks, AF_INET6, address) ? ADDRESS_NAME_6
                                                                        : ADDRESS_NAME_NONE;
    return ADDRESS_NAME_NONE;
}

static gboolean
is_acme(const guint8 *label)
{
    return label[0] == strlen(ACME) && memcmp(label + 1, ACME, strlen(ACME)) == 0;
}

enum address_name
address_names_find(const struct address_names *names, const struct name *name, guint8 address[16])
{
    guint below = (guint)name->labels - zone_origin(names->zone)->labels;
    const guint8 *first = name->wire;
    if (below == 1)
        return is_acme(first) ? ADDRESS_NAME_EMPTY : find_label(names, first, address);
    if (below == 2 && is_acme(first) &&
        find_label(names, first + 1 + first[0], address) != ADDRESS_NAME_NONE)
        return ADDRESS_NAME_EMPTY;
    return ADDRESS_NAME_NONE;
}

/* ---- answers ---- */

static gboolean
asks_for(const struct query *query, guint16 type)
{
    return query->type == type || query->type == TYPE_ANY;
}

/* Why there is nothing (RFC 2308). */
static void
add_soa(const struct zone *zone, struct reply *reply)
{
    struct rrset_record record = {0};
    const struct name *origin = zone_origin(zone);
    const struct rrset *soa = zone_rrset(zone, origin, TYPE_SOA);
    if (rrset_next(soa, &record))
        reply_record(reply, SECTION_AUTHORITY, origin->wire, origin->size, TYPE_SOA, CLASS_IN,
                     zone_negative_ttl(zone), record.rdata, record.size);
}

static gboolean
zone_has(const struct zone *zone, const struct name *name)
{
    struct name_hashes hashes;
    struct zone_match match;
    name_hashes(name, &hashes);
    return zone_find(zone, name, &hashes, &match) != ZONE_NOTHING;
}

gsize
address_names_answer(const struct address_names *names, const struct query *query,
                     const struct reply_options *options, gboolean udp, guint8 *out, gsize room)
{
    struct reply reply;
    guint8 address[SIZE6];
    if (!name_is_below(&query->name, zone_origin(names->zone)))
        return 0;
    enum address_name found = address_names_find(names, &query->name, address);
    if (found == ADDRESS_NAME_NONE && zone_has(names->zone, &query->name))
        return 0;
    reply_begin(&reply, query, options, udp, out, room);
    reply.flags |= FLAG_AA;
    guint16 type = found == ADDRESS_NAME_6 ? TYPE_AAAA : TYPE_A;
    guint32 ttl = zone_rrset(names->zone, zone_origin(names->zone), TYPE_SOA)->ttl;
    if (found == ADDRESS_NAME_NONE)
        reply.rcode = RCODE_NXDOMAIN;
    if (found >= ADDRESS_NAME_4 && asks_for(query, type))
        reply_record(&reply, SECTION_ANSWER, query->name.wire, query->name.size, type, CLASS_IN,
                     ttl, address, found == ADDRESS_NAME_6 ? SIZE6 : SIZE4);
    else
        add_soa(names->zone, &reply);
    return reply_end(&reply);
}
