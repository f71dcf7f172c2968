/*
 * history: the steps of what goes on, for people: `lifeboat failover` shows them as they come, the
 * log has them, and `lifeboat status` the last of them. Whoever asks for steps that are not there
 * yet waits for them.
 */
#pragma once

#include "netsvc/child/child.h"
#include "netsvc/failover/protocol/protocol.h"

#define HISTORY_KEPT 200   /* steps */
#define HISTORY_WAITING 16 /* that wait for the next one */

struct history;

struct history *history_new(struct child *child);

/* One that began ends with the next of its name. */
void history_step(struct history *history, const char *name, enum protocol_progress progress,
                  const char *text);

/* The node's role is another one: what comes now is logged, also where it is as a moment before.
 * Until then a step that ends alike is logged once a minute. */
void history_turn(struct history *history);

/* What was ordered is over: NULL well. */
void history_end(struct history *history, const char *order, const char *why);
void history_begin(struct history *history, const char *order);

/* {"after": N} → {"steps": [{"number": 7, "name": "fence", "state": "begun" | "done" | "failed",
 * "text": …, "seconds": 0.2}], "last": 7, "goes_on": true, "order": "switch", "failed": WHY or
 * null}, as soon as there is a step behind N, or nothing goes on. */
void history_ask(struct history *history, const struct child_task *task);

/* Members of an object, for status. */
void history_append(const struct history *history, GString *out);
guint history_last(const struct history *history);
