/* sharing: see world.h. */
#include "netsvc/dns/world.h"

static guint32
now(gpointer context)
{
    (void)context;
    return (guint32)(g_get_monotonic_time() / G_USEC_PER_SEC);
}

static gboolean
may_hold(gpointer context, const struct name *name)
{
    const struct dns *dns = context;
    return update_may_hold(dns->update, holding_zones(dns->holding), name);
}

static void
send_to_other(gpointer context, const guint8 *data, gsize size)
{
    struct dns *dns = context;
    child_tell_peer(dns->child, data, size);
}

static void
changed(gpointer context, gboolean put, const struct name *name, const guint8 *rdata, gsize size)
{
    struct dns *dns = context;
    share_change(dns->share, put, name, rdata, size);
}

/* The process before this one is gone. */
static void
read_again(evutil_socket_t fd, short what, void *context)
{
    struct dns *dns = context;
    (void)fd;
    (void)what;
    share_read(dns->share);
    if (update_has_any(dns->update))
        share_write(dns->share);
}

void
sharing_begin(struct dns *dns)
{
    const struct timeval later = {.tv_sec = SHARE_AGAIN};
    const struct share_means means = {.texts = update_texts(dns->update),
                                      .folder = dns->folder,
                                      .boot_id = dns->boot_id,
                                      .now = now,
                                      .may_hold = may_hold,
                                      .send = send_to_other,
                                      .context = dns};
    dns->share = share_new(&means);
    update_watch(dns->update, changed, dns);
    share_read(dns->share);
    dns->again = evtimer_new(child_events(dns->child), read_again, dns);
    evtimer_add(dns->again, &later);
}

void
sharing_free(struct dns *dns)
{
    if (dns->again != NULL)
        event_free(dns->again);
    share_free(dns->share);
    g_free(dns->boot_id);
}

void
sharing_role(gpointer context, const struct task_state *state)
{
    struct dns *dns = context;
    share_peer(dns->share, state->peer != 0);
}

void
sharing_task(gpointer context, const struct child_task *task)
{
    static const char unknown[] = "dns does no such thing";
    struct dns *dns = context;
    const gboolean is_peer = strcmp(task->what, "peer") == 0;
    if (is_peer)
        share_take(dns->share, (const guint8 *)task->body, task->size);
    child_task_done(dns->child, task->number, is_peer, is_peer ? "" : unknown,
                    is_peer ? 0 : sizeof unknown - 1);
}
