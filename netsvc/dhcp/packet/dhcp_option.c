/* dhcp_option: the table, and a parser for each type. */
#include "netsvc/dhcp/packet/dhcp_option.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"
#include "netsvc/dhcp/packet/packet.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX 63      /* RFC 1035 2.3.4 */
#define NAME_WIRE_MAX 255 /* bytes of one on the wire */
#define POINTER 0xc0      /* RFC 1035 4.1.4 */
#define POINTER_MAX 0x3fff

/* ---- the table: RFC 2132 and those that followed, by the names of IANA's registry ---- */

#define T(code, name, type)                                                                        \
    {                                                                                              \
        code, name, DHCP_OPTION_##type                                                             \
    }
static const struct dhcp_option table[] = {
    T(1, "subnet-mask", NONE),
    T(2, "time-offset", U32),
    T(3, "routers", ADDRESSES),
    T(4, "time-servers", ADDRESSES),
    T(5, "name-servers", ADDRESSES),
    T(6, "domain-name-servers", ADDRESSES),
    T(7, "log-servers", ADDRESSES),
    T(8, "quotes-servers", ADDRESSES),
    T(9, "lpr-servers", ADDRESSES),
    T(10, "impress-servers", ADDRESSES),
    T(11, "rlp-servers", ADDRESSES),
    T(12, "host-name", NONE),
    T(13, "boot-file-size", U16),
    T(14, "merit-dump-file", TEXT),
    T(15, "domain-name", TEXT),
    T(16, "swap-server", ADDRESS),
    T(17, "root-path", TEXT),
    T(18, "extensions-path", TEXT),
    T(19, "ip-forwarding", FLAG),
    T(20, "non-local-source-routing", FLAG),
    T(21, "policy-filter", PAIRS),
    T(22, "max-datagram-size", U16),
    T(23, "default-ip-ttl", U8),
    T(24, "path-mtu-aging", U32),
    T(26, "interface-mtu", U16),
    T(27, "all-subnets-local", FLAG),
    T(28, "broadcast-address", ADDRESS),
    T(29, "mask-discovery", FLAG),
    T(30, "mask-supplier", FLAG),
    T(31, "router-discovery", FLAG),
    T(32, "router-solicitation-address", ADDRESS),
    T(33, "static-routes", PAIRS),
    T(34, "trailer-encapsulation", FLAG),
    T(35, "arp-cache-timeout", U32),
    T(36, "ethernet-encapsulation", FLAG),
    T(37, "default-tcp-ttl", U8),
    T(38, "tcp-keepalive-interval", U32),
    T(39, "tcp-keepalive-garbage", FLAG),
    T(40, "nis-domain", TEXT),
    T(41, "nis-servers", ADDRESSES),
    T(42, "ntp-servers", ADDRESSES),
    T(43, "vendor-specific", HEX),
    T(44, "netbios-name-servers", ADDRESSES),
    T(45, "netbios-dd-servers", ADDRESSES),
    T(46, "netbios-node-type", U8),
    T(47, "netbios-scope", TEXT),
    T(48, "x-font-servers", ADDRESSES),
    T(49, "x-display-managers", ADDRESSES),
    T(50, "requested-address", NONE),
    T(51, "lease-time", NONE),
    T(52, "overload", NONE),
    T(53, "message-type", NONE),
    T(54, "server-identifier", NONE),
    T(55, "parameter-list", NONE),
    T(56, "message", NONE),
    T(57, "max-message-size", NONE),
    T(58, "renewal-time", NONE),
    T(59, "rebinding-time", NONE),
    T(60, "vendor-class", TEXT),
    T(61, "client-identifier", NONE),
    T(64, "nisplus-domain", TEXT),
    T(65, "nisplus-servers", ADDRESSES),
    T(66, "tftp-server-name", TEXT),
    T(67, "bootfile-name", TEXT),
    T(68, "home-agents", ADDRESSES),
    T(69, "smtp-servers", ADDRESSES),
    T(70, "pop3-servers", ADDRESSES),
    T(71, "nntp-servers", ADDRESSES),
    T(72, "www-servers", ADDRESSES),
    T(73, "finger-servers", ADDRESSES),
    T(74, "irc-servers", ADDRESSES),
    T(80, "rapid-commit", NONE),
    T(81, "client-fqdn", NONE),
    T(82, "relay-agent", NONE),
    T(90, "authentication", NONE),
    T(100, "posix-timezone", TEXT), /* RFC 4833 */
    T(101, "tzdb-timezone", TEXT),
    T(108, "ipv6-only-preferred", U32), /* RFC 8925 */
    T(114, "captive-portal", TEXT),     /* RFC 8910 */
    T(116, "auto-configure", U8),       /* RFC 2563 */
    T(118, "subnet-selection", NONE),
    T(119, "domain-search", DOMAINS),
    T(121, "classless-static-routes", ROUTES),
    T(138, "capwap-controllers", ADDRESSES), /* RFC 5417 */
    T(150, "tftp-servers", ADDRESSES),       /* RFC 5859 */
    T(249, "ms-classless-static-routes", ROUTES),
    T(252, "wpad", TEXT),
};
#undef T

