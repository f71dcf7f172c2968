/* names: what would be answered wrongly, or be asked in a circle. */
#include "netsvc/check/check.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DNS_PORT 53
#define STUB_ADDRESS 0x7f000035u /* 127.0.0.53: systemd-resolved */

/* ---- wildcards at the top of a search domain ---- */

static gboolean
names_have(const struct config_dns *dns, const char *name)
{
    for (guint i = 0; i < dns->names->len; i++)
        if (strcmp(((const struct config_name *)dns->names->pdata[i])->name, name) == 0)
            return TRUE;
    return FALSE;
}

/* Whether the file has a record of that name. What cannot be read in it is told by the child (see
 * roles.c). */
static gboolean
file_has(const struct config_zone *zone, const char *name)
{
    FILE *file = fopen(zone->file, "re");
    if (file == NULL)
        return FALSE;
    ldns_rdf *wanted = ldns_dname_new_frm_str(name), *origin = ldns_dname_new_frm_str(zone->name);
    ldns_rdf *before = NULL;
    ldns_rr *record = NULL;
    uint32_t ttl = 0;
    int line = 0;
    gboolean has = FALSE;
    while (!has && !feof(file)) {
        if (ldns_rr_new_frm_fp_l(&record, file, &ttl, &origin, &before, &line) == LDNS_STATUS_OK)
            has = ldns_dname_compare(ldns_rr_owner(record), wanted) == 0;
        ldns_rr_free(record);
        record = NULL;
    }
    ldns_rdf_deep_free(wanted);
    ldns_rdf_deep_free(origin);
    ldns_rdf_deep_free(before);
    fclose(file);
    return has;
}

static gboolean
is_below(const char *name, const char *zone)
{
    const gsize size = strlen(name), end = strlen(zone);
    return size >= end && g_ascii_strcasecmp(name + size - end, zone) == 0 &&
           (size == end || name[size - end - 1] == '.');
}

/* Where the wildcard stands, for people; NULL: there is none. */
static char *
find_wildcard(const struct config_dns *dns, const char *domain)
{
    g_autofree char *wildcard = g_strconcat("*.", domain, NULL);
    if (names_have(dns, wildcard))
        return g_strdup("`[dns] names`");
    for (guint i = 0; i < dns->zones->len; i++) {
        const struct config_zone *zone = dns->zones->pdata[i];
        if (zone->file != NULL && is_below(domain, zone->name) && file_has(zone, wildcard))
            return g_strdup_printf("'%s'", zone->file);
    }
    return NULL;
}

static void
check_search(struct check *check, const struct command_line *view, const char *option,
             const char *domain)
{
    const struct config_dns *dns = &check_config(check)->dns;
    g_autofree char *where = dns->enabled ? find_wildcard(dns, domain) : NULL;
    if (where != NULL)
        check_found(check, CHECK_WRONG, view, option,
                    "leave it out, or use another domain for clients, as in lan.NAME",
                    "clients append '%s' to what they look for, and *.%s (in %s) answers to all of "
                    "that: names in the Internet would seem to be here",
                    domain, domain, where);
}

static void
check_searches(struct check *check)
{
    const struct config_dhcp *dhcp = &check_config(check)->dhcp;
    for (guint i = 0; i < dhcp->subnets->len; i++) {
        const struct config_subnet *subnet = dhcp->subnets->pdata[i];
        const struct command_line *view = check_view(check, "subnet", i);
        for (guint k = 0; k < subnet->search->len; k++)
            check_search(check, view, "subnet-search", subnet->search->pdata[k]);
        if (subnet->domain != NULL)
            check_search(check, view, "subnet-domain", subnet->domain);
    }
}

/* ---- names that are not to be ours ---- */

