#include "netsvc/parent/parent.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/parent/change.h"
#include "netsvc/parent/folders.h"
#include "netsvc/parent/last_good.h"
#include "netsvc/parent/pair.h"
#include "netsvc/parent/privileges.h"
#include "netsvc/parent/questions.h"
#include "netsvc/parent/role.h"
#include "netsvc/parent/task/hooks.h"
#include "netsvc/parent/task/replicator.h"
#include "netsvc/parent/task/tasks.h"
#include "netsvc/roles.h"

#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* The middle one is the usual one; a child's end comes after its last words. */
#define PRIORITIES 3

/* ---- what services tell ---- */

static guint
number_of(const struct world *world, const struct service *service)
{
    guint i = 0;
    while (world->services[i] != service)
        i++;
    return i;
}

static void
prepared(void *context, struct service *service)
{
    (void)service;
    change_prepared(context);
}

static void
refused(void *context, struct service *service, const char *refusal, gboolean prepared)
{
    struct world *world = context;
    g_autofree char *message =
        refusal != NULL ? g_strdup(refusal)
                        : g_strdup_printf("'%s' has ended before it served", service_name(service));
    if (world->next != NULL)
        change_failed(world, message, prepared || refusal == NULL ? FAIL_FAILED : FAIL_USAGE);
    else
        log_error("'%s' cannot serve: %s", service_name(service), message);
}

static struct service *
find_service(const struct world *world, const char *name)
{
    for (guint i = 0; i < WORLD_SERVICES; i++)
        if (strcmp(service_name(world->services[i]), name) == 0)
            return world->services[i];
    return NULL;
}

static void
serves(void *context, struct service *service)
{
    struct world *world = context;
    log_info("'%s' serves (process %d)", service_name(service),
             process_pid(service_process(service)));
    role_serves(world, service);
    service_send(find_service(world, "dhcp"), MESSAGE_TELL_NAMES, NULL, 0);
    questions_changed(world);
    change_serves(world);
}

static void
take(void *context, struct service *service, enum message_kind kind, const void *data, gsize size)
{
    struct world *world = context;
    guint number = number_of(world, service);
    if (kind == MESSAGE_TASK || kind == MESSAGE_DONE)
        tasks_take(world->tasks, number, kind, data, size);
    else if (kind == MESSAGE_ROLE)
        role_take(world, number, data, size);
    else if (kind == MESSAGE_ANSWER)
        questions_answered(world, number, data, size);
    else if (kind == MESSAGE_ALERT)
        questions_alert(world, number, data, size);
    else if (kind == MESSAGE_NAMES && size % sizeof(struct message_name) == 0)
        service_send(find_service(world, "dns"), MESSAGE_NAMES, data, size);
}

static void
lost(void *context, struct service *service)
{
    struct world *world = context;
    role_lost(world, service);
    questions_lost(world, number_of(world, service));
    tasks_lost(world->tasks, number_of(world, service));
    questions_forget_alerts(world, number_of(world, service));
    questions_changed(world);
}

static void
links_changed(void *context)
{
    change_links(context);
}

static const struct sockets *
sockets_now(void *context)
{
    return ((struct world *)context)->sockets;
}

static const struct task_state *
role_now(void *context)
{
    return &((struct world *)context)->state;
}

static void
clock_judged(void *context, const char *alert)
{
    questions_own_alert(context, "clock", alert != NULL ? alert : "");
}

/* ---- signals ---- */

static void
must_end(evutil_socket_t signal, short what, void *context)
{
    struct world *world = context;
    (void)signal;
    (void)what;
    if (world->ending)
        return;
    world->ending = TRUE;
    sd_notify(0, "STOPPING=1");
    for (guint i = 0; i < WORLD_SERVICES; i++)
        service_stop(world->services[i]);
    event_base_loopbreak(world->events);
}

static void
must_reload(evutil_socket_t signal, short what, void *context)
{
    (void)signal;
    (void)what;
    change_reload(context);
}

static void
is_alive(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    sd_notify(0, "WATCHDOG=1");
}

static void
has_changed(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    questions_publish(context);
}

static void
listen_to_signals(struct world *world)
{
    guint64 microseconds = 0;
    world->terminate = evsignal_new(world->events, SIGTERM, must_end, world);
    world->interrupt = evsignal_new(world->events, SIGINT, must_end, world);
    world->hang_up = evsignal_new(world->events, SIGHUP, must_reload, world);
    event_add(world->terminate, NULL);
    event_add(world->interrupt, NULL);
    event_add(world->hang_up, NULL);
    world->changed = event_new(world->events, -1, 0, has_changed, world);
    if (sd_watchdog_enabled(0, &microseconds) <= 0)
        return;
    const gint64 half = (gint64)(microseconds / 2);
    const struct timeval interval = {half / G_USEC_PER_SEC, half % G_USEC_PER_SEC};
    world->watchdog = event_new(world->events, -1, EV_PERSIST, is_alive, world);
    event_add(world->watchdog, &interval);
}

