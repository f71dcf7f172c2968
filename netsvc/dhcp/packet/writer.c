/* writer: first collected, then laid out. */
#include "netsvc/dhcp/packet/writer.h"

#include "netsvc/bytes.h"

#include <string.h>

#define COOKIE 0x63825363
#define PIECE_MAX 255    /* RFC 3396: longer ones are cut */
#define PIECE_HEAD 2     /* code and length */
#define OVERLOAD_SIZE 3  /* of option 52 */
#define OVERLOAD_FILE 1  /* its values */
#define OVERLOAD_SNAME 2 /* */
#define AT_FLAGS 10      /* RFC 2131 figure 1 */
#define AT_CIADDR 12
#define AT_YIADDR 16
#define AT_GIADDR 24

void
writer_begin(struct writer *writer, const struct packet *request, enum packet_type type)
{
    guint8 *head = writer->head;
    memset(head, 0, sizeof writer->head);
    head[0] = PACKET_REPLY_OP;
    head[1] = request->htype;
    head[2] = request->hlen;
    bytes_put32(head + 4, request->xid);
    bytes_put16(head + AT_FLAGS, request->flags);
    bytes_put32(head + AT_GIADDR, request->giaddr);
    memcpy(head + PACKET_CHADDR, request->chaddr, PACKET_CHADDR_SIZE);
    bytes_put32(head + PACKET_COOKIE, COOKIE);
    writer->n = writer->required = 0;
    writer->used = 0;
    writer->failed = FALSE;
    memset(writer->written, 0, sizeof writer->written);
    writer_u8(writer, PACKET_TYPE, (guint8)type);
}

void
writer_ciaddr(struct writer *writer, guint32 address)
{
    bytes_put32(writer->head + AT_CIADDR, address);
}

void
writer_yiaddr(struct writer *writer, guint32 address)
{
    bytes_put32(writer->head + AT_YIADDR, address);
}

void
writer_flags(struct writer *writer, guint16 flags)
{
    bytes_put16(writer->head + AT_FLAGS, flags);
}

gboolean
writer_has(const struct writer *writer, guint8 code)
{
    return (writer->written[code / 8] >> code % 8 & 1) != 0;
}

void
writer_bytes(struct writer *writer, guint8 code, const void *data, gsize size)
{
    if (writer_has(writer, code))
        return;
    if (code == PACKET_PAD || code == PACKET_END || code == PACKET_OVERLOAD ||
        writer->n == WRITER_OPTIONS_MAX || size > WRITER_BYTES_MAX - writer->used) {
        writer->failed = TRUE;
        return;
    }
    writer->written[code / 8] = (guint8)(writer->written[code / 8] | 1 << code % 8);
    writer->options[writer->n++] =
        (struct writer_option){code, (guint16)writer->used, (guint16)size};
    if (size > 0)
        memcpy(writer->bytes + writer->used, data, size);
    writer->used += size;
}

void
writer_text(struct writer *writer, guint8 code, const char *text)
{
    writer_bytes(writer, code, text, strlen(text));
}

void
writer_u8(struct writer *writer, guint8 code, guint8 value)
{
    writer_bytes(writer, code, &value, sizeof value);
}

void
writer_u32(struct writer *writer, guint8 code, guint32 value)
{
    guint8 wire[sizeof value];
    bytes_put32(wire, value);
    writer_bytes(writer, code, wire, sizeof wire);
}

void
writer_require(struct writer *writer)
{
    writer->required = writer->n;
}

gsize
writer_limit(guint16 max_size)
{
    return MIN(MAX(max_size, WRITER_DATAGRAM_MIN) - WRITER_HEADERS, PACKET_SEND_MAX);
}

/* ---- laying out ---- */

/* Where options go: from `place` to before `end`, where one byte is kept for the end option. */
struct room {
    guint8 *place, *end;
    gboolean used;
};

static gsize
laid_size(const struct writer_option *option)
{
    gsize pieces = option->size == 0 ? 1 : (option->size + PIECE_MAX - 1) / PIECE_MAX;
    return option->size + pieces * PIECE_HEAD;
}

static gboolean
lay(const struct writer *writer, const struct writer_option *option, struct room *room)
{
    if ((gsize)(room->end - room->place) < laid_size(option))
        return FALSE;
    gsize done = 0;
    do {
        gsize piece = MIN(option->size - done, PIECE_MAX);
        *room->place++ = option->code;
        *room->place++ = (guint8)piece;
        memcpy(room->place, writer->bytes + option->begin + done, piece);
        room->place += piece;
        done += piece;
    } while (done < option->size);
    room->used = TRUE;
    return TRUE;
}

static void
end_room(struct room *room)
{
    if (room->used)
        *room->place++ = PACKET_END;
}

/* Option 82 stays out of this: it comes last. FALSE: one that is required has no place. */
static gboolean
lay_all(const struct writer *writer, struct room *rooms, guint n)
{
    for (guint i = 0; i < writer->n; i++) {
        const struct writer_option *option = &writer->options[i];
        gboolean laid = option->code == PACKET_AGENT;
        for (guint r = 0; !laid && r < n; r++)
            laid = lay(writer, option, &rooms[r]);
        if (!laid && i < writer->required)
            return FALSE;
    }
    return TRUE;
}

static const struct writer_option *
find(const struct writer *writer, guint8 code)
{
    for (guint i = 0; i < writer->n; i++)
        if (writer->options[i].code == code)
            return &writer->options[i];
    return NULL;
}

gsize
writer_finish(struct writer *writer, gsize limit, guint8 *data)
{
    const struct writer_option *agent = find(writer, PACKET_AGENT);
    gsize kept = agent != NULL ? laid_size(agent) : 0; /* for option 82 */
    gsize all = PACKET_OPTIONS + 1;
    for (guint i = 0; i < writer->n; i++)
        all += laid_size(&writer->options[i]);
    limit = MIN(limit, PACKET_SEND_MAX);
    gboolean spills = all > limit;
    if (writer->failed || limit < PACKET_MIN_SENT ||
        limit < PACKET_OPTIONS + OVERLOAD_SIZE + kept + 1)
        return 0;
    memset(data, 0, limit);
    memcpy(data, writer->head, PACKET_OPTIONS);
    guint8 *overload = spills ? data + PACKET_OPTIONS : NULL;
    struct room rooms[] = {
        {.place = data + PACKET_OPTIONS + (spills ? OVERLOAD_SIZE : 0),
         .end = data + limit - 1 - kept},
        {.place = data + PACKET_FILE, .end = data + PACKET_FILE + PACKET_FILE_SIZE - 1},
        {.place = data + PACKET_SNAME, .end = data + PACKET_SNAME + PACKET_SNAME_SIZE - 1},
    };
    if (!lay_all(writer, rooms, spills ? G_N_ELEMENTS(rooms) : 1))
        return 0;
    rooms[0].end += kept;
    if (agent != NULL)
        lay(writer, agent, &rooms[0]);
    for (guint r = 0; r < G_N_ELEMENTS(rooms); r++)
        end_room(&rooms[r]);
    int how = (rooms[1].used ? OVERLOAD_FILE : 0) | (rooms[2].used ? OVERLOAD_SNAME : 0);
    if (overload != NULL && how != 0) {
        overload[0] = PACKET_OVERLOAD;
        overload[1] = 1;
        overload[2] = (guint8)how;
    } /* else they are pads */
    return MAX((gsize)(rooms[0].place - data), PACKET_MIN_SENT);
}
