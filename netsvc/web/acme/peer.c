/* The other node: its messages, and when there is something for it. */
#include "netsvc/web/acme/inside.h"

static void
send_to_other(gpointer context, const void *data, gsize size)
{
    struct acme *acme = context;
    child_tell_peer(acme->child, data, size);
}

static void
note_change(gpointer context)
{
    struct acme *acme = context;
    event_active(acme->changed, EV_TIMEOUT, 0);
}

static void
has_changed(evutil_socket_t fd, short what, void *context)
{
    struct acme *acme = context;
    (void)fd;
    (void)what;
    twin_changed(acme->twin);
}

static void
remind(evutil_socket_t fd, short what, void *context)
{
    struct acme *acme = context;
    (void)fd;
    (void)what;
    twin_remind(acme->twin);
}

void
acme_role(struct acme *acme, const struct task_state *state)
{
    twin_role(acme->twin, state);
}

void
acme_take(struct acme *acme, const void *data, gsize size)
{
    twin_take(acme->twin, data, size);
}

void
peer_begin(struct acme *acme)
{
    const struct twin_means means = {send_to_other, acme};
    const struct timeval interval = {.tv_sec = TWIN_SECONDS};
    acme->twin = twin_new(acme->ledger, &means);
    acme->changed = evtimer_new(child_events(acme->child), has_changed, acme);
    acme->reminding = event_new(child_events(acme->child), -1, EV_PERSIST, remind, acme);
    event_add(acme->reminding, &interval);
    ledger_watch(acme->ledger, note_change, acme);
}

void
peer_end(struct acme *acme)
{
    if (acme->twin == NULL)
        return;
    event_free(acme->changed);
    event_free(acme->reminding);
    twin_free(acme->twin);
}
