/* reply: from the terms to bytes and a destination. */
#include "netsvc/dhcp/serve/reply.h"

#include "netsvc/bytes.h"
#include "netsvc/dhcp/packet/dhcp_option.h"
#include "netsvc/dhcp/packet/writer.h"

#include <string.h>

/* ---- a subnet's options ---- */

struct reply_options {
    GByteArray *bytes;
    struct {
        guint32 begin, size;
    } at[256]; /* size 0: not there */
    guint8 all[256];
    guint n; /* in `all`, in the order for clients that ask for nothing */
};

static void
set_option(struct reply_options *options, guint8 code, const void *data, gsize size)
{
    if (size == 0)
        return;
    if (options->at[code].size == 0)
        options->all[options->n++] = code;
    options->at[code].begin = options->bytes->len;
    options->at[code].size = (guint32)size;
    g_byte_array_append(options->bytes, data, (guint)size);
}

static void
set_u32(struct reply_options *options, guint8 code, guint32 value)
{
    guint8 wire[sizeof value];
    bytes_put32(wire, value);
    set_option(options, code, wire, sizeof wire);
}

static void
set_addresses(struct reply_options *options, guint8 code, const GArray *addresses)
{
    guint8 wire[DHCP_OPTION_MAX];
    guint n = addresses != NULL ? MIN(addresses->len, (guint)sizeof wire / 4) : 0;
    for (guint i = 0; i < n; i++)
        bytes_put32(wire + 4 * i, g_array_index(addresses, guint32, i));
    set_option(options, code, wire, 4 * n);
}

static void
set_search(struct reply_options *options, const GPtrArray *search)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; search != NULL && i < search->len; i++)
        g_ptr_array_add(names, search->pdata[i]);
    g_ptr_array_add(names, NULL);
    /* What cannot be told was refused when the configuration was checked. */
    if (dhcp_option_add_domains(bytes, (const char *const *)names->pdata, NULL))
        set_option(options, PACKET_SEARCH, bytes->data, bytes->len);
}

struct reply_options *
reply_options_new(const struct config_subnet *subnet, const GArray *dns)
{
    struct reply_options *options = g_new0(struct reply_options, 1);
    options->bytes = g_byte_array_new();
    set_u32(options, PACKET_MASK, subnet->mask);
    set_addresses(options, PACKET_ROUTERS, subnet->routers);
    set_addresses(options, PACKET_DNS, dns);
    if (subnet->domain != NULL)
        set_option(options, PACKET_DOMAIN, subnet->domain, strlen(subnet->domain));
    set_u32(options, PACKET_BROADCAST, subnet->network | ~subnet->mask);
    set_search(options, subnet->search);
    set_addresses(options, PACKET_NTP, subnet->ntp);
    guint8 mtu[2];
    bytes_put16(mtu, subnet->mtu);
    set_option(options, PACKET_MTU, mtu, subnet->mtu != 0 ? sizeof mtu : 0);
    for (guint i = 0; subnet->options != NULL && i < subnet->options->len; i++) {
        const struct config_option *option = subnet->options->pdata[i];
        gsize size;
        const void *data = g_bytes_get_data(option->data, &size);
        set_option(options, option->code, data, MIN(size, DHCP_OPTION_MAX));
    }
    return options;
}

void
reply_options_free(struct reply_options *options)
{
    if (options == NULL)
        return;
    g_byte_array_unref(options->bytes);
    g_free(options);
}

/* ---- option 81, RFC 4702 ---- */

#define FQDN_HEAD 3 /* flags and two codes that nobody uses any more */
#define FQDN_CODE 255
#define FQDN_SERVER 0x01   /* S: the server updates the name's address */
#define FQDN_OVERRIDE 0x02 /* O: though the client wished otherwise */
#define FQDN_ENCODED 0x04  /* E: as in DNS messages */
#define FQDN_NOTHING 0x08  /* N: no updates */
#define FQDN_MAX 255       /* bytes of a name */

static guint8
fqdn_flags(const struct packet *request)
{
    struct packet_bytes fqdn = request->options[PACKET_FQDN];
    return fqdn.size >= FQDN_HEAD ? fqdn.data[0] : 0;
}

