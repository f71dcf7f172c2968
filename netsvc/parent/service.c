#include "netsvc/parent/service.h"

#include "lib/base/log.h"
#include "netsvc/timer.h"

#define WAIT_FIRST_MS 50  /* before one that died is started again; doubles, … */
#define WAIT_MAX_MS 10000 /* … up to this */
#define STEADY_SECONDS 60 /* that one must have served for the waits to begin anew */

struct service {
    struct event_base *events;
    const struct child_role *role;
    struct service_ears ears;
    struct process *serving; /* or about to, once prepared */
    struct process *next;
    gboolean switches; /* the next one takes over as soon as it may */
    GPtrArray *ending; /* struct process */
    gboolean stops;
    struct event *again;     /* the time to start one again */
    struct generation *lost; /* what is to be served again: of one that died, or made room */
    guint wait_ms, restarts;
};

static void start_again(struct service *service, struct generation *generation);

/* ---- the end of a process ---- */

static void
let_end(struct service *service, struct process **process)
{
    g_ptr_array_add(service->ending, *process);
    process_end(*process);
    *process = NULL;
}

/* The one that serves does no longer. */
static void
leave(struct service *service)
{
    let_end(service, &service->serving);
    service->ears.lost(service->ears.context, service);
}

/* It took over, or will when those that end have. */
static void
take_turn(struct service *service)
{
    if (!service->switches || service->next == NULL ||
        process_state(service->next) != PROCESS_PREPARED)
        return;
    if (service->role->alone && service->serving != NULL)
        leave(service);
    if (!service->role->alone || service->ending->len == 0)
        process_serve(service->next, service->ears.sockets(service->ears.context),
                      service->ears.role(service->ears.context));
}

/* What served before serves on. */
static void
resume(struct service *service)
{
    if (service->stops || service->serving != NULL || service->next != NULL ||
        service->lost == NULL || evtimer_pending(service->again, NULL))
        return;
    AUTO(generation) *lost = generation_use(service->lost);
    start_again(service, lost);
}

static void
next_has_ended(struct service *service, const char *refusal)
{
    const gboolean prepared = process_was_prepared(service->next);
    service->next = NULL;
    service->switches = FALSE;
    service->ears.refused(service->ears.context, service, refusal, prepared);
    resume(service);
}

static void
remember(struct service *service, struct generation *generation)
{
    struct generation *kept = generation_use(generation);
    generation_free(service->lost);
    service->lost = kept;
}

static void
serving_has_ended(struct service *service, struct process *process)
{
    const gint64 age = g_get_real_time() / G_USEC_PER_SEC - process_since(process);
    service->serving = NULL;
    service->ears.lost(service->ears.context, service);
    if (service->stops)
        return;
    if (age >= STEADY_SECONDS)
        service->wait_ms = 0;
    service->restarts++;
    remember(service, process_generation(process));
    resume(service); /* unless the next one is about to take over */
}

static void
has_ended(void *context, struct process *process, const char *refusal)
{
    struct service *service = context;
    if (process == service->next)
        next_has_ended(service, refusal);
    else if (process == service->serving)
        serving_has_ended(service, process);
    else
        g_ptr_array_remove_fast(service->ending, process);
    take_turn(service);
    process_free(process);
}

/* ---- its beginning ---- */

static void
is_prepared(void *context, struct process *process)
{
    struct service *service = context;
    if (process != service->next) /* or it was abandoned meanwhile */
        return;
    if (service->switches)
        take_turn(service);
    else
        service->ears.prepared(service->ears.context, service);
}

static void
is_ready(void *context, struct process *process)
{
    struct service *service = context;
    if (process != service->next)
        return;
    service->next = NULL;
    service->switches = FALSE;
    g_clear_pointer(&service->lost, generation_free);
    if (service->serving != NULL)
        leave(service);
    service->serving = process;
    service->ears.serves(service->ears.context, service);
}

static void
has_said(void *context, struct process *process, enum message_kind kind, const void *data,
         gsize size)
{
    struct service *service = context;
    if (process == service->serving || process == service->next)
        service->ears.take(service->ears.context, service, kind, data, size);
}

