/*
 * offers: what was promised to clients that have not asked for it yet, and which addresses were
 * quiet when they were probed. In memory only, and never more than OFFERS_MAX: one who floods us
 * with DISCOVERs of ever new clients pushes out the oldest offers, not those who have leases. What
 * is stored of a former lease is not touched by an offer of its address.
 *
 * A client is a number here (offers_client): a hash of its key with a secret.
 */
#pragma once

#include "netsvc/config/config.h"

#define OFFERS_MAX 16384      /* those of a second that is far too busy, and of the next ones */
#define OFFERS_QUIET_MAX 4096 /* addresses that are known to be quiet; a power of two */

struct offer {
    guint32 address;
    guint32 subnet; /* its place in the configuration */
    guint64 client;
    gint64 until; /* boot clock */
    guint8
        mac[CONFIG_MAC_SIZE]; /* who asked: if it answers the probe itself, that is no conflict */
    gboolean held;            /* asked for; only the probe is waited for */
    struct offer *next_address, *next_client, *newer, *older;
};

struct offers;

struct offers *offers_new(void);
void offers_free(struct offers *offers);
AUTO_DEFINE(offers)

guint64 offers_client(const struct offers *offers, const guint8 *key, gsize size);

struct offer *offers_of_address(const struct offers *offers, guint32 address);
struct offer *offers_of_client(const struct offers *offers, guint32 subnet, guint64 client);

/* Nobody may have an offer of that address, nor that client one in the subnet. `until` never goes
 * back. The address whose offer had to go for it; 0: none. */
guint32 offers_add(struct offers *offers, const struct offer *offer);
void offers_remove(struct offers *offers, struct offer *offer);

/* The one made longest ago, rather none that is held; NULL: none. */
struct offer *offers_oldest(const struct offers *offers, guint32 subnet);

/* One that is over by `now`; NULL: none. And when the next one is; G_MAXINT64: never. */
struct offer *offers_over(const struct offers *offers, gint64 now);
gint64 offers_next_over(const struct offers *offers);

/* `until`: 0: no longer. */
void offers_set_quiet(struct offers *offers, guint32 address, gint64 until);
gboolean offers_is_quiet(const struct offers *offers, guint32 address, gint64 now);
