/*
 * failover_world: two nodes that run the real protocol, in a world of which every misfortune can be
 * had: a network with cuts, delay, loss and repeats; machines that lose power, hang, whose daemon
 * is killed, whose disk fails or is set back; effects that are slow or fail; operators; phones.
 *
 *     data      documents are bits. A node's CouchDB has a set of them and a uuid. A phone keeps
 * all that it wrote, and for each uuid what it has pushed to whoever had it (CHT's checkpoints are
 * the source's); a browser keeps nothing serving   clients get through: power, network, the address
 * is there, the door is open
 *
 * Nothing is random but by the world's own generator: the same seed gives the same history. Time is
 * virtual, in milliseconds.
 */
#pragma once

#include "netsvc/failover/protocol/protocol.h"

#define WORLD_PHONES 2
#define WORLD_UUIDS 512
#define WORLD_ADDRESS_MS 6000 /* that an address lives without a daemon */

enum world_event_kind {
    WORLD_MESSAGE,
    WORLD_TICK,
    WORLD_ACT, /* an effect does what it is for … */
    WORLD_END, /* … and says so */
    WORLD_BOOT,
    WORLD_RESUME,
    WORLD_LINK,
    WORLD_DATA, /* a moment of following, and of what clients do */
    WORLD_CHAOS,
};

struct world_effect {
    guint number;
    enum protocol_effect effect;
    gboolean well, acted;
    guint64 term; /* of the record that it was begun with … */
    guint uuid;   /* … and its uuid */
    char answer[PROTOCOL_ID_SIZE];
};

struct world_disk { /* what survives a power cut, and what an image of the disk has */
    struct protocol_record record;
    guint64 data;
    guint uuid;
};

struct world_node {
    struct protocol *core; /* NULL: the daemon does not run */
    struct world_disk disk, image;
    gboolean has_image, power, paused, attached; /* to the LAN */
    gboolean address, door;
    gint64 paused_at, resumed_at, looked_at;
    gint64 expires; /* of the address; G_MAXINT64: it is refreshed */
    guint64 served_term, told_term;
    gint64 told_at, fence_failed_at;
    guint life;               /* events of an earlier one do not count */
    guint orders;             /* that are not ended */
    gboolean restoring;       /* it was told that its disk was set back, and has not answered */
    gboolean dying, set_back; /* dying: power goes at the end of this event */
    gint64 disk_bad_until;
    gboolean disk_lies;    /* what it says that it did not write is there */
    GPtrArray *effects;    /* struct world_effect */
    gint64 queue_until[3]; /* effects that act one after the other: addresses, hooks, CouchDB */
    char *last_ended;      /* why an order ended last; NULL: well */
    guint n_begun[PROTOCOL_EFFECTS];
    gboolean hook; /* CHT runs */
};

/* Chances, of 1000. */
struct world_chances {
    guint lose, repeat, late, slow, fail, keep_cut, keep_fail;
};

struct world {
    GRand *random;
    gint64 now;
    GArray *events;
    guint64 sequence;
    struct world_node nodes[2];
    struct world_chances chances;
    struct protocol_times times;
    gboolean cut[2]; /* messages from that node are lost */
    gboolean linked; /* the nodes have a connection, … */
    guint paths;     /* … on so many paths */
    gint64 link_changed_at;
    gint64 arrives[2]; /* messages keep their order */
    struct {
        guint64 have, pushed[WORLD_UUIDS];
    } phones[WORLD_PHONES];
    guint64 acked, browser; /* what phones, and browsers, were told is written */
    guint documents, uuids;
    guint forced, images, switches, grants; /* how often */
    gboolean is_disordered; /* they do not, which no connection does: the rules hold anyway */
    gboolean untold;        /* a disk was set back, and the node was not told, or did not keep it */
    gboolean clients;       /* whether they write */
    GString *trace;         /* NULL: none is kept */
    gboolean fails[2][PROTOCOL_EFFECTS]; /* for scenarios */
    gint64 takes[PROTOCOL_EFFECTS];      /* milliseconds; 0: by chance */
    void (*chaos)(struct world *world);  /* at each WORLD_CHAOS */
    void (*check)(struct world *world);  /* after each event */
};

/* Paired and at rest: a holds term 2, both are off. */
struct world *world_new(guint32 seed);
void world_free(struct world *world);
AUTO_DEFINE(world)

void world_say(struct world *world, const char *format, ...) G_GNUC_PRINTF(2, 3);
guint world_chance(struct world *world, guint below); /* 0 … below - 1 */
void world_plan(struct world *world, gint64 after, enum world_event_kind kind);
void world_run(struct world *world, gint64 milliseconds);
/* Until it is so, at most that long. */
gboolean world_until(struct world *world, gboolean (*is_so)(struct world *world), gint64 most);

void world_boot(struct world *world, guint node); /* switched on, or the daemon started again */
void world_power_off(struct world *world, guint node);
void world_kill(struct world *world, guint node); /* the daemon; the machine goes on */
void world_pause(struct world *world, guint node, gint64 milliseconds);
void world_cut(struct world *world, gboolean from_a, gboolean from_b);
void world_attach(struct world *world, guint node, gboolean attached);
void world_image(struct world *world, guint node);
void world_set_back(struct world *world, guint node); /* to its image; it must be off */
/* Whether it was begun; what became of it shows in last_ended once orders is 0 again. */
gboolean world_order(struct world *world, guint node, enum protocol_order order);

gboolean world_serves(const struct world *world, guint node);
void world_push(struct world *world, guint phone);                /* to whoever serves */
const char *world_trouble(const struct world *world, guint node); /* "": none, or it is off */
