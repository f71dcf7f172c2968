/*
 * role: what lifeboat-netsvc says that this node is, and what it asks to be done at a switch.
 *
 *     {"ask": "switch/role", "role": "standby", "term": 5, "unmerged": false}
 *
 * comes at each change and every ten seconds. Of a pair, only the standby follows; a node that was
 * told nothing yet does not. Where no word comes any more all goes on as it was, which is told.
 * While it is `unmerged`, one node may have what the other has not: nothing is purged or removed
 * then. Nothing of it is kept: netsvc's record is the only one. The answer:
 *
 *     {"lag": {"seconds": 0, "databases": 0, "changes": 0, "contact": TIME, "trouble": null},
 *      "backwards": false}
 *
 * `lag` is null where nobody follows. `backwards`: the active node was rolled back, so that it
 * lacks what this one has: it must draw a fresh uuid (`fresh`) and pull from here (`merge`); so
 * long as it has the old uuid this stays TRUE.
 *
 * All other switch/STEP are steps of replicator/switch: each is a job (steps.h), and while one that
 * writes goes on nobody follows.
 */
#pragma once

#include "lib/control/control.h"

struct daemon;

void role_begin(struct daemon *daemon);
void role_end(struct daemon *daemon);

/* `step`: what follows "switch/". */
void role_ask(struct daemon *daemon, const char *step, struct slice request,
              struct control_question *question);

/* Begins or ends following the other node, as role and configuration have it. */
void role_apply(struct daemon *daemon);

/* Says it once when netsvc has become silent. */
void role_watch(struct daemon *daemon);

/* The object `switch` of `lifeboat status --json`; nothing where there is no pair. */
void role_append(const struct daemon *daemon, GString *out);
