#include "netsvc/parent/world.h"

#include "netsvc/parent/last_good.h"
#include "netsvc/parent/parent.h"

#include "lib/base/account.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/parent/hooks.h"
#include "netsvc/parent/pair.h"
#include "netsvc/parent/privileges.h"
#include "netsvc/parent/replicator.h"
#include "netsvc/parent/tasks.h"
#include "netsvc/roles.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define FORGET_SECONDS 4 /* without a failover child: before the address is lost, after 6 */
#define PRIORITIES                                                                                 \
    3 /* the middle one is the usual one; a child's end comes after its last words                 \
       */

/* ---- folders ---- */

static gboolean
make_folder(const char *path, mode_t mode, const struct account *owner, GError **error)
{
    if (g_mkdir_with_parents(path, (int)mode) != 0)
        return fail_errno(error, errno, "cannot make '%s'", path);
    if (owner == NULL)
        return TRUE;
    int cause = account_give(owner, path);
    return cause == 0 || fail_errno(error, cause, "cannot give '%s' to the user with number %u",
                                    path, owner->uid);
}

/* The state folder stays root's, so that no child can put another's away; in it one for each. */
static gboolean
make_folders(const struct config *config, gboolean tell, GError **error)
{
    struct account account;
    gboolean root = geteuid() == 0;
    if (root && tell && !account_find(config->user, &account))
        log_warning("there is no user '%s': what serves becomes 'nobody'; `systemd-sysusers` makes "
                    "that user",
                    config->user);
    if (root && !child_account(config, &account))
        return fail_set(error, FAIL_FAILED, "there is no user 'nobody' either");
    if (!make_folder(config->state, 0755, NULL, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_autofree char *folder = g_build_filename(config->state, roles[i]->name, NULL);
        if (!make_folder(folder, 0700, root ? &account : NULL, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- changes ---- */

/* With a pair the service address comes and goes, and sockets wait for it. */
static void
look_at_pair(struct world *world)
{
    const struct config *config = world->current->config;
    links_ignore(world->links, config->own != NULL ? config->service_address : 0);
    if (config->own == NULL)
        pair_forget();
}

/* Well or not: who waits for it is told, and what has changed meanwhile is looked at; unless that
 * is what could not be served, and would not be the next time. */
static void
change_over(struct world *world, gboolean looks)
{
    sd_notify(0, "READY=1");
    questions_reloaded(world);
    questions_changed(world);
    if (looks)
        links_look(world->links);
}

/* What served before serves on: also where some have taken over already. */
static void
return_to_current(struct world *world)
{
    for (guint i = 0; i < WORLD_SERVICES; i++) {
        if (service_is_wanted(world->services[i], world->current->config))
            service_return(world->services[i], world->current);
        else
            service_retire(world->services[i]);
    }
}

static void
change_failed(struct world *world, const char *message, int code)
{
    g_autofree char *text = fail_message(message);
    g_autofree char *mistake = fail_line(text, fail_hint(message));
    const gboolean was_of_links = world->next != NULL && world->next->of != NULL;
    if (world->before != NULL) {
        sockets_free(world->sockets);
        world->sockets = g_steal_pointer(&world->before);
    }
    for (guint i = 0; i < WORLD_SERVICES; i++)
        service_abandon(world->services[i]);
    g_clear_pointer(&world->next, generation_free);
    g_free(world->problem);
    world->problem = g_strdup(message);
    if (!world->started) {
        g_set_error_literal(&world->failure, FAIL, code, message);
        event_base_loopbreak(world->events);
        return;
    }
    return_to_current(world);
    log_error("%s; what served before serves on", mistake);
    change_over(world, !was_of_links);
}

static void
tell_served(const struct world *world)
{
    const struct config *config = world->current->config;
    g_autoptr(GString) what = g_string_new(NULL);
    if (config->dns.enabled)
        g_string_append(what, "names");
    if (config->dhcp.enabled)
        g_string_append_printf(what, "%saddresses in %u subnet%s", what->len > 0 ? " and " : "",
                               config->dhcp.subnets->len,
                               config->dhcp.subnets->len == 1 ? "" : "s");
    log_notice("serving %s", what->len > 0 ? what->str : "nothing");
    for (guint i = 0; i < world->sockets->absent->len; i++)
        log_warning("there is no %s yet: it is served as soon as there is",
                    (const char *)world->sockets->absent->pdata[i]);
}

/* All that is wanted serves what was read. */
static void
change_done(struct world *world)
{
    generation_free(world->current);
    world->current = g_steal_pointer(&world->next);
    g_clear_pointer(&world->before, sockets_free);
    g_free(world->problem);
    world->problem = g_steal_pointer(&world->fallen_back);
    world->started = TRUE;
    if (world->problem == NULL)
        last_good_keep(world->current->config->state, command_configuration(world->current->line));
    timekeeper_look(world->timekeeper, world->current->config->state);
    look_at_pair(world);
    tell_served(world);
    change_over(world, TRUE);
}

static gboolean
serves_next(const struct world *world, guint i)
{
    const struct process *process = service_process(world->services[i]);
    return !service_is_wanted(world->services[i], world->next->config) ||
           (process != NULL && process_generation(process) == world->next);
}

static void
look_whether_done(struct world *world)
{
    for (guint i = 0; i < WORLD_SERVICES; i++)
        if (!serves_next(world, i))
            return;
    change_done(world);
}

/* Each one that is wanted is prepared: now all of them take over. */
static void
look_whether_prepared(struct world *world)
{
    for (guint i = 0; i < WORLD_SERVICES; i++)
        if (service_is_wanted(world->services[i], world->next->config) &&
            !service_is_prepared(world->services[i]))
            return;
    for (guint i = 0; i < WORLD_SERVICES; i++) {
        if (service_is_wanted(world->services[i], world->next->config))
            service_switch(world->services[i]);
        else
            service_retire(world->services[i]);
    }
    look_whether_done(world);
}

/* Of `next`, at these sockets, which become the world's. */
static void
begin_change(struct world *world, struct sockets *sockets)
{
    g_autoptr(GError) error = NULL;
    struct config *config = world->next->config;
    if (world->before == NULL)
        world->before = world->sockets;
    else
        sockets_free(world->sockets); /* of a change that did not come to its end */
    world->sockets = sockets;
    make_folders(config, !world->started, &error);
    for (guint i = 0; i < WORLD_SERVICES && error == NULL; i++)
        if (service_is_wanted(world->services[i], config))
            service_prepare(world->services[i], world->next, &error);
    if (error != NULL)
        change_failed(world, error->message, fail_exit_code(error));
    else
        look_whether_prepared(world);
}

/* The sockets that are held by what serves: those before a change that is under way. */
static struct sockets *
open_sockets(const struct world *world, const struct config *config, GError **error)
{
    return sockets_open(config, world->before != NULL ? world->before : world->sockets, error);
}

void
parent_reload(struct world *world)
{
    g_autoptr(GError) error = NULL;
    struct sockets *sockets = NULL;
    if (world->ending || !world->started) {
        questions_reloaded(world);
        return;
    }
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
    g_clear_pointer(&world->next, generation_free);
    world->next = generation_read(world->current->line, &error);
    if (world->next != NULL)
        sockets = open_sockets(world, world->next->config, &error);
    if (sockets != NULL)
        begin_change(world, sockets);
    else
        change_failed(world, error->message, fail_exit_code(error));
}

/* The same configuration, at the sockets that it wants now. */
static void
links_changed(void *context)
{
    struct world *world = context;
    g_autoptr(GError) error = NULL;
    if (world->ending || !world->started || world->next != NULL)
        return;
    AUTO(sockets) *sockets = open_sockets(world, world->current->config, &error);
    if (sockets != NULL && sockets_equal(sockets, world->sockets)) {
        GPtrArray *absent = world->sockets->absent;
        world->sockets->absent = g_steal_pointer(&sockets->absent);
        sockets->absent = absent;
        questions_changed(world);
        return;
    }
    if (sockets != NULL)
        world->next = generation_again(world->current, &error);
    if (world->next == NULL) {
        log_warning("interfaces have changed, but %s", error->message);
        return;
    }
    log_notice("interfaces have changed");
    begin_change(world, g_steal_pointer(&sockets));
}

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
    struct world *world = context;
    (void)service;
    if (world->next != NULL)
        look_whether_prepared(world);
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
send_role(struct world *world, struct service *service)
{
    service_send(service, MESSAGE_ROLE, &world->state, sizeof world->state);
}

static void
serves(void *context, struct service *service)
{
    struct world *world = context;
    log_info("'%s' serves (process %d)", service_name(service),
             process_pid(service_process(service)));
    send_role(world, service);
    if (service == world->services[ROLE_FAILOVER])
        event_del(world->forgotten);
    service_send(find_service(world, "dhcp"), MESSAGE_TELL_NAMES, NULL, 0);
    questions_changed(world);
    if (world->next != NULL)
        look_whether_done(world);
}

static void
tell_role(struct world *world)
{
    for (guint i = 0; i < WORLD_SERVICES; i++)
        send_role(world, world->services[i]);
    questions_changed(world);
}

/* The failover child is gone for longer than a reload takes: the address is, too. */
static void
forget_role(evutil_socket_t fd, short what, void *context)
{
    struct world *world = context;
    (void)fd;
    (void)what;
    if (world->state.role == TASK_WAIT)
        return;
    log_warning("nothing says which role this node has: it waits");
    world->state.role = TASK_WAIT;
    tell_role(world);
}

/* By the failover child alone. */
static void
take_role(struct world *world, guint number, const void *data, gsize size)
{
    if (strcmp(service_name(world->services[number]), "failover") != 0 ||
        size != sizeof world->state)
        return;
    const guint32 before = world->state.role;
    memcpy(&world->state, data, size);
    if (world->state.role >= TASK_ROLES)
        world->state.role = TASK_WAIT;
    if (world->state.role != before)
        log_notice("this node is %s", task_role_name(world->state.role));
    tell_role(world);
}

static void
take(void *context, struct service *service, enum message_kind kind, const void *data, gsize size)
{
    struct world *world = context;
    guint number = number_of(world, service);
    if (kind == MESSAGE_TASK || kind == MESSAGE_DONE)
        tasks_take(world->tasks, number, kind, data, size);
    else if (kind == MESSAGE_ROLE)
        take_role(world, number, data, size);
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
    const struct timeval limit = {.tv_sec = FORGET_SECONDS};
    if (service == world->services[ROLE_FAILOVER])
        event_add(world->forgotten, &limit);
    questions_lost(world, number_of(world, service));
    tasks_lost(world->tasks, number_of(world, service));
    questions_forget_alerts(world, number_of(world, service));
    questions_changed(world);
}

static const struct sockets *
sockets_now(void *context)
{
    return ((struct world *)context)->sockets;
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
    parent_reload(context);
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
    world->forgotten = evtimer_new(world->events, forget_role, world);
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
    const struct child_role *failover = roles[ROLE_FAILOVER];
    /* until the failover child says which; where there is one, that is unknown at first */
    world->state.role = failover->wanted(world->next->config) ? TASK_WAIT : TASK_ALONE;
    const struct service_ears ears = {prepared, refused, serves, take, lost, sockets_now, world};
    G_STATIC_ASSERT(G_N_ELEMENTS(roles) == WORLD_SERVICES);
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
    if (world->links == NULL || !make_folder(folder, 0755, NULL, error) ||
        !make_folder(config->state, 0755, NULL, error))
        return FALSE;
    world->tasks = tasks_new(world);
    world->hooks = hooks_new(world);
    world->replicator = replicator_new(world);
    world->timekeeper = timekeeper_new(world->events, config->state, NULL, clock_judged, world);
    world->control = control_new(world->events, config->control, questions_ask, world, error);
    if (world->control == NULL)
        return FALSE;
    struct sockets *sockets = open_sockets(world, config, error);
    if (sockets == NULL)
        return FALSE;
    listen_to_signals(world);
    begin_change(world, sockets);
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
