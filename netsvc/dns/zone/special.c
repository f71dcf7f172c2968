#include "netsvc/dns/zone/special.h"

#include <string.h>

enum act {
    ABSENT,       /* neither it nor anything below it exists */
    EMPTY,        /* an empty zone: SOA and NS at its top, nothing below (RFC 6303 3) */
    LOOPBACK,     /* it and all below it are this machine */
    IPV4ONLY,     /* the two addresses by which NAT64 is found */
    IS_LOCALHOST, /* a PTR record to that name */
    IS_IPV4ONLY,
};

static const struct {
    const char *name;
    enum act act;
    const char *source;
} table[] = {
    {"localhost", LOOPBACK, "RFC 6761 6.3"},
    {"invalid", ABSENT, "RFC 6761 6.4"},
    {"test", ABSENT, "RFC 6761 6.2"},
    {"local", ABSENT, "RFC 6762 22.1: multicast DNS"},
    {"onion", ABSENT, "RFC 7686 2"},
    {"alt", ABSENT, "RFC 9476: not DNS"},
    {"internal", ABSENT, "ICANN, resolution 2024.07.29.06: private use, never in the root"},
    {"use-application-dns.net", ABSENT, "Mozilla's canary: keep to the network's DNS"},
    {"home.arpa", EMPTY, "RFC 8375 4"},
    {"resolver.arpa", EMPTY, "RFC 9462 6.4"},
    {"_dns.resolver.arpa", EMPTY, "RFC 9462 6.4: no encrypted DNS is offered"},
    {"ipv4only.arpa", IPV4ONLY, "RFC 8880 7.2"},
    {"170.0.0.192.in-addr.arpa", IS_IPV4ONLY, "RFC 8880 7.2"},
    {"171.0.0.192.in-addr.arpa", IS_IPV4ONLY, "RFC 8880 7.2"},

    {"10.in-addr.arpa", EMPTY, "RFC 6303 4.1: RFC 1918"},
    {"168.192.in-addr.arpa", EMPTY, "RFC 6303 4.1: RFC 1918"},
    {"0.in-addr.arpa", EMPTY, "RFC 6303 4.2: this network"},
    {"127.in-addr.arpa", EMPTY, "RFC 6303 4.2: loopback"},
    {"1.0.0.127.in-addr.arpa", IS_LOCALHOST, "RFC 1912 4.1"},
    {"254.169.in-addr.arpa", EMPTY, "RFC 6303 4.2: link-local"},
    {"2.0.192.in-addr.arpa", EMPTY, "RFC 6303 4.2: documentation"},
    {"100.51.198.in-addr.arpa", EMPTY, "RFC 6303 4.2: documentation"},
    {"113.0.203.in-addr.arpa", EMPTY, "RFC 6303 4.2: documentation"},
    {"255.255.255.255.in-addr.arpa", EMPTY, "RFC 6303 4.2: broadcast"},
    {"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", EMPTY,
     "RFC 6303 4.3: unspecified"},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", IS_LOCALHOST,
     "RFC 6303 4.3: loopback"},
    {"d.f.ip6.arpa", EMPTY, "RFC 6303 4.4: unique local"},
    {"8.e.f.ip6.arpa", EMPTY, "RFC 6303 4.5: link-local"},
    {"9.e.f.ip6.arpa", EMPTY, "RFC 6303 4.5"},
    {"a.e.f.ip6.arpa", EMPTY, "RFC 6303 4.5"},
    {"b.e.f.ip6.arpa", EMPTY, "RFC 6303 4.5"},
    {"8.b.d.0.1.0.0.2.ip6.arpa", EMPTY, "RFC 6303 4.6: documentation"},
};

/* Those of which there are many in a row: so many reverse zones below a network's. */
static const struct {
    guint first, last;
    const char *below;
    const char *source;
} ranges[] = {
    {16, 31, "172.in-addr.arpa", "RFC 6303 4.1: RFC 1918"},
    {64, 127, "100.in-addr.arpa", "RFC 7793: shared by providers"},
};

struct row {
    struct name name; /* first: it is its own key */
    enum act act;
};

struct special {
    GHashTable *rows;  /* struct row */
    GHashTable *above; /* struct name: what exists only because a row is below it */
};

static guint
hash(gconstpointer name)
{
    return name_hash(name);
}

static gboolean
equal(gconstpointer a, gconstpointer b)
{
    return name_equal(a, b);
}

static void
add(struct special *special, const char *text, enum act act)
{
    struct row *row = g_new(struct row, 1);
    gboolean good = name_from_text(&row->name, text);
    g_assert(good);
    row->act = act;
    g_hash_table_add(special->rows, row);
    for (guint i = 1; act != ABSENT && i < row->name.labels; i++) {
        struct name parent;
        name_parent(&parent, &row->name, i);
        g_hash_table_add(special->above, g_memdup2(&parent, sizeof parent));
    }
}

struct special *
special_new(void)
{
    struct special *special = g_new(struct special, 1);
    special->rows = g_hash_table_new_full(hash, equal, g_free, NULL);
    special->above = g_hash_table_new_full(hash, equal, g_free, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        add(special, table[i].name, table[i].act);
    for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++)
        for (guint n = ranges[i].first; n <= ranges[i].last; n++) {
            g_autofree char *text = g_strdup_printf("%u.%s", n, ranges[i].below);
            add(special, text, EMPTY);
        }
    return special;
}

