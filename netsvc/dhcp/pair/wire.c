#include "netsvc/dhcp/pair/wire.h"

#include "netsvc/bytes.h"

#include <string.h>

#define GONE 0xff
#define PENDING 0x40
#define ENTRY_MAX 400 /* bytes, more than the largest one has */
#define FLAGS_AT 16   /* of a batch */
#define COUNT_AT(knowledge) (FLAGS_AT + 2 + 16 * (gsize)(knowledge))

static const guint8 magic[] = {'L', 'D', WIRE_VERSION};

/* ---- writing ---- */

static void
add_u8(GByteArray *bytes, guint value)
{
    guint8 byte = (guint8)value;
    g_byte_array_append(bytes, &byte, 1);
}

static void
add_u32(GByteArray *bytes, guint32 value)
{
    guint8 wire[4];
    bytes_put32(wire, value);
    g_byte_array_append(bytes, wire, sizeof wire);
}

static void
add_u64(GByteArray *bytes, guint64 value)
{
    add_u32(bytes, (guint32)(value >> 32));
    add_u32(bytes, (guint32)value);
}

static void
add_data(GByteArray *bytes, const void *data, gsize size)
{
    add_u8(bytes, (guint)size);
    g_byte_array_append(bytes, data, (guint)size);
}

static void
add_knowledge(GByteArray *bytes, const struct knowledge *knowledge)
{
    add_u8(bytes, knowledge->n);
    for (guint i = 0; i < knowledge->n; i++) {
        add_u64(bytes, knowledge->of[i].writer);
        add_u64(bytes, knowledge->of[i].counter);
    }
}

static GByteArray *
begin(enum wire_kind kind, guint64 session)
{
    GByteArray *bytes = g_byte_array_new();
    g_byte_array_append(bytes, magic, sizeof magic);
    add_u8(bytes, kind);
    add_u64(bytes, session);
    return bytes;
}

GByteArray *
wire_hello(guint64 session, guint64 other, const struct knowledge *knowledge)
{
    GByteArray *bytes = begin(WIRE_HELLO, session);
    add_u64(bytes, other);
    add_knowledge(bytes, knowledge);
    return bytes;
}

GByteArray *
wire_ack(guint64 session, guint32 number, guint flags)
{
    GByteArray *bytes = begin(WIRE_ACK, session);
    add_u32(bytes, number);
    add_u8(bytes, flags);
    return bytes;
}

GByteArray *
wire_batch(guint64 session, guint32 number, const struct knowledge *knowledge)
{
    static const guint8 none[2] = {0, 0};
    GByteArray *bytes = begin(WIRE_BATCH, session);
    add_u32(bytes, number);
    add_u8(bytes, 0);
    add_knowledge(bytes, knowledge);
    g_byte_array_append(bytes, none, sizeof none);
    return bytes;
}

gboolean
wire_has_room(const GByteArray *batch)
{
    return batch->len + ENTRY_MAX <= WIRE_MAX;
}

static void
count_one(GByteArray *batch)
{
    guint8 *count = batch->data + COUNT_AT(batch->data[FLAGS_AT + 1]);
    bytes_put16(count, bytes_get16(count) + 1u);
}

void
wire_add(GByteArray *batch, const struct lease *lease, gint64 now)
{
    add_u32(batch, lease->address);
    add_u8(batch, lease->state | (lease->state == LEASE_LEASED && lease->pending ? PENDING : 0u));
    add_u32(batch, (guint32)CLAMP(lease->until - MIN(now, lease->until), 0, WIRE_LEFT_MAX));
    add_u32(batch, (guint32)CLAMP(now - lease->since, 0, G_MAXUINT32));
    add_u32(batch, lease->seconds);
    add_u64(batch, lease->version.writer);
    add_u64(batch, lease->version.counter);
    add_data(batch, lease->key, lease->key_size);
    add_data(batch, lease->mac, lease->mac_size);
    add_data(batch, lease->name, strlen(lease->name));
    count_one(batch);
}

void
wire_add_gone(GByteArray *batch, guint32 address)
{
    add_u32(batch, address);
    add_u8(batch, GONE);
    count_one(batch);
}

void
wire_finish(GByteArray *batch, guint flags)
{
    batch->data[FLAGS_AT] = (guint8)flags;
}

/* ---- reading ---- */

/* Its error is sticky. */
struct reader {
    const guint8 *at, *end;
    gboolean failed;
};

static const guint8 *
take(struct reader *reader, gsize size)
{
    static const guint8 nothing[8] = {0};
    if (reader->failed || size > (gsize)(reader->end - reader->at)) {
        reader->failed = TRUE;
        return nothing;
    }
    const guint8 *taken = reader->at;
    reader->at += size;
    return taken;
}

static guint8
take_u8(struct reader *reader)
{
    return *take(reader, 1);
}

static guint32
take_u32(struct reader *reader)
{
    return bytes_get32(take(reader, 4));
}

