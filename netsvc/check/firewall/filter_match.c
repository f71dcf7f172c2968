#include "netsvc/check/firewall/filter_match.h"

#include "lib/json/json.h"

#include <arpa/inet.h>
#include <netinet/in.h>

typedef enum match (*match_one)(const struct filter_packet *packet, struct slice value);

static enum match
sure(gboolean is)
{
    return is ? MATCH_YES : MATCH_NO;
}

static char *
text_of(struct slice value)
{
    GString *text = g_string_new(NULL);
    if (json_type(value) == JSON_STRING)
        json_unescape(value, text);
    return g_string_free(text, FALSE);
}

/* ---- single values ---- */

static enum match
match_number(guint16 number, struct slice value)
{
    struct slice range, low, high;
    guint64 first, last;
    gsize at = 0;
    if (json_type(value) == JSON_NUMBER)
        return json_unsigned(value, &first) ? sure(first == number) : MATCH_PERHAPS;
    if (!json_member(value, "range", &range) || json_type(range) != JSON_ARRAY ||
        !json_next_element(range, &at, &low) || !json_next_element(range, &at, &high) ||
        !json_unsigned(low, &first) || !json_unsigned(high, &last))
        return MATCH_PERHAPS;
    return sure(number >= first && number <= last);
}

static enum match
match_port(const struct filter_packet *packet, struct slice value)
{
    return match_number(packet->port, value);
}

static enum match
match_from_port(const struct filter_packet *packet, struct slice value)
{
    return packet->from_port != 0 ? match_number(packet->from_port, value) : MATCH_PERHAPS;
}

static enum match
match_protocol(const struct filter_packet *packet, struct slice value)
{
    g_autofree char *name = text_of(value);
    guint64 number;
    if (json_type(value) == JSON_NUMBER && json_unsigned(value, &number))
        return sure(number == (packet->tcp ? IPPROTO_TCP : IPPROTO_UDP));
    return sure(strcmp(name, packet->tcp ? "tcp" : "udp") == 0);
}

static enum match
match_family(const struct filter_packet *packet, struct slice value)
{
    g_autofree char *name = text_of(value);
    (void)packet;
    return sure(strcmp(name, "ipv4") == 0);
}

/* "eth*" stands for all that begin so. */
static enum match
match_interface(const struct filter_packet *packet, struct slice value)
{
    g_autofree char *name = text_of(value);
    gsize size = strlen(name);
    if (packet->interface == NULL || size == 0)
        return strcmp(name, "lo") == 0 ? MATCH_NO : MATCH_PERHAPS;
    if (name[size - 1] == '*')
        return sure(strncmp(packet->interface, name, size - 1) == 0);
    return sure(strcmp(packet->interface, name) == 0);
}

/* What begins a connection, or comes alone. */
static enum match
match_state(const struct filter_packet *packet, struct slice value)
{
    g_autofree char *name = text_of(value);
    (void)packet;
    return sure(strcmp(name, "new") == 0);
}

static gboolean
parse_network(struct slice value, guint32 *network, guint32 *mask)
{
    struct slice prefix = value, address = value;
    guint64 bits = 32;
    if (json_type(value) == JSON_OBJECT &&
        (!json_member(value, "prefix", &prefix) || !json_member(prefix, "addr", &address) ||
         !json_member_unsigned(prefix, "len", &bits) || bits > 32))
        return FALSE;
    g_autofree char *text = text_of(address);
    struct in_addr in;
    if (inet_pton(AF_INET, text, &in) != 1)
        return FALSE;
    *network = ntohl(in.s_addr);
    *mask = bits == 0 ? 0 : ~0u << (32 - bits);
    return TRUE;
}

static enum match
match_source(const struct filter_packet *packet, struct slice value)
{
    guint32 network, mask;
    if (!parse_network(value, &network, &mask))
        return MATCH_PERHAPS;
    const guint32 both = mask & packet->mask;
    if ((network & both) != (packet->network & both))
        return MATCH_NO;
    return mask <= packet->mask ? MATCH_YES : MATCH_PERHAPS;
}