static struct process *
start(struct service *service, struct generation *generation, gboolean lenient, GError **error)
{
    const struct process_ears ears = {is_prepared, is_ready, has_ended, has_said, service};
    return process_start(service->events, service->role, generation, lenient, &ears, error);
}

/* ---- again, after a death ---- */

static void
is_time(evutil_socket_t fd, short what, void *context)
{
    struct service *service = context;
    g_autoptr(GError) error = NULL;
    (void)fd;
    (void)what;
    if (service->stops || service->next != NULL || service->serving != NULL)
        return;
    service->switches = TRUE;
    service->next = start(service, service->lost, TRUE, &error);
    if (service->next != NULL)
        return;
    log_error("%s", error->message);
    service->switches = FALSE;
    resume(service);
}

static void
start_again(struct service *service, struct generation *generation)
{
    const guint wait = service->wait_ms;
    log_warning("'%s' has ended: it is started again%s", service->role->name,
                wait >= WAIT_MAX_MS ? " in 10 s" : "");
    service->wait_ms = wait == 0 ? WAIT_FIRST_MS : MIN(wait * 2, WAIT_MAX_MS);
    remember(service, generation);
    timer_set(service->again, wait);
}

/* ---- the next one ---- */

gboolean
service_prepare(struct service *service, struct generation *generation, GError **error)
{
    if (service->next != NULL)
        let_end(service, &service->next);
    evtimer_del(service->again);
    service->switches = FALSE;
    service->next = start(service, generation, generation->lenient, error);
    return service->next != NULL;
}

gboolean
service_is_prepared(const struct service *service)
{
    return service->next != NULL && process_state(service->next) == PROCESS_PREPARED;
}

void
service_switch(struct service *service)
{
    if (service->serving != NULL)
        remember(service, process_generation(service->serving));
    service->switches = TRUE;
    take_turn(service);
}

void
service_abandon(struct service *service)
{
    if (service->next != NULL)
        let_end(service, &service->next);
    service->switches = FALSE;
    resume(service); /* what had died, or made room */
}

void
service_return(struct service *service, struct generation *generation)
{
    g_autoptr(GError) error = NULL;
    const struct generation *now =
        service->serving != NULL ? process_generation(service->serving) : service->lost;
    if (service->stops || now == generation)
        return;
    if (service->serving == NULL) {
        start_again(service, generation);
    } else if (service_prepare(service, generation, &error)) {
        service_switch(service);
    } else {
        log_error("%s", error->message);
    }
}

void
service_retire(struct service *service)
{
    evtimer_del(service->again);
    g_clear_pointer(&service->lost, generation_free);
    if (service->next != NULL)
        let_end(service, &service->next);
    if (service->serving != NULL)
        leave(service);
}

void
service_stop(struct service *service)
{
    service->stops = TRUE;
    service_retire(service);
}

gboolean
service_has_ended(const struct service *service)
{
    return service->serving == NULL && service->next == NULL && service->ending->len == 0;
}

/* ---- the whole ---- */

gboolean
service_send(struct service *service, enum message_kind kind, const void *data, gsize size)
{
    if (service->serving != NULL)
        process_send(service->serving, kind, data, size);
    return service->serving != NULL;
}

struct service *
service_new(struct event_base *events, const struct child_role *role,
            const struct service_ears *ears)
{
    struct service *service = g_new0(struct service, 1);
    service->events = events;
    service->role = role;
    service->ears = *ears;
    service->ending = g_ptr_array_new();
    service->again = evtimer_new(events, is_time, service);
    return service;
}

void
service_free(struct service *service)
{
    if (service == NULL)
        return;
    process_free(service->serving);
    process_free(service->next);
    for (guint i = 0; i < service->ending->len; i++)
        process_free(service->ending->pdata[i]);
    g_ptr_array_unref(service->ending);
    event_free(service->again);
    generation_free(service->lost);
    g_free(service);
}

gboolean
service_is_wanted(const struct service *service, const struct config *config)
{
    return service->role->wanted(config);
}

const char *
service_name(const struct service *service)
{
    return service->role->name;
}

const struct process *
service_process(const struct service *service)
{
    return service->serving;
}

guint
service_restarts(const struct service *service)
{
    return service->restarts;
}
