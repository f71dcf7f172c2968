/* world: what the parts of the dhcp child share: dhcp.c, take.c, other_node.c, alerts.c. */
#pragma once

#include "netsvc/dhcp/dhcp.h"
#include "netsvc/dhcp/link/arp.h"
#include "netsvc/dhcp/link/held.h"
#include "netsvc/dhcp/link/link.h"
#include "netsvc/dhcp/link/sightings.h"
#include "netsvc/dhcp/link/sweep.h"
#include "netsvc/dhcp/pair/doubles.h"
#include "netsvc/dhcp/pair/waits.h"
#include "netsvc/dhcp/tell/naming.h"

struct waiting {
    guint link;
    struct server_reply reply;
};

struct dhcp {
    struct child *child;
    const struct config *config;
    struct clock clock;
    struct leases *leases;
    struct store *store; /* NULL: it cannot be opened yet, and nothing is taken in */
    struct server *server;
    struct partner *pair; /* NULL: there is one node */
    struct waits *waits;
    struct doubles *doubles; /* of a pair */
    struct task_state state;
    gboolean has_state;
    GArray *links; /* struct link */
    struct arp *arp;
    struct held *held;
    struct sweep sweep;
    struct naming *naming;
    struct sightings rivals, conflicts;
    struct event *second, *probes, *words;
    gboolean commit_fails;
    gint64 next_ask, next_open; /* boot clock */
    struct packet packet;       /* large; one at a time is taken */
    struct server_reply reply;
    guint n_waiting;
    struct waiting waiting[LINK_BATCH]; /* for the commit */
};

/* ---- dhcp.c ---- */

gint64 dhcp_boot(const struct dhcp *dhcp); /* seconds of the boot clock */
gint64 dhcp_ms(void);                      /* monotonic, milliseconds */
const struct link *dhcp_link(const struct dhcp *dhcp, guint place);

/* What changed is made durable, and then what waits for that goes out. Where it could not be, no
 * one is answered: clients ask again. */
void dhcp_settle(struct dhcp *dhcp);

/* At once; or with the next commit, and to a pair's other node first. */
void dhcp_send(const struct dhcp *dhcp, guint place, const struct server_reply *reply);
void dhcp_send_later(struct dhcp *dhcp, guint place);

/* ---- take.c: what has come in ---- */

void take_packet(struct dhcp *dhcp, guint place, const struct link_packet *packet);
void take_arp(struct dhcp *dhcp, const struct frame_arp *frame);

/* Where an address can be asked for; -1: nowhere, as behind a relay. */
int take_place_of(const struct dhcp *dhcp, guint32 address);

/* Of arp_ears: what has come of a probe. */
void take_found(void *context, guint32 address, gboolean used, const guint8 *mac);

/* ---- other_node.c ---- */

void other_node_open(struct dhcp *dhcp); /* with the store; does nothing where there is none */
void other_node_role(struct dhcp *dhcp); /* dhcp.state has changed */
void other_node_take(struct dhcp *dhcp, const void *data, gsize size);
void other_node_committed(struct dhcp *dhcp);
void other_node_second(struct dhcp *dhcp); /* has passed */

/* Whether this is the node that answers clients. */
gboolean other_node_lets_answer(const struct dhcp *dhcp);

/* ---- alerts.c: what people are told ---- */

void alerts_rival(void *context, const struct sighting *rival, gboolean is);
void alerts_conflict(void *context, const struct sighting *conflict, gboolean is);
void alerts_exhausted(void *context, const struct config_subnet *subnet, gboolean is);
void alerts_both_gave(void *context, guint32 address, const struct lease *kept,
                      const struct lease *ended);          /* both NULL: it is over */
void alerts_store(struct dhcp *dhcp, const GError *error); /* NULL: leases can be given */
