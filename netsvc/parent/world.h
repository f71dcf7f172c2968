/* world: what the parts of the parent share. */
#pragma once

#include "lib/control/control.h"
#include "netsvc/parent/generation.h"
#include "netsvc/parent/service.h"
#include "netsvc/parent/socket/links.h"
#include "netsvc/parent/timekeeper.h"

#define WORLD_SERVICES 6 /* of roles.h */

struct world {
    struct event_base *events;
    struct generation *current; /* what is served */
    struct generation *next;    /* NULL: no change is under way */
    struct sockets *sockets;    /* of the one that is (or is about to be) served */
    struct sockets *before;     /* of `current`, while a change is under way */
    struct service *services[WORLD_SERVICES];
    struct links *links;
    struct timekeeper *timekeeper;
    struct control *control;
    struct tasks *tasks;
    struct hooks *hooks;
    struct replicator *replicator;
    struct task_state state; /* which role the node has; by failover, or alone */
    char *fallen_back;  /* of the file, while what served before the boot is begun; NULL: nothing */
    char *problem;      /* of the configuration that was read last; NULL: it is served */
    GHashTable *alerts; /* "dhcp: pool clinic", "clock" → text */
    GPtrArray *reloading;             /* struct control_question: wait for the end of a change */
    GQueue questions[WORLD_SERVICES]; /* struct control_question: wait for that child's answer */
    gboolean started, ending;
    gint64 since;            /* wall clock, seconds */
    struct event *forgotten; /* nobody says any more which role the node has */
    struct event *terminate, *interrupt, *hang_up, *watchdog, *changed;
    char *published; /* status.json as it was written last */
    GError *failure; /* of the start */
};