const struct dhcp_option *
dhcp_option_by_name(const char *name, gsize size)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (strlen(table[i].name) == size && g_ascii_strncasecmp(table[i].name, name, size) == 0)
            return &table[i];
    return NULL;
}

const struct dhcp_option *
dhcp_option_by_code(guint8 code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i].code == code)
            return &table[i];
    return NULL;
}

/* ---- values ---- */

static gboolean
add_number(GByteArray *bytes, const char *text, gsize size, GError **error)
{
    guint64 number, most = G_MAXUINT64 >> (64 - 8 * size);
    if (!g_ascii_string_to_unsigned(text, 10, 0, most, &number, NULL))
        return fail_set(error, FAIL_USAGE, "'%s' is no number from 0 to %" G_GUINT64_FORMAT, text,
                        most);
    guint8 wire[4];
    bytes_put32(wire, (guint32)number);
    g_byte_array_append(bytes, wire + sizeof wire - size, (guint)size);
    return TRUE;
}

static gboolean
add_flag(GByteArray *bytes, const char *text, GError **error)
{
    gboolean yes = g_str_equal(text, "yes") || g_str_equal(text, "1");
    if (!yes && !g_str_equal(text, "no") && !g_str_equal(text, "0"))
        return fail_set(error, FAIL_USAGE, "'%s' is neither yes nor no", text);
    g_byte_array_append(bytes, (const guint8[]){yes ? 1 : 0}, 1);
    return TRUE;
}

static gboolean
add_address(GByteArray *bytes, const char *text, GError **error)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return fail_set(error, FAIL_USAGE, "'%s' is no IPv4 address", text);
    g_byte_array_append(bytes, (const guint8 *)&address, sizeof address);
    return TRUE;
}

/* "0a0b", "0a:0b", "0a 0b" */
static gboolean
add_hex(GByteArray *bytes, const char *text, GError **error)
{
    for (const char *c = text; *c != '\0';) {
        if (*c == ':' || *c == ' ') {
            c++;
            continue;
        }
        int high = g_ascii_xdigit_value(c[0]), low = high < 0 ? -1 : g_ascii_xdigit_value(c[1]);
        if (low < 0)
            return fail_set(error, FAIL_USAGE, "'%s' is no row of bytes in hex", text);
        g_byte_array_append(bytes, (const guint8[]){(guint8)(high << 4 | low)}, 1);
        c += 2;
    }
    return TRUE;
}

static gboolean
add_text(GByteArray *bytes, const char *text, GError **error)
{
    gsize size = strlen(text);
    if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
        text++;
        size -= 2;
    }
    for (gsize i = 0; i < size; i++)
        if (g_ascii_iscntrl(text[i]))
            return fail_set(error, FAIL_USAGE, "the text has a control character in it");
    g_byte_array_append(bytes, (const guint8 *)text, (guint)size);
    return TRUE;
}

/* RFC 3442: width, the significant bytes of the destination, gateway. */
static gboolean
add_route(GByteArray *bytes, const char *text, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    char *words[4] = {NULL}, *rest = copy;
    guint n = 0;
    for (char *word; n < G_N_ELEMENTS(words) && (word = strsep(&rest, " \t")) != NULL;)
        if (word[0] != '\0')
            words[n++] = word;
    char *slash = n == 3 ? strchr(words[0], '/') : NULL;
    struct in_addr destination, gateway;
    guint64 width = 0;
    if (slash == NULL || !g_str_equal(words[1], "via"))
        return fail_set(error, FAIL_USAGE, "'%s' is no route as 10.1.0.0/16 via 10.0.0.1", text);
    *slash = '\0';
    if (inet_pton(AF_INET, words[0], &destination) != 1 ||
        !g_ascii_string_to_unsigned(slash + 1, 10, 0, 32, &width, NULL))
        return fail_set(error, FAIL_USAGE, "'%s': '%s/%s' is no network", text, words[0],
                        slash + 1);
    if (inet_pton(AF_INET, words[2], &gateway) != 1)
        return fail_set(error, FAIL_USAGE, "'%s': '%s' is no IPv4 address", text, words[2]);
    guint32 mask = width == 0 ? 0 : G_MAXUINT32 << (32 - width);
    if ((ntohl(destination.s_addr) & ~mask) != 0)
        return fail_set(error, FAIL_USAGE, "'%s': %s has bits beyond its width of %u", text,
                        words[0], (guint)width);
    guint8 wide = (guint8)width;
    g_byte_array_append(bytes, &wide, 1);
    g_byte_array_append(bytes, (const guint8 *)&destination, (guint)(width + 7) / 8);
    g_byte_array_append(bytes, (const guint8 *)&gateway, sizeof gateway);
    return TRUE;
}

