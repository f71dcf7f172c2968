#include "netsvc/dns/wire/name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define ESCAPE_SIZE 5 /* of \DDD with its zero byte */

#define POINTER 0xC0      /* the two top bits of a compression pointer, RFC 1035 4.1.4 */
#define POINTER_MASK 0x3F /* the rest of its first byte */

/* ---- text ---- */

static gboolean
escaped(const char **text, guint8 *byte)
{
    const char *at = *text;
    if (!g_ascii_isdigit(at[0])) {
        *byte = (guint8)at[0];
        *text = at + 1;
        return at[0] != '\0';
    }
    if (!g_ascii_isdigit(at[1]) || !g_ascii_isdigit(at[2]))
        return FALSE;
    int value = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
    *byte = (guint8)value;
    *text = at + 3;
    return value <= G_MAXUINT8;
}

/* One label up to the next dot or the end, behind its length byte; FALSE: it is none. */
static gboolean
label_from_text(struct name *name, const char **text)
{
    guint8 *length = name->wire + name->size++;
    *length = 0;
    while (**text != '\0' && **text != '.') {
        guint8 byte = (guint8) * (*text)++;
        if (byte == '\\' && !escaped(text, &byte))
            return FALSE;
        if (*length == LABEL_MAX || name->size == NAME_SIZE_MAX - 1)
            return FALSE;
        name->wire[name->size++] = (guint8)g_ascii_tolower((char)byte);
        (*length)++;
    }
    name->labels++;
    return *length > 0;
}

gboolean
name_from_text(struct name *name, const char *text)
{
    name->size = name->labels = 0;
    if (strcmp(text, ".") == 0)
        text++;
    else if (*text == '\0')
        return FALSE;
    while (*text != '\0') {
        if (name->size >= NAME_SIZE_MAX - 1 || !label_from_text(name, &text))
            return FALSE;
        if (*text == '.')
            text++;
    }
    name->wire[name->size++] = 0;
    return TRUE;
}

const char *
name_text(const struct name *name, char *text)
{
    char *end = text;
    for (const guint8 *at = name->wire; *at > 0; at += *at + 1) {
        if (end > text)
            *end++ = '.';
        for (guint i = 1; i <= *at; i++) {
            if (!g_ascii_isgraph(at[i])) {
                end += g_snprintf(end, ESCAPE_SIZE, "\\%03u", at[i]);
                continue;
            }
            if (strchr(".\\\"();@$", at[i]) != NULL)
                *end++ = '\\';
            *end++ = (char)at[i];
        }
    }
    if (end == text)
        *end++ = '.';
    *end = '\0';
    return text;
}

/* ---- wire ---- */

#define EACH_BYTE 0x0101010101010101ULL

/* Eight bytes at once: those from 'A' to 'Z' get the bit that makes them small. Length bytes are
 * below 'A', so that whole names can go through it. */
static guint64
lower8(guint64 bytes)
{
    guint64 low = bytes & (0x7F * EACH_BYTE);
    guint64 from_a = low + (0x80 - 'A') * EACH_BYTE;
    guint64 above_z = low + (0x80 - 'Z' - 1) * EACH_BYTE;
    guint64 upper = (from_a & ~above_z & ~bytes) & (0x80 * EACH_BYTE);
    return bytes | upper >> 2;
}

void
name_lower(guint8 *to, const guint8 *from, gsize size)
{
    guint64 bytes;
    gsize i = 0;
    for (; i + sizeof bytes <= size; i += sizeof bytes) {
        memcpy(&bytes, from + i, sizeof bytes);
        bytes = lower8(bytes);
        memcpy(to + i, &bytes, sizeof bytes);
    }
    for (; i < size; i++)
        to[i] = (guint8)g_ascii_tolower((char)from[i]);
}

