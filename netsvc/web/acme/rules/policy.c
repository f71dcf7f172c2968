#include "netsvc/web/acme/rules/policy.h"

#include "netsvc/cert/x509/limits.h"
#include "netsvc/cert/x509/pem.h"
#include "netsvc/web/acme/problem.h"

#include <arpa/inet.h>
#include <string.h>

#define NAME_MAX_TEXT 253 /* RFC 1035, 2.3.4, as text */
#define LABEL_MAX_TEXT 63

struct policy {
    const struct config *config;
    GArray *clients;       /* struct config_network */
    GPtrArray *hosts;      /* char *: names and addresses of ours, "*.clinic.example" too */
    struct limits *limits; /* the root's; the configuration's until there is one */
};

/* ---- made of the configuration ---- */

static void
add_network(GArray *networks, guint32 address, guint prefix)
{
    struct config_network network = {.family = AF_INET, .prefix = prefix};
    const guint32 ordered = htonl(address);
    memcpy(network.address, &ordered, sizeof ordered);
    g_array_append_val(networks, network);
}

/* Those that are configured, else each subnet's. */
static GArray *
networks_of(const struct config *config, const GArray *configured)
{
    GArray *networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    if (configured->len > 0)
        g_array_append_vals(networks, configured->data, configured->len);
    for (guint i = 0; configured->len == 0 && i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        add_network(networks, subnet->network, subnet->prefix);
    }
    return networks;
}

struct policy *
policy_new(const struct config *config)
{
    struct policy *policy = g_new0(struct policy, 1);
    policy->config = config;
    policy->clients = networks_of(config, config->web.acme_networks);
    if (config->service_address != 0)
        add_network(policy->clients, config->service_address, 32);
    policy->limits = limits_configured(config);
    policy->hosts = limits_own_names(config);
    return policy;
}

void
policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    g_array_unref(policy->clients);
    g_ptr_array_unref(policy->hosts);
    limits_free(policy->limits);
    g_free(policy);
}

void
policy_take_root(struct policy *policy, const char *root)
{
    g_autoptr(X509) certificate = pem_read_certificate(root);
    struct limits *limits = certificate != NULL ? limits_read(certificate) : NULL;
    if (limits == NULL)
        return;
    limits_free(policy->limits);
    policy->limits = limits;
}

/* ---- addresses ---- */

static gboolean
is_among(const GArray *networks, const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return config_networks_have(networks, AF_INET,
                                    &((const struct sockaddr_in *)address)->sin_addr);
    return address->ss_family == AF_INET6 &&
           config_networks_have(networks, AF_INET6,
                                &((const struct sockaddr_in6 *)address)->sin6_addr);
}

gboolean
policy_serves(const struct policy *policy, const struct sockaddr_storage *from)
{
    return is_among(policy->clients, from);
}

gboolean
policy_reaches(const struct policy *policy, const struct sockaddr_storage *address)
{
    return is_among(policy->clients, address);
}

gboolean
policy_address(const char *text, guint16 port, struct sockaddr_storage *address, socklen_t *size)
{
    struct sockaddr_in *in = (void *)address;
    struct sockaddr_in6 *in6 = (void *)address;
    char again[INET6_ADDRSTRLEN] = "";
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        address->ss_family = AF_INET;
        in->sin_port = htons(port);
        *size = sizeof *in;
        inet_ntop(AF_INET, &in->sin_addr, again, sizeof again);
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        address->ss_family = AF_INET6;
        in6->sin6_port = htons(port);
        *size = sizeof *in6;
        inet_ntop(AF_INET6, &in6->sin6_addr, again, sizeof again);
    }
    return strcmp(again, text) == 0 && again[0] != '\0';
}

/* ---- names ---- */

static gboolean
is_label(const char *label)
{
    const gsize size = strlen(label);
    if (size == 0 || size > LABEL_MAX_TEXT || label[0] == '-' || label[size - 1] == '-')
        return FALSE;
    return strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* In small letters already. */
static gboolean
is_name(const char *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", 0);
    if (strlen(name) > NAME_MAX_TEXT || g_strv_length(labels) < 2)
        return FALSE;
    for (guint i = 0; labels[i] != NULL; i++)
        if (!is_label(labels[i]))
            return FALSE;
    return g_strrstr(name, ".")[1] < '0' || g_strrstr(name, ".")[1] > '9'; /* no address */
}

static char *
take_name(const struct policy *policy, const char *value, gboolean *wildcard, GError **error)
{
    *wildcard = g_str_has_prefix(value, "*.");
    g_autofree char *name = g_ascii_strdown(value + (*wildcard ? 2 : 0), -1);
    if (!is_name(name))
        problem_set(error, PROBLEM_MALFORMED, "'%.260s' is no domain name", value);
    else if (!limits_allow(policy->limits, name))
        problem_set(error, PROBLEM_REJECTED_IDENTIFIER,
                    "'%s' is not in a domain of this site, whose server certifies no others", name);
    else
        return g_steal_pointer(&name);
    return NULL;
}

static char *
take_address(const struct policy *policy, const char *value, GError **error)
{
    struct sockaddr_storage address;
    socklen_t size;
    if (!policy_address(value, 0, &address, &size))
        problem_set(error, PROBLEM_MALFORMED, "'%.50s' is no IP address in its canonical form",
                    value);
    else if (!limits_allow(policy->limits, value))
        problem_set(error, PROBLEM_REJECTED_IDENTIFIER, "%s is no address of this site", value);
    else
        return g_strdup(value);
    return NULL;
}

char *
policy_name(const struct policy *policy, const char *type, const char *value, gboolean *wildcard,
            GError **error)
{
    *wildcard = FALSE;
    if (strcmp(type, "dns") == 0)
        return take_name(policy, value, wildcard, error);
    if (strcmp(type, "ip") == 0)
        return take_address(policy, value, error);
    problem_set(error, PROBLEM_UNSUPPORTED_IDENTIFIER, "identifiers are of type 'dns' or 'ip'");
    return NULL;
}

/* ---- hosts ---- */

gboolean
policy_is_host(const struct policy *policy, const char *host)
{
    const gboolean bracketed = host[0] == '[';
    const char *begin = host + bracketed, *end = strchr(begin, bracketed ? ']' : ':');
    if (bracketed && end == NULL)
        return FALSE;
    const char *port = end != NULL ? end + bracketed : begin + strlen(begin);
    if (*port != '\0' && (*port != ':' || strlen(port) > 6 || port[1] == '\0' ||
                          strspn(port + 1, "0123456789") != strlen(port + 1)))
        return FALSE;
    g_autofree char *name = end != NULL ? g_strndup(begin, (gsize)(end - begin)) : g_strdup(begin);
    for (char *at = name; *at != '\0'; at++)
        *at = g_ascii_tolower(*at);
    return limits_cover(policy->hosts, name);
}
