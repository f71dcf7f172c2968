/*
 * dhcp_clinic: a DHCP server for tests: two networks, three reservations, a clock that stands until
 * it is moved, and what the server told others.
 *
 *     10.0.0.0/24  'ward'    here, pool .100 … .119; we are .1, the service address is .2
 *     10.1.0.0/24  'annex'   behind the relay 10.1.0.1, pool .10 … .19
 *
 *     printer .50 by MAC (client 0x50), camera .105 by client identifier "cam", scale .51 by name
 */
#pragma once

#include "netsvc/dhcp/serve/server.h"

#include "netsvc/bytes.h"
#include "tests/unit/dhcp_request.h"

#define WARD(host) (0x0a000000u + (host))
#define ANNEX(host) (0x0a010000u + (host))
#define OWN WARD(1)
#define SERVICE WARD(2)
#define RELAY ANNEX(1)
#define PRINTER 0x50 /* client */
#define PRINTER_ADDRESS WARD(0x50)
#define CAMERA_ADDRESS WARD(105)
#define SCALE_ADDRESS WARD(51)
#define LEASE 3600
#define REST 600

/* What a client sends; 0 and NULL are left out. */
struct wish {
    enum packet_type type;
    guint16 client;
    guint32 ciaddr, requested, server, giaddr;
    guint16 flags;
    gboolean to_all;
    const char *hostname, *id;
    const char *parameters; /* option 55 */
    guint32 seconds;
    guint16 max_size;
    gboolean rapid;
    const char *fqdn; /* flags, two bytes, the name */
    gsize fqdn_size;
    const char *agent; /* option 82 */
    gsize agent_size;
    guint8 htype; /* 0: Ethernet */
    guint32 own;  /* our address where it comes in; 0: OWN */
};

struct clinic {
    struct config config;
    struct leases *leases;
    struct store *store;
    struct clock clock;
    struct server *server;
    gint64 now;
    /* of the last request */
    struct request request;
    struct packet asked, answer;
    struct server_reply reply;
    guint32 probe;
    /* heard */
    GString *heard;
};

static inline gint64
clinic_boot(void *context)
{
    return ((struct clinic *)context)->now;
}

static inline gboolean
clinic_believed(void *context)
{
    return ((struct clinic *)context)->now > 0;
}

static inline void
clinic_hear_name(void *context, const struct lease *lease, const struct config_subnet *subnet,
                 gboolean gone)
{
    struct clinic *clinic = context;
    if (clinic->heard->len < 10000)
        g_string_append_printf(clinic->heard, "%c%s.%s=%u ", gone ? '-' : '+', lease->name,
                               subnet->domain, lease->address & 0xff);
}

static inline void
clinic_hear_exhausted(void *context, const struct config_subnet *subnet, gboolean is)
{
    struct clinic *clinic = context;
    if (clinic->heard->len < 10000)
        g_string_append_printf(clinic->heard, "%s %s ", subnet->name, is ? "full" : "has room");
}

static inline void
clinic_hear_conflict(void *context, guint32 address, const guint8 *mac)
{
    struct clinic *clinic = context;
    if (clinic->heard->len < 10000)
        g_string_append_printf(clinic->heard, "conflict %u%s ", address & 0xff,
                               mac != NULL ? " seen" : "");
}

static inline struct config_subnet *
clinic_add_subnet(struct clinic *clinic, const char *name, guint32 network, guint32 first,
                  guint32 last)
{
    struct config_subnet *subnet = g_new0(struct config_subnet, 1);
    struct config_range range = {network + first, network + last};
    guint32 router = network + 1;
    subnet->name = g_strdup(name);
    subnet->network = network;
    subnet->prefix = 24;
    subnet->mask = 0xffffff00;
    subnet->pools = g_array_new(FALSE, FALSE, sizeof range);
    g_array_append_val(subnet->pools, range);
    subnet->routers = g_array_new(FALSE, FALSE, sizeof router);
    g_array_append_val(subnet->routers, router);
    subnet->dns = g_array_new(FALSE, FALSE, sizeof router);
    guint32 dns = SERVICE;
    g_array_append_val(subnet->dns, dns);
    subnet->ntp = g_array_new(FALSE, FALSE, sizeof router);
    subnet->domain = g_strdup_printf("%s.example", name);
    subnet->search = g_ptr_array_new();
    subnet->options = g_ptr_array_new();
    subnet->lease = LEASE;
    subnet->lease_max = 4 * LEASE;
    g_ptr_array_add(clinic->config.dhcp.subnets, subnet);
    return subnet;
}

static inline struct config_host *
clinic_add_host(struct clinic *clinic, const char *name, guint32 address)
{
    struct config_host *host = g_new0(struct config_host, 1);
    host->name = g_strdup(name);
    host->address = address;
    g_ptr_array_add(clinic->config.dhcp.hosts, host);
    return host;
}

static inline void
clinic_serve(struct clinic *clinic)
{
    struct server_ears ears = {clinic_hear_name, clinic_hear_exhausted, clinic_hear_conflict,
                               clinic};
    server_free(clinic->server);
    clinic->server =
        server_new(&clinic->config, clinic->leases, clinic->store, &clinic->clock, &ears);
}

