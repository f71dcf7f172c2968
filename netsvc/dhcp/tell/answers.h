/*
 * answers: what `lifeboat net leases` and `lifeboat status` are told of addresses; message.h has
 * what is in it.
 */
#pragma once

#include "netsvc/dhcp/lease/clock.h"
#include "netsvc/dhcp/lease/lease.h"
#include "netsvc/dhcp/pair/partner.h"

struct answers {
    const struct config *config;
    const struct leases *leases; /* NULL: they cannot be read yet */
    const struct clock *clock;
    const struct partner *pair; /* NULL: there is one node */
};

/* Something is always answered. */
void answers_give(const struct answers *answers, const void *question, gsize size, GString *json);
