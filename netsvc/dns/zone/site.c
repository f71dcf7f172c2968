#include "netsvc/dns/zone/site.h"

#include "lib/base/fail.h"

#include <arpa/inet.h>
#include <string.h>

#define SOA_NUMBERS 5
#define OCTET 8
#define NIBBLES6 32 /* of an IPv6 address, labels in ip6.arpa */
#define PRIVATE6_NIBBLES 16
#define OCTETS4 4
#define PRIVATE4_OCTETS 3

struct building {
    struct zones *zones;
    const struct config *config;
    guint32 serial;
    GPtrArray *made;   /* struct zone *, in `zones` too */
    struct name first; /* the zone that NS and SOA are named after */
    struct name ns;
    gboolean ns_is_ours;
};

/* ---- which zones there are ---- */

static struct zone *
zone_of(const struct building *building, const struct name *name)
{
    struct name_hashes hashes;
    name_hashes(name, &hashes);
    return zones_of(building->zones, name, &hashes, 0);
}

/* The configured zone that the name is in; NULL: none. */
static const struct config_zone *
configured(const struct building *building, const struct name *name)
{
    const GPtrArray *zones = building->config->dns.zones;
    const struct config_zone *longest = NULL;
    struct name origin, found = {0};
    for (guint i = 0; i < zones->len; i++) {
        const struct config_zone *zone = zones->pdata[i];
        if (name_from_text(&origin, zone->name) && name_is_below(name, &origin) &&
            origin.size > found.size) {
            longest = zone;
            found = origin;
        }
    }
    return longest;
}

/* Whether records of ours cannot come into it at any time. */
static gboolean
is_closed(const struct config_zone *zone)
{
    return zone->sign || zone->file != NULL || zone->primaries->len > 0;
}

static gboolean
is_made(const struct building *building, const struct zone *zone)
{
    return g_ptr_array_find(building->made, zone, NULL);
}

static void
make(struct building *building, const struct name *origin)
{
    struct zone *zone = zone_new(origin);
    zone_free(zones_put(building->zones, zone));
    g_ptr_array_add(building->made, zone);
}

static gboolean
no_name(const char *text, GError **error)
{
    return fail_set(error, FAIL_USAGE, "'%s' is no name", text);
}

static gboolean
make_configured(struct building *building, GError **error)
{
    const GPtrArray *zones = building->config->dns.zones;
    struct name origin;
    for (guint i = 0; i < zones->len; i++) {
        const struct config_zone *zone = zones->pdata[i];
        if (!name_from_text(&origin, zone->name))
            return no_name(zone->name, error);
        if (zone->file == NULL && zone->primaries->len == 0)
            make(building, &origin);
    }
    return TRUE;
}

static gboolean
make_domain(struct building *building, const struct config_subnet *subnet, GError **error)
{
    struct name origin, other;
    if (!name_from_text(&origin, subnet->domain))
        return no_name(subnet->domain, error);
    const struct config_zone *zone = configured(building, &origin);
    if (zone == NULL ? zone_of(building, &origin) != NULL : !is_closed(zone))
        return TRUE;
    if (zone != NULL && name_from_text(&other, zone->name) && name_equal(&origin, &other) &&
        (zone->sign || zone->primaries->len > 0))
        return fail_set(error, FAIL_USAGE,
                        "subnet '%s': its clients' names cannot come into the zone '%s', which is "
                        "%s\nhint: set 'domain' to a name below it, for example lan.%s",
                        subnet->name, zone->name,
                        zone->sign ? "signed" : "transferred from another server", zone->name);
    if (zones_named(building->zones, &origin) == NULL)
        make(building, &origin);
    return TRUE;
}