static guint64
take_u64(struct reader *reader)
{
    guint64 high = take_u32(reader);
    return high << 32 | take_u32(reader);
}

static guint8
take_data(struct reader *reader, void *data, gsize max)
{
    guint8 size = take_u8(reader);
    if (size > max)
        reader->failed = TRUE;
    else if (size > 0) {
        const guint8 *from = take(reader, size);
        if (!reader->failed)
            memcpy(data, from, size);
    }
    return reader->failed ? 0 : size;
}

static gboolean
is_version(struct version version)
{
    return version.writer > 0 && version.writer <= G_MAXINT64 && version.counter > 0 &&
           version.counter <= G_MAXINT64;
}

static void
take_knowledge(struct reader *reader, struct knowledge *knowledge)
{
    guint n = take_u8(reader);
    if (n > KNOWLEDGE_MAX)
        reader->failed = TRUE;
    for (guint i = 0; i < n && !reader->failed; i++) {
        struct version version = {.writer = take_u64(reader)};
        version.counter = take_u64(reader);
        if (reader->failed || !is_version(version))
            reader->failed = TRUE;
        else
            knowledge_raise(knowledge, version.writer, version.counter);
    }
}

/* As names_clean makes it. */
static gboolean
is_label(const char *name, gsize size)
{
    for (gsize i = 0; i < size; i++)
        if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '-')
            return FALSE;
    return TRUE;
}

static gboolean
is_state(guint state)
{
    return state == LEASE_LEASED || state == (LEASE_LEASED | PENDING) || state == LEASE_RELEASED ||
           state == LEASE_EXPIRED || state == LEASE_DECLINED;
}

static void
take_lease(struct reader *reader, guint state, struct lease *lease)
{
    lease->state = (enum lease_state)(state & ~(guint)PENDING);
    lease->pending = (state & PENDING) != 0;
    lease->until = take_u32(reader);
    lease->since = take_u32(reader);
    lease->seconds = take_u32(reader);
    lease->version.writer = take_u64(reader);
    lease->version.counter = take_u64(reader);
    lease->key_size = take_data(reader, lease->key, sizeof lease->key);
    lease->mac_size = take_data(reader, lease->mac, sizeof lease->mac);
    gsize size = take_data(reader, lease->name, sizeof lease->name - 1);
    if (lease->until > WIRE_LEFT_MAX || !is_version(lease->version) ||
        !is_label(lease->name, size) || (lease->key_size == 0 && lease->state != LEASE_DECLINED))
        reader->failed = TRUE;
}

static void
take_entries(struct reader *reader, GArray *entries)
{
    guint count = bytes_get16(take(reader, 2));
    for (guint i = 0; i < count && !reader->failed; i++) {
        struct wire_entry entry = {.lease.address = take_u32(reader)};
        guint state = take_u8(reader);
        entry.gone = state == GONE;
        if (entry.lease.address == 0 || (!entry.gone && !is_state(state)))
            reader->failed = TRUE;
        else if (!entry.gone)
            take_lease(reader, state, &entry.lease);
        if (!reader->failed)
            g_array_append_val(entries, entry);
    }
}

static void
take_body(struct reader *reader, struct wire *wire)
{
    if (wire->kind == WIRE_HELLO) {
        wire->other = take_u64(reader);
        take_knowledge(reader, &wire->knowledge);
        return;
    }
    wire->number = take_u32(reader);
    wire->flags = take_u8(reader);
    if (wire->kind == WIRE_ACK)
        return;
    take_knowledge(reader, &wire->knowledge);
    take_entries(reader, wire->entries);
}

gboolean
wire_read(struct wire *wire, const guint8 *data, gsize size, const char **why)
{
    struct reader reader = {.at = data, .end = data + size};
    const char *wrong = NULL;
    *wire = (struct wire){.entries = g_array_new(FALSE, TRUE, sizeof(struct wire_entry))};
    const guint8 *head = take(&reader, sizeof magic);
    guint kind = take_u8(&reader);
    wire->session = take_u64(&reader);
    wire->kind = (enum wire_kind)kind;
    if (reader.failed || head[0] != magic[0] || head[1] != magic[1] || wire->session == 0 ||
        size > WIRE_MAX)
        wrong = "it is no message of leases";
    else if (head[2] != WIRE_VERSION)
        wrong = "it is of another version of Lifeboat";
    else if (kind < WIRE_HELLO || kind > WIRE_ACK)
        wrong = "its kind is not known";
    if (wrong == NULL)
        take_body(&reader, wire);
    if (wrong == NULL && (reader.failed || reader.at != reader.end))
        wrong = "it makes no sense";
    if (why != NULL)
        *why = wrong;
    return wrong == NULL;
}

void
wire_clear(struct wire *wire)
{
    if (wire->entries != NULL)
        g_array_unref(wire->entries);
    wire->entries = NULL;
}