static void
check_special(struct check *check, const struct command_line *view, const char *option,
              const char *name)
{
    static const char *const never[] = {"localhost", "invalid", "onion"};
    if (is_below(name, "local"))
        check_found(
            check, CHECK_NOTE, view, option,
            "use a name of a domain of yours, or one below home.arpa or internal",
            "'%s' is not asked for by phones, Macs and Linux with Avahi: below 'local' they "
            "ask each other (RFC 6762)",
            name);
    for (gsize i = 0; i < G_N_ELEMENTS(never); i++)
        if (is_below(name, never[i]))
            check_found(check, CHECK_WRONG, view, option, "use another name",
                        "'%s' cannot be served: names below '%s' mean nothing in DNS (RFC 6761, "
                        "RFC 7686)",
                        name, never[i]);
}

static void
check_specials(struct check *check)
{
    const struct config *config = check_config(check);
    const struct command_line *line = check_line(check);
    for (guint i = 0; i < config->dns.names->len; i++)
        check_special(check, line, "name",
                      ((const struct config_name *)config->dns.names->pdata[i])->name);
    for (guint i = 0; i < config->dns.zones->len; i++)
        check_special(check, check_view(check, "zone", i), NULL,
                      ((const struct config_zone *)config->dns.zones->pdata[i])->name);
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        if (subnet->domain != NULL)
            check_special(check, check_view(check, "subnet", i), "subnet-domain", subnet->domain);
    }
}

/* ---- whom we would ask ourselves ---- */

static gboolean
is_same(const struct config_peer *a, const struct config_peer *b)
{
    return a->size == b->size && memcmp(&a->address, &b->address, a->size) == 0;
}

static gboolean
is_of_machine(const struct sockaddr_storage *address)
{
    struct ifaddrs *all = NULL;
    gboolean is = FALSE;
    if (getifaddrs(&all) != 0)
        return FALSE;
    for (const struct ifaddrs *each = all; each != NULL && !is; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != address->ss_family)
            continue;
        if (address->ss_family == AF_INET)
            is = ((const struct sockaddr_in *)(const void *)each->ifa_addr)->sin_addr.s_addr ==
                 ((const struct sockaddr_in *)address)->sin_addr.s_addr;
        else
            is = memcmp(&((const struct sockaddr_in6 *)(const void *)each->ifa_addr)->sin6_addr,
                        &((const struct sockaddr_in6 *)address)->sin6_addr,
                        sizeof(struct in6_addr)) == 0;
    }
    freeifaddrs(all);
    return is;
}

/* Whether we serve there: an address that is named, or by default one of the machine, port 53. */
static gboolean
is_ours(const struct config *config, const struct config_peer *peer)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&peer->address;
    for (guint i = 0; i < config->dns.listen->len; i++)
        if (is_same(&g_array_index(config->dns.listen, struct config_peer, i), peer))
            return TRUE;
    if (config->dns.listen->len > 0 || ntohs(in->sin_port) != DNS_PORT)
        return FALSE;
    if (in->sin_family != AF_INET)
        return FALSE;
    guint32 address = ntohl(in->sin_addr.s_addr);
    return address == config->service_address ||
           (config_subnet_of(&config->dhcp, address) != NULL && is_of_machine(&peer->address));
}

static void
check_forwarders(struct check *check)
{
    const struct config *config = check_config(check);
    const char *const *texts = options_list(check_line(check), "forwarder");
    for (guint i = 0; i < config->dns.forwarders->len; i++) {
        const struct config_peer *peer =
            &g_array_index(config->dns.forwarders, struct config_peer, i);
        const struct sockaddr_in *in = (const struct sockaddr_in *)&peer->address;
        if (is_ours(config, peer))
            check_found(check, CHECK_WRONG, check_line(check), "forwarder",
                        "name the servers of your provider, or public ones",
                        "%s is this server itself: questions would go round in a circle", texts[i]);
        else if (in->sin_family == AF_INET && ntohl(in->sin_addr.s_addr) == STUB_ADDRESS)
            check_found(check, CHECK_NOTE, check_line(check), "forwarder",
                        "`resolvectl dns` shows whom it asks: name those",
                        "%s is systemd-resolved, which may ask this server in turn", texts[i]);
    }
}

