#include "netsvc/config/text.h"

#include "lib/base/fail.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_BYTES 63 /* RFC 1035 2.3.4 */
#define NAME_BYTES 253 /* of text: the wire has a length byte in front and a root label behind */

gboolean
text_address(const char *text, guint32 *address, GError **error)
{
    struct in_addr parsed;
    if (inet_pton(AF_INET, text, &parsed) != 1)
        return fail_set(error, FAIL_USAGE, "'%s' is no IPv4 address such as 10.66.0.1", text);
    *address = ntohl(parsed.s_addr);
    return TRUE;
}

static gboolean
parse_either(const char *text, int *family, guint8 address[16])
{
    *family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(*family, text, address) == 1;
}

/* ---- networks ---- */

/* Refuses bits that are set behind the prefix, and tells which network they are in. */
static gboolean
check_end(const char *text, const struct config_network *network, guint bits, GError **error)
{
    guint8 cut[sizeof network->address];
    char written[INET6_ADDRSTRLEN];
    memcpy(cut, network->address, sizeof cut);
    for (guint i = network->prefix; i < bits; i++)
        cut[i / 8] &= (guint8) ~(0x80u >> i % 8);
    if (memcmp(cut, network->address, bits / 8) == 0)
        return TRUE;
    inet_ntop(network->family, cut, written, sizeof written);
    return fail_set(error, FAIL_USAGE,
                    "'%s' is an address in a network, not a network: bits behind the first %u are "
                    "set\nhint: write %s/%u",
                    text, network->prefix, written, network->prefix);
}

gboolean
text_network(const char *text, struct config_network *network, GError **error)
{
    const char *slash = strchr(text, '/');
    g_autofree char *address =
        slash != NULL ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
    guint64 prefix;
    *network = (struct config_network){0};
    if (!parse_either(address, &network->family, network->address))
        return fail_set(error, FAIL_USAGE, "'%s' is no network such as 10.66.0.0/16", text);
    const guint bits = network->family == AF_INET ? 32 : 128;
    if (slash == NULL)
        prefix = bits;
    else if (!g_ascii_string_to_unsigned(slash + 1, 10, 0, bits, &prefix, NULL))
        return fail_set(
            error, FAIL_USAGE,
            "'%s': behind the slash stands no number from 0 to %u\nhint: write the number "
            "of its first bits that all have in common: 24 for 255.255.255.0, 16 for "
            "255.255.0.0",
            text, bits);
    network->prefix = (guint)prefix;
    return check_end(text, network, bits, error);
}

static gboolean
parse_lease(const char *text, struct config_range *range, GError **error)
{
    guint64 seconds;
    if (!g_ascii_string_to_unsigned(text, 10, CONFIG_LEASE_MIN, CONFIG_LEASE_MAX, &seconds, NULL))
        return fail_set(error, FAIL_USAGE, "'%s' is no lease time of %d to %d seconds", text,
                        CONFIG_LEASE_MIN, CONFIG_LEASE_MAX);
    range->lease = (guint32)seconds;
    return TRUE;
}

gboolean
text_range(const char *text, struct config_range *range, GError **error)
{
    g_auto(GStrv) sides = g_strsplit(text, "=", 2);
    *range = (struct config_range){0};
    if (sides[1] != NULL && !parse_lease(g_strstrip(sides[1]), range, error))
        return FALSE;
    g_auto(GStrv) ends = g_strsplit(sides[0] != NULL ? sides[0] : "", "-", 2);
    if (ends[0] == NULL)
        return fail_set(error, FAIL_USAGE, "'%s' has no addresses", text);
    if (!text_address(g_strstrip(ends[0]), &range->first, error))
        return FALSE;
    range->last = range->first;
    if (ends[1] != NULL && !text_address(g_strstrip(ends[1]), &range->last, error))
        return FALSE;
    return range->first <= range->last ||
           fail_set(error, FAIL_USAGE, "'%s' ends before it begins", text);
}

/* ---- peers ---- */

/* Splits "[V6]:PORT", "V4:PORT" and either without a port. */
static char *
split_port(const char *text, const char **port)
{
    const char *colon = strrchr(text, ':');
    *port = NULL;
    if (*text == '[') {
        const char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return g_strdup("");
        *port = end[1] == ':' ? end + 2 : NULL;
        return g_strndup(text + 1, (gsize)(end - text - 1));
    }
    if (colon == NULL || strchr(text, ':') != colon) /* none, or several: IPv6 */
        return g_strdup(text);
    *port = colon + 1;
    return g_strndup(text, (gsize)(colon - text));
}