void
special_free(struct special *special)
{
    if (special == NULL)
        return;
    g_hash_table_destroy(special->rows);
    g_hash_table_destroy(special->above);
    g_free(special);
}

/* The row of the name, or of the nearest above it; NULL: none. */
static const struct row *
find(const struct special *special, const struct name *name)
{
    for (guint i = 0; i < name->labels; i++) {
        struct name suffix;
        name_parent(&suffix, name, i);
        const struct row *row = g_hash_table_lookup(special->rows, &suffix);
        if (row != NULL)
            return row;
    }
    return NULL;
}

gboolean
special_exists(const struct special *special, const struct name *name)
{
    const struct row *row = g_hash_table_lookup(special->rows, name);
    return (row != NULL && row->act != ABSENT) || g_hash_table_contains(special->above, name);
}

/* ---- records ---- */

static const guint8 localhost[] = "\x09localhost";
static const guint8 ipv4only[] = "\x08ipv4only\x04"
                                 "arpa";

static void
record(struct reply *reply, const struct name *name, guint16 type, const void *rdata, gsize size)
{
    reply_record(reply, SECTION_ANSWER, name->wire, name->size, type, CLASS_IN, SPECIAL_TTL, rdata,
                 size);
}

/* RFC 6303 3: by itself, `nobody.invalid.`, serial, refresh, retry, expire, minimum. */
static void
soa(struct reply *reply, enum section section, const struct row *row)
{
    static const guint8 rest[] = {6,
                                  'n',
                                  'o',
                                  'b',
                                  'o',
                                  'd',
                                  'y',
                                  7,
                                  'i',
                                  'n',
                                  'v',
                                  'a',
                                  'l',
                                  'i',
                                  'd',
                                  0,
                                  0,
                                  0,
                                  0,
                                  1,
                                  0,
                                  0,
                                  0x0e,
                                  0x10,
                                  0,
                                  0,
                                  0x04,
                                  0xb0,
                                  0,
                                  0x09,
                                  0x3a,
                                  0x80,
                                  0,
                                  0,
                                  SPECIAL_TTL >> 8,
                                  SPECIAL_TTL & 255};
    guint8 rdata[NAME_SIZE_MAX + sizeof rest];
    memcpy(rdata, row->name.wire, row->name.size);
    memcpy(rdata + row->name.size, rest, sizeof rest);
    reply_record(reply, section, row->name.wire, row->name.size, TYPE_SOA, CLASS_IN, SPECIAL_TTL,
                 rdata, row->name.size + sizeof rest);
}

static void
top_of_empty(struct reply *reply, const struct name *name, const struct row *row)
{
    guint16 type = reply->query->type;
    if (type == TYPE_SOA || type == TYPE_ANY)
        soa(reply, SECTION_ANSWER, row);
    if (type == TYPE_NS || type == TYPE_ANY)
        record(reply, name, TYPE_NS, row->name.wire, row->name.size);
}

/* What the name itself has of the type that was asked for. */
static void
own_records(struct reply *reply, const struct name *name, const struct row *row)
{
    static const guint8 loopback4[] = {127, 0, 0, 1};
    static const guint8 loopback6[16] = {[15] = 1};
    static const guint8 nat64[2][4] = {{192, 0, 0, 170}, {192, 0, 0, 171}};
    guint16 type = reply->query->type;
    gboolean any = type == TYPE_ANY;
    switch (row->act) {
    case EMPTY:
        top_of_empty(reply, name, row);
        break;
    case LOOPBACK:
        if (type == TYPE_A || any)
            record(reply, name, TYPE_A, loopback4, sizeof loopback4);
        if (type == TYPE_AAAA || any)
            record(reply, name, TYPE_AAAA, loopback6, sizeof loopback6);
        break;
    case IPV4ONLY:
        for (guint i = 0; (type == TYPE_A || any) && i < G_N_ELEMENTS(nat64); i++)
            record(reply, name, TYPE_A, nat64[i], sizeof nat64[i]);
        break;
    case IS_LOCALHOST:
        if (type == TYPE_PTR || any)
            record(reply, name, TYPE_PTR, localhost, sizeof localhost);
        break;
    case IS_IPV4ONLY:
        if (type == TYPE_PTR || any)
            record(reply, name, TYPE_PTR, ipv4only, sizeof ipv4only);
        break;
    case ABSENT:
        break;
    }
}

gboolean
special_answer(const struct special *special, const struct name *name, gboolean exists,
               struct reply *reply)
{
    const struct row *row = find(special, name);
    if (row == NULL)
        return FALSE;
    gboolean itself = row->name.labels == name->labels || row->act == LOOPBACK;
    /* That such a zone is not signed is for its parent to say (RFC 8375 4). */
    if (itself && reply->query->type == TYPE_DS && row->act != ABSENT && row->act != LOOPBACK)
        return FALSE;
    reply->flags |= FLAG_RA;
    if (row->act == ABSENT) {
        reply->rcode = exists ? RCODE_NOERROR : RCODE_NXDOMAIN;
        reply_root_soa(reply, SPECIAL_TTL);
        return TRUE;
    }
    guint before = reply->counts[SECTION_ANSWER];
    reply->flags |= FLAG_AA;
    if (itself)
        own_records(reply, name, row);
    else if (!exists && !g_hash_table_contains(special->above, name))
        reply->rcode = RCODE_NXDOMAIN;
    if (reply->counts[SECTION_ANSWER] == before)
        soa(reply, SECTION_AUTHORITY, row);
    return TRUE;
}
