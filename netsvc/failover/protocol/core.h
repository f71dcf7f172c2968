/*
 * core: what the files of the protocol have in common. protocol.h tells the rules.
 *
 *     stand      what the node means to be; its role follows: it is STANDBY only once it is fenced,
 *                and ACTIVE only once the address was found free and its CouchDB has its uuid
 *     rise       the way up, a step after the other; a step that fails is tried again, and no step
 *                is taken while the record could not be made durable
 *     hand       A's part of a planned switch
 *     reach      B's part of it
 *     force      a forced one, until the term is taken; then it is `rise`
 *
 * Of each effect one runs at a time; its number is what tells it from one that was given up.
 */
#pragma once

#include "netsvc/failover/protocol/protocol.h"

#define CORE_FENCE_MS 2000      /* a fence that takes longer counts as failed */
#define CORE_AGAIN_MS 1000      /* until something that failed is tried again … */
#define CORE_HOOK_AGAIN_MS 5000 /* … a hook, or what CouchDB should do */
#define CORE_ASK_MS 600000      /* a planned switch is begun in, with its checks and stop hook */
#define CORE_YIELD_MS 5000      /* the other node steps down in */
#define CORE_BOTH_MS 3000       /* two paths that end one after the other end at once */
#define CORE_TAKEN_MS 60000     /* B is open after the grant in, or A's people are told */

enum core_stand {
    STAND_WAIT,   /* it does not know, or may not */
    STAND_FOLLOW, /* the other node holds the term */
    STAND_HOLD,   /* this one does */
};

enum core_rise {
    RISE_NONE,
    RISE_PROBE,
    RISE_CLEAN, /* the uuid that is owed */
    RISE_START,
    RISE_ADDRESS,
    RISE_OPEN,
    RISE_UP,
};

enum core_hand {
    HAND_NONE,
    HAND_ASKING, /* the other node checks, then asks */
    HAND_CHECK,
    HAND_STOP,
    HAND_FENCE,
    HAND_CATCH_UP,
    HAND_GRANTED, /* only for who waits for the order's end */
};

enum core_reach {
    REACH_NONE,
    REACH_CHECK,
    REACH_ASKED,
    REACH_PULL,
    REACH_PROMISED,
};

enum core_force {
    FORCE_NONE,
    FORCE_YIELD,
    FORCE_PROBE,
    FORCE_CUT,
};

struct core_attempt {
    char ask[PROTOCOL_ID_SIZE]; /* who began the switch drew it */
    char id[PROTOCOL_ID_SIZE];  /* A draws it, once nothing changes any more: what is promised */
    gint64 until;
};

/* What the caller was told of last, by `changed`. */
struct core_told {
    enum protocol_role role;
    gboolean contact, open, busy, forced, unmerged, fenced;
    guint64 term;
    guint32 parity;
};

struct protocol {
    struct protocol_record record;
    struct protocol_times times;
    struct protocol_hands hands;
    gint64 now;

    enum core_stand stand;
    gboolean fenced;                 /* the last FENCE was done, and nothing undid it */
    gboolean open;                   /* OPEN was done */
    gboolean clean;                  /* probed, and CouchDB has its uuid */
    gboolean hook;                   /* the stop hook is owed when it steps down */
    gboolean dirty;                  /* the record is not durable yet, or nobody knows */
    gboolean falling;                /* fencing, and nothing is said until it is done */
    gboolean yielded, lost, revoked; /* why it waits */
    gint64 boot_until, keep_at, fenced_at;

    enum core_rise rise;
    enum core_hand hand;
    enum core_reach reach;
    enum core_force force;
    struct core_attempt attempt;    /* of `hand` or `reach` */
    gboolean stopped;               /* this attempt's stop hook was begun */
    char refused[PROTOCOL_ID_SIZE]; /* the ask that failed last, which may still be heard */
    char refused_why[PROTOCOL_WHY_MAX];
    char force_id[PROTOCOL_ID_SIZE];
    char yield_to[PROTOCOL_ID_SIZE]; /* the other one's, to be answered */
    gint64 force_until;
    gboolean cut_off;                  /* an operator, or the fence hook, says the other is off */
    gboolean automatic;                /* nobody ordered what `force` does */
    gboolean ordered[PROTOCOL_ORDERS]; /* and not ended */

    gboolean linked, contact, unplugged;
    gint64 heard, said;
    gint64 both_at;               /* when two paths worked, last */
    gint64 ticked, awake;         /* since then it did not hang */
    struct protocol_message peer; /* what was heard last; cluster "": nothing since the start */

    char visit[PROTOCOL_ID_SIZE];   /* this standby's */
    char merging[PROTOCOL_ID_SIZE]; /* the other one's, by this active node: now … */
    char merged[PROTOCOL_ID_SIZE];  /* … and done */
    gboolean met;      /* the other one is STANDBY of this term, and clients were told again */
    gboolean met_once; /* since the term was taken, or the start */

