/* world: what the parts of the failover child share: failover.c, effects.c, mend.c,
 * operator.c, look.c, remote.c.
 */
#pragma once

#include "lib/base/slice.h"
#include "netsvc/failover/failover.h"
#include "netsvc/failover/history.h"
#include "netsvc/failover/link/link.h"
#include "netsvc/failover/protocol/message.h"
#include "netsvc/failover/protocol/protocol.h"
#include "netsvc/failover/store.h"

#define FAILOVER_TICK_MS 50
#define FAILOVER_KEEP_SECONDS 2  /* between words that the address is held on */
#define FAILOVER_TELL_SECONDS 10 /* between words to the replicator, while nothing changes */

/* One of which only the newest is waited for: what is forgotten by it is nobody else's. */
struct failover_question {
    struct failover *failover;
    gboolean waits;
};

struct failover {
    struct child *child;
    const struct config *config;
    struct failover_store *store;
    struct protocol *protocol;
    struct link *link;
    struct callers *callers; /* of the tunnel; NULL: the kernel does not say who calls */
    struct history *history;
    GHashTable *effects; /* number → what is under way (effects.c) */
    struct event *tick, *keep;
    gint64 ticked;          /* the boot clock then; 0: never */
    gboolean started;       /* the parent has said what was in force before */
    struct task_state told; /* to all */
    gboolean has_told;
    gint64 told_replicator;        /* monotonic, microseconds */
    struct failover_question role; /* the replicator is told */
    char *standing; /* what the replicator answered last: how far it is behind, JSON */
    char *replicator_trouble;
    char *note;   /* what the other node told last of itself, JSON; NULL: nothing */
    gint64 noted; /* monotonic */
    char *unlike; /* sections of the configuration that the other node has otherwise, or NULL */
    GPtrArray *remote; /* struct remote: asked of the other node */
    guint remote_last;
    char *found;     /* what the last look found (look.c), JSON; NULL: nothing yet */
    gint64 found_at; /* wall clock */
    gint64 look_due; /* monotonic, microseconds */
    gboolean looks;  /* by itself, just now */
    guint errands;   /* of the other node's, that are being looked into */
    gint64 since;    /* wall clock: of the role */
    gboolean mends;  /* what this node's CouchDB lost (mend.c) */
};

gint64 failover_now(void); /* boot clock, milliseconds */

/* What others must know may have changed: tells them if so. */
void failover_tell(struct failover *failover);

/* ---- effects.c ---- */

void effects_begin(void *failover, enum protocol_effect effect, guint number,
                   const struct protocol_record *record);
void effects_give_up(void *failover, guint number);

/* ---- mend.c ---- */

/* The other node has told of itself: whether this one's CouchDB went backwards. */
void mend_look(struct failover *failover);

/* ---- operator.c ---- */

void operator_task(struct failover *failover, const struct child_task *task);
const char *operator_order_name(enum protocol_order order);

/* Members of an object: how the pair stands, as `lifeboat status` shows it. */
void operator_append(const struct failover *failover, GString *out);

/* ---- look.c ---- */

/* failover/look: {"refused": …, "unlike": "[dns], [subnet]" or null, "nodes": [{"node": "a",
 * "findings": {"problems": […], "notes": […]}}, …]}; "failed" where it could not be looked. `task`:
 * who is answered; 0: nobody waits. */
void look_begin(struct failover *failover, guint32 task);

/* By itself. soon: what was found before tells nothing any more; refresh: somebody reads it. */
void look_soon(struct failover *failover);
void look_refresh(struct failover *failover);
void look_tick(struct failover *failover, gint64 now); /* monotonic, microseconds */
/* "look": what was found last, as above, or null; "looked": when. */
void look_append(const struct failover *failover, GString *out);

/* ---- remote.c: questions to the other node's failover child, by notes over the link ---- */

typedef void (*remote_answered)(struct failover *failover, gpointer context, gboolean done,
                                const char *answer);

/* `what`: "check from", "check to" (checks.h). Its answer always comes. */
void remote_ask(struct failover *failover, const char *what, remote_answered answered,
                gpointer context);
/* TRUE: it is what the other node tells of itself, which is in `note` now. */
gboolean remote_take(struct failover *failover, struct slice note);
void remote_lost(struct failover *failover);
void remote_met(struct failover *failover);              /* what waits is asked again */
void remote_tick(struct failover *failover, gint64 now); /* now and then; monotonic, microseconds */
