#include "netsvc/parent/role.h"

#include "lib/base/log.h"
#include "netsvc/parent/questions.h"
#include "netsvc/roles.h"

#include <string.h>

#define FORGET_SECONDS 4 /* without a failover child: before the address is lost, after 6 */

static gboolean
says_it(const struct world *world, const struct service *service)
{
    return service == world->services[ROLE_FAILOVER];
}

static void
tell_role(struct world *world)
{
    for (guint i = 0; i < WORLD_SERVICES; i++)
        service_send(world->services[i], MESSAGE_ROLE, &world->state, sizeof world->state);
    questions_changed(world);
}

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

void
role_begin(struct world *world)
{
    const gboolean is_said = failover_role.wanted(world->next->config);
    world->state.role = is_said ? TASK_WAIT : TASK_ALONE;
    world->forgotten = evtimer_new(world->events, forget_role, world);
}

void
role_take(struct world *world, guint service, const void *data, gsize size)
{
    const guint32 before = world->state.role;
    if (!says_it(world, world->services[service]) || size != sizeof world->state)
        return;
    memcpy(&world->state, data, size);
    if (world->state.role >= TASK_ROLES)
        world->state.role = TASK_WAIT;
    if (world->state.role != before)
        log_notice("this node is %s", task_role_name(world->state.role));
    tell_role(world);
}

void
role_serves(struct world *world, struct service *service)
{
    service_send(service, MESSAGE_ROLE, &world->state, sizeof world->state);
    if (says_it(world, service))
        event_del(world->forgotten);
}

void
role_lost(struct world *world, const struct service *service)
{
    const struct timeval limit = {.tv_sec = FORGET_SECONDS};
    if (says_it(world, service))
        event_add(world->forgotten, &limit);
}
