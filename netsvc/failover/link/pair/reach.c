#include "netsvc/failover/link/pair/reach.h"

#include <string.h>

struct call {
    struct reach *reach;
    const struct config_peer *address;
    struct session *session; /* NULL: it is over */
    gboolean reached, again;
    char *why;
};

struct reach {
    const struct session_world *world;
    struct call calls[WIRE_PATHS];
    guint n, going;
    enum wire_purpose purpose;
    gboolean any;
    guint8 pin[IDENTITY_PIN_SIZE];
    struct session *kept;
    reach_done done;
    void *context;
};

static void
tell(struct reach *reach)
{
    struct reach_result result = {.n = reach->n, .session = reach->kept};
    if (reach->going > 0)
        return;
    for (guint i = 0; i < reach->n; i++) {
        result.reached[i] = reach->calls[i].reached;
        result.why[i] = reach->calls[i].why;
    }
    reach->kept = NULL;
    reach->done(reach->context, &result);
}

static void call_address(struct call *call);

static void
on_gone(void *context, struct session *session, const char *why)
{
    struct call *call = context;
    if (session == call->reach->kept) { /* others are waited for still */
        call->reach->kept = NULL;
        session_free(session);
        return;
    }
    session_free(session);
    call->session = NULL;
    if (!call->again) { /* of a call that a lost packet spoils nobody shall look for a firewall */
        call->again = TRUE;
        call_address(call);
        return;
    }
    call->why = g_strdup(why);
    call->reach->going--;
    tell(call->reach);
}

static void
on_greeted(void *context, struct session *session)
{
    struct call *call = context;
    struct reach *reach = call->reach;
    call->session = NULL;
    call->reached =
        session_hello(session)->purpose == reach->purpose &&
        (reach->any || memcmp(session_pin(session), reach->pin, sizeof reach->pin) == 0);
    if (!call->reached)
        call->why = g_strdup("somebody else answers there");
    if (call->reached && reach->purpose == WIRE_PAIR && reach->kept == NULL)
        reach->kept = session;
    else
        session_free(session);
    reach->going--;
    tell(reach);
}

static void
on_take(void *context, struct session *session, guint8 kind, const guint8 *data, gsize size)
{
    (void)context;
    (void)session;
    (void)kind;
    (void)data;
    (void)size;
}

static void
call_address(struct call *call)
{
    const struct session_ears ears = {
        .greeted = on_greeted, .take = on_take, .gone = on_gone, .context = call};
    call->session = session_call(call->reach->world, call->address, call->reach->purpose, &ears);
}

struct reach *
reach_new(const struct session_world *world, const GArray *addresses, enum wire_purpose purpose,
          const guint8 *pin, reach_done done, void *context)
{
    struct reach *reach = g_new0(struct reach, 1);
    reach->n = reach->going = MIN(addresses->len, WIRE_PATHS);
    reach->world = world;
    reach->purpose = purpose;
    reach->done = done;
    reach->context = context;
    reach->any = pin == NULL;
    if (pin != NULL)
        memcpy(reach->pin, pin, sizeof reach->pin);
    for (guint i = 0; i < reach->n; i++) {
        struct call *call = &reach->calls[i];
        call->reach = reach;
        call->address = &g_array_index(addresses, struct config_peer, i);
        call_address(call);
    }
    return reach;
}

void
reach_free(struct reach *reach)
{
    if (reach == NULL)
        return;
    session_free(reach->kept);
    for (guint i = 0; i < reach->n; i++) {
        session_free(reach->calls[i].session);
        g_free(reach->calls[i].why);
    }
    g_free(reach);
}