static void
check_primaries(struct check *check)
{
    const struct config *config = check_config(check);
    for (guint i = 0; i < config->dns.zones->len; i++) {
        const struct config_zone *zone = config->dns.zones->pdata[i];
        const struct command_line *view = check_view(check, "zone", i);
        const char *const *texts = options_list(view, "zone-primary");
        for (guint k = 0; k < zone->primaries->len; k++)
            if (is_ours(config, &g_array_index(zone->primaries, struct config_peer, k)))
                check_found(check, CHECK_WRONG, view, "zone-primary", "name the other node",
                            "'%s' would be transferred from %s, which is this server itself",
                            zone->name, texts[k]);
    }
}

/* ---- what nobody can ask, or what would hide something ---- */

static void
check_address_zone(struct check *check)
{
    const struct config_dns *dns = &check_config(check)->dns;
    const struct command_line *line = check_line(check);
    if (dns->address_zone == NULL)
        return;
    if (dns->address_networks->len == 0)
        check_found(check, CHECK_WRONG, line, "address-zone",
                    "set 'address_networks', or a [subnet]",
                    "no address has a name in '%s': there are no networks", dns->address_zone);
    for (guint i = 0; i < dns->zones->len; i++) {
        const struct config_zone *zone = dns->zones->pdata[i];
        if (strcmp(zone->name, dns->address_zone) == 0)
            check_found(check, CHECK_WRONG, line, "address-zone",
                        "use a name below it, or remove the [zone]",
                        "'%s' is [zone %s], in line %u, too: its names are made, not read",
                        dns->address_zone, zone->name, zone->line);
    }
}

static gboolean
has_name_in(const struct config_dns *dns, const char *zone)
{
    for (guint i = 0; i < dns->names->len; i++)
        if (is_below(((const struct config_name *)dns->names->pdata[i])->name, zone))
            return TRUE;
    return FALSE;
}

static void
check_zones(struct check *check)
{
    const struct config_dns *dns = &check_config(check)->dns;
    for (guint i = 0; i < dns->zones->len; i++) {
        const struct config_zone *zone = dns->zones->pdata[i];
        if (zone->file == NULL && zone->primaries->len == 0 && !has_name_in(dns, zone->name))
            check_found(check, CHECK_NOTE, check_view(check, "zone", i), NULL,
                        "set 'file' or 'primaries', or add names to `[dns] names`",
                        "there is no name in '%s'", zone->name);
    }
}

static void
check_listening(struct check *check)
{
    const struct config *config = check_config(check);
    if (config->dns.listen->len == 0 && config->service_address == 0 &&
        config->dhcp.subnets->len == 0)
        check_found(
            check, CHECK_WRONG, check_line(check), "listen",
            "set `[dns] listen`, `[net] service_address` or a [subnet]; or `[dns] enabled = "
            "no`",
            "names are to be answered, but at no address");
}

/* Who has a key may take our zones, and give the other node others. */
static void
check_key_file(struct check *check)
{
    const char *path = options_string(check_line(check), "tsig");
    struct stat status;
    if (path == NULL || stat(path, &status) != 0 || (status.st_mode & S_IRWXO) == 0)
        return;
    g_autofree char *give = g_strdup_printf("`chmod 600 %s`", path);
    check_found(check, CHECK_NOTE, check_line(check), "tsig", give,
                "everybody on this machine can read the keys in '%s'", path);
}

void
check_names(struct check *check)
{
    check_searches(check);
    check_specials(check);
    if (!check_config(check)->dns.enabled)
        return;
    check_listening(check);
    check_forwarders(check);
    check_primaries(check);
    check_address_zone(check);
    check_zones(check);
    check_key_file(check);
}
