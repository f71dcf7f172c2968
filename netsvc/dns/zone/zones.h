/*
 * zones: all that we serve. A name belongs to the zone with the longest name above it.
 */
#pragma once

#include "netsvc/dns/zone/zone.h"

struct zones;

struct zones *zones_new(void);
void zones_free(struct zones *zones); /* with the zones in it */
AUTO_DEFINE(zones)

/* Takes the zone over. One of the same name that was there is given back, which the caller frees;
 * NULL: there was none. */
struct zone *zones_put(struct zones *zones, struct zone *zone);
struct zone *zones_take(struct zones *zones, const struct name *origin);

/* The one that the name is in; NULL: none. `from` labels of the name are passed over first: 1 finds
 * the parent's zone of a zone's name. */
struct zone *zones_of(const struct zones *zones, const struct name *name,
                      const struct name_hashes *hashes, guint from);
struct zone *zones_named(const struct zones *zones, const struct name *origin);

/* Whether a zone of ours is at or below the name, which then exists although it may be in none. */
gboolean zones_are_below(const struct zones *zones, const struct name *name,
                         const struct name_hashes *hashes);

/* In the order in which they were put. */
guint zones_count(const struct zones *zones);
struct zone *zones_at(const struct zones *zones, guint index);
