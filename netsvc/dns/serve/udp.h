/*
 * udp: queries by UDP, taken in and answered in batches: two system calls for as many as are there,
 * UDP_BATCH at most.
 *
 * Where a socket is bound to no address in particular, each answer leaves from the address that its
 * query came to.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/serve/asker.h"

#include <event2/event.h>

#define UDP_BATCH 64       /* packets */
#define UDP_ROUNDS 16      /* batches, before others have their turn */
#define UDP_QUERY_MAX 4096 /* bytes of a query; what is longer is cut and so malformed */

struct udp_role {
    /* One query: the size of the answer in `out`, which has room for QUERY_UDP_MAX; 0: none now. */
    gsize (*serve)(gpointer context, const struct asker *asker, const guint8 *wire, gsize size,
                   guint8 *out);
    gpointer context;
};

struct udp;

/* `fd` is bound and non-blocking, and stays the caller's, who closes it after udp_free. */
struct udp *udp_new(struct event_base *events, int fd, const struct udp_role *role);
void udp_free(struct udp *udp);
AUTO_DEFINE(udp)

/* One batch, at once: packets that were taken in. */
guint udp_take(struct udp *udp);
