#include "netsvc/dhcp/world.h"

#include "lib/base/log.h"
#include "netsvc/timer.h"

gboolean
other_node_lets_answer(const struct dhcp *dhcp)
{
    return dhcp->pair == NULL || partner_answers(dhcp->pair);
}

/* ---- ACKs that wait for its word ---- */

static void
on_words(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct dhcp *dhcp = context;
    waits_look(dhcp->waits, dhcp_ms());
    dhcp_settle(dhcp);
}

static void
watch_words(struct dhcp *dhcp)
{
    gint64 next = waits_next(dhcp->waits);
    if (next != G_MAXINT64 && !evtimer_pending(dhcp->words, NULL))
        timer_set(dhcp->words, (guint)MAX(next - dhcp_ms(), 0));
}

static void
send_after_word(void *context, guint link, const struct server_reply *reply)
{
    dhcp_send(context, link, reply);
}

void
other_node_committed(struct dhcp *dhcp)
{
    if (dhcp->pair == NULL)
        return;
    partner_committed(dhcp->pair);
    watch_words(dhcp);
}

/* ---- what both say ---- */

static void
send_to_other(void *context, const guint8 *data, gsize size)
{
    struct dhcp *dhcp = context;
    child_tell_peer(dhcp->child, data, size);
}

static gint64
partner_ms(void *context)
{
    (void)context;
    return dhcp_ms();
}

static void
hear_strange(void *context, const char *why)
{
    (void)context;
    log_warning("ignoring what the other node says of leases: %s", why);
}

static void
hear_double(void *context, const struct lease *kept, const struct lease *ended)
{
    struct dhcp *dhcp = context;
    doubles_note(dhcp->doubles, kept, ended);
}

void
other_node_second(struct dhcp *dhcp)
{
    if (dhcp->pair == NULL)
        return;
    partner_second(dhcp->pair);
    doubles_age(dhcp->doubles, dhcp->leases, dhcp_boot(dhcp));
}

void
other_node_role(struct dhcp *dhcp)
{
    const gboolean answered = other_node_lets_answer(dhcp);
    if (dhcp->pair == NULL || !dhcp->has_state)
        return;
    partner_role(dhcp->pair, &dhcp->state);
    if (answered && !other_node_lets_answer(dhcp)) {
        waits_drop(dhcp->waits);
        dhcp->n_waiting = 0;
    }
    dhcp_settle(dhcp);
}

void
other_node_open(struct dhcp *dhcp)
{
    const struct partner_world world = {.leases = dhcp->leases,
                                        .store = dhcp->store,
                                        .server = dhcp->server,
                                        .clock = &dhcp->clock,
                                        .milliseconds = partner_ms,
                                        .context = dhcp};
    const struct partner_ears ears = {
        .send = send_to_other, .conflict = hear_double, .strange = hear_strange, .context = dhcp};
    if (dhcp->config->other == NULL)
        return;
    dhcp->words = evtimer_new(child_events(dhcp->child), on_words, dhcp);
    dhcp->doubles = doubles_new(alerts_both_gave, dhcp);
    dhcp->pair = partner_new(&world, &ears);
    dhcp->waits = waits_new(dhcp->pair, dhcp->server, send_after_word, dhcp);
    other_node_role(dhcp);
}

void
other_node_take(struct dhcp *dhcp, const void *data, gsize size)
{
    partner_take(dhcp->pair, data, size);
    waits_look(dhcp->waits, dhcp_ms());
    dhcp_settle(dhcp);
}
