/*
 * setup: makes a database as the snapshot has it, closed until it is whole, and knows one that an
 * interrupted restore left (mark.h).
 */
#pragma once

#include "lib/couch/server.h"
#include "lib/couch/write/create.h"
#include "restore/run/restore.h"

enum setup_standing {
    SETUP_ABSENT,
    SETUP_MADE,       /* by this run */
    SETUP_CONTINUED,  /* by an interrupted restore of this snapshot; or nobody touched it yet */
    SETUP_OUTDATED,   /* by an interrupted restore of another snapshot: it is made again */
    SETUP_UNFINISHED, /* by an interrupted restore of more than the documents of --doc */
    SETUP_EXISTED,    /* by others */
};

/* Whether this restore makes the database and will have finished it. */
gboolean setup_is_own(enum setup_standing standing);

/* A database as the snapshot has it. */
struct setup {
    struct shape shape;
    guint64 revs_limit;
    struct slice
        security; /* raw JSON; never public where user accounts or replications are inside */
};
struct setup setup_parse(const struct plan_item *item, const struct chain_database *source);

/* How it stands in the target, without changing anything. `present` is filled unless it is absent.
 */
gboolean setup_look(struct restore *restore, const struct plan_item *item,
                    enum setup_standing *standing, struct server_database *present, GError **error);

/* Makes the database unless it is there, and gets it ready to be written to. `limit` is begun. */
struct limit;
gboolean setup_begin(struct restore *restore, const struct plan_item *item,
                     const struct setup *setup, enum setup_standing *standing, struct limit *limit,
                     GError **error);

/* At the very end: the real _revs_limit and _security. */
gboolean setup_end(struct restore *restore, const struct plan_item *item, const struct setup *setup,
                   enum setup_standing standing, struct limit *limit, GError **error);

/* Tells when the target's _security, raw JSON, is another one and stays. */
void setup_compare_security(struct restore *restore, const struct plan_item *item,
                            const struct setup *setup, struct slice present);

/* PUTs a small JSON to the database's path + rest; an endpoint that the server lacks is no error.
 */
gboolean setup_put(struct restore *restore, const char *target, const char *rest, struct slice json,
                   GError **error);
