/* packet: two passes over the options, so that those in pieces cost no more than others. */
#include "netsvc/dhcp/packet/packet.h"

#include "netsvc/bytes.h"

#include <string.h>

#define COOKIE 0x63825363 /* RFC 2131 3 */

/* Option 52 */
#define OVERLOAD_FILE 1
#define OVERLOAD_SNAME 2

#define FIELDS 3 /* options, file, sname: RFC 3396 5 reads them in this order */

struct fields {
    struct packet_bytes field[FIELDS];
    guint n;
};

enum step { STEP_OPTION, STEP_OVER, STEP_BROKEN };

/* The next option of a field, behind pads. What ends without an end option has ended. */
static enum step
next_option(struct packet_bytes field, gsize *place, guint8 *code, struct packet_bytes *value)
{
    while (*place < field.size && field.data[*place] == PACKET_PAD)
        ++*place;
    if (*place >= field.size || field.data[*place] == PACKET_END)
        return STEP_OVER;
    if (field.size - *place < 2 || field.size - *place - 2 < field.data[*place + 1])
        return STEP_BROKEN;
    *code = field.data[*place];
    *value = (struct packet_bytes){field.data + *place + 2, field.data[*place + 1]};
    *place += 2 + value->size;
    return STEP_OPTION;
}

/* First pass: how long each option is in all, and in how many pieces; the first piece is its value
 * so far. */
struct tally {
    guint16 size[256], pieces[256]; /* both ≤ PACKET_MAX */
};

static gboolean
count_field(struct packet *packet, struct packet_bytes field, struct tally *tally)
{
    guint8 code;
    struct packet_bytes value;
    enum step step;
    for (gsize place = 0; (step = next_option(field, &place, &code, &value)) == STEP_OPTION;) {
        if (tally->pieces[code]++ == 0)
            packet->options[code] = value;
        tally->size[code] = (guint16)(tally->size[code] + value.size);
    }
    return step == STEP_OVER;
}

static void
join_field(struct packet *packet, struct packet_bytes field, const struct tally *tally, gsize *used)
{
    guint8 code;
    struct packet_bytes value;
    for (gsize place = 0; next_option(field, &place, &code, &value) == STEP_OPTION;) {
        if (tally->pieces[code] < 2)
            continue;
        struct packet_bytes *whole = &packet->options[code];
        if (whole->data < packet->scratch || whole->data >= packet->scratch + PACKET_MAX) {
            *whole = (struct packet_bytes){packet->scratch + *used, 0};
            *used += tally->size[code];
        }
        memcpy(packet->scratch + (whole->data - packet->scratch) + whole->size, value.data,
               value.size);
        whole->size += value.size;
    }
}

static gboolean
read_options(struct packet *packet, const guint8 *data, gsize size, const char **why)
{
    struct fields fields = {.n = 1};
    struct tally tally = {0};
    fields.field[0] = (struct packet_bytes){data + PACKET_OPTIONS, size - PACKET_OPTIONS};
    if (!count_field(packet, fields.field[0], &tally)) {
        *why = "an option is longer than what is left";
        return FALSE;
    }
    const struct packet_bytes *overload = &packet->options[PACKET_OVERLOAD];
    if (overload->data != NULL) {
        guint8 how = overload->size == 1 ? overload->data[0] : 0;
        if (tally.pieces[PACKET_OVERLOAD] != 1 || how == 0 ||
            (how & ~(OVERLOAD_FILE | OVERLOAD_SNAME)) != 0) {
            *why = "option 52 (overload) is neither 1, 2 nor 3";
            return FALSE;
        }
        if ((how & OVERLOAD_FILE) != 0)
            fields.field[fields.n++] = (struct packet_bytes){data + PACKET_FILE, PACKET_FILE_SIZE};
        if ((how & OVERLOAD_SNAME) != 0)
            fields.field[fields.n++] =
                (struct packet_bytes){data + PACKET_SNAME, PACKET_SNAME_SIZE};
    }
    for (guint i = 1; i < fields.n; i++)
        if (!count_field(packet, fields.field[i], &tally)) {
            *why = "an option in file or sname is longer than what is left";
            return FALSE;
        }
    gsize used = 0; /* all pieces are of the packet: they fit */
    for (guint i = 0; i < fields.n; i++)
        join_field(packet, fields.field[i], &tally, &used);
    return TRUE;
}

