/*
 * sightings: what was seen on the LAN that people should look at, by address: another DHCP server,
 * an address that two use. Bounded: of more than SIGHTINGS_MAX at once the others are left out.
 */
#pragma once

#include "netsvc/dhcp/link/frame.h"

#define SIGHTINGS_MAX 16

struct sighting {
    guint32 address;
    gboolean has_mac;
    guint8 mac[FRAME_MAC];
    gint64 last; /* boot clock */
};

/* `is` FALSE: it was not seen for long. */
typedef void (*sightings_tell)(void *context, const struct sighting *sighting, gboolean is);

struct sightings {
    struct sighting all[SIGHTINGS_MAX];
    guint count;
    sightings_tell tell;
    void *context;
};

/* `mac` NULL: not known. Told when it is new, or its MAC another one. */
void sightings_note(struct sightings *sightings, guint32 address, const guint8 *mac, gint64 now);

/* How many other addresses that MAC was seen at. */
guint sightings_of_mac(const struct sightings *sightings, guint32 address, const guint8 *mac);

/* Those that were seen last so many seconds ago are over. */
void sightings_age(struct sightings *sightings, gint64 now, gint64 seconds);
