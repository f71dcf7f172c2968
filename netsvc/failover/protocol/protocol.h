/*
 * protocol: which node is active, and how that changes: the rules of the switch, with no clock,
 * disk or network of their own. What has come goes in, what is to be done comes out through the
 * hands; so the child runs the same code that the tests run against every misfortune.
 *
 *     in    protocol_start, _tick, _met, _lost, _take, _done, _order, _cable, _paths, _unheld
 *     out   hands: keep (durable, before anything that follows from it), send, begin, role, step
 *
 * Terms: a new one is the smallest above all seen whose parity is the new holder's: two nodes never
 * choose the same one, and a term names its holder. Only the holder of the highest known term,
 * having taken it, is ACTIVE. A higher one that is heard: fence, keep, answer, and only then the
 * stop hook; stepping down never waits for a disk, stepping up always does. A record that the peer
 * says this node once had and does not is an image from outside (or a disk put back): WAIT, a
 * person is asked. No peer was ever paired: ACTIVE at once, if the service address is free; the
 * first time only once it was free for as long as boot_wait. Where another machine has it and this
 * node has never served, its CouchDB may be an old one whose node lost its memory, and that machine
 * the other node: WAIT, also when the address is free later, until it is paired or a person forces
 * it to be the only one.
 *
 * Planned, A → B:   1 checks (both)   2 A: stop hook, fence, CATCH_UP{attempt}
 *                   3 B: pulls until equal, keeps the promise {attempt, uuid}, PROMISE
 *                   4 A: keeps STANDBY, next term, holder B, granted. That record is the grant: it
 *                     is in every message from then on, and B acts on seeing it
 *                   5 B: keeps that it took the term; adopts A's uuid and checkpoints; start hook,
 *                     address, open. A clears `granted` when B is seen to have taken it, and once B
 *                     is open it draws a fresh uuid and follows
 *
 * Whatever fails before 4 takes A back to ACTIVE.
 *
 * Forced, on B:     keeps the next term, taken, unmerged; fresh uuid; start hook, address, open.
 *                   When A is met: it fences, B merges what A had, then A follows
 *
 * The files: protocol.c (what comes in, time), record.c (terms, what is kept), learn.c (what a
 * message tells), rise.c (the way up, and down), planned.c, forced.c, merge.c (what the standby
 * has), trouble.c (what people are told); core.h is theirs in common.
 */
#pragma once

#include "lib/base/cleanup.h"

#define PROTOCOL_ID_SIZE 33  /* 32 hex digits and a zero byte: node, cluster, attempt, uuid */
#define PROTOCOL_WHY_MAX 256 /* bytes of a reason */
#define PROTOCOL_TERM_MAX ((guint64)1 << 53) /* a higher one is none */
#define PROTOCOL_BEAT_MS 200 /* between messages to the other node; after LOST_MS without one … */
#define PROTOCOL_LOST_MS 1000 /* … it counts as away */

enum protocol_role {
    PROTOCOL_WAIT,
    PROTOCOL_STANDBY,
    PROTOCOL_ACTIVE,
};

/* What must survive. Parity names a node: a even, b odd, as they were paired. */
struct protocol_record {
    char cluster[PROTOCOL_ID_SIZE]; /* "": never paired */
    char id[PROTOCOL_ID_SIZE];      /* this node's, random; a node that was made anew has another */
    char peer[PROTOCOL_ID_SIZE];    /* the other's */
    guint32 parity;                 /* this node's */
    guint64 term;                   /* the highest known; its parity is its holder */
    gboolean taken;   /* this node holds it, and has taken it; never paired: it has served */
    gboolean granted; /* this node handed it over, and has not seen it taken */
    char attempt[PROTOCOL_ID_SIZE];  /* of the grant */
    char promised[PROTOCOL_ID_SIZE]; /* attempt that this node is ready to take over; "": none */
    char uuid[PROTOCOL_ID_SIZE];     /* of the other's CouchDB, that goes with the promise */
    gboolean unmerged;               /* the other node may have what this one has not */
    gboolean fresh;                  /* a fresh uuid is owed to CouchDB before it is served */
    gboolean adopts;                 /* the uuid above is */
    char rival[PROTOCOL_ID_SIZE]; /* never paired, never served: the MAC that had the address, which
                                     it waits for a person to explain; "": none */
};

