/*
 * child: the frame of a process that serves: those of roles.h.
 *
 *     started as root by the parent, with the configuration in force as a file and a socket to it
 *       → role.open        reads what the configuration names (zone files, keys)
 *       → PREPARED
 *       → sockets come     (message.h), then SERVE
 *       → the sandbox      chroot into the only folder that it may write to, no root, no new
 *                          rights, of the kernel's calls only what it needs (sandbox.h)
 *       → role.begin       opens its state, serves on the loop
 *       → READY            and runs until the parent hangs up
 *
 * Where the parent has no root's rights there is no chroot and no other user; the rest is the same.
 */
#pragma once

#include "lib/base/account.h"
#include "netsvc/config/config.h"
#include "netsvc/message.h"
#include "netsvc/task.h"

#include <event2/event.h>

struct child;

/* One that was handed over. */
struct child_socket {
    int fd; /* non-blocking */
    struct message_socket what;
};

/* One that is to be done; valid until the call returns. */
struct child_task {
    guint32 number;   /* for its answer; 0: nobody waits */
    const char *what; /* of WHO/WHAT */
    const char *body; /* with a zero byte behind it */
    gsize size;
};

struct child_role {
    const char *name;
    gboolean (*wanted)(const struct config *config); /* has it anything to serve? */
    const int *calls; /* system calls that it needs beside everybody's; ends with -1; NULL: none */
    const int *rights; /* capabilities that it keeps (CAP_NET_ADMIN, …); ends with -1; NULL: none */
    gboolean makes_sockets; /* it also asks others: UDP and TCP sockets may be made */

    /* With root's rights still. Gives its own struct; NULL: the configuration cannot be served. */
    gpointer (*open)(struct child *child, GError **error);
    /* In the sandbox. */
    gboolean (*begin)(gpointer self, GError **error);
    /* A packet: MESSAGE_QUESTION, MESSAGE_NAMES, MESSAGE_TELL_NAMES; its size has been checked.
     * A question has an answer, by child_answer, now or later. */
    void (*take)(gpointer self, enum message_kind kind, const void *data, gsize size);
    /* What another part asks of it (task.h). It is answered, now or later, with child_task_done;
     * NULL: it does nothing for others. */
    void (*task)(gpointer self, const struct child_task *task);
    /* Which role the node has; at first when it has begun, and whenever that changes. */
    void (*role)(gpointer self, const struct task_state *state);
    /* The parent hung up: nothing is taken in any more, and what must be written, is. Where it
     * `drains`, the child goes on until child_ended, CHILD_END_SECONDS at most. */
    void (*end)(gpointer self);
    gboolean drains;
    gboolean alone; /* two cannot run at once: the one before must have ended */
};

#define CHILD_END_SECONDS 5
#define CHILD_CHANNEL 3 /* its descriptor: the socket to the parent */
#define CHILD_CONFIG 4  /* the configuration in force, until it is read */

/* Runs until the end; the exit code of the command. */
int child_serve(const struct child_role *role, const struct command_line *line, GError **error);

/* Only `open`, for `check-config`: whether the configuration could be served. To be called in a
 * process that ends after it. */
gboolean child_try(const struct child_role *role, struct config *config, GError **error);

/* Raises what the process may have open to `wanted`, as far as that goes, which is given; from
 * within `open`, as the sandbox has no such call. Where it is less, there is an alert. */
guint child_descriptors(struct child *child, guint wanted);

/* Whom a child of root's becomes: the user of the configuration, else `nobody`. FALSE: there is
 * neither. */
gboolean child_account(const struct config *config, struct account *account);

const struct config *child_config(const struct child *child);
/* Whether what cannot be served is to be left out, and told, rather than that nothing is: nobody
 * may be there to mend it. */
gboolean child_is_lenient(const struct child *child);
struct event_base *child_events(const struct child *child);
const GArray *child_sockets(const struct child *child); /* struct child_socket; from `begin` on */

/* To the parent. They never wait: what its socket does not take yet is kept, up to 64 MB, and sent
 * in order. */
void child_send(struct child *child, enum message_kind kind, const void *data, gsize size);
void child_ended(struct child *child);
void child_answer(struct child *child, const GString *json);
/* An empty text ends the alert. One that was told already with the same text is not told again. */
void child_alert(struct child *child, const char *name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* ---- tasks (task.h) ---- */

/* What comes of one: its answer, or why it was not done. Both have a zero byte behind them. */
typedef void (*child_answered)(gpointer context, gboolean done, const char *answer, gsize size);

/* Asks another part. Its answer always comes, later: where nobody can do it, that is the answer.
 * `answered` NULL: nobody waits. A body longer than TASK_BODY_MAX is a bug. */
void child_ask(struct child *child, const char *name, const char *body, gsize size,
               child_answered answered, gpointer context);

/* To the same child of the other node, where it comes as the task CHILD/peer (task.h:
 * failover/send): lost while that is away. With the child's name before it, it is at most
 * TASK_BODY_MAX. */
void child_tell_peer(struct child *child, const void *data, gsize size);

/* Whoever asked waits for it no longer: nothing asked with that context is answered any more. */
void child_forget(struct child *child, gpointer context);

/* Answers a task; with number 0 nothing is sent. */
void child_task_done(struct child *child, guint32 number, gboolean done, const char *answer,
                     gsize size);

/* By the failover child: what all are told. */
void child_tell_role(struct child *child, const struct task_state *state);
