#include "netsvc/failover/link/pair/probe.h"

#include <string.h>

struct call {
    struct probe *probe;
    struct session *session; /* NULL: it is over */
    gboolean reached;
    char *why;
};

struct probe {
    struct call calls[WIRE_PATHS];
    guint n, going;
    enum wire_purpose purpose;
    gboolean any;
    guint8 pin[IDENTITY_PIN_SIZE];
    struct session *kept;
    probe_done done;
    void *context;
};

static void
tell(struct probe *probe)
{
    struct probe_result result = {.n = probe->n, .session = probe->kept};
    if (probe->going > 0)
        return;
    for (guint i = 0; i < probe->n; i++) {
        result.reached[i] = probe->calls[i].reached;
        result.why[i] = probe->calls[i].why;
    }
    probe->kept = NULL;
    probe->done(probe->context, &result);
}

static void
on_gone(void *context, struct session *session, const char *why)
{
    struct call *call = context;
    if (session == call->probe->kept) { /* others are waited for still */
        call->probe->kept = NULL;
        session_free(session);
        return;
    }
    session_free(session);
    call->session = NULL;
    call->why = g_strdup(why);
    call->probe->going--;
    tell(call->probe);
}

static void
on_greeted(void *context, struct session *session)
{
    struct call *call = context;
    struct probe *probe = call->probe;
    call->session = NULL;
    call->reached =
        session_hello(session)->purpose == probe->purpose &&
        (probe->any || memcmp(session_pin(session), probe->pin, sizeof probe->pin) == 0);
    if (!call->reached)
        call->why = g_strdup("somebody else answers there");
    if (call->reached && probe->purpose == WIRE_PAIR && probe->kept == NULL)
        probe->kept = session;
    else
        session_free(session);
    probe->going--;
    tell(probe);
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

struct probe *
probe_new(const struct session_world *world, const GArray *addresses, enum wire_purpose purpose,
          const guint8 *pin, probe_done done, void *context)
{
    struct probe *probe = g_new0(struct probe, 1);
    probe->n = probe->going = MIN(addresses->len, WIRE_PATHS);
    probe->purpose = purpose;
    probe->done = done;
    probe->context = context;
    probe->any = pin == NULL;
    if (pin != NULL)
        memcpy(probe->pin, pin, sizeof probe->pin);
    for (guint i = 0; i < probe->n; i++) {
        struct call *call = &probe->calls[i];
        const struct session_ears ears = {
            .greeted = on_greeted, .take = on_take, .gone = on_gone, .context = call};
        call->probe = probe;
        call->session =
            session_call(world, &g_array_index(addresses, struct config_peer, i), purpose, &ears);
    }
    return probe;
}

void
probe_free(struct probe *probe)
{
    if (probe == NULL)
        return;
    session_free(probe->kept);
    for (guint i = 0; i < probe->n; i++) {
        session_free(probe->calls[i].session);
        g_free(probe->calls[i].why);
    }
    g_free(probe);
}
