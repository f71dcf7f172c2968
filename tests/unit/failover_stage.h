/*
 * failover_stage: one node that runs the real protocol; all else is played by the test, step by
 * step: what the other node says, how each effect ends, whether the disk takes what is written.
 * For a rule that the whole world (failover_world) has more than one guard for, so that what
 * comes of breaking it is seldom seen there.
 */
#pragma once

#include "netsvc/failover/protocol/protocol.h"

#define STAGE_BOOT_WAIT 10000 /* ms */
#define STAGE_CATCH_UP 20000
#define STAGE_AUTOMATIC 3000 /* where it is allowed */

struct stage {
    struct protocol *core;
    gint64 now; /* ms */
    struct protocol_record disk;
    gboolean disk_is_bad;                         /* nothing can be written */
    guint numbers[PROTOCOL_EFFECTS];              /* of those that run; 0: it does not */
    guint begun[PROTOCOL_EFFECTS];                /* how often */
    struct protocol_message said[PROTOCOL_KINDS]; /* the last of each kind … */
    guint n_said[PROTOCOL_KINDS];                 /* … and how many */
    struct protocol_message peer; /* what the other one says with each tick; id "": nothing */
    guint paths;                  /* on which it says that; 2 */
    guint ids;                    /* drawn */
    guint ended;                  /* orders */
    char *last_ended;             /* why; NULL: well */
};

/* Node b of a pair, off: the other one, a, holds term 2. The story changes `disk` before it starts
 * the node. */
struct stage *stage_new(void);
void stage_free(struct stage *stage);
AUTO_DEFINE(stage)

/* Switched on, or on again with what is on its disk. `automatic`: it may take over by itself. */
void stage_start(struct stage *stage, gboolean resumes, gboolean automatic);

/* Ticks, every 100 ms; the other one's word, if it has one, comes before each. */
void stage_run(struct stage *stage, gint64 milliseconds);

/* How the other one stands, from now on, which is heard at once. It is active and open, or a
 * standby and fenced. */
void stage_meet(struct stage *stage, guint64 term, enum protocol_role role);
void stage_hear(struct stage *stage); /* `peer`, as the story changed it */
void stage_hear_kind(struct stage *stage, enum protocol_kind kind, const char *about);
void stage_part(struct stage *stage); /* nothing comes from it any more, and the link is down */

/* That effect, which must run, ends. */
void stage_end(struct stage *stage, enum protocol_effect effect, gboolean done, const char *answer);
/* It and all that follow it on the way up end well, until clients are served. */
void stage_come_up(struct stage *stage);
gboolean stage_runs(const struct stage *stage, enum protocol_effect effect);

/* Begun, or asserts. */
void stage_order(struct stage *stage, enum protocol_order order);
/* What the node says of itself: "": nothing is wrong. */
const char *stage_trouble(const struct stage *stage);
void stage_assert_trouble(const struct stage *stage, const char *part);

/* The standby, b, that follows a of term 2, fenced and with its stop hook done. */
void stage_follow(struct stage *stage);
/* Node b, active and open at term 3, with a as its standby. */
void stage_lead(struct stage *stage);