/* Without probes, unless a test turns them on. */
static inline struct clinic *
clinic_new(void)
{
    struct clinic *clinic = g_new0(struct clinic, 1);
    clinic->now = 1000;
    clinic->clock = (struct clock){clinic_boot, clinic_boot, clinic_believed, "boot", clinic};
    clinic->heard = g_string_new(NULL);
    clinic->config.service_address = SERVICE;
    clinic->config.dhcp = (struct config_dhcp){.enabled = TRUE,
                                               .authoritative = TRUE,
                                               .subnets = g_ptr_array_new(),
                                               .hosts = g_ptr_array_new(),
                                               .decline_rest = REST,
                                               .port = 67};
    clinic_add_subnet(clinic, "ward", WARD(0), 100, 119);
    clinic_add_subnet(clinic, "annex", ANNEX(0), 10, 19);
    struct config_host *printer = clinic_add_host(clinic, "printer", PRINTER_ADDRESS);
    printer->has_mac = TRUE;
    memcpy(printer->mac, (const guint8[]){2, 0, 0, 0, 0, PRINTER}, CONFIG_MAC_SIZE);
    clinic_add_host(clinic, "camera", CAMERA_ADDRESS)->client_id = g_bytes_new("cam", 3);
    clinic_add_host(clinic, "scale", SCALE_ADDRESS);
    clinic->leases = leases_new();
    clinic_serve(clinic);
    return clinic;
}

static inline void
clinic_free(struct clinic *clinic)
{
    server_free(clinic->server);
    store_free(clinic->store);
    leases_free(clinic->leases);
    for (guint i = 0; i < clinic->config.dhcp.subnets->len; i++) {
        struct config_subnet *subnet = clinic->config.dhcp.subnets->pdata[i];
        g_array_unref(subnet->pools);
        g_array_unref(subnet->routers);
        g_array_unref(subnet->dns);
        g_array_unref(subnet->ntp);
        g_ptr_array_unref(subnet->search);
        g_ptr_array_unref(subnet->options);
        g_free(subnet->name);
        g_free(subnet->domain);
        g_free(subnet->interface);
        g_free(subnet);
    }
    g_ptr_array_unref(clinic->config.dhcp.subnets);
    for (guint i = 0; i < clinic->config.dhcp.hosts->len; i++) {
        struct config_host *host = clinic->config.dhcp.hosts->pdata[i];
        g_clear_pointer(&host->client_id, g_bytes_unref);
        g_free(host->name);
        g_free(host);
    }
    g_ptr_array_unref(clinic->config.dhcp.hosts);
    g_string_free(clinic->heard, TRUE);
    g_free(clinic);
}
AUTO_DEFINE(clinic)

static inline struct config_subnet *
clinic_ward(struct clinic *clinic)
{
    return clinic->config.dhcp.subnets->pdata[0];
}

static inline void
clinic_compose(struct request *request, const struct wish *wish)
{
    request_begin(request, wish->client);
    guint8 *data = request->data;
    if (wish->htype != 0)
        data[1] = wish->htype;
    bytes_put16(data + 10, wish->flags);
    bytes_put32(data + 12, wish->ciaddr);
    bytes_put32(data + 24, wish->giaddr);
    request_u8(request, PACKET_TYPE, (guint8)wish->type);
    if (wish->requested != 0)
        request_u32(request, PACKET_REQUESTED, wish->requested);
    if (wish->server != 0)
        request_u32(request, PACKET_SERVER, wish->server);
    if (wish->seconds != 0)
        request_u32(request, PACKET_LEASE_TIME, wish->seconds);
    if (wish->max_size != 0)
        request_u16(request, PACKET_MAX_SIZE, wish->max_size);
    if (wish->hostname != NULL)
        request_option(request, PACKET_HOSTNAME, wish->hostname, strlen(wish->hostname));
    if (wish->id != NULL)
        request_option(request, PACKET_CLIENT_ID, wish->id, strlen(wish->id));
    if (wish->parameters != NULL)
        request_option(request, PACKET_PARAMETERS, wish->parameters, strlen(wish->parameters));
    if (wish->rapid)
        request_option(request, PACKET_RAPID_COMMIT, NULL, 0);
    if (wish->fqdn != NULL)
        request_option(request, PACKET_FQDN, wish->fqdn, wish->fqdn_size);
    if (wish->agent != NULL)
        request_option(request, PACKET_AGENT, wish->agent, wish->agent_size);
    request_end(request);
}

/* What the server does; its reply is in `answer`. */
static inline enum server_act
clinic_take(struct clinic *clinic, const struct wish *wish)
{
    struct server_link link = {.index = 1,
                               .own = wish->own != 0 ? wish->own : OWN,
                               .interface = "lan",
                               .to_all = wish->to_all};
    const char *why = NULL;
    clinic_compose(&clinic->request, wish);
    if (!packet_parse(&clinic->asked, clinic->request.data, clinic->request.size, &why))
        g_error("a test's request is refused: %s", why);
    memset(&clinic->answer, 0, sizeof clinic->answer);
    clinic->reply.size = 0;
    clinic->probe = 0;
    enum server_act act =
        server_take(clinic->server, &link, &clinic->asked, &clinic->reply, &clinic->probe);
    gboolean replies = act != SERVER_NOTHING && act != SERVER_HOLD && clinic->reply.size > 0;
    if (replies && !packet_parse(&clinic->answer, clinic->reply.data, clinic->reply.size, &why))
        g_error("a reply is refused: %s", why);
    return act;
}

/* The address that a client gets by DISCOVER and REQUEST; 0: none. */
static inline guint32
clinic_join(struct clinic *clinic, struct wish wish)
{
    wish.type = PACKET_DISCOVER;
    wish.to_all = TRUE;
    if (clinic_take(clinic, &wish) == SERVER_NOTHING || clinic->answer.type != PACKET_OFFER)
        return 0;
    wish.type = PACKET_REQUEST;
    wish.requested = clinic->answer.yiaddr;
    packet_address(&clinic->answer, PACKET_SERVER, &wish.server);
    if (clinic_take(clinic, &wish) != SERVER_COMMIT || clinic->answer.type != PACKET_ACK)
        return 0;
    g_assert_cmpuint(clinic->answer.yiaddr, ==, wish.requested);
    return clinic->answer.yiaddr;
}
