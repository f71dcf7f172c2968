/* link_inside: what the files of the link share. */
#pragma once

#include "netsvc/failover/link/callers.h"
#include "netsvc/failover/link/keys/identity.h"
#include "netsvc/failover/link/keys/pairing.h"
#include "netsvc/failover/link/keys/tls.h"
#include "netsvc/failover/link/link.h"
#include "netsvc/failover/link/paths.h"
#include "netsvc/failover/link/wire/door.h"
#include "netsvc/failover/link/wire/session.h"

struct pair;
struct tunnel;

struct link {
    struct child *child;
    struct link_ears ears;
    const struct config *config;
    int folder;
    struct identity *identity;
    struct pairing pairing;
    struct tls *tls;
    struct wire_hello hello;
    struct session_world world;
    struct door *door;
    struct paths *paths;
    struct pair *pair;
    struct tunnel *tunnel;
    struct callers *callers; /* of the tunnel; the owner's; NULL: nobody may */
    GPtrArray *leaving;      /* sessions that end with a last word */
    struct event *begin;
    gint64 since; /* of the wall clock: met, or lost */
};

/* Durable, then in force: the sessions begin anew with whom it says. */
gboolean link_pair_with(struct link *link, const struct pairing *pairing, GError **error);
/* "10.66.0.2:7402" */
void link_append_address(GString *out, const struct config_peer *peer);
/* Another one's session, with a last word: the link minds its end. */
void link_let_leave(struct link *link, struct session *session);