/* ---- the whole ---- */

static void
make_services(struct world *world)
{
    const struct service_ears ears = {prepared, refused,     serves,   take,
                                      lost,     sockets_now, role_now, world};
    G_STATIC_ASSERT(G_N_ELEMENTS(roles) == WORLD_SERVICES);
    role_begin(world);
    for (guint i = 0; i < WORLD_SERVICES; i++) {
        world->services[i] = service_new(world->events, roles[i], &ears);
        g_queue_init(&world->questions[i]);
    }
}

static void
wait_for_end(struct world *world, const struct service *service)
{
    while (!service_has_ended(service))
        event_base_loop(world->events, EVLOOP_ONCE);
}

/* Clients go to the other node, or find nobody, before anything else takes its time. */
static void
fence_off(struct world *world)
{
    g_autoptr(GError) error = NULL;
    wait_for_end(world, find_service(world, "address"));
    if (world->started && !pair_fence(world->current->config, &error))
        log_error("%s", error->message);
}

static void
drain(struct world *world)
{
    fence_off(world);
    for (guint i = 0; i < WORLD_SERVICES; i++)
        wait_for_end(world, world->services[i]);
}

static gboolean
run(struct world *world, GError **error)
{
    const struct config *config = world->next->config;
    world->links = links_new(world->events, links_changed, world, error);
    g_autofree char *folder = g_path_get_dirname(config->control);
    if (world->links == NULL || !folders_make(folder, error) || !folders_make(config->state, error))
        return FALSE;
    world->tasks = tasks_new(world);
    world->hooks = hooks_new(world);
    world->replicator = replicator_new(world);
    world->timekeeper = timekeeper_new(world->events, config->state, NULL, clock_judged, world);
    world->control = control_new(world->events, config->control, questions_ask, world, error);
    if (world->control == NULL)
        return FALSE;
    listen_to_signals(world);
    if (!change_start(world, error))
        return FALSE;
    event_base_dispatch(world->events);
    world->ending = TRUE;
    for (guint i = 0; i < WORLD_SERVICES; i++) {
        service_stop(world->services[i]);
        questions_lost(world, i);
    }
    questions_reloaded(world);
    drain(world);
    if (world->failure != NULL)
        g_propagate_error(error, g_steal_pointer(&world->failure));
    return *error == NULL;
}

static void
free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void
clear(struct world *world)
{
    hooks_free(world->hooks);
    replicator_free(world->replicator);
    tasks_free(world->tasks);
    control_free(world->control);
    links_free(world->links);
    timekeeper_free(world->timekeeper);
    for (guint i = 0; i < WORLD_SERVICES; i++)
        service_free(world->services[i]);
    free_event(world->forgotten);
    free_event(world->terminate);
    free_event(world->interrupt);
    free_event(world->hang_up);
    free_event(world->watchdog);
    free_event(world->changed);
    sockets_free(world->sockets);
    sockets_free(world->before);
    generation_free(world->current);
    generation_free(world->next);
    g_hash_table_unref(world->alerts);
    g_ptr_array_unref(world->reloading);
    g_free(world->problem);
    g_free(world->fallen_back);
    g_free(world->published);
    event_base_free(world->events);
}

/* After a boot what was served before it is served again, if the file has a mistake. */
static struct generation *
read_first(struct world *world, const struct command_line *line, GError **error)
{
    const char *state = options_string(line, "state");
    g_autoptr(GError) mistake = NULL;
    const gboolean booted = last_good_is_older(state);
    struct generation *first = generation_read(line, &mistake);
    if (first == NULL && booted) {
        g_autoptr(GBytes) text = last_good_text(state);
        first = text != NULL ? generation_with(line, text, NULL) : NULL;
    }
    if (first == NULL) {
        g_propagate_error(error, g_steal_pointer(&mistake));
        return NULL;
    }
    first->lenient = booted;
    if (mistake != NULL) {
        g_autofree char *message = fail_message(mistake->message);
        log_error("%s; what was served before the machine started is served on", message);
        world->fallen_back = g_strdup(mistake->message);
    }
    return first;
}

gboolean
parent_run(const struct command_line *line, GError **error)
{
    struct world world = {.since = g_get_real_time() / G_USEC_PER_SEC};
    log_never_wait();
    struct generation *first = read_first(&world, line, error);
    if (first == NULL)
        return FALSE;
    if (!privileges_limit(error)) {
        generation_free(first);
        return FALSE;
    }
    world.current = generation_use(first); /* so that there always is one */
    world.next = first;
    world.events = event_base_new();
    event_base_priority_init(world.events, PRIORITIES);
    world.alerts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    world.reloading = g_ptr_array_new();
    make_services(&world);
    gboolean done = run(&world, error);
    clear(&world);
    return done;
}
