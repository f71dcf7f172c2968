#include "netsvc/dns/world.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/clock_floor.h"
#include "netsvc/dns/serve/udp.h"
#include "netsvc/dns/transfer/kept.h"

#include <errno.h>
#include <fcntl.h>

#define DRAIN_MS 20 /* between two looks whether all has been answered */

gsize
dns_serve(struct dns *dns, const struct asker *asker, const guint8 *wire, gsize size, guint8 *out)
{
    gsize room = serve_is_udp(asker) ? SERVE_UDP_OUT : DNS_TCP_MAX;
    return serve_packet(&dns->serve, asker, wire, size, out, room);
}

static gsize
take_packet(gpointer context, const struct asker *asker, const guint8 *wire, gsize size,
            guint8 *out)
{
    return dns_serve(context, asker, wire, size, out);
}

/* ---- what others tell ---- */

static void
zone_changed(gpointer context, struct zone *zone)
{
    struct dns *dns = context;
    if (dns->transfer != NULL)
        transfer_changed(dns->transfer, zone);
}

static void
tell(gpointer context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

static void
alert(gpointer context, const char *name, const char *text)
{
    struct dns *dns = context;
    child_alert(dns->child, name, "%s", text);
}

static gboolean
is_parent(gpointer context, const struct name *name)
{
    struct dns *dns = context;
    struct name_hashes hashes;
    name_hashes(name, &hashes);
    return zones_are_below(holding_zones(dns->holding), name, &hashes);
}

static enum answer_outcome
again(gpointer context, struct reply *reply, const struct answer_beyond *beyond)
{
    struct dns *dns = context;
    return answer_write(holding_zones(dns->holding), reply, beyond);
}

static const struct zone *
zone_named(gpointer context, const struct name *origin)
{
    struct dns *dns = context;
    return zones_named(holding_zones(dns->holding), origin);
}

static const struct journal *
journal_of(gpointer context, const struct name *origin)
{
    struct dns *dns = context;
    return holding_journal(dns->holding, origin);
}

static void
arrived(gpointer context, const struct config_zone *config, struct zone *zone)
{
    struct dns *dns = context;
    (void)config;
    holding_arrived(dns->holding, zone);
}

static void
expired(gpointer context, const struct config_zone *config)
{
    struct dns *dns = context;
    holding_expired(dns->holding, config);
}

static void
trouble(gpointer context, const struct config_zone *config, const char *text)
{
    struct dns *dns = context;
    g_autofree char *name = g_strdup_printf("zone %s", config->name);
    child_alert(dns->child, name, "%s", text != NULL ? text : "");
}

/* ---- with root's rights ---- */

static void
dns_free(struct dns *dns)
{
    if (dns == NULL)
        return;
    g_ptr_array_unref(dns->udp);
    transfer_free(dns->transfer);
    sharing_free(dns);
    update_free(dns->update);
    holding_free(dns->holding);
    if (dns->folder >= 0)
        close(dns->folder);
    g_free(dns);
}
AUTO_DEFINE(dns)

static void
free_udp(gpointer udp)
{
    udp_free(udp);
}

static gboolean
open_folder(struct dns *dns, const char *state, GError **error)
{
    g_autofree char *path = g_build_filename(state, dns_role.name, NULL);
    dns->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dns->folder >= 0 || fail_errno(error, errno, "cannot open '%s'", path);
}

static gpointer
dns_open(struct child *child, GError **error)
{
    const struct config *config = child_config(child);
    AUTO(dns) *dns = g_new0(struct dns, 1);
    dns->child = child;
    dns->udp = g_ptr_array_new_with_free_func(free_udp);
    if (!open_folder(dns, config->state, error))
        return NULL;
    dns->descriptors =
        descriptors_share(&config->dns, child_descriptors(child, descriptors_wanted(&config->dns)));
    const gint64 floor = clock_floor_read(config->state);
    dns->clock_is_sure = g_get_real_time() / G_USEC_PER_SEC >= floor;
    const struct holding_role role = {.config = config,
                                      .folder = dns->folder,
                                      .clock_floor = floor,
                                      .lenient = child_is_lenient(child),
                                      .changed = zone_changed,
                                      .tell = tell,
                                      .trouble = trouble,
                                      .context = dns};
    dns->holding = holding_new(&role, error);
    if (dns->holding == NULL)
        return NULL;
    dns->update = update_new(&config->dns);
    dns->boot_id = kept_boot_id();
    dns->transfer = transfer_open(&config->dns, error);
    return dns->transfer != NULL ? g_steal_pointer(&dns) : NULL;
}

/* ---- in the sandbox ---- */

static gboolean
begin_transfers(struct dns *dns, GError **error)
{
    const struct transfer_role role = {.config = &child_config(dns->child)->dns,
                                       .events = child_events(dns->child),
                                       .folder = dns->folder,
                                       .clock_is_sure = dns->clock_is_sure,
                                       .context = dns,
                                       .zone = zone_named,
                                       .journal = journal_of,
                                       .arrived = arrived,
                                       .expired = expired,
                                       .trouble = trouble};
    return transfer_begin(dns->transfer, &role, error);
}

static void
begin_sockets(struct dns *dns)
{
    const GArray *sockets = child_sockets(dns->child);
    const struct udp_role udp = {take_packet, dns};
    const struct tcp_role tcp = {.serve = take_packet,
                                 .context = dns,
                                 .connections = dns->descriptors.connections,
                                 .per_client =
                                     MIN(dns->descriptors.connections / 2 + 1, TCP_PER_CLIENT)};
    dns->tcp = tcp_new(child_events(dns->child), &tcp);
    for (guint i = 0; i < sockets->len; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        if (socket->what.kind == MESSAGE_DNS_UDP)
            g_ptr_array_add(dns->udp, udp_new(child_events(dns->child), socket->fd, &udp));
        else if (socket->what.kind == MESSAGE_DNS_TCP)
            tcp_listen(dns->tcp, socket->fd);
    }
}

static void
begin_admission(struct dns *dns)
{
    g_autoptr(GError) error = NULL;
    admission_init(&dns->admission, &child_config(dns->child)->dns);
    if (!admission_open(&dns->admission, dns->folder, &error))
        log_warning("cookies will not be good for longer than this process: %s", error->message);
}

static gboolean
dns_begin(gpointer self, GError **error)
{
    struct dns *dns = self;
    const struct config_dns *config = &child_config(dns->child)->dns;
    const struct forward_world world = {.events = child_events(dns->child),
                                        .is_parent = is_parent,
                                        .again = again,
                                        .questions = dns->descriptors.questions,
                                        .alert = alert,
                                        .context = dns};
    begin_admission(dns);
    dns->forward = forward_new(&world, config);
    dns->serve = (struct serve){.zones = holding_zones(dns->holding),
                                .options = {.nsid = config->nsid},
                                .parts = parts,
                                .context = dns};
    if (!begin_transfers(dns, error))
        return FALSE;
    sharing_begin(dns);
    begin_sockets(dns);
    holding_begin(dns->holding, child_events(dns->child));
    return TRUE;
}

static void
dns_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    struct dns *dns = self;
    if (kind == MESSAGE_QUESTION)
        questions_answer(dns, (struct slice){data, size});
    else if (kind == MESSAGE_NAMES)
        holding_take_names(dns->holding, data, size);
}