gboolean
text_peer(const char *text, guint16 port, struct config_peer *peer, GError **error)
{
    const char *port_text;
    g_autofree char *address = split_port(text, &port_text);
    guint64 number = port;
    int family;
    guint8 bytes[16];
    if (!parse_either(address, &family, bytes))
        return fail_set(error, FAIL_USAGE, "'%s' is no address such as 10.66.0.1 or 10.66.0.1:5353",
                        text);
    if (port_text != NULL && !g_ascii_string_to_unsigned(port_text, 10, 1, 65535, &number, NULL))
        return fail_set(error, FAIL_USAGE, "'%s': '%s' is no port from 1 to 65535", text,
                        port_text);
    *peer = (struct config_peer){0};
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&peer->address;
        *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((guint16)number)};
        memcpy(&in->sin_addr, bytes, sizeof in->sin_addr);
        peer->size = sizeof *in;
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&peer->address;
        *in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((guint16)number)};
        memcpy(&in6->sin6_addr, bytes, sizeof in6->sin6_addr);
        peer->size = sizeof *in6;
    }
    return TRUE;
}

/* ---- names ---- */

static gboolean
check_label(const char *name, const char *label, gsize size, GError **error)
{
    if (size == 0)
        return fail_set(error, FAIL_USAGE, "'%s' has an empty label", name);
    if (size > LABEL_BYTES)
        return fail_set(error, FAIL_USAGE, "'%s' has a label of more than %d bytes", name,
                        LABEL_BYTES);
    for (gsize i = 0; i < size; i++)
        if (!g_ascii_isalnum(label[i]) && label[i] != '-' && label[i] != '_')
            return fail_set(error, FAIL_USAGE,
                            "'%s' has a '%c': names are of letters, digits and hyphens", name,
                            label[i]);
    return TRUE;
}

char *
text_name(const char *text, gboolean wildcard, GError **error)
{
    gsize size = strlen(text);
    if (size > 0 && text[size - 1] == '.')
        size--;
    if (size == 0 || size > NAME_BYTES) {
        fail_set(error, FAIL_USAGE, "'%s' is no name of 1 to %d bytes", text, NAME_BYTES);
        return NULL;
    }
    g_autofree char *name = g_ascii_strdown(text, (gssize)size);
    const char *label = wildcard && g_str_has_prefix(name, "*.") ? name + 2 : name;
    for (;;) {
        gsize length = strcspn(label, ".");
        if (!check_label(text, label, length, error))
            return NULL;
        if (label[length] == '\0')
            return g_steal_pointer(&name);
        label += length + 1;
    }
}

struct config_name *
text_name_address(const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        fail_set(error, FAIL_USAGE, "'%s' is not NAME=ADDRESS, such as clinic.example=10.66.0.10",
                 text);
        return NULL;
    }
    g_autofree char *given = g_strstrip(g_strndup(text, (gsize)(equals - text)));
    g_autofree char *address = g_strstrip(g_strdup(equals + 1));
    g_autofree char *name = text_name(given, TRUE, error);
    if (name == NULL)
        return NULL;
    g_autofree struct config_name *found = g_new0(struct config_name, 1);
    if (!parse_either(address, &found->family, found->address)) {
        fail_set(error, FAIL_USAGE, "'%s': '%s' is no address", text, address);
        return NULL;
    }
    found->name = g_steal_pointer(&name);
    return g_steal_pointer(&found);
}

GBytes *
text_hex(const char *text, gsize max, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (const char *at = text; *at != '\0';) {
        int high = g_ascii_xdigit_value(at[0]);
        int low = high >= 0 ? g_ascii_xdigit_value(at[1]) : -1;
        if (low < 0 || bytes->len >= max) {
            fail_set(error, FAIL_USAGE,
                     "'%s' is not of 1 to %" G_GSIZE_FORMAT
                     " bytes in hex, such as 01:52:54:00:12:34:56",
                     text, max);
            return NULL;
        }
        guint8 byte = (guint8)(high << 4 | low);
        g_byte_array_append(bytes, &byte, 1);
        at += 2;
        if ((*at == ':' || *at == '-') && at[1] != '\0') /* as Windows shows it */
            at++;
    }
    if (bytes->len == 0) {
        fail_set(error, FAIL_USAGE, "it has no bytes");
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}
