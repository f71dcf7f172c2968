#include "netsvc/web/acme/validate/addresses.h"

#include "netsvc/web/acme/validate/lookup.h"

#include <arpa/inet.h>

struct addresses {
    const struct world *world;
    char *host;
    guint16 port;
    struct lookup *lookup; /* of A, then of AAAA */
    gboolean second;
    struct event *ended;
    GArray *found;   /* struct config_peer */
    char *forbidden; /* one that it has, and that is not ours to reach */
    GError *error;
    addresses_done done;
    gpointer context;
};

static void
on_ended(evutil_socket_t fd, short what, void *context)
{
    struct addresses *self = context;
    (void)fd;
    (void)what;
    if (self->found->len > 0) {
        self->done(self->context, self->found, NULL);
        return;
    }
    if (self->error == NULL && self->forbidden != NULL)
        problem_set(&self->error, PROBLEM_REJECTED_IDENTIFIER,
                    "'%s' has the address %s, which is outside the networks of acme_networks",
                    self->host, self->forbidden);
    else if (self->error == NULL)
        problem_set(&self->error, PROBLEM_DNS, "'%s' has no address", self->host);
    self->done(self->context, NULL, self->error);
}

static void
add(struct addresses *self, const char *text)
{
    struct config_peer peer = {0};
    if (!policy_address(text, self->port, &peer.address, &peer.size))
        return;
    if (!policy_reaches(self->world->policy, &peer.address)) {
        g_free(self->forbidden);
        self->forbidden = g_strdup(text);
    } else if (self->found->len < ADDRESSES_MAX) {
        g_array_append_val(self->found, peer);
    }
}

static void
answered(gpointer context, const GPtrArray *values, const GError *error)
{
    struct addresses *self = context;
    const gsize size = self->second ? 16 : 4;
    for (guint i = 0; values != NULL && i < values->len; i++) {
        char text[INET6_ADDRSTRLEN];
        gsize has;
        const void *bytes = g_bytes_get_data(values->pdata[i], &has);
        if (has == size && inet_ntop(self->second ? AF_INET6 : AF_INET, bytes, text, sizeof text))
            add(self, text);
    }
    if (error != NULL && self->error == NULL)
        self->error = g_error_copy(error);
    lookup_free(g_steal_pointer(&self->lookup));
    if (self->second || error != NULL) {
        event_active(self->ended, EV_TIMEOUT, 0);
        return;
    }
    self->second = TRUE;
    self->lookup = lookup_start(self->world, self->host, LDNS_RR_TYPE_AAAA, answered, self);
}

struct addresses *
addresses_start(const struct world *world, const char *host, guint16 port, addresses_done done,
                gpointer context)
{
    struct addresses *self = g_new0(struct addresses, 1);
    struct in6_addr ignored;
    self->world = world;
    self->host = g_strdup(host);
    self->port = port;
    self->done = done;
    self->context = context;
    self->found = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    self->ended = evtimer_new(world->events, on_ended, self);
    if (inet_pton(AF_INET, host, &ignored) == 1 || inet_pton(AF_INET6, host, &ignored) == 1) {
        add(self, host);
        event_active(self->ended, EV_TIMEOUT, 0);
    } else {
        self->lookup = lookup_start(world, host, LDNS_RR_TYPE_A, answered, self);
    }
    return self;
}

void
addresses_free(struct addresses *self)
{
    if (self == NULL)
        return;
    lookup_free(self->lookup);
    event_free(self->ended);
    g_array_unref(self->found);
    g_clear_error(&self->error);
    g_free(self->forbidden);
    g_free(self->host);
    g_free(self);
}