/* ---- domains ---- */

/* The name's labels, small and without the dot at its end; NULL: it is no name. */
static char **
split_name(const char *name)
{
    gsize size = strlen(name);
    size -= size > 0 && name[size - 1] == '.' ? 1 : 0;
    g_autofree char *trimmed = g_ascii_strdown(name, (gssize)size);
    g_auto(GStrv) labels = g_strsplit(trimmed, ".", -1);
    gsize wire = 1;
    for (guint i = 0; labels[i] != NULL; i++) {
        gsize length = strlen(labels[i]);
        wire += length + 1;
        if (length == 0 || length > LABEL_MAX || wire > NAME_WIRE_MAX)
            return NULL;
        for (const char *c = labels[i]; *c != '\0'; c++)
            if (!g_ascii_isalnum(*c) && *c != '-' && *c != '_')
                return NULL;
    }
    return size > 0 ? g_steal_pointer(&labels) : NULL;
}

/* Of names written so far, "example" and each one's tail behind every dot, with their places. */
static gboolean
add_domain(GByteArray *bytes, guint begin, GHashTable *places, const char *name, GError **error)
{
    g_auto(GStrv) labels = split_name(name);
    if (labels == NULL)
        return fail_set(error, FAIL_USAGE, "'%s' is no domain name", name);
    for (guint i = 0; labels[i] != NULL; i++) {
        char *tail = g_strjoinv(".", labels + i);
        gpointer place = g_hash_table_lookup(places, tail);
        if (place != NULL) { /* stored as one more than it is */
            guint8 pointer[2];
            bytes_put16(pointer, (guint16)(POINTER << 8 | (GPOINTER_TO_UINT(place) - 1)));
            g_byte_array_append(bytes, pointer, sizeof pointer);
            g_free(tail);
            return TRUE;
        }
        if (bytes->len - begin <= POINTER_MAX)
            g_hash_table_insert(places, tail, GUINT_TO_POINTER(bytes->len - begin + 1));
        else
            g_free(tail);
        guint8 length = (guint8)strlen(labels[i]);
        g_byte_array_append(bytes, &length, 1);
        g_byte_array_append(bytes, (const guint8 *)labels[i], length);
    }
    g_byte_array_append(bytes, (const guint8[]){0}, 1);
    return TRUE;
}

gboolean
dhcp_option_add_domains(GByteArray *bytes, const char *const *names, GError **error)
{
    guint begin = bytes->len;
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gboolean good = TRUE;
    for (guint i = 0; good && names[i] != NULL; i++) {
        good = add_domain(bytes, begin, places, names[i], error);
        if (good && bytes->len - begin > DHCP_OPTION_MAX)
            good =
                fail_set(error, FAIL_USAGE, "the names take more than %d bytes", DHCP_OPTION_MAX);
    }
    if (!good)
        g_byte_array_set_size(bytes, begin);
    return good;
}

/* ---- parsing ---- */

static gboolean
add_one(GByteArray *bytes, enum dhcp_option_type type, const char *text, GError **error)
{
    switch (type) {
    case DHCP_OPTION_U8:
        return add_number(bytes, text, 1, error);
    case DHCP_OPTION_U16:
        return add_number(bytes, text, 2, error);
    case DHCP_OPTION_U32:
        return add_number(bytes, text, 4, error);
    case DHCP_OPTION_FLAG:
        return add_flag(bytes, text, error);
    case DHCP_OPTION_TEXT:
        return add_text(bytes, text, error);
    case DHCP_OPTION_ROUTES:
        return add_route(bytes, text, error);
    case DHCP_OPTION_ADDRESS:
    case DHCP_OPTION_ADDRESSES:
    case DHCP_OPTION_PAIRS:
        return add_address(bytes, text, error);
    default:
        return add_hex(bytes, text, error);
    }
}

