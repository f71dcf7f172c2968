/*
 * two_nodes: for tests, two nodes' links in one process and on one loop, over loopback, each with a
 * folder of its own. What they ask of their child's frame (netsvc/child/child.h) is noted.
 */
#pragma once

#include "netsvc/failover/link/link.h"

#include "tests/unit/scratch.h"

#define TWO_NODES_PATHS 2

struct node {
    struct two_nodes *both;
    struct child *child;
    struct link *link; /* NULL: it is off */
    struct scratch *scratch;
    struct config config;
    struct config_node self;
    GArray *sockets; /* struct child_socket */

    guint met, lost, paired, alone, forgotten, answers;
    gboolean first, done; /* of the last `paired`, and of the last answer */
    guint32 parity;
    char *answer;
    GString *heard; /* of each frame its kind as a letter ('A' + kind), then the bytes */
    gsize bytes;
    GHashTable *alerts;
};

struct two_nodes {
    struct event_base *events;
    struct callers *callers; /* of both nodes' tunnels: whoever runs the test */
    struct node a, b;
};

/* Each listens at so many addresses of loopback; none is on yet. */
struct two_nodes *two_nodes_new(guint paths);
void two_nodes_free(struct two_nodes *both);
AUTO_DEFINE(two_nodes)

void node_on(struct node *node);
void node_off(struct node *node);

/* As if they had been paired: written to their folders; a is even. Both are off. */
void two_nodes_introduce(struct two_nodes *both);

/* A further socket of the node's, which listens at loopback: MESSAGE_TUNNEL. It is off. Where. */
struct sockaddr_in node_listen(struct node *node, guint32 kind);

/* Where the node is called. */
struct sockaddr_in node_address(const struct node *node, guint path);

/* Turns the loop until it is so, for ten seconds at most. */
#define TURN_UNTIL(both, condition)                                                                \
    do {                                                                                           \
        const gint64 end_ = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;                          \
        while (!(condition)) {                                                                     \
            g_assert_cmpint(g_get_monotonic_time(), <, end_);                                      \
            two_nodes_turn(both);                                                                  \
        }                                                                                          \
    } while (0)
void two_nodes_turn(struct two_nodes *both);

/* Its folder emptied: a new machine. It is off. */
void node_wipe(struct node *node);

/* A code that the node shows for so long; caller frees. */
char *node_show(struct node *node, const char *what, guint seconds);
/* The code given to the other; turns until that is answered. */
void node_join(struct node *node, const char *code, gboolean discard);

/* Asks the node's link as the operator would; the answer comes in `answers`, `done`, `answer`. */
void node_ask(struct node *node, const char *what, const char *body, gboolean active);