gboolean
reply_fqdn_refuses(const struct packet *request)
{
    return (fqdn_flags(request) & FQDN_NOTHING) != 0;
}

struct packet_bytes
reply_fqdn_name(const struct packet *request)
{
    struct packet_bytes fqdn = request->options[PACKET_FQDN], none = {NULL, 0};
    if (fqdn.size <= FQDN_HEAD)
        return none;
    struct packet_bytes name = {fqdn.data + FQDN_HEAD, fqdn.size - FQDN_HEAD};
    if ((fqdn_flags(request) & FQDN_ENCODED) == 0)
        return name;
    gsize label = name.data[0]; /* the first one is enough */
    return label < name.size ? (struct packet_bytes){name.data + 1, label} : none;
}

/* NAME.DOMAIN as labels; a name and a domain of the configuration are short enough, or cut. */
static gsize
encode_name(const char *name, guint8 wire[FQDN_MAX])
{
    gsize used = 0;
    while (*name != '\0') {
        gsize label = strcspn(name, ".");
        if (label == 0 || label > 63 || used + label + 2 > FQDN_MAX)
            break;
        wire[used++] = (guint8)label;
        memcpy(wire + used, name, label);
        used += label;
        name += label + (name[label] == '.' ? 1 : 0);
    }
    wire[used++] = 0;
    return used;
}

static void
write_fqdn(struct writer *writer, const struct reply_terms *terms)
{
    guint8 asked = fqdn_flags(terms->request), value[FQDN_HEAD + FQDN_MAX];
    guint8 flags = asked & FQDN_ENCODED;
    if (terms->name[0] == '\0')
        flags |= FQDN_NOTHING; /* none is updated */
    else
        flags |= FQDN_SERVER;
    if (((asked ^ flags) & (FQDN_SERVER | FQDN_NOTHING)) != 0)
        flags |= FQDN_OVERRIDE;
    value[0] = flags;
    value[1] = value[2] = FQDN_CODE;
    char full[FQDN_MAX];
    g_snprintf(full, sizeof full, "%s%s%s", terms->name,
               terms->name[0] != '\0' && terms->domain != NULL ? "." : "",
               terms->name[0] != '\0' && terms->domain != NULL ? terms->domain : "");
    gsize size;
    if ((flags & FQDN_ENCODED) != 0) {
        size = encode_name(full, value + FQDN_HEAD);
    } else {
        size = strlen(full);
        memcpy(value + FQDN_HEAD, full, size);
    }
    writer_bytes(writer, PACKET_FQDN, value, FQDN_HEAD + size);
}

/* ---- writing ---- */

/* What is optional may not make the whole impossible. */
static gboolean
has_room(const struct writer *writer, gsize size)
{
    static const guint reserved = 8; /* options that come after, and their bytes */
    return writer->n + reserved < WRITER_OPTIONS_MAX &&
           writer->used + size + 2 * PACKET_SEND_MAX < WRITER_BYTES_MAX;
}

static void
write_one(struct writer *writer, const struct reply_terms *terms, guint8 code)
{
    const struct reply_options *options = terms->options;
    gsize size = options->at[code].size;
    if (code == PACKET_HOSTNAME && terms->name[0] != '\0')
        writer_text(writer, code, terms->name);
    else if (size > 0 && has_room(writer, size))
        writer_bytes(writer, code, options->bytes->data + options->at[code].begin, size);
}

static void
write_asked(struct writer *writer, const struct reply_terms *terms)
{
    const struct packet_bytes *asked = &terms->request->options[PACKET_PARAMETERS];
    write_one(writer, terms, PACKET_MASK);
    for (gsize i = 0; i < asked->size; i++)
        write_one(writer, terms, asked->data[i]);
    for (guint i = 0; asked->size == 0 && i < terms->options->n; i++)
        write_one(writer, terms, terms->options->all[i]);
}

