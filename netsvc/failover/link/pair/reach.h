/*
 * reach: calls all addresses of the other node at once, and once more those that fail, to see which
 * of them it can be reached at: a firewall is found while somebody stands before it.
 */
#pragma once

#include "netsvc/failover/link/wire/session.h"

struct reach;

struct reach_result {
    guint n;
    gboolean reached[WIRE_PATHS];
    const char *why[WIRE_PATHS]; /* where it was not */
    struct session *session; /* one that may be used, and belongs to the caller then; NULL: none */
};

/* Comes later, once; the reach may be freed in it. */
typedef void (*reach_done)(void *context, const struct reach_result *result);

/* `pin` NULL: whoever answers is fine. With WIRE_PAIR the first one that is reached is given. */
struct reach *reach_new(const struct session_world *world, const GArray *addresses,
                        enum wire_purpose purpose, const guint8 *pin, reach_done done,
                        void *context);
void reach_free(struct reach *reach);
