#include "netsvc/dns/zone/zones.h"

#include <string.h>

#define SLOTS_MIN 64

struct zones {
    GPtrArray *list;
    struct slot {
        guint32 hash;
        struct zone *zone;
    } * slots; /* open addressing */
    gsize mask;
    guint least, most; /* labels of their names: others need not be looked for */
};

struct zones *
zones_new(void)
{
    struct zones *zones = g_new0(struct zones, 1);
    zones->list = g_ptr_array_new();
    zones->slots = g_new0(struct slot, SLOTS_MIN);
    zones->mask = SLOTS_MIN - 1;
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

/* Zones come and go seldom: the table is made anew. A quarter of it is in use at most. */
static void
arrange(struct zones *zones)
{
    while (zones->mask + 1 < zones->list->len * 4)
        zones->mask = zones->mask * 2 + 1;
    g_free(zones->slots);
    zones->slots = g_new0(struct slot, zones->mask + 1);
    zones->least = NAME_LABELS_MAX;
    zones->most = 0;
    for (guint i = 0; i < zones->list->len; i++) {
        struct zone *zone = zones->list->pdata[i];
        const struct name *origin = zone_origin(zone);
        guint32 hash = name_hash(origin);
        gsize slot = hash & zones->mask;
        while (zones->slots[slot].zone != NULL)
            slot = (slot + 1) & zones->mask;
        zones->slots[slot] = (struct slot){hash, zone};
        zones->least = MIN(zones->least, origin->labels);
        zones->most = MAX(zones->most, origin->labels);
    }
}

struct zone *
zones_take(struct zones *zones, const struct name *origin)
{
    struct zone *zone = zones_named(zones, origin);
    if (zone != NULL)
        g_ptr_array_remove(zones->list, zone);
    arrange(zones);
    return zone;
}

struct zone *
zones_put(struct zones *zones, struct zone *zone)
{
    struct zone *old = zones_take(zones, zone_origin(zone));
    g_ptr_array_add(zones->list, zone);
    arrange(zones);
    return old;
}

static struct zone *
find(const struct zones *zones, guint32 hash, const guint8 *wire, gsize size)
{
    for (gsize i = hash & zones->mask; zones->slots[i].zone != NULL; i = (i + 1) & zones->mask) {
        const struct name *origin = zone_origin(zones->slots[i].zone);
        if (zones->slots[i].hash == hash && origin->size == size &&
            memcmp(origin->wire, wire, size) == 0)
            return zones->slots[i].zone;
    }
    return NULL;
}

struct zone *
zones_of(const struct zones *zones, const struct name *name, const struct name_hashes *hashes,
         guint from)
{
    if (name->labels > zones->most)
        from = MAX(from, (guint)(name->labels - zones->most));
    for (guint i = from; i + zones->least <= name->labels; i++) {
        struct zone *zone = find(zones, hashes->of[i], name->wire + hashes->offsets[i],
                                 (gsize)(name->size - hashes->offsets[i]));
        if (zone != NULL)
            return zone;
    }
    return NULL;
}

struct zone *
zones_named(const struct zones *zones, const struct name *origin)
{
    return find(zones, name_hash(origin), origin->wire, origin->size);
}

gboolean
zones_are_below(const struct zones *zones, const struct name *name)
{
    for (guint i = 0; i < zones->list->len; i++)
        if (name_is_below(zone_origin(zones->list->pdata[i]), name))
            return TRUE;
    return FALSE;
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