static void
write_times(struct writer *writer, guint32 seconds)
{
    writer_u32(writer, PACKET_LEASE_TIME, seconds);
    writer_u32(writer, PACKET_T1, seconds / 2); /* RFC 2131 4.4.5 */
    writer_u32(writer, PACKET_T2, (guint32)((guint64)seconds * 7 / 8));
}

static void
write_back(struct writer *writer, const struct packet *request, guint8 code)
{
    struct packet_bytes option = request->options[code];
    if (option.data != NULL)
        writer_bytes(writer, code, option.data, option.size);
}

/* RFC 2131 4.1; but a ciaddr that is not what the client gets is only what somebody wrote there. */
static void
choose_way(const struct reply_terms *terms, struct server_reply *reply)
{
    const struct packet *request = terms->request;
    gboolean frame = request->htype == PACKET_ETHERNET && request->hlen == PACKET_ETHERNET_SIZE;
    reply->address = INADDR_BROADCAST;
    reply->mac_size = 0;
    gboolean nak = terms->type == PACKET_NAK;
    gboolean has_it = terms->yiaddr == 0 || terms->yiaddr == request->ciaddr;
    if (request->giaddr != 0) {
        reply->to = SERVER_TO_RELAY;
        reply->address = request->giaddr;
    } else if (!nak && request->ciaddr != 0 && has_it) {
        reply->to = SERVER_TO_CLIENT;
        reply->address = request->ciaddr;
    } else if (nak || (request->flags & PACKET_FLAG_BROADCAST) != 0 || !frame) {
        reply->to = SERVER_TO_ALL;
    } else {
        reply->to = SERVER_TO_HARDWARE;
        reply->address = terms->yiaddr;
        reply->mac_size = PACKET_ETHERNET_SIZE;
        memcpy(reply->mac, request->chaddr, PACKET_ETHERNET_SIZE);
    }
}

void
reply_write(const struct reply_terms *terms, struct server_reply *reply)
{
    struct writer writer;
    const struct packet *request = terms->request;
    guint16 max_size = 0;
    writer_begin(&writer, request, terms->type);
    writer_yiaddr(&writer, terms->yiaddr);
    writer_u32(&writer, PACKET_SERVER, terms->server);
    if (terms->type == PACKET_ACK)
        writer_ciaddr(&writer, request->ciaddr);
    if (terms->type == PACKET_NAK && request->giaddr != 0)
        writer_flags(&writer, request->flags | PACKET_FLAG_BROADCAST);
    if (terms->message != NULL)
        writer_text(&writer, PACKET_MESSAGE, terms->message);
    if (terms->seconds != 0)
        write_times(&writer, terms->seconds);
    if (terms->rapid)
        writer_bytes(&writer, PACKET_RAPID_COMMIT, NULL, 0);
    write_back(&writer, request, PACKET_CLIENT_ID);
    writer_require(&writer);
    if (terms->options != NULL) {
        write_asked(&writer, terms);
        if (packet_has(request, PACKET_FQDN))
            write_fqdn(&writer, terms);
    }
    write_back(&writer, request, PACKET_AGENT);
    packet_u16(request, PACKET_MAX_SIZE, &max_size);
    reply->size = writer_finish(&writer, writer_limit(max_size), reply->data);
    reply->type = terms->type;
    reply->from = terms->from;
    choose_way(terms, reply);
}

/* They are among what must be in, so they stand in the options field. */
void
reply_shorten(struct server_reply *reply, guint32 seconds)
{
    gsize at = PACKET_OPTIONS;
    while (at + 2 <= reply->size && reply->data[at] != PACKET_END) {
        guint8 code = reply->data[at];
        if (code == 0) {
            at++;
            continue;
        }
        guint8 *value = reply->data + at + 2;
        gsize size = reply->data[at + 1];
        at += 2 + size;
        if (size != 4 || at > reply->size)
            continue;
        if (code == PACKET_LEASE_TIME)
            bytes_put32(value, seconds);
        else if (code == PACKET_T1)
            bytes_put32(value, seconds / 2);
        else if (code == PACKET_T2)
            bytes_put32(value, (guint32)((guint64)seconds * 7 / 8));
    }
}
