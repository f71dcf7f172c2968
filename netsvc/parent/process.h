/*
 * process: one child, from its start to its end, as the parent sees it.
 *
 *     STARTING ─(PREPARED)→ PREPARED ─process_serve→ BEGINNING ─(READY)→ SERVING
 *                                                    any of them ─process_end→ ENDING
 *
 * Whatever it does, `ended` comes once. It is told to end by hanging up, and killed when that takes
 * too long; so is one that hangs.
 */
#pragma once

#include "netsvc/child/child.h"
#include "netsvc/parent/generation.h"
#include "netsvc/parent/socket/sockets.h"

enum process_state {
    PROCESS_STARTING,
    PROCESS_PREPARED,
    PROCESS_BEGINNING,
    PROCESS_SERVING,
    PROCESS_ENDING,
};

struct process;

/* Milliseconds; tests have less patience. */
struct process_times {
    guint begin; /* that one may take to read its configuration, and again to begin */
    guint ping;  /* it hangs when two in a row have no answer */
    guint end;   /* before it is killed */
};
extern struct process_times process_times;

struct process_ears {
    void (*prepared)(void *context, struct process *process);
    void (*ready)(void *context, struct process *process);
    /* `refusal`: why the configuration cannot be served; NULL: it did not say. Frees nothing. */
    void (*ended)(void *context, struct process *process, const char *refusal);
    void (*take)(void *context, struct process *process, enum message_kind kind, const void *data,
                 gsize size);
    void *context;
};

/* `lenient`: what cannot be served is left out rather than that nothing is. */
struct process *process_start(struct event_base *events, const struct child_role *role,
                              struct generation *generation, gboolean lenient,
                              const struct process_ears *ears, GError **error);
/* It is told the role first: the failover child must know what was in force before it hears from
 * the other node. */
void process_serve(struct process *process, const struct sockets *sockets,
                   const struct task_state *role);
void process_end(struct process *process);
void process_send(struct process *process, enum message_kind kind, const void *data, gsize size);

/* Kills it, if it still runs. */
void process_free(struct process *process);
AUTO_DEFINE(process)

struct generation *process_generation(const struct process *process);
enum process_state process_state(const struct process *process);
gboolean process_was_prepared(const struct process *process); /* whatever has come since */
pid_t process_pid(const struct process *process);
gint64 process_since(const struct process *process); /* wall clock, seconds */