/* The common case: it stands there in one piece. 0: it does not. */
static gsize
whole_from_wire(struct name *name, const guint8 *at, gsize size)
{
    gsize end = 0;
    guint labels = 0;
    size = MIN(size, NAME_SIZE_MAX);
    while (end < size && at[end] > 0) {
        if (at[end] > LABEL_MAX)
            return 0;
        end += at[end] + 1U;
        labels++;
    }
    if (end >= size)
        return 0;
    name->size = (guint8)(end + 1);
    name->labels = (guint8)labels;
    name_lower(name->wire, at, end + 1);
    return end + 1;
}

/* In pieces: each pointer leads before the start of the piece that it stands in, so that it ends.
 */
static gsize
pieces_from_wire(struct name *name, const guint8 *at, gsize size, const guint8 *whole)
{
    gsize start = (gsize)(at - whole);
    gsize end = start + size; /* of the message */
    gsize offset = start, taken = 0, length = 0;
    guint labels = 0;
    while (offset < end && whole[offset] > 0) {
        guint8 byte = whole[offset];
        if (byte >= POINTER) {
            if (offset + 1 >= end)
                return 0;
            gsize target = (gsize)(byte & POINTER_MASK) << 8 | whole[offset + 1];
            if (target >= start)
                return 0;
            if (taken == 0)
                taken = offset + 2 - (gsize)(at - whole);
            start = offset = target;
            continue;
        }
        if (byte > LABEL_MAX || length + byte + 2U > NAME_SIZE_MAX || offset + byte + 1U > end)
            return 0;
        name_lower(name->wire + length, whole + offset, byte + 1U);
        length += byte + 1U;
        offset += byte + 1U;
        labels++;
    }
    if (offset >= end)
        return 0;
    name->wire[length] = 0;
    name->size = (guint8)(length + 1);
    name->labels = (guint8)labels;
    return taken > 0 ? taken : offset + 1 - (gsize)(at - whole);
}

gsize
name_from_wire(struct name *name, const guint8 *at, gsize size, const guint8 *whole)
{
    gsize taken = whole_from_wire(name, at, size);
    return taken > 0 || whole == NULL ? taken : pieces_from_wire(name, at, size, whole);
}

/* ---- relations ---- */

static const guint8 *
without_labels(const struct name *name, guint labels)
{
    const guint8 *at = name->wire;
    for (; labels > 0 && *at > 0; labels--)
        at += *at + 1;
    return at;
}

gboolean
name_is_below(const struct name *name, const struct name *parent)
{
    if (name->labels < parent->labels || name->size < parent->size)
        return FALSE;
    const guint8 *at = without_labels(name, (guint)(name->labels - parent->labels));
    return name->wire + name->size - at == parent->size &&
           memcmp(at, parent->wire, parent->size) == 0;
}

gboolean
name_equal(const struct name *a, const struct name *b)
{
    return a->size == b->size && memcmp(a->wire, b->wire, a->size) == 0;
}

void
name_parent(struct name *parent, const struct name *name, guint labels)
{
    labels = MIN(labels, name->labels);
    const guint8 *at = without_labels(name, labels);
    gsize size = (gsize)(name->wire + name->size - at);
    guint8 left = (guint8)(name->labels - labels);
    memmove(parent->wire, at, size);
    parent->size = (guint8)size;
    parent->labels = left;
}

gboolean
name_prepend(struct name *name, const char *label, gsize size, const struct name *parent)
{
    if (size == 0 || size > LABEL_MAX || parent->size + size + 1 > NAME_SIZE_MAX)
        return FALSE;
    guint8 whole = (guint8)(parent->size + size + 1);
    guint8 labels = (guint8)(parent->labels + 1);
    memmove(name->wire + size + 1, parent->wire, parent->size);
    name->wire[0] = (guint8)size;
    name_lower(name->wire + 1, (const guint8 *)label, size);
    name->size = whole;
    name->labels = labels;
    return TRUE;
}

