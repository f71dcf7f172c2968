/*
 * doubles: addresses that both nodes gave away while they did not hear one another. One client
 * keeps it; until the other one renews, or its lease is over, the two disturb each other, which
 * people are told. Bounded: of more than DOUBLES_MAX at once the oldest is told no longer.
 */
#pragma once

#include "netsvc/dhcp/lease/lease.h"

#define DOUBLES_MAX 64

/* `ended`: the lease whose client is to take another address. Both NULL: it is over. */
typedef void (*doubles_tell)(void *context, guint32 address, const struct lease *kept,
                             const struct lease *ended);

struct doubles;

struct doubles *doubles_new(doubles_tell tell, void *context);
void doubles_free(struct doubles *doubles);
AUTO_DEFINE(doubles)

/* Told anew where it is noted again. */
void doubles_note(struct doubles *doubles, const struct lease *kept, const struct lease *ended);

/* Those are over whose client's lease is, by the boot clock, or who has another address. */
void doubles_age(struct doubles *doubles, const struct leases *leases, gint64 now);
