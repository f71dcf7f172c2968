/* world: what the parts of the cert child share. */
#pragma once

#include "netsvc/cert/pair/alike.h"
#include "netsvc/cert/pair/force.h"
#include "netsvc/child/child.h"

struct cert {
    struct child *child;
    const struct config *config;
    struct site *site;
    int folder;
    guint8 recipient[AGE_KEY_SIZE]; /* the recovery key */
    char *no_recipient;             /* why there is none; NULL: there is */
    gint64 floor;                   /* the clock's */
    gboolean floor_kept;
    X509_STORE *known; /* public authorities, as this system has them; NULL: none */
    struct task_state role;
    struct alike *alike;
    struct force *force;
    struct event *look;
};

/* Seconds since 1970; 0: the clock is not believed, which is told. */
gint64 cert_now(struct cert *self);

/* Whether this node makes certificates: it is the active one, or alone. */
gboolean cert_may_change(const struct cert *self);

/* What people are to know of the certificates as they are now. */
void cert_tell(struct cert *self, gint64 now);

/* ---- tasks.c ---- */

/* Of child_role. */
void cert_task(gpointer self, const struct child_task *task);

/* From the standby, the body of cert/import. */
void cert_import_handed(struct cert *self, struct slice body);