/* ---- the end ---- */

static void
look_whether_drained(evutil_socket_t fd, short what, void *context)
{
    struct dns *dns = context;
    const struct timeval interval = {.tv_usec = DRAIN_MS * 1000};
    struct tcp_counts tcp;
    (void)fd;
    (void)what;
    tcp_count(dns->tcp, &tcp);
    if (forward_waiting(dns->forward) > 0 || tcp.connections > 0) {
        evtimer_add(dns->drained, &interval);
        return;
    }
    g_clear_pointer(&dns->tcp, tcp_free);
    g_clear_pointer(&dns->transfer, transfer_free); /* which saves what it has */
    child_ended(dns->child);
}

/* What waits in the sockets is whose turn it is now: the process that took over. What this one has
 * taken, it answers. */
static void
dns_end(gpointer self)
{
    struct dns *dns = self;
    g_ptr_array_set_size(dns->udp, 0);
    tcp_close(dns->tcp);
    dns->drained = evtimer_new(child_events(dns->child), look_whether_drained, dns);
    look_whether_drained(-1, 0, dns);
}

static gboolean
dns_wanted(const struct config *config)
{
    return config->dns.enabled;
}

const struct child_role dns_role = {
    .name = "dns",
    .wanted = dns_wanted,
    .makes_sockets = TRUE,
    .open = dns_open,
    .begin = dns_begin,
    .take = dns_take,
    .task = sharing_task,
    .role = sharing_role,
    .end = dns_end,
    .drains = TRUE,
};
