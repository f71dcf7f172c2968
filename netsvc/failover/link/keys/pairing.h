/*
 * pairing: whom this node is paired with, in one file that is replaced at once: whatever interrupts
 * a change leaves what was before, or what is meant.
 *
 *     [pairing]
 *     own=ID                  of the identity that it was made with
 *     cluster=ID  peer=ID     pin=SHA-256 of the other's key, in hex
 *     parity=0                this node's
 *     first=yes               this one introduced
 *     met=yes                 the two have talked since; until then both may pair anew
 *     replaced=no             the other node revoked this one
 *     [revoked]
 *     ID=PIN                  nodes that were replaced or forgotten: told so when they call
 */
#pragma once

#include "netsvc/failover/link/keys/identity.h"

#define PAIRING_REVOKED_MAX 16 /* the oldest is forgotten for one more */

struct pairing_revoked {
    char id[IDENTITY_ID_SIZE];
    guint8 pin[IDENTITY_PIN_SIZE];
};

struct pairing {
    char cluster[IDENTITY_ID_SIZE]; /* "": never paired */
    char peer[IDENTITY_ID_SIZE];    /* "": there is none */
    guint8 pin[IDENTITY_PIN_SIZE];
    guint32 parity;
    gboolean first, met, replaced;
    guint n_revoked;
    struct pairing_revoked revoked[PAIRING_REVOKED_MAX];
};

/* None is all zero. One that was made with another identity than `own`, or makes no sense, is an
 * error. */
gboolean pairing_load(struct pairing *pairing, int folder_fd, const char *own, GError **error);
gboolean pairing_save(const struct pairing *pairing, int folder_fd, const char *own,
                      GError **error);

/* Its peer becomes a revoked one. */
void pairing_revoke(struct pairing *pairing);
/* That key is welcome again. */
void pairing_pardon(struct pairing *pairing, const guint8 pin[IDENTITY_PIN_SIZE]);

enum pairing_whose {
    PAIRING_STRANGER,
    PAIRING_PEER,
    PAIRING_REVOKED,
};
enum pairing_whose pairing_whose(const struct pairing *pairing,
                                 const guint8 pin[IDENTITY_PIN_SIZE]);