static gboolean
make_domains(struct building *building, GError **error)
{
    const GPtrArray *subnets = building->config->dhcp.subnets;
    for (guint i = 0; i < subnets->len; i++) {
        const struct config_subnet *subnet = subnets->pdata[i];
        if (subnet->domain != NULL && !make_domain(building, subnet, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
make_address_zone(struct building *building, GError **error)
{
    struct name origin;
    const char *name = building->config->dns.address_zone;
    if (name == NULL)
        return TRUE;
    if (!name_from_text(&origin, name))
        return no_name(name, error);
    if (configured(building, &origin) != NULL && zones_named(building->zones, &origin) != NULL)
        return fail_set(error, FAIL_USAGE,
                        "the address zone '%s' is a zone of its own already\nhint: name another "
                        "one, or remove [zone %s]",
                        name, name);
    if (zones_named(building->zones, &origin) == NULL)
        make(building, &origin);
    return TRUE;
}

/* ---- names ---- */

static gboolean
is_wildcard(const struct name *name)
{
    return name->wire[0] == 1 && name->wire[1] == '*';
}

/* What a name's own zone would be called. */
static void
own_origin(const struct name *name, struct name *origin)
{
    if (is_wildcard(name))
        name_parent(origin, name, 1);
    else
        *origin = *name;
}

static int
by_labels(gconstpointer a, gconstpointer b)
{
    return (int)((const struct name *)a)->labels - (int)((const struct name *)b)->labels;
}

static gboolean
make_for_names(struct building *building, GError **error)
{
    const GPtrArray *names = building->config->dns.names;
    g_autoptr(GArray) origins = g_array_new(FALSE, FALSE, sizeof(struct name));
    for (guint i = 0; i < names->len; i++) {
        const struct config_name *name = names->pdata[i];
        struct name owner, origin;
        if (!name_from_text(&owner, name->name))
            return no_name(name->name, error);
        own_origin(&owner, &origin);
        g_array_append_val(origins, origin);
    }
    g_array_sort(origins, by_labels);
    for (guint i = 0; i < origins->len; i++) {
        const struct name *origin = &g_array_index(origins, struct name, i);
        if (zone_of(building, origin) == NULL && configured(building, origin) == NULL)
            make(building, origin);
    }
    return TRUE;
}

/* ---- reverse zones ---- */

static void
make_reverse(struct building *building, const struct name *origin)
{
    if (zone_of(building, origin) == NULL && configured(building, origin) == NULL)
        make(building, origin);
}

static void
make_for_subnet(struct building *building, guint32 network, guint prefix)
{
    guint octets = CLAMP((prefix + OCTET - 1) / OCTET, 1, PRIVATE4_OCTETS);
    guint bits = octets * OCTET;
    guint count = prefix < bits ? 1u << (bits - prefix) : 1;
    for (guint i = 0; i < count; i++) {
        struct name name, origin;
        name_reverse4(&name, network + (i << (32 - bits)));
        name_parent(&origin, &name, OCTETS4 - octets);
        make_reverse(building, &origin);
    }
}

static gboolean
is_private4(guint32 address)
{
    return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ||
           address >> 16 == 0xa9fe || address >> 22 == 0x64400000 >> 22;
}

static gboolean
is_private6(const guint8 address[16])
{
    return (address[0] & 0xfe) == 0xfc || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
}

static guint32
address4(const struct config_name *name)
{
    guint32 address;
    memcpy(&address, name->address, sizeof address);
    return ntohl(address);
}

static void
reverse_of(const struct config_name *name, struct name *reverse)
{
    if (name->family == AF_INET6)
        name_reverse6(reverse, name->address);
    else
        name_reverse4(reverse, address4(name));
}

static void
make_for_address(struct building *building, const struct config_name *name)
{
    struct name reverse, origin;
    guint cut = 0;
    if (name->family == AF_INET6 && is_private6(name->address))
        cut = NIBBLES6 - PRIVATE6_NIBBLES;
    else if (name->family == AF_INET && is_private4(address4(name)))
        cut = OCTETS4 - PRIVATE4_OCTETS;
    reverse_of(name, &reverse);
    name_parent(&origin, &reverse, cut);
    make_reverse(building, &origin);
}

static void
make_reverses(struct building *building)
{
    const GPtrArray *subnets = building->config->dhcp.subnets;
    const GPtrArray *names = building->config->dns.names;
    for (guint i = 0; i < subnets->len; i++) {
        const struct config_subnet *subnet = subnets->pdata[i];
        make_for_subnet(building, subnet->network, subnet->prefix);
    }
    for (guint i = 0; i < names->len; i++) {
        const struct config_name *name = names->pdata[i];
        struct name owner;
        if (name_from_text(&owner, name->name) && !is_wildcard(&owner))
            make_for_address(building, name);
    }
}

/* ---- NS and SOA ---- */

/* The first zone that is no reverse one; where that is from a file, its server. */
static gboolean
choose_ns(struct building *building, guint forward, GError **error)
{
    const char *node = building->config->node;
    const struct zone *first =
        zones_count(building->zones) > 0 ? zones_at(building->zones, 0) : NULL;
    if (building->made->len == 0)
        return TRUE;
    if (forward > 0 || is_made(building, first)) {
        building->first = *zone_origin(building->made->pdata[0]);
        building->ns_is_ours = TRUE;
        return name_prepend(&building->ns, node, strlen(node), &building->first) ||
               fail_set(error, FAIL_USAGE, "the node's name '%s' is none that a zone can hold",
                        node);
    }
    struct rrset_record record = {0};
    const struct rrset *set = zone_rrset(first, zone_origin(first), TYPE_NS);
    building->first = *zone_origin(first);
    gboolean found = rrset_next(set, &record) &&
                     name_from_wire(&building->ns, record.rdata, record.size, NULL) > 0;
    g_assert(found); /* zone_finish has looked */
    return TRUE;
}

static gboolean
add_soa(const struct building *building, struct zone *zone, GError **error)
{
    guint8 rdata[2 * NAME_SIZE_MAX + SOA_NUMBERS * sizeof(guint32)];
    struct name contact;
    gsize size = building->ns.size;
    guint32 ttl = building->config->dns.ttl;
    const guint32 numbers[SOA_NUMBERS] = {
        GUINT32_TO_BE(building->serial), GUINT32_TO_BE(SITE_REFRESH), GUINT32_TO_BE(SITE_RETRY),
        GUINT32_TO_BE(SITE_EXPIRE), GUINT32_TO_BE(MIN(ttl, SITE_NEGATIVE_TTL))};
    if (!name_prepend(&contact, "hostmaster", strlen("hostmaster"), &building->first))
        contact = building->first;
    memcpy(rdata, building->ns.wire, size);
    memcpy(rdata + size, contact.wire, contact.size);
    size += contact.size;
    memcpy(rdata + size, numbers, sizeof numbers);
    size += sizeof numbers;
    const struct name *origin = zone_origin(zone);
    return zone_add(zone, origin, TYPE_SOA, SITE_TTL, rdata, size, error) &&
           zone_add(zone, origin, TYPE_NS, SITE_TTL, building->ns.wire, building->ns.size, error);
}

static gboolean
add_soas(const struct building *building, GError **error)
{
    for (guint i = 0; i < building->made->len; i++)
        if (!add_soa(building, building->made->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* ---- addresses ---- */

static gboolean
add_address(const struct building *building, struct zone *zone, const struct name *owner,
            int family, const guint8 *address, GError **error)
{
    guint16 type = family == AF_INET6 ? TYPE_AAAA : TYPE_A;
    return zone_add(zone, owner, type, building->config->dns.ttl, address,
                    family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr), error);
}

static gboolean
add_pointer(const struct building *building, const struct name *reverse, const struct name *owner,
            GError **error)
{
    struct zone *zone = zone_of(building, reverse);
    if (zone == NULL || !is_made(building, zone) || zone_rrset(zone, reverse, TYPE_PTR) != NULL)
        return TRUE;
    return zone_add(zone, reverse, TYPE_PTR, building->config->dns.ttl, owner->wire, owner->size,
                    error);
}

static gboolean
is_there(const struct zone *zone, const struct name *owner)
{
    return zone_rrset(zone, owner, TYPE_A) != NULL || zone_rrset(zone, owner, TYPE_AAAA) != NULL ||
           zone_rrset(zone, owner, TYPE_CNAME) != NULL;
}

static gboolean
add_name(const struct building *building, const struct config_name *name, GError **error)
{
    struct name owner, reverse;
    if (!name_from_text(&owner, name->name))
        return no_name(name->name, error);
    struct zone *zone = zone_of(building, &owner);
    if (zone == NULL || (!is_made(building, zone) && !is_there(zone, &owner)))
        return fail_set(error, FAIL_USAGE,
                        "the name '%s' is in the zone '%s', which comes %s\nhint: set it there",
                        name->name, configured(building, &owner)->name,
                        zone == NULL ? "from another server" : "from a file without it");
    if (is_made(building, zone) &&
        !add_address(building, zone, &owner, name->family, name->address, error))
        return FALSE;
    reverse_of(name, &reverse);
    return is_wildcard(&owner) || add_pointer(building, &reverse, &owner, error);
}

static gboolean
add_names(const struct building *building, GError **error)
{
    const GPtrArray *names = building->config->dns.names;
    for (guint i = 0; i < names->len; i++)
        if (!add_name(building, names->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* The address of a reservation, which its client has in the DHCP's own time too. */
static gboolean
add_host(const struct building *building, const struct config_host *host, GError **error)
{
    const struct config_subnet *subnet = config_subnet_of(&building->config->dhcp, host->address);
    struct name domain, owner, reverse;
    guint32 address = htonl(host->address);
    if (subnet == NULL || subnet->domain == NULL || !name_from_text(&domain, subnet->domain) ||
        !name_prepend(&owner, host->name, strlen(host->name), &domain))
        return TRUE;
    name_lower(owner.wire, owner.wire, owner.size);
    struct zone *zone = zone_of(building, &owner);
    if (zone == NULL || !is_made(building, zone) || is_there(zone, &owner))
        return TRUE;
    name_reverse4(&reverse, host->address);
    return add_address(building, zone, &owner, AF_INET, (const guint8 *)&address, error) &&
           add_pointer(building, &reverse, &owner, error);
}

static gboolean
add_hosts(const struct building *building, GError **error)
{
    const GPtrArray *hosts = building->config->dhcp.hosts;
    for (guint i = 0; i < hosts->len; i++)
        if (!add_host(building, hosts->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* ---- where we are ---- */

static gboolean
is_reachable(const struct config_peer *peer)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&peer->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&peer->address;
    if (peer->address.ss_family == AF_INET6)
        return !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) &&
               !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
    guint32 address = ntohl(four->sin_addr.s_addr);
    return address != INADDR_ANY && address >> 24 != IN_LOOPBACKNET;
}

static gboolean
add_ns_address(const struct building *building, GError **error)
{
    const struct config *config = building->config;
    struct zone *zone =
        building->made->len > 0 && building->ns_is_ours ? zone_of(building, &building->ns) : NULL;
    guint32 service = htonl(config->service_address);
    guint count = 0;
    if (zone == NULL || !is_made(building, zone) || is_there(zone, &building->ns))
        return TRUE;
    for (guint i = 0; i < config->dns.listen->len; i++) {
        const struct config_peer *peer = &g_array_index(config->dns.listen, struct config_peer, i);
        int family = peer->address.ss_family;
        const void *address =
            family == AF_INET6
                ? (const void *)&((const struct sockaddr_in6 *)&peer->address)->sin6_addr
                : (const void *)&((const struct sockaddr_in *)&peer->address)->sin_addr;
        if (!is_reachable(peer))
            continue;
        if (!add_address(building, zone, &building->ns, family, address, error))
            return FALSE;
        count++;
    }
    return count > 0 || service == 0 ||
           add_address(building, zone, &building->ns, AF_INET, (const guint8 *)&service, error);
}

/* ---- the whole ---- */

/* Where a delegation's server is below it, its address stands beside it. */
static void
set_glue(const struct building *building, struct zone *parent, const struct zone *child)
{
    static const guint16 types[] = {TYPE_A, TYPE_AAAA};
    if (!name_is_below(&building->ns, zone_origin(child)))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        struct rrset_record record = {0};
        const struct rrset *set = zone_rrset(child, &building->ns, types[i]);
        if (set != NULL && rrset_next(set, &record))
            zone_set(parent, &building->ns, types[i], record.ttl, record.rdata, record.size);
    }
}

/* A child of a zone of ours is delegated in it, for those who transfer or sign the parent. */
static void
delegate(const struct building *building, const struct zone *child)
{
    const struct name *origin = zone_origin(child);
    struct name_hashes hashes;
    name_hashes(origin, &hashes);
    struct zone *parent = origin->labels > 0 ? zones_of(building->zones, origin, &hashes, 1) : NULL;
    if (parent == NULL || zone_rrset(parent, origin, TYPE_NS) != NULL)
        return;
    zone_set(parent, origin, TYPE_NS, SITE_TTL, building->ns.wire, building->ns.size);
    set_glue(building, parent, child);
}

/* Delegations come last, as changes: the parent may be from a file, and then has been finished. */
static gboolean
finish(const struct building *building, GError **error)
{
    for (guint i = 0; i < building->made->len; i++)
        if (!zone_finish(building->made->pdata[i], error))
            return FALSE;
    for (guint i = 0; i < building->made->len; i++)
        delegate(building, building->made->pdata[i]);
    for (guint i = 0; i < building->made->len; i++)
        zone_set_serial(building->made->pdata[i], building->serial);
    return TRUE;
}

gboolean
site_build(struct zones *zones, const struct config *config, guint32 serial, GError **error)
{
    g_autoptr(GPtrArray) made = g_ptr_array_new();
    struct building building = {.zones = zones, .config = config, .serial = serial, .made = made};
    if (!make_configured(&building, error) || !make_domains(&building, error) ||
        !make_address_zone(&building, error) || !make_for_names(&building, error))
        return FALSE;
    guint forward = made->len;
    make_reverses(&building);
    return choose_ns(&building, forward, error) && add_soas(&building, error) &&
           add_names(&building, error) && add_hosts(&building, error) &&
           add_ns_address(&building, error) && finish(&building, error);
}
