/* pair_inside: what the two sides of a pairing share. */
#pragma once

#include "netsvc/failover/link/pair/code.h"
#include "netsvc/failover/link/pair/pair.h"
#include "netsvc/failover/link/pair/reach.h"

enum pair_denial {
    PAIR_WRONG,  /* the code */
    PAIR_NAME,   /* the two configurations do not agree on the nodes' names */
    PAIR_BUSY,   /* with another node */
    PAIR_FAILED, /* it could not be kept */
    PAIR_BARRED, /* too many wrong codes came from elsewhere than the other node's addresses */
    PAIR_DENIALS,
};

/* Which of the other node's addresses were not reached. */
struct pair_reach {
    gboolean reached[WIRE_PATHS];
    char *why[WIRE_PATHS];
};

struct pair {
    struct link *link;
    struct show *show; /* a code is shown; NULL: none is */
    struct join *join;
};

/* {"peer", "name", "unreached"}; `here`: what this node reached of the other one. */
void pair_report(const struct pair *pair, const struct pair_reach *here,
                 const struct pair_reach *there, GString *out);
void pair_reach_set(struct pair_reach *reach, const struct reach_result *result);
void pair_reach_read(struct pair_reach *reach, const gboolean reached[WIRE_PATHS]);
void pair_reach_clear(struct pair_reach *reach);

void pair_answer(const struct pair *pair, guint32 number, const GString *json);
void pair_refuse(const struct pair *pair, guint32 number, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* ---- show.c ---- */

struct show *show_new(struct pair *pair, guint seconds);
void show_free(struct show *show); /* with what waits refused */
const char *show_code(const struct show *show);
void show_wait(struct show *show, guint32 number); /* for its end */
void show_take(struct show *show, struct session *session);

/* ---- join.c ---- */

/* Answers the task when it is over, and then ends itself. */
struct join *join_new(struct pair *pair, const char code[CODE_SIZE], guint32 number);
void join_free(struct join *join);
/* Whether that key is of the one that it talks to: it may call to see that it can. */
gboolean join_expects(const struct join *join, const guint8 pin[IDENTITY_PIN_SIZE]);
