#include "netsvc/parent/change.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/parent/folders.h"
#include "netsvc/parent/last_good.h"
#include "netsvc/parent/pair.h"
#include "netsvc/parent/questions.h"

#include <systemd/sd-daemon.h>

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

void
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

void
change_serves(struct world *world)
{
    if (world->next == NULL)
        return;
    for (guint i = 0; i < WORLD_SERVICES; i++)
        if (!serves_next(world, i))
            return;
    change_done(world);
}

void
change_prepared(struct world *world)
{
    if (world->next == NULL)
        return;
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
    change_serves(world);
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
    folders_make_all(config, !world->started, &error);
    for (guint i = 0; i < WORLD_SERVICES && error == NULL; i++)
        if (service_is_wanted(world->services[i], config))
            service_prepare(world->services[i], world->next, &error);
    if (error != NULL)
        change_failed(world, error->message, fail_exit_code(error));
    else
        change_prepared(world);
}

/* The sockets that are held by what serves: those before a change that is under way. */
static struct sockets *
open_sockets(const struct world *world, const struct config *config, GError **error)
{
    return sockets_open(config, world->before != NULL ? world->before : world->sockets, error);
}

gboolean
change_start(struct world *world, GError **error)
{
    struct sockets *sockets = open_sockets(world, world->next->config, error);
    if (sockets == NULL)
        return FALSE;
    begin_change(world, sockets);
    return TRUE;
}

void
change_reload(struct world *world)
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

void
change_links(struct world *world)
{
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
