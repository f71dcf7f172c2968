#include "content.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"
#include "netsvc/dns/transfer/records.h"

#include <string.h>

#define HEAD 8 /* bytes: type, TTL, size */
#define ROOM_FIRST 512

struct content {
    guint references;
    guint8 *bytes;
    gsize size, room, cap;
    guint64 count;
    struct name last; /* owner */
};

struct content *
content_new(gsize cap)
{
    struct content *content = g_new0(struct content, 1);
    content->references = 1;
    content->cap = cap;
    return content;
}

struct content *
content_ref(struct content *content)
{
    content->references++;
    return content;
}

void
content_free(struct content *content)
{
    if (content == NULL || --content->references > 0)
        return;
    g_free(content->bytes);
    g_free(content);
}

static gboolean
grow(struct content *content, gsize more)
{
    if (more > content->cap - content->size)
        return FALSE;
    if (more > content->room - content->size) {
        gsize room = MAX(ROOM_FIRST, content->room);
        while (room - content->size < more)
            room += room / 2;
        content->room = MIN(room, content->cap);
        content->bytes = g_realloc(content->bytes, content->room);
    }
    return TRUE;
}

gboolean
content_add(struct content *content, const struct name *owner, guint16 type, guint32 ttl,
            const guint8 *rdata, gsize size)
{
    g_assert(size <= RDATA_MAX);
    gboolean same = content->count > 0 && name_equal(owner, &content->last);
    gsize name = same ? 0 : owner->size;
    if (!grow(content, 1 + name + HEAD + size))
        return FALSE;
    g_assert(content->bytes != NULL);
    guint8 *at = content->bytes + content->size;
    *at++ = (guint8)name;
    memcpy(at, owner->wire, name);
    at = bytes_put16(bytes_put32(bytes_put16(at + name, type), ttl), (guint)size);
    if (size > 0)
        memcpy(at, rdata, size);
    content->size += 1 + name + HEAD + size;
    content->count++;
    if (!same)
        content->last = *owner;
    return TRUE;
}

gboolean
content_add_rrset(struct content *content, const struct name *owner, const struct rrset *rrset)
{
    struct rrset_record record = {0};
    while (rrset_next(rrset, &record))
        if (!content_add(content, owner, rrset->type, record.ttl, record.rdata, record.size))
            return FALSE;
    return TRUE;
}

struct content *
content_of_zone(const struct zone *zone, gsize cap)
{
    AUTO(content) *content = content_new(cap);
    struct zone_position position = {0};
    const struct name *owner;
    const struct rrset *rrset;
    while ((rrset = zone_next(zone, &position, &owner)) != NULL)
        if (!content_add_rrset(content, owner, rrset))
            return NULL;
    return g_steal_pointer(&content);
}

struct zone *
content_to_zone(const struct content *content, const struct name *origin, GError **error)
{
    AUTO(zone) *zone = zone_new(origin);
    struct content_position position = {0};
    struct content_record record;
    while (content_next(content, &position, &record)) {
        struct name owner;
        content_owner(&record, &owner);
        if (!zone_add(zone, &owner, record.type, record.ttl, record.rdata, record.size, error))
            return NULL;
    }
    return zone_finish(zone, error) ? g_steal_pointer(&zone) : NULL;
}

gsize
content_size(const struct content *content)
{
    return content->size;
}

guint64
content_count(const struct content *content)
{
    return content->count;
}

gboolean
content_next(const struct content *content, struct content_position *position,
             struct content_record *record)
{
    if (position->at == content->size)
        return FALSE;
    const guint8 *at = content->bytes + position->at;
    if (*at != 0) {
        position->owner = at + 1;
        position->owner_size = *at;
    }
    at += 1 + *at;
    record->owner = position->owner;
    record->owner_size = position->owner_size;
    record->type = bytes_get16(at);
    record->ttl = bytes_get32(at + 2);
    record->size = bytes_get16(at + 6);
    record->rdata = at + HEAD;
    position->at = (gsize)(record->rdata + record->size - content->bytes);
    return TRUE;
}

void
content_owner(const struct content_record *record, struct name *name)
{
    gsize took = name_from_wire(name, record->owner, record->owner_size, NULL);
    g_assert(took == record->owner_size);
}