enum protocol_kind {
    PROTOCOL_STATE,    /* the heartbeat; all others say the same and more */
    PROTOCOL_ASK,      /* B: switch to me; A: should you like to ask, then check and do */
    PROTOCOL_CATCH_UP, /* A: nothing changes here any more */
    PROTOCOL_PROMISE,  /* B: all equal */
    PROTOCOL_REFUSE,   /* either: not this attempt: why */
    PROTOCOL_YIELD,    /* B, by force: step down */
    PROTOCOL_YIELDED,  /* A: fenced */
    PROTOCOL_KINDS,
};

struct protocol_message {
    enum protocol_kind kind;
    char cluster[PROTOCOL_ID_SIZE], id[PROTOCOL_ID_SIZE]; /* the sender's */
    char about[PROTOCOL_ID_SIZE];   /* what it is that is asked, promised, refused …; "": STATE */
    char attempt[PROTOCOL_ID_SIZE]; /* of the grant; "" unless granted */
    char visit[PROTOCOL_ID_SIZE]; /* a standby's, of this time that it follows; an active one's: the
                                     visit whose data it has merged */
    guint64 term;
    guint64 held; /* the highest term that the sender knows this message's receiver to have taken */
    gboolean taken, granted, unmerged, open;
    enum protocol_role role; /* STANDBY: and fenced */
    char why[PROTOCOL_WHY_MAX];
};

/* What takes time. Each ends with protocol_done, well or not, never from within `begin`; one that
 * was given up may end, too, and does not count then. FENCE, ADDRESS and OPEN act in the order in
 * which they were begun, those given up too; so do ADOPT and FRESH, and START and STOP: of two
 * hooks, the one that was given up has ended before the other begins. */
enum protocol_effect {
    PROTOCOL_FENCE,    /* nobody is served any more; the address is gone */
    PROTOCOL_STOP,     /* the stop hook */
    PROTOCOL_START,    /* the start hook */
    PROTOCOL_PROBE,    /* whether somebody else has the address: the answer is its MAC, or "" */
    PROTOCOL_ADDRESS,  /* the address is here, still fenced */
    PROTOCOL_OPEN,     /* clients are served, and told */
    PROTOCOL_CHECK,    /* what would stand in a planned switch's way here: "", or what */
    PROTOCOL_PULL,     /* B: until equal with A: the answer is A's uuid */
    PROTOCOL_ADOPT,    /* B: takes over A's uuid and the clients' checkpoints */
    PROTOCOL_FRESH,    /* a uuid never used before, and no checkpoints */
    PROTOCOL_MERGE,    /* pulls what the other node has and this one has not */
    PROTOCOL_ANNOUNCE, /* clients are told again; nothing depends on it */
    PROTOCOL_CUT,      /* the fence hook: the other node is off after it, surely */
    PROTOCOL_EFFECTS,
};

enum protocol_order {
    PROTOCOL_SWITCH,   /* planned: to the other node, whichever this one is */
    PROTOCOL_FORCE,    /* take over without the other one's word */
    PROTOCOL_FENCED,   /* the same; the operator has cut it off */
    PROTOCOL_RESTORED, /* this node's disk was set back from outside */
    PROTOCOL_CANCEL,   /* a planned switch, as long as that is possible */
    PROTOCOL_ORDERS,
};

/* One step of what goes on, for people: begun, then done or failed. */
enum protocol_progress {
    PROTOCOL_BEGUN,
    PROTOCOL_WELL,
    PROTOCOL_FAILED,
};

struct protocol_hands {
    /* Durable when it returns. FALSE: it could not be, or nobody knows; stepping down goes on,
     * stepping up does not. */
    gboolean (*keep)(void *context, const struct protocol_record *record);
    void (*send)(void *context, const struct protocol_message *message); /* may be lost */
    void (*begin)(void *context, enum protocol_effect effect, guint number,
                  const struct protocol_record *record);
    void (*give_up)(void *context, guint number); /* its end counts no longer; it may be stopped */
    /* A role begins, or what others must know of it has changed. */
    void (*changed)(void *context);
    void (*step)(void *context, const char *name, enum protocol_progress progress,
                 const char *text);
    /* An order is over: NULL well, else why not. */
    void (*ended)(void *context, enum protocol_order order, const char *why);
    void (*random_id)(void *context, char id[PROTOCOL_ID_SIZE]);
    void *context;
};

