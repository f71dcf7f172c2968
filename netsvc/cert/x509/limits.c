#include "netsvc/cert/x509/limits.h"

#include <arpa/inet.h>
#include <string.h>

static struct limits *
limits_new(void)
{
    struct limits *limits = g_new0(struct limits, 1);
    limits->domains = g_ptr_array_new_with_free_func(g_free);
    limits->networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    return limits;
}

void
limits_free(struct limits *limits)
{
    if (limits == NULL)
        return;
    g_ptr_array_unref(limits->domains);
    g_array_unref(limits->networks);
    g_free(limits);
}

gsize
limits_address(const char *name, guint8 address[16])
{
    if (inet_pton(AF_INET, name, address) == 1)
        return 4;
    return inet_pton(AF_INET6, name, address) == 1 ? 16 : 0;
}

/* ---- what they allow ---- */

static gboolean
is_below(const char *name, const char *domain)
{
    const gsize size = strlen(name), end = strlen(domain);
    return size >= end && g_ascii_strcasecmp(name + size - end, domain) == 0 &&
           (size == end || name[size - end - 1] == '.');
}

gboolean
limits_allow(const struct limits *limits, const char *name)
{
    guint8 address[16];
    const gsize size = limits_address(name, address);
    if (size > 0)
        return config_networks_have(limits->networks, size == 4 ? AF_INET : AF_INET6, address);
    if (g_str_has_prefix(name, "*."))
        name += 2;
    for (guint i = 0; i < limits->domains->len; i++)
        if (is_below(name, limits->domains->pdata[i]))
            return TRUE;
    return FALSE;
}

/* ---- the server's own names ---- */

gboolean
limits_has(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

gboolean
limits_cover(const GPtrArray *names, const char *name)
{
    const char *dot = strchr(name, '.');
    g_autofree char *starred = dot != NULL ? g_strconcat("*", dot, NULL) : NULL;
    return limits_has(names, name) || (starred != NULL && limits_has(names, starred));
}

static void
add_name(GPtrArray *names, const char *name)
{
    if (!limits_has(names, name) && names->len < LIMITS_NAMES_MAX)
        g_ptr_array_add(names, g_strdup(name));
}

static void
add_peer(GPtrArray *names, const struct config_peer *peer)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (peer->address.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&peer->address)->sin_addr, text,
                  sizeof text);
    else if (peer->address.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&peer->address)->sin6_addr, text,
                  sizeof text);
    if (*text != '\0' && strcmp(text, "0.0.0.0") != 0 && strcmp(text, "::") != 0)
        add_name(names, text);
}

static void
add_peers(GPtrArray *names, const GArray *peers, guint at_most)
{
    for (guint i = 0; peers != NULL && i < MIN(peers->len, at_most); i++)
        add_peer(names, &g_array_index(peers, struct config_peer, i));
}

/* a.clinic.example, where it is named so. */
static void
add_nodes(GPtrArray *names, const struct config *config)
{
    for (guint i = 0; i < config->nodes->len; i++) {
        const struct config_node *node = config->nodes->pdata[i];
        g_autofree char *name = g_strdup_printf("%s.%s", node->name, config->cert.name);
        add_name(names, name);
        add_peers(names, node->addresses, 1);
    }
}

GPtrArray *
limits_own_names(const struct config *config)
{
    char text[INET_ADDRSTRLEN];
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    add_name(names, config->cert.name);
    for (guint i = 0; i < config->cert.names->len; i++)
        add_name(names, config->cert.names->pdata[i]);
    if (config->service_address != 0)
        add_name(names, config_address_text(config->service_address, text));
    add_nodes(names, config);
    add_peers(names, config->web.listen, G_MAXUINT);
    add_peers(names, config->dns.listen, G_MAXUINT);
    return names;
}

/* ---- of the configuration ---- */

static void
add_domain(struct limits *limits, const char *name)
{
    if (!limits_allow(limits, name))
        g_ptr_array_add(limits->domains, g_strdup(g_str_has_prefix(name, "*.") ? name + 2 : name));
}

static void
add_address(struct limits *limits, const guint8 *address, gsize size)
{
    struct config_network network = {.family = size == 4 ? AF_INET : AF_INET6,
                                     .prefix = (guint)size * 8};
    memcpy(network.address, address, size);
    if (!config_networks_have(limits->networks, network.family, address))
        g_array_append_val(limits->networks, network);
}

static void
add_subnets(struct limits *limits, const struct config *config)
{
    const GPtrArray *subnets = config->dhcp.subnets;
    for (guint i = 0; subnets != NULL && i < subnets->len; i++) {
        const struct config_subnet *subnet = subnets->pdata[i];
        struct config_network network = {.family = AF_INET, .prefix = subnet->prefix};
        const guint32 address = htonl(subnet->network);
        memcpy(network.address, &address, sizeof address);
        g_array_append_val(limits->networks, network);
    }
}

struct limits *
limits_configured(const struct config *config)
{
    struct limits *limits = limits_new();
    g_autoptr(GPtrArray) own = limits_own_names(config);
    guint8 address[16];
    if (config->cert.networks->len > 0)
        g_array_append_vals(limits->networks, config->cert.networks->data,
                            config->cert.networks->len);
    else
        add_subnets(limits, config);
    for (guint i = 0; i < own->len; i++) {
        const gsize size = limits_address(own->pdata[i], address);
        if (size > 0)
            add_address(limits, address, size);
        else
            add_domain(limits, own->pdata[i]);
    }
    return limits;
}

/* ---- as an extension ---- */