    guint numbers[PROTOCOL_EFFECTS], last_number;            /* 0: it does not run */
    gint64 begun[PROTOCOL_EFFECTS], again[PROTOCOL_EFFECTS]; /* again: 0: not to be */
    char *failed[PROTOCOL_EFFECTS]; /* why it failed last; NULL: it did not */
    char *rival;                    /* the MAC that has the address; NULL: none */
    struct core_told told;
    GString *trouble;
};

/* ---- record.c ---- */
guint64 core_next_term(guint64 seen, guint32 parity);
gboolean core_is_own(const struct protocol *self, guint64 term);
gboolean core_is_paired(const struct protocol *self);
/* Never paired, never served, and the other node may still be where nothing is heard of it: the
 * port of a switch passes nothing for up to 30 s after a cable is in (IEEE 802.1D-2004, 17.14). */
gboolean core_is_new(const struct protocol *self);
/* Of the highest term, and has taken it; alone: nobody is waited for. */
gboolean core_is_holder(const struct protocol *self);
/* Puts the record as it stands on the disk, whatever comes of it: for what goes on anyway. */
void core_keep(struct protocol *self);
/* Changes the record only if that is durable. FALSE: it stands as before, and is kept again. */
gboolean core_change(struct protocol *self, const struct protocol_record *record);
void core_keep_tick(struct protocol *self);
void core_restored(struct protocol *self);     /* the order … */
void core_end_restored(struct protocol *self); /* … is over */

/* ---- protocol.c ---- */
void core_enter(struct protocol *self, gint64 now); /* each call from outside begins so … */
void core_leave(struct protocol *self);             /* … and ends so: who is to know is told */
void core_begin(struct protocol *self, enum protocol_effect effect);
void core_give_up(struct protocol *self, enum protocol_effect effect);
gboolean core_runs(const struct protocol *self, enum protocol_effect effect);
void core_again(struct protocol *self, enum protocol_effect effect, gint64 after);
void core_say(struct protocol *self, enum protocol_kind kind, const char *about, const char *why);
void core_state(struct protocol *self); /* what a beat says */
void core_step(struct protocol *self, const char *name, const char *text);
void core_ended(struct protocol *self, enum protocol_order order, const char *why);
void core_draw(struct protocol *self, char id[PROTOCOL_ID_SIZE]);

/* ---- learn.c ---- */
void learn_message(struct protocol *self, const struct protocol_message *message);
void learn_boot_tick(struct protocol *self);
void learn_lost(struct protocol *self, guint64 term); /* rolled back: a person is asked */

/* ---- rise.c ---- */
void rise_begin(struct protocol *self, enum core_rise from);
void rise_go_on(struct protocol *self);
void rise_tick(struct protocol *self);
void rise_again(struct protocol *self);
void rise_done(struct protocol *self, enum protocol_effect effect, gboolean done,
               const char *answer);
/* Nobody is served from now on; the record, changed already (dirty), is kept and said when it is
 * fenced. */
void rise_fall(struct protocol *self, enum core_stand stand);
void rise_fenced(struct protocol *self, gboolean done);
void rise_stopped(struct protocol *self, gboolean done);

/* ---- planned.c ---- */
const char *planned_obstacle(const struct protocol *self); /* NULL: none */
gboolean planned_order(struct protocol *self, char **why);
gboolean planned_cancel(struct protocol *self, char **why);
void planned_message(struct protocol *self, const struct protocol_message *message);
/* Whether that effect's end was for a planned switch. */
gboolean planned_done(struct protocol *self, enum protocol_effect effect, gboolean done,
                      const char *answer);
void planned_lost(struct protocol *self);
void planned_tick(struct protocol *self);
void planned_drop(struct protocol *self, const char *why); /* something stronger has come */
gboolean planned_take(struct protocol *self, const struct protocol_message *grant);
void planned_settle(struct protocol *self); /* A: whether B has taken, and is open */

/* ---- forced.c ---- */
const char *forced_obstacle(const struct protocol *self); /* NULL: none */
gboolean forced_order(struct protocol *self, enum protocol_order order, char **why);
void forced_message(struct protocol *self, const struct protocol_message *message);
gboolean forced_done(struct protocol *self, enum protocol_effect effect, gboolean done,
                     const char *answer);
void forced_tick(struct protocol *self);
void forced_drop(struct protocol *self, const char *why);
/* It would take over by itself, but for a path that did not work when the other node was heard
 * last.
 */
gboolean forced_lacks_path(const struct protocol *self);

/* ---- merge.c ---- */
void merge_go_on(struct protocol *self); /* whatever changed */
void merge_done(struct protocol *self, enum protocol_effect effect, gboolean done);
void merge_stop(struct protocol *self);
gboolean merge_is_forced(const struct protocol *self);

extern const char *const core_effect_names[PROTOCOL_EFFECTS];
