#include "netsvc/dhcp/link/sightings.h"

#include <string.h>

static struct sighting *
find(struct sightings *sightings, guint32 address)
{
    for (guint i = 0; i < sightings->count; i++)
        if (sightings->all[i].address == address)
            return &sightings->all[i];
    return NULL;
}

void
sightings_note(struct sightings *sightings, guint32 address, const guint8 *mac, gint64 now)
{
    struct sighting *sighting = find(sightings, address);
    gboolean is_new = sighting == NULL;
    if (is_new) {
        if (sightings->count == SIGHTINGS_MAX)
            return;
        sighting = &sightings->all[sightings->count++];
        *sighting = (struct sighting){.address = address};
    }
    sighting->last = now;
    if (mac != NULL && (!sighting->has_mac || memcmp(sighting->mac, mac, FRAME_MAC) != 0)) {
        sighting->has_mac = TRUE;
        memcpy(sighting->mac, mac, FRAME_MAC);
        is_new = TRUE;
    }
    if (is_new)
        sightings->tell(sightings->context, sighting, TRUE);
}

guint
sightings_of_mac(const struct sightings *sightings, guint32 address, const guint8 *mac)
{
    guint count = 0;
    for (guint i = 0; i < sightings->count; i++)
        count += sightings->all[i].address != address && sightings->all[i].has_mac &&
                 memcmp(sightings->all[i].mac, mac, FRAME_MAC) == 0;
    return count;
}

void
sightings_age(struct sightings *sightings, gint64 now, gint64 seconds)
{
    for (guint i = 0; i < sightings->count;) {
        struct sighting old = sightings->all[i];
        if (now - old.last < seconds) {
            i++;
            continue;
        }
        sightings->all[i] = sightings->all[--sightings->count];
        sightings->tell(sightings->context, &old, FALSE);
    }
}