static void
add_subtree(STACK_OF(GENERAL_SUBTREE) * *list, int type, const void *data, gsize size)
{
    GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
    ASN1_STRING *value =
        type == GEN_IPADD ? (ASN1_STRING *)ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    g_assert(ASN1_STRING_set(value, data, (int)size) == 1);
    GENERAL_NAME_set0_value(subtree->base, type, value);
    if (*list == NULL)
        *list = sk_GENERAL_SUBTREE_new_null();
    sk_GENERAL_SUBTREE_push(*list, subtree);
}

static gsize
size_of(int family)
{
    return family == AF_INET ? 4 : 16;
}

/* Address and mask behind one another. */
static void
add_network(STACK_OF(GENERAL_SUBTREE) * *list, const struct config_network *network)
{
    guint8 both[32] = {0};
    const gsize size = size_of(network->family);
    memcpy(both, network->address, size);
    for (guint bit = 0; bit < network->prefix; bit++)
        both[size + bit / 8] |= (guint8)(0x80 >> bit % 8);
    add_subtree(list, GEN_IPADD, both, 2 * size);
}

NAME_CONSTRAINTS *
limits_constraints(const struct limits *limits)
{
    static const char nobody[] = "invalid";
    static const int families[] = {AF_INET, AF_INET6};
    NAME_CONSTRAINTS *out = NAME_CONSTRAINTS_new();
    for (guint i = 0; i < limits->domains->len; i++)
        add_subtree(&out->permittedSubtrees, GEN_DNS, limits->domains->pdata[i],
                    strlen(limits->domains->pdata[i]));
    gboolean has[2] = {FALSE, FALSE};
    for (guint i = 0; i < limits->networks->len; i++) {
        const struct config_network *network =
            &g_array_index(limits->networks, struct config_network, i);
        add_network(&out->permittedSubtrees, network);
        has[network->family == AF_INET6] = TRUE;
    }
    add_subtree(&out->permittedSubtrees, GEN_EMAIL, nobody, sizeof nobody - 1);
    add_subtree(&out->permittedSubtrees, GEN_URI, nobody, sizeof nobody - 1);
    for (guint i = 0; i < 2; i++)
        if (!has[i])
            add_network(&out->excludedSubtrees, &(struct config_network){.family = families[i]});
    return out;
}

static void
read_network(struct limits *limits, const ASN1_OCTET_STRING *value)
{
    const gsize size = (gsize)ASN1_STRING_length(value) / 2;
    const guint8 *data = ASN1_STRING_get0_data(value);
    if (size != 4 && size != 16)
        return;
    struct config_network network = {.family = size == 4 ? AF_INET : AF_INET6};
    memcpy(network.address, data, size);
    while (network.prefix < size * 8 &&
           (data[size + network.prefix / 8] & (0x80 >> network.prefix % 8)) != 0)
        network.prefix++;
    g_array_append_val(limits->networks, network);
}

struct limits *
limits_read(const X509 *certificate)
{
    g_autoptr(NAME_CONSTRAINTS) found =
        X509_get_ext_d2i(certificate, NID_name_constraints, NULL, NULL);
    if (found == NULL)
        return NULL;
    struct limits *limits = limits_new();
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(found->permittedSubtrees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(found->permittedSubtrees, i)->base;
        if (base->type == GEN_DNS)
            g_ptr_array_add(limits->domains,
                            g_strndup((const char *)ASN1_STRING_get0_data(base->d.dNSName),
                                      (gsize)ASN1_STRING_length(base->d.dNSName)));
        else if (base->type == GEN_IPADD)
            read_network(limits, base->d.iPAddress);
    }
    return limits;
}

/* ---- subject alternative names ---- */

GENERAL_NAMES *
limits_subject_names(const GPtrArray *names)
{
    GENERAL_NAMES *out = GENERAL_NAMES_new();
    for (guint i = 0; i < names->len; i++) {
        const char *text = names->pdata[i];
        guint8 address[16];
        const gsize size = limits_address(text, address);
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_STRING *value =
            size > 0 ? (ASN1_STRING *)ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
        if (size > 0)
            ASN1_STRING_set(value, address, (int)size);
        else
            ASN1_STRING_set(value, text, (int)strlen(text));
        GENERAL_NAME_set0_value(name, size > 0 ? GEN_IPADD : GEN_DNS, value);
        sk_GENERAL_NAME_push(out, name);
    }
    return out;
}

static char *
text_of(const GENERAL_NAME *name)
{
    char text[INET6_ADDRSTRLEN];
    if (name->type == GEN_DNS) {
        const char *data = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        const gsize size = (gsize)ASN1_STRING_length(name->d.dNSName);
        return memchr(data, '\0', size) == NULL ? g_ascii_strdown(data, (gssize)size)
                                                : g_strdup("other");
    }
    const int size = name->type == GEN_IPADD ? ASN1_STRING_length(name->d.iPAddress) : 0;
    if (size != 4 && size != 16)
        return g_strdup("other");
    inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text,
              sizeof text);
    return g_strdup(text);
}

GPtrArray *
limits_names_of(const GENERAL_NAMES *names)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++)
        g_ptr_array_add(out, text_of(sk_GENERAL_NAME_value(names, i)));
    return out;
}

GPtrArray *
limits_certificate_names(const X509 *certificate)
{
    g_autoptr(GENERAL_NAMES) names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    return limits_names_of(names);
}

GPtrArray *
limits_request_names(const X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions((X509_REQ *)request);
    g_autoptr(GENERAL_NAMES) names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return limits_names_of(names);
}
