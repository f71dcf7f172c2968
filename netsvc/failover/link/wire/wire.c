#include "netsvc/failover/link/wire/wire.h"

#include <string.h>

#define ID_LENGTH (IDENTITY_ID_SIZE - 1)
#define INCARNATION_SIZE 8

/* Where a hello has what. */
enum {
    HELLO_PURPOSE = 4,
    HELLO_ID = 5,
    HELLO_INCARNATION = HELLO_ID + ID_LENGTH,
    HELLO_NAME = HELLO_INCARNATION + INCARNATION_SIZE,
};
G_STATIC_ASSERT(HELLO_NAME + WIRE_NAME_SIZE == WIRE_HELLO_SIZE);
static const guint8 magic[HELLO_PURPOSE] = "LBL1";

/* … and a welcome. */
enum {
    WELCOME_CLUSTER = WIRE_PROOF_SIZE,
    WELCOME_PARITY = WELCOME_CLUSTER + ID_LENGTH,
    WELCOME_REACHED,
};
G_STATIC_ASSERT(WELCOME_REACHED + WIRE_PATHS == WIRE_WELCOME_SIZE);

static void
put(guint8 *out, guint64 number, gsize size)
{
    for (gsize i = size; i-- > 0; number >>= 8)
        out[i] = (guint8)number;
}

static guint64
get(const guint8 *data, gsize size)
{
    guint64 number = 0;
    for (gsize i = 0; i < size; i++)
        number = number << 8 | data[i];
    return number;
}

static gboolean
get_id(const guint8 *data, char id[IDENTITY_ID_SIZE])
{
    memcpy(id, data, ID_LENGTH);
    id[ID_LENGTH] = '\0';
    return identity_is_id(id);
}

/* ---- frames ---- */

gboolean
wire_read_head(const guint8 head[WIRE_HEAD], gsize max, guint8 *kind, gsize *size)
{
    *size = (gsize)get(head, WIRE_HEAD - 1);
    *kind = head[WIRE_HEAD - 1];
    return *size <= max && *kind < WIRE_KINDS;
}

void
wire_write_head(guint8 head[WIRE_HEAD], guint8 kind, gsize size)
{
    put(head, size, WIRE_HEAD - 1);
    head[WIRE_HEAD - 1] = kind;
}

/* ---- hello ---- */

/* A name of the configuration: it is shown to people. */
static gboolean
get_name(const guint8 *data, char name[WIRE_NAME_SIZE])
{
    const gsize length = strnlen((const char *)data, WIRE_NAME_SIZE);
    if (length == 0 || length == WIRE_NAME_SIZE)
        return FALSE;
    memset(name, 0, WIRE_NAME_SIZE);
    for (gsize i = 0; i < WIRE_NAME_SIZE; i++) {
        if (i < length ? !g_ascii_isgraph(data[i]) : data[i] != 0)
            return FALSE;
        name[i] = (char)data[i];
    }
    return TRUE;
}

gboolean
wire_read_hello(const guint8 *data, gsize size, struct wire_hello *hello)
{
    if (size != WIRE_HELLO_SIZE || memcmp(data, magic, sizeof magic) != 0 ||
        data[HELLO_PURPOSE] >= WIRE_PURPOSES)
        return FALSE;
    hello->purpose = data[HELLO_PURPOSE];
    hello->incarnation = get(data + HELLO_INCARNATION, INCARNATION_SIZE);
    return get_id(data + HELLO_ID, hello->id) && get_name(data + HELLO_NAME, hello->name);
}

void
wire_write_hello(const struct wire_hello *hello, guint8 out[WIRE_HELLO_SIZE])
{
    memset(out, 0, WIRE_HELLO_SIZE);
    memcpy(out, magic, sizeof magic);
    out[HELLO_PURPOSE] = (guint8)hello->purpose;
    memcpy(out + HELLO_ID, hello->id, ID_LENGTH);
    put(out + HELLO_INCARNATION, hello->incarnation, INCARNATION_SIZE);
    memcpy(out + HELLO_NAME, hello->name, strnlen(hello->name, WIRE_NAME_SIZE - 1));
}

/* ---- beat ---- */

gboolean
wire_read_beat(const guint8 *data, gsize size, guint32 *milliseconds)
{
    if (size != WIRE_BEAT_SIZE)
        return FALSE;
    *milliseconds = (guint32)get(data, size);
    return TRUE;
}

void
wire_write_beat(guint32 milliseconds, guint8 out[WIRE_BEAT_SIZE])
{
    put(out, milliseconds, WIRE_BEAT_SIZE);
}

/* ---- welcome ---- */

gboolean
wire_read_welcome(const guint8 *data, gsize size, struct wire_welcome *welcome)
{
    if (size != WIRE_WELCOME_SIZE || data[WELCOME_PARITY] > 1)
        return FALSE;
    memcpy(welcome->proof, data, WIRE_PROOF_SIZE);
    welcome->parity = data[WELCOME_PARITY];
    for (gsize i = 0; i < WIRE_PATHS; i++)
        welcome->reached[i] = data[WELCOME_REACHED + i] != 0;
    return get_id(data + WELCOME_CLUSTER, welcome->cluster);
}

void
wire_write_welcome(const struct wire_welcome *welcome, guint8 out[WIRE_WELCOME_SIZE])
{
    memcpy(out, welcome->proof, WIRE_PROOF_SIZE);
    memcpy(out + WELCOME_CLUSTER, welcome->cluster, ID_LENGTH);
    out[WELCOME_PARITY] = (guint8)welcome->parity;
    for (gsize i = 0; i < WIRE_PATHS; i++)
        out[WELCOME_REACHED + i] = welcome->reached[i] ? 1 : 0;
}
