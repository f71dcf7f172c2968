#include "netsvc/dns/zone/zones.h"

#include <string.h>

#define SLOTS_MIN 64

struct slot {
    const guint8 *wire; /* in the zone's name or that of one below; NULL: the slot is free */
    struct zone *zone;  /* NULL: it is a name above zones only */
    guint32 hash;
    guint size;
};

struct zones {
    GPtrArray *list;
    struct slot *slots; /* open addressing: the zones' names and all names above them */
    gsize mask;
    gsize used;        /* slots */
    guint least, most; /* labels of their names: others need not be looked for */
};

struct zones *
zones_new(void)
{
    struct zones *zones = g_new0(struct zones, 1);
    zones->list = g_ptr_array_new();
    zones->slots = g_new0(struct slot, SLOTS_MIN);
    zones->mask = SLOTS_MIN - 1;
    zones->least = NAME_LABELS_MAX;
    return zones;
}

void
zones_free(struct zones *zones)
{
    if (zones == NULL)
        return;
    for (guint i = 0; i < zones->list->len; i++)
        zone_free(zones->list->pdata[i]);
    g_ptr_array_unref(zones->list);
    g_free(zones->slots);
    g_free(zones);
}

/* The slot of the name, or the free one where it would be. */
static struct slot *
find(const struct zones *zones, guint32 hash, const guint8 *wire, gsize size)
{
    gsize i = hash & zones->mask;
    for (; zones->slots[i].wire != NULL; i = (i + 1) & zones->mask) {
        const struct slot *slot = &zones->slots[i];
        if (slot->hash == hash && slot->size == size && memcmp(slot->wire, wire, size) == 0)
            break;
    }
    return &zones->slots[i];
}

static void
place(struct zones *zones, struct zone *zone)
{
    const struct name *origin = zone_origin(zone);
    struct name_hashes hashes;
    name_hashes(origin, &hashes);
    for (guint i = 0; i <= origin->labels; i++) {
        const guint8 *wire = origin->wire + hashes.offsets[i];
        guint size = (guint)(origin->size - hashes.offsets[i]);
        struct slot *slot = find(zones, hashes.of[i], wire, size);
        zones->used += slot->wire == NULL;
        if (slot->wire == NULL)
            *slot = (struct slot){wire, NULL, hashes.of[i], size};
        if (i == 0)
            slot->zone = zone;
    }
    zones->least = MIN(zones->least, origin->labels);
    zones->most = MAX(zones->most, origin->labels);
}

/* With what is in it and room for as much again, half of it in use at most. */
static void
arrange(struct zones *zones)
{
    gsize names = 0;
    for (guint i = 0; i < zones->list->len; i++)
        names += zone_origin(zones->list->pdata[i])->labels + 1U;
    while (zones->mask + 1 < names * 4)
        zones->mask = zones->mask * 2 + 1;
    g_free(zones->slots);
    zones->slots = g_new0(struct slot, zones->mask + 1);
    zones->used = 0;
    zones->least = NAME_LABELS_MAX;
    zones->most = 0;
    for (guint i = 0; i < zones->list->len; i++)
        place(zones, zones->list->pdata[i]);
}

struct zone *
zones_take(struct zones *zones, const struct name *origin)
{
    struct zone *zone = zones_named(zones, origin);
    if (zone == NULL)
        return NULL;
    g_ptr_array_remove(zones->list, zone);
    arrange(zones);
    return zone;
}

struct zone *
zones_put(struct zones *zones, struct zone *zone)
{
    struct zone *old = zones_take(zones, zone_origin(zone));
    g_ptr_array_add(zones->list, zone);
    if ((zones->used + zone_origin(zone)->labels + 1U) * 2 <= zones->mask + 1)
        place(zones, zone);
    else
        arrange(zones);
    return old;
}

struct zone *
zones_of(const struct zones *zones, const struct name *name, const struct name_hashes *hashes,
         guint from)
{
    if (name->labels > zones->most)
        from = MAX(from, (guint)(name->labels - zones->most));
    for (guint i = from; i + zones->least <= name->labels; i++) {
        const struct slot *slot = find(zones, hashes->of[i], name->wire + hashes->offsets[i],
                                       (gsize)(name->size - hashes->offsets[i]));
        if (slot->zone != NULL)
            return slot->zone;
    }
    return NULL;
}

struct zone *
zones_named(const struct zones *zones, const struct name *origin)
{
    return find(zones, name_hash(origin), origin->wire, origin->size)->zone;
}

gboolean
zones_are_below(const struct zones *zones, const struct name *name,
                const struct name_hashes *hashes)
{
    return find(zones, hashes->of[0], name->wire, name->size)->wire != NULL;
}

guint
zones_count(const struct zones *zones)
{
    return zones->list->len;
}

struct zone *
zones_at(const struct zones *zones, guint index)
{
    return zones->list->pdata[index];
}