/* Values with commas between them. */
static gboolean
add_list(GByteArray *bytes, enum dhcp_option_type type, const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    guint n = 0;
    for (; words[n] != NULL; n++)
        if (g_strstrip(words[n])[0] == '\0')
            return fail_set(error, FAIL_USAGE, "'%s' has an empty place in its list", text);
    if (type == DHCP_OPTION_PAIRS && n % 2 != 0)
        return fail_set(error, FAIL_USAGE, "'%s' are no pairs of addresses", text);
    if (type == DHCP_OPTION_DOMAINS)
        return dhcp_option_add_domains(bytes, (const char *const *)words, error);
    for (guint i = 0; i < n; i++)
        if (!add_one(bytes, type, words[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
is_list(enum dhcp_option_type type)
{
    return type == DHCP_OPTION_ADDRESSES || type == DHCP_OPTION_PAIRS ||
           type == DHCP_OPTION_DOMAINS || type == DHCP_OPTION_ROUTES;
}

/* "hex:" and the like in front of the value. */
static const char *
strip_type(const char *value, enum dhcp_option_type *type)
{
    static const struct {
        const char *prefix;
        enum dhcp_option_type type;
    } types[] = {
        {"hex:", DHCP_OPTION_HEX},         {"text:", DHCP_OPTION_TEXT},
        {"u8:", DHCP_OPTION_U8},           {"u16:", DHCP_OPTION_U16},
        {"u32:", DHCP_OPTION_U32},         {"addresses:", DHCP_OPTION_ADDRESSES},
        {"domains:", DHCP_OPTION_DOMAINS},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_has_prefix(value, types[i].prefix)) {
            *type = types[i].type;
            value += strlen(types[i].prefix);
            return value + strspn(value, " \t");
        }
    return value;
}

/* Which one is meant, and its type; for a number that the table has not, `typed` is FALSE. */
static gboolean
find_option(const char *word, guint8 *code, enum dhcp_option_type *type, gboolean *typed,
            GError **error)
{
    guint64 number;
    gboolean by_number = g_ascii_isdigit(word[0]);
    if (by_number && !g_ascii_string_to_unsigned(word, 10, 1, PACKET_END - 1, &number, NULL))
        return fail_set(error, FAIL_USAGE, "'%s' is no option's number: they go from 1 to 254",
                        word);
    const struct dhcp_option *option =
        by_number ? dhcp_option_by_code((guint8)number) : dhcp_option_by_name(word, strlen(word));
    if (option == NULL && !by_number)
        return fail_set(error, FAIL_USAGE,
                        "no DHCP option is named '%s'\nhint: write its number instead, as in "
                        "224=hex:0a0b",
                        word);
    if (option != NULL && option->type == DHCP_OPTION_NONE)
        return fail_set(error, FAIL_USAGE,
                        "option %u (%s) is given by the server itself and cannot be set",
                        option->code, option->name);
    *code = option != NULL ? option->code : (guint8)number;
    *type = option != NULL ? option->type : DHCP_OPTION_HEX;
    *typed = option != NULL;
    return TRUE;
}

struct config_option *
dhcp_option_parse(const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        fail_set(error, FAIL_USAGE, "'%s' is no DHCP option\nhint: write NAME=VALUE", text);
        return NULL;
    }
    g_autofree char *word = g_strstrip(g_strndup(text, (gsize)(equals - text)));
    g_autofree char *all = g_strstrip(g_strdup(equals + 1));
    guint8 code = 0;
    enum dhcp_option_type type = DHCP_OPTION_HEX;
    gboolean typed = FALSE;
    if (!find_option(word, &code, &type, &typed, error))
        return NULL;
    const char *value = strip_type(all, &type);
    if (value == all && !typed) {
        fail_set(error, FAIL_USAGE,
                 "option %s has no type of its own\nhint: write one in front of its value, as in "
                 "%s=hex:0a0b or %s=text:a",
                 word, word, word);
        return NULL;
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (!(is_list(type) ? add_list : add_one)(bytes, type, value, error)) {
        g_prefix_error(error, "option %s: ", word);
        return NULL;
    }
    if (bytes->len == 0 || bytes->len > DHCP_OPTION_MAX) {
        fail_set(error, FAIL_USAGE, "option %s: its value has %u bytes; it must have 1 to %d", word,
                 bytes->len, DHCP_OPTION_MAX);
        return NULL;
    }
    struct config_option *option = g_new0(struct config_option, 1);
    option->code = code;
    option->data = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
    return option;
}

void
dhcp_option_free(struct config_option *option)
{
    if (option == NULL)
        return;
    g_bytes_unref(option->data);
    g_free(option);
}