/* What decides how a message is meant has to be as the RFC says. */
static gboolean
check_options(struct packet *packet, const char **why)
{
    static const struct {
        guint8 code, size;
        const char *why;
    } sizes[] = {
        {PACKET_TYPE, 1, "option 53 (message type) has not one byte"},
        {PACKET_REQUESTED, 4, "option 50 (requested address) has not 4 bytes"},
        {PACKET_LEASE_TIME, 4, "option 51 (lease time) has not 4 bytes"},
        {PACKET_SERVER, 4, "option 54 (server identifier) has not 4 bytes"},
        {PACKET_MAX_SIZE, 2, "option 57 (maximum size) has not 2 bytes"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        if (packet_has(packet, sizes[i].code) &&
            packet->options[sizes[i].code].size != sizes[i].size) {
            *why = sizes[i].why;
            return FALSE;
        }
    const struct packet_bytes *id = &packet->options[PACKET_CLIENT_ID];
    if (id->data != NULL && id->size > G_MAXUINT8) {
        *why = "option 61 (client identifier) is longer than 255 bytes";
        return FALSE;
    }
    if (id->data != NULL && id->size < 2) /* RFC 2132 9.14: at least 2; it tells nothing */
        packet->options[PACKET_CLIENT_ID] = (struct packet_bytes){NULL, 0};
    return TRUE;
}

static gboolean
check_type(struct packet *packet, const char **why)
{
    const struct packet_bytes *type = &packet->options[PACKET_TYPE];
    if (type->data == NULL)
        return TRUE;
    static const guint requests = 1 << PACKET_DISCOVER | 1 << PACKET_REQUEST | 1 << PACKET_DECLINE |
                                  1 << PACKET_RELEASE | 1 << PACKET_INFORM;
    static const guint replies = 1 << PACKET_OFFER | 1 << PACKET_ACK | 1 << PACKET_NAK;
    guint here = packet->op == PACKET_REQUEST_OP ? requests : replies;
    if (type->data[0] >= PACKET_TYPES || (here >> type->data[0] & 1) == 0) {
        *why = "its type (option 53) is none of a client's, or of a server's in a reply";
        return FALSE;
    }
    packet->type = type->data[0];
    return TRUE;
}

/* An address that frames can be sent to. */
static gboolean
check_hardware(const struct packet *packet, const char **why)
{
    static const guint8 none[PACKET_ETHERNET_SIZE];
    if (packet->hlen > PACKET_CHADDR_SIZE) {
        *why = "its hardware address is longer than 16 bytes";
        return FALSE;
    }
    if (packet->htype != PACKET_ETHERNET)
        return TRUE;
    if (packet->hlen != PACKET_ETHERNET_SIZE) {
        *why = "its Ethernet address has not 6 bytes";
        return FALSE;
    }
    if ((packet->chaddr[0] & 1) != 0 || memcmp(packet->chaddr, none, sizeof none) == 0) {
        *why = "its Ethernet address is none of one machine";
        return FALSE;
    }
    return TRUE;
}

gboolean
packet_parse(struct packet *packet, const guint8 *data, gsize size, const char **why)
{
    const char *ignored;
    why = why != NULL ? why : &ignored;
    packet->type = PACKET_BOOTP;
    memset(packet->options, 0, sizeof packet->options);
    if (size < PACKET_OPTIONS || size > PACKET_MAX || bytes_get32(data + PACKET_COOKIE) != COOKIE) {
        *why = size > PACKET_MAX ? "it is longer than 4096 bytes" : "it is no DHCP message";
        return FALSE;
    }
    packet->op = data[0];
    packet->htype = data[1];
    packet->hlen = data[2];
    packet->hops = data[3];
    packet->xid = bytes_get32(data + 4);
    packet->secs = bytes_get16(data + 8);
    packet->flags = bytes_get16(data + 10);
    packet->ciaddr = bytes_get32(data + 12);
    packet->yiaddr = bytes_get32(data + 16);
    packet->siaddr = bytes_get32(data + 20);
    packet->giaddr = bytes_get32(data + 24);
    memcpy(packet->chaddr, data + PACKET_CHADDR, PACKET_CHADDR_SIZE);
    if (packet->op != PACKET_REQUEST_OP && packet->op != PACKET_REPLY_OP) {
        *why = "it is neither a request nor a reply";
        return FALSE;
    }
    return check_hardware(packet, why) && read_options(packet, data, size, why) &&
           check_options(packet, why) && check_type(packet, why);
}

gboolean
packet_address(const struct packet *packet, guint8 code, guint32 *address)
{
    struct packet_bytes option = packet->options[code];
    if (option.data == NULL || option.size != sizeof *address)
        return FALSE;
    *address = bytes_get32(option.data);
    return TRUE;
}

gboolean
packet_seconds(const struct packet *packet, guint8 code, guint32 *seconds)
{
    return packet_address(packet, code, seconds);
}

gboolean
packet_u16(const struct packet *packet, guint8 code, guint16 *value)
{
    struct packet_bytes option = packet->options[code];
    if (option.data == NULL || option.size != sizeof *value)
        return FALSE;
    *value = bytes_get16(option.data);
    return TRUE;
}

gboolean
packet_agent_address(const struct packet *packet, guint8 suboption, guint32 *address)
{
    struct packet_bytes agent = packet->options[PACKET_AGENT];
    gsize place = 0;
    while (agent.data != NULL && agent.size - place >= 2) {
        guint8 code = agent.data[place], size = agent.data[place + 1];
        place += 2;
        if (agent.size - place < size)
            return FALSE;
        if (code == suboption && size == sizeof *address) {
            *address = bytes_get32(agent.data + place);
            return TRUE;
        }
        place += size;
    }
    return FALSE;
}