guint
name_offsets(const guint8 *wire, guint8 offsets[NAME_LABELS_MAX + 1])
{
    guint n = 0;
    for (guint at = 0;; at += wire[at] + 1U) {
        offsets[n] = (guint8)at;
        if (wire[at] == 0)
            return n;
        n++;
    }
}

int
name_compare(const guint8 *a, const guint8 *b)
{
    guint8 a_offsets[NAME_LABELS_MAX + 1], b_offsets[NAME_LABELS_MAX + 1];
    guint a_labels = name_offsets(a, a_offsets), b_labels = name_offsets(b, b_offsets);
    for (guint i = 1; i <= MIN(a_labels, b_labels); i++) {
        const guint8 *x = a + a_offsets[a_labels - i], *y = b + b_offsets[b_labels - i];
        int order = memcmp(x + 1, y + 1, MIN(x[0], y[0]));
        if (order != 0 || x[0] != y[0])
            return order != 0 ? order : x[0] - y[0];
    }
    return (int)a_labels - (int)b_labels;
}

/* ---- hash ---- */

/* Of the process: who sends us names must not know which of them share a place. */
static guint64 seed;

__attribute__((constructor)) static void
sow(void)
{
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (guint64)g_get_monotonic_time();
    seed |= 1;
}

#define STEP 0x9E3779B97F4A7C15ULL /* golden ratio */
#define SHIFT 32

static guint64
mix(guint64 hash, guint64 bytes)
{
    hash = (hash ^ bytes) * STEP;
    return (hash ^ hash >> SHIFT) * STEP;
}

static guint64
hash_label(guint64 hash, const struct name *name, guint offset)
{
    const guint8 *at = name->wire + offset;
    guint size = *at + 1U;
    guint64 bytes;
    for (; size >= sizeof bytes; size -= (guint)sizeof bytes, at += sizeof bytes) {
        memcpy(&bytes, at, sizeof bytes);
        hash = mix(hash, bytes);
    }
    if (size == 0)
        return hash;
    bytes = 0;
    if (at + sizeof bytes <= name->wire + NAME_SIZE_MAX) {
        memcpy(&bytes, at, sizeof bytes);
        bytes = GUINT64_FROM_LE(bytes) & ((1ULL << size * 8) - 1);
    } else {
        memcpy(&bytes, at, size);
        bytes = GUINT64_FROM_LE(bytes);
    }
    return mix(hash, bytes);
}

void
name_hashes(const struct name *name, struct name_hashes *hashes)
{
    guint labels = name_offsets(name->wire, hashes->offsets);
    guint64 hash = seed;
    hashes->of[labels] = (guint32)(hash >> SHIFT);
    for (guint i = labels; i-- > 0;) {
        hash = hash_label(hash, name, hashes->offsets[i]);
        hashes->of[i] = (guint32)(hash >> SHIFT);
    }
}

guint
name_hash(const struct name *name)
{
    struct name_hashes hashes;
    name_hashes(name, &hashes);
    return hashes.of[0];
}

/* ---- reverse ---- */

static void
from_own_text(struct name *name, const char *text)
{
    gboolean good = name_from_text(name, text);
    g_assert(good);
}

void
name_reverse4(struct name *name, guint32 address)
{
    char text[sizeof "255.255.255.255.in-addr.arpa"];
    snprintf(text, sizeof text, "%u.%u.%u.%u.in-addr.arpa", address & 255, address >> 8 & 255,
             address >> 16 & 255, address >> 24);
    from_own_text(name, text);
}

void
name_reverse6(struct name *name, const guint8 address[16])
{
    static const char digits[] = "0123456789abcdef";
    char text[16 * 4 + sizeof "ip6.arpa"];
    char *end = text;
    for (int i = 15; i >= 0; i--) {
        *end++ = digits[address[i] & 15];
        *end++ = '.';
        *end++ = digits[address[i] >> 4];
        *end++ = '.';
    }
    memcpy(end, "ip6.arpa", sizeof "ip6.arpa");
    from_own_text(name, text);
}