static enum match
match_unknown(const struct filter_packet *packet, struct slice value)
{
    (void)packet;
    (void)value;
    return MATCH_PERHAPS;
}

static enum match
match_never(const struct filter_packet *packet, struct slice value)
{
    (void)packet;
    (void)value;
    return MATCH_NO;
}

/* ---- what is compared ---- */

static match_one
of_transport(const struct filter_packet *packet, const char *protocol, const char *field)
{
    if (strcmp(protocol, "th") != 0 && strcmp(protocol, packet->tcp ? "tcp" : "udp") != 0)
        return match_never;
    if (strcmp(field, "dport") == 0)
        return match_port;
    return strcmp(field, "sport") == 0 ? match_from_port : match_unknown;
}

static match_one
of_payload(const struct filter_packet *packet, struct slice payload)
{
    static const char *const others[] = {"ip6",  "icmp", "icmpv6", "igmp",
                                         "sctp", "dccp", "esp",    "ah"};
    g_autofree char *protocol = NULL, *field = NULL;
    if (!json_member_text(payload, "protocol", &protocol) ||
        !json_member_text(payload, "field", &field))
        return match_unknown;
    if (strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0 || strcmp(protocol, "th") == 0)
        return of_transport(packet, protocol, field);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        if (strcmp(protocol, others[i]) == 0)
            return match_never;
    if (strcmp(protocol, "ip") != 0)
        return match_unknown;
    return strcmp(field, "saddr") == 0      ? match_source
           : strcmp(field, "protocol") == 0 ? match_protocol
                                            : match_unknown;
}

static match_one
of_left(const struct filter_packet *packet, struct slice left)
{
    struct slice part;
    g_autofree char *key = NULL;
    if (json_member(left, "payload", &part))
        return of_payload(packet, part);
    if (json_member(left, "ct", &part) && json_member_text(part, "key", &key))
        return strcmp(key, "state") == 0 ? match_state : match_unknown;
    if (!json_member(left, "meta", &part) || !json_member_text(part, "key", &key))
        return match_unknown;
    return strcmp(key, "l4proto") == 0                              ? match_protocol
           : strcmp(key, "nfproto") == 0                            ? match_family
           : strcmp(key, "iifname") == 0 || strcmp(key, "iif") == 0 ? match_interface
                                                                    : match_unknown;
}

/* ---- one value, or any of several ---- */

static enum match
match_any(const struct filter_packet *packet, match_one one, struct slice value)
{
    struct slice set = value, each;
    enum match best = MATCH_NO;
    if (one == match_never)
        return MATCH_NO;
    if (json_type(value) != JSON_ARRAY && !json_member(value, "set", &set)) {
        g_autofree char *text = text_of(value);
        return *text == '@' ? MATCH_PERHAPS : one(packet, value); /* a named set */
    }
    if (json_type(set) != JSON_ARRAY)
        return MATCH_PERHAPS;
    for (gsize at = 0; json_next_element(set, &at, &each);)
        best = MAX(best, one(packet, each));
    return best;
}

enum match
filter_match(const struct filter_packet *packet, struct slice left, struct slice value)
{
    return match_any(packet, of_left(packet, left), value);
}

enum match
filter_match_rule(const struct filter_packet *packet, struct slice match, gboolean *named)
{
    struct slice left, right;
    g_autofree char *operator= NULL;
    if (!json_member_text(match, "op", &operator) || !json_member(match, "left", &left) ||
        !json_member(match, "right", &right))
        return MATCH_PERHAPS;
    match_one one = of_left(packet, left);
    enum match is = match_any(packet, one, right);
    if (one == match_never)
        return MATCH_NO; /* of another protocol: whatever its value */
    if (strcmp(operator, "!=") == 0)
        return is == MATCH_YES ? MATCH_NO : is == MATCH_NO ? MATCH_YES : MATCH_PERHAPS;
    if (strcmp(operator, "==") != 0 && strcmp(operator, "in") != 0)
        return MATCH_PERHAPS;
    *named = *named || (one == match_port && is == MATCH_YES);
    return is;
}