struct protocol_times { /* milliseconds */
    gint64 boot_wait;   /* in which the other one could be heard: protocol_cable */
    gint64 catch_up;
    gint64 automatic; /* 0: never */
};

struct protocol;

/* Times are of the boot clock, in milliseconds. */
struct protocol *protocol_new(const struct protocol_record *record,
                              const struct protocol_times *times,
                              const struct protocol_hands *hands);
void protocol_free(struct protocol *protocol);
AUTO_DEFINE(protocol)

/* `resumes`: only the process is new (the configuration was read again, or the child died a moment
 * ago); the node held the term of its record all the while, and clients are served still. Else it
 * is a boot, and WAIT. */
void protocol_start(struct protocol *protocol, gint64 now, gboolean resumes);
void protocol_tick(struct protocol *protocol, gint64 now); /* every 100 ms or so */
void protocol_met(struct protocol *protocol, gint64 now);  /* the other node can be talked to */
void protocol_lost(struct protocol *protocol, gint64 now);
void protocol_take(struct protocol *protocol, const struct protocol_message *message, gint64 now);
void protocol_done(struct protocol *protocol, guint number, gboolean done, const char *answer,
                   gint64 now);

/* The address is not open here, as address/keep says: this node hung, or what holds the address
 * did, until the kernel took it away. Where clients should be served it is taken as at a boot:
 * probed first. */
void protocol_unheld(struct protocol *protocol, gint64 now);

/* Whether any cable is in by which somebody could be heard: of a path to the other node, or that of
 * the service address; in until told otherwise. While none is, silence tells nothing, and boot_wait
 * stands still: a node that is up before its switch must not take the other one for dead. One is
 * enough: a cable from node to node has no carrier for as long as the other one is off. A node
 * without any can serve nobody, so that it loses nothing by waiting. */
void protocol_cable(struct protocol *protocol, gboolean in, gint64 now);

/* How many paths to the other node work. It takes over by itself only from one that went silent on
 * two of them at once: where a single one was left, that one's end tells nothing of the node. */
void protocol_paths(struct protocol *protocol, guint paths, gint64 now);

/* FALSE: it cannot even be begun: *why, which the caller frees. */
gboolean protocol_order(struct protocol *protocol, enum protocol_order order, gint64 now,
                        char **why);

/* Why it would be refused now; NULL: it would be begun. Valid until the next call. */
const char *protocol_would_refuse(const struct protocol *protocol, enum protocol_order order);

/* The nodes were introduced to each other: this is whom the other one is from now on. `first`: this
 * node was active and introduces; else it joins as a standby with nothing of its own. */
void protocol_paired(struct protocol *protocol, const char *cluster, const char *peer,
                     guint32 parity, gboolean first, gint64 now);
/* The other node is gone for good: this one is alone, and active. */
void protocol_forget(struct protocol *protocol, gint64 now);
/* The other node says that this one was replaced: it serves nobody until it is paired again. */
void protocol_revoked(struct protocol *protocol, gint64 now);

enum protocol_role protocol_role(const struct protocol *protocol);
gboolean protocol_is_open(const struct protocol *protocol);   /* ACTIVE, and clients are served */
gboolean protocol_is_forced(const struct protocol *protocol); /* task.h: task_state.forced */
gboolean protocol_is_fenced(const struct protocol *protocol); /* task_state.fenced */
gboolean protocol_is_busy(const struct protocol *protocol);   /* a switch goes on */
const struct protocol_record *protocol_record(const struct protocol *protocol);
/* Of the planned switch that goes on, once clients are kept out; "": none. */
const char *protocol_attempt(const struct protocol *protocol);
/* Why it waits, or what people must know; NULL: nothing. Valid until the next call. */
const char *protocol_trouble(const struct protocol *protocol);
