/*
 * wire: what goes over a connection between the nodes, inside TLS. Numbers are in network order.
 *
 *     frame    size of the bytes (4)  kind (1)  bytes
 *     HELLO    "LBL1" (4)  purpose (1)  node id (32)  incarnation (8)  name (32, zeros behind it)
 *              is the first frame both ways, the caller's first. Its purpose decides what the
 *              connection is for; the answer's is the same, or WIRE_REVOKED
 *     BEAT     for how many milliseconds nothing was heard here (4)
 *     USE      by the node of even parity: this connection is the one, from here on
 *     PROOF    HMAC (32)                                            pair/pair.h
 *     WELCOME  HMAC (32)  cluster (32)  parity (1)  reached (1 each of WIRE_PATHS)
 *     DONE     nothing
 *     DENIED   why (1)
 *     DATA     bytes of a tunnel's connection; END: no more of them come, the other way they may
 *
 * The link's own kinds (link.h) stand below WIRE_OWN.
 */
#pragma once

#include "netsvc/failover/link/keys/identity.h"

#define WIRE_HEAD 5          /* bytes before each frame's own */
#define WIRE_MAX 65536       /* bytes of a frame: link.h's LINK_FRAME_MAX */
#define WIRE_EARLY_MAX 256   /* of one before the two know each other, and while they pair */
#define WIRE_NAME_SIZE 32    /* of a node's name, with a zero byte */
#define WIRE_HELLO_SIZE 77   /* bytes */
#define WIRE_BEAT_SIZE 4     /* bytes */
#define WIRE_PROOF_SIZE 32   /* bytes */
#define WIRE_PATHS 4         /* addresses of a node at most, as config/failover.c has it */
#define WIRE_WELCOME_SIZE 69 /* bytes */

enum wire_kind {
    WIRE_OWN = 64,
    WIRE_HELLO = WIRE_OWN,
    WIRE_BEAT,
    WIRE_USE,
    WIRE_PROOF,
    WIRE_WELCOME,
    WIRE_DONE,
    WIRE_DENIED,
    WIRE_DATA,
    WIRE_END,
    WIRE_KINDS,
};

enum wire_purpose {
    WIRE_LINK,
    WIRE_TUNNEL,
    WIRE_PAIR,
    WIRE_PROBE,   /* whether one can be reached: nothing follows */
    WIRE_REVOKED, /* answers only: this node was forgotten or replaced */
    WIRE_PURPOSES,
};

struct wire_hello {
    enum wire_purpose purpose;
    char id[IDENTITY_ID_SIZE];
    guint64 incarnation; /* of the process: another one knows nothing of what was sent */
    char name[WIRE_NAME_SIZE];
};

struct wire_welcome {
    guint8 proof[WIRE_PROOF_SIZE];
    char cluster[IDENTITY_ID_SIZE];
    guint32 parity;
    gboolean reached[WIRE_PATHS];
};

/* The frame's bytes; FALSE: there is no such kind, or it is larger than `max`. */
gboolean wire_read_head(const guint8 head[WIRE_HEAD], gsize max, guint8 *kind, gsize *size);
void wire_write_head(guint8 head[WIRE_HEAD], guint8 kind, gsize size);

/* FALSE: it makes no sense. */
gboolean wire_read_hello(const guint8 *data, gsize size, struct wire_hello *hello);
void wire_write_hello(const struct wire_hello *hello, guint8 out[WIRE_HELLO_SIZE]);

gboolean wire_read_beat(const guint8 *data, gsize size, guint32 *milliseconds);
void wire_write_beat(guint32 milliseconds, guint8 out[WIRE_BEAT_SIZE]);

gboolean wire_read_welcome(const guint8 *data, gsize size, struct wire_welcome *welcome);
void wire_write_welcome(const struct wire_welcome *welcome, guint8 out[WIRE_WELCOME_SIZE]);
