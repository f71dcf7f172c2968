/*
 * service: what one role (dns, dhcp) gives the LAN, whichever process does it. At most two
 * processes at a time: the one that serves, and the next one, which takes over when the
 * configuration or the interfaces change.
 *
 *     service_prepare ─→ the next one reads its configuration ─→ ears.prepared
 *     service_switch  ─→ it serves, and the one before ends once it does. Where two cannot run at
 *                        once (child_role.alone) that one ends first; what comes meanwhile waits in
 *                        the sockets
 *     service_abandon ─→ the next one ends, all stays as it was
 *
 * A process that dies is started again, with what it served: at once, then less and less often.
 */
#pragma once

#include "netsvc/parent/process.h"

struct service;

struct service_ears {
    /* The next one is prepared; or will not serve (`refusal`; NULL: it died without a word). Where
     * it was `prepared` before, that is not the configuration's fault. */
    void (*prepared)(void *context, struct service *service);
    void (*refused)(void *context, struct service *service, const char *refusal, gboolean prepared);
    void (*serves)(void *context, struct service *service); /* each time that one begins to */
    void (*take)(void *context, struct service *service, enum message_kind kind, const void *data,
                 gsize size);
    void (*lost)(void *context, struct service *service); /* the one that served does no longer: its
                                                             answers will not come */
    /* The sockets, and the role, as they are now. */
    const struct sockets *(*sockets)(void *context);
    const struct task_state *(*role)(void *context);
    void *context;
};

struct service *service_new(struct event_base *events, const struct child_role *role,
                            const struct service_ears *ears);
void service_free(struct service *service); /* processes that still run are killed */
AUTO_DEFINE(service)

gboolean service_prepare(struct service *service, struct generation *generation, GError **error);
gboolean service_is_prepared(const struct service *service);
void service_switch(struct service *service);
void service_abandon(struct service *service);

/* It serves that one again, where another has taken over already. */
void service_return(struct service *service, struct generation *generation);

/* It is not wanted any more, until it is prepared again. */
void service_retire(struct service *service);

/* Serves no longer: each process is asked to end. */
void service_stop(struct service *service);
gboolean service_has_ended(const struct service *service);

/* To the one that serves; FALSE: none does. */
gboolean service_send(struct service *service, enum message_kind kind, const void *data,
                      gsize size);

/* Whether the configuration has it serve anything. */
gboolean service_is_wanted(const struct service *service, const struct config *config);

const char *service_name(const struct service *service);
const struct process *service_process(const struct service *service); /* that serves; NULL: none */
guint service_restarts(const struct service *service);                /* of those that died */
