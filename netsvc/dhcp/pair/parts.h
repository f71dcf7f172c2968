/* parts: what partner.c, outgoing.c and incoming.c share; nobody else reads it. */
#pragma once

#include "netsvc/dhcp/pair/partner.h"
#include "netsvc/dhcp/pair/wire.h"

#define OUT_RING 64

struct out {
    guint64 session; /* the other node's; 0: it asked for nothing yet */
    guint32 sent, acked;
    gboolean passing;
    guint32 cursor;       /* of the pass: all up to it are sent */
    GHashTable *waiting;  /* addresses that changed and were not sent */
    GQueue order;         /* of them */
    gboolean is_complete; /* all that there was is acked, once at least */
    gboolean other_answers;
    gboolean tells; /* a batch goes out though nothing changed */
    gint64 heard;   /* milliseconds: something was acked, or nothing was to be */
    struct {
        gint64 at;           /* milliseconds */
        guint count;         /* leases in it */
        gboolean is_all;     /* nothing was left */
        struct version upto; /* own changes, all of them */
    } ring[OUT_RING];        /* by number */
};

struct in {
    guint64 session; /* under which this node asked; 0: it did not */
    guint32 received, durable;
    gboolean again; /* what was acked came once more */
    gboolean is_complete;
    GHashTable *passed; /* addresses that the pass had; NULL: none runs */
    gint64 asked;       /* milliseconds */
};

struct partner {
    struct partner_world world;
    struct partner_ears ears;
    struct server_pair hooks;
    struct task_state state;
    gboolean told;
    gint64 lost_at, forced_at, brief_since; /* boot clock; 0: never */
    struct version own;                     /* the last change */
    struct knowledge mine, theirs;
    struct knowledge durable; /* of mine: that is what is said */
    gboolean uncommitted;     /* nothing goes out that might not be here after a power cut */
    guint misses;
    struct out out;
    struct in in;
};

gint64 partner_now(const struct partner *pair);
gboolean partner_knows_other(void *context, const struct lease *lease);
void partner_limit(struct partner *pair);
void partner_send(struct partner *pair, GByteArray *message); /* which is freed */

void out_open(struct partner *pair);
void out_close(struct partner *pair);
void out_begin(struct partner *pair, const struct wire *hello);
void out_end(struct partner *pair);
void out_changed(struct partner *pair, guint32 address);
void out_flush(struct partner *pair);
void out_tell(struct partner *pair); /* at once, though nothing changed */
void out_acked(struct partner *pair, const struct wire *ack);
void out_second(struct partner *pair);
guint out_behind(const struct partner *pair);

void in_begin(struct partner *pair);
void in_end(struct partner *pair);
void in_look(struct partner *pair, const struct wire *hello);
void in_take(struct partner *pair, const struct wire *batch);
void in_committed(struct partner *pair);
void in_second(struct partner *pair);
