#include "netsvc/dhcp/lease/carve.h"

#include "lib/base/cleanup.h"
#include "netsvc/bytes.h"

#include <fcntl.h>
#include <string.h>

#define FILE_HEADER 100
#define PAGE_HEADER 8
#define LEAF_OF_ROWS 0x0d
#define WAL_HEADER 32
#define FRAME_HEADER 24
#define VARINT_MAX 9

/* As in database.c. */
enum { ADDRESS, STATE, UNTIL, SINCE, KEY, MAC, NAME, SECONDS, COLUMNS_1 };
enum { WRITER = COLUMNS_1, COUNTER, ACKED, PENDING, COLUMNS };

/* Bytes that are left to be read; what is beyond the end makes it fail. */
struct bytes {
    const guint8 *at, *end;
    gboolean failed;
};

static guint64
take_varint(struct bytes *bytes)
{
    guint64 value = 0;
    for (guint i = 0; i < VARINT_MAX; i++) {
        if (bytes->at >= bytes->end)
            break;
        guint8 byte = *bytes->at++;
        if (i == VARINT_MAX - 1)
            return value << 8 | byte;
        value = value << 7 | (byte & 0x7f);
        if ((byte & 0x80) == 0)
            return value;
    }
    bytes->failed = TRUE;
    return 0;
}

static struct bytes
take_bytes(struct bytes *bytes, guint64 size)
{
    if (bytes->failed || size > (guint64)(bytes->end - bytes->at)) {
        bytes->failed = TRUE;
        return (struct bytes){.failed = TRUE};
    }
    struct bytes taken = {.at = bytes->at, .end = bytes->at + size};
    bytes->at += size;
    return taken;
}

/* ---- a row ---- */

/* Types of values, 2.1: 1 to 6 are integers of so many bytes, 8 and 9 are 0 and 1. */
static gint64
take_integer(struct bytes *body, guint64 type)
{
    static const guint8 sizes[] = {0, 1, 2, 3, 4, 6, 8};
    if (type == 8 || type == 9)
        return (gint64)type - 8;
    if (type == 0 || type >= G_N_ELEMENTS(sizes)) {
        body->failed = TRUE;
        return 0;
    }
    struct bytes taken = take_bytes(body, sizes[type]);
    if (taken.failed)
        return 0;
    guint64 value = taken.at[0] & 0x80 ? G_MAXUINT64 : 0;
    while (taken.at < taken.end)
        value = value << 8 | *taken.at++;
    return (gint64)value;
}

/* From 12 on: even ones are blobs, odd ones text. */
static gsize
take_data(struct bytes *body, guint64 type, gboolean is_text, void *data, gsize max)
{
    if (type < 12 || (type % 2 == 1) != is_text || (type - 12) / 2 > max) {
        body->failed = TRUE;
        return 0;
    }
    gsize size = (gsize)(type - 12) / 2;
    struct bytes taken = take_bytes(body, size);
    if (!taken.failed && size > 0)
        memcpy(data, taken.at, size);
    return size;
}

/* What a pair needs; a row of version 1 has none of it. */
static void
read_pair(struct bytes *body, const guint64 types[COLUMNS], struct lease *lease)
{
    gint64 writer = take_integer(body, types[WRITER]), counter = take_integer(body, types[COUNTER]);
    gint64 acked = take_integer(body, types[ACKED]);
    lease->pending = take_integer(body, types[PENDING]) != 0;
    lease->acked = database_is_time(acked) ? acked : 0;
    if (writer > 0 && counter > 0)
        lease->version = (struct version){(guint64)writer, (guint64)counter};
}

static gboolean
read_columns(struct bytes *body, const guint64 types[COLUMNS], gsize count, struct lease *lease)
{
    gint64 state = take_integer(body, types[STATE]);
    lease->until = take_integer(body, types[UNTIL]);
    lease->since = take_integer(body, types[SINCE]);
    lease->key_size = (guint8)take_data(body, types[KEY], FALSE, lease->key, sizeof lease->key);
    lease->mac_size = (guint8)take_data(body, types[MAC], FALSE, lease->mac, sizeof lease->mac);
    take_data(body, types[NAME], TRUE, lease->name, sizeof lease->name - 1);
    gint64 seconds = take_integer(body, types[SECONDS]);
    lease->state = (enum lease_state)state;
    lease->seconds = (guint32)seconds;
    if (count == COLUMNS)
        read_pair(body, types, lease);
    return !body->failed && body->at == body->end && types[ADDRESS] == 0 && state > LEASE_OFFERED &&
           state < LEASE_STATES && lease->key_size > 0 && seconds >= 0 && seconds <= G_MAXUINT32 &&
           database_is_time(lease->until) && database_is_time(lease->since) &&
           g_utf8_validate(lease->name, -1, NULL);
}

static gboolean
read_row(struct bytes cell, struct lease *lease)
{
    guint64 types[COLUMNS], size = take_varint(&cell), address = take_varint(&cell);
    struct bytes body = take_bytes(&cell, size);
    const guint8 *begin = body.at;
    guint64 head_size = take_varint(&body);
    gsize count = 0;
    while (count < COLUMNS && !body.failed && head_size > (guint64)(body.at - begin))
        types[count++] = take_varint(&body);
    if (body.failed || (count != COLUMNS && count != COLUMNS_1) || address > G_MAXUINT32 ||
        head_size != (guint64)(body.at - begin))
        return FALSE;
    *lease = (struct lease){.address = (guint32)address};
    return read_columns(&body, types, count, lease);
}

/* ---- pages ---- */

void
carve_page(const guint8 page[CARVE_PAGE], gboolean is_first, database_row row, void *context)
{
    const guint8 *head = page + (is_first ? FILE_HEADER : 0), *end = page + CARVE_PAGE;
    const guint8 *place = head + PAGE_HEADER;
    if (head[0] != LEAF_OF_ROWS)
        return;
    for (guint i = bytes_get16(head + 3); i > 0 && place + 2 <= end; i--, place += 2) {
        guint begin = bytes_get16(place);
        struct lease lease;
        if (begin < CARVE_PAGE && read_row((struct bytes){.at = page + begin, .end = end}, &lease))
            row(context, &lease);
    }
}

static void
carve_pages(const char *path, gsize head, gsize before_each, database_row row, void *context)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    guint8 page[CARVE_PAGE];
    off_t at = (off_t)(head + before_each);
    for (; fd >= 0 && pread(fd, page, sizeof page, at) == (ssize_t)sizeof page;
         at += (off_t)(before_each + sizeof page))
        carve_page(page, at == 0, row, context);
}

void
carve_file(const char *path, database_row row, void *context)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    carve_pages(path, 0, 0, row, context);
    carve_pages(wal, WAL_HEADER, FRAME_HEADER, row, context);
}
