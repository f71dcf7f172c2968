/*
 * transfer_server: a server on 127.0.0.1 that has zones for others or of others, by TCP and UDP,
 * and answers nothing but SOA, AXFR, IXFR and NOTIFY.
 */
#pragma once

#include "lib/base/log.h"
#include "netsvc/dns/dns.h"
#include "netsvc/dns/serve/serve.h"
#include "netsvc/dns/serve/tcp.h"
#include "netsvc/dns/transfer/transfer.h"
#include "netsvc/dns/zone/zones.h"
#include "tests/unit/zone_text.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <sys/socket.h>

struct server {
    struct event_base *events;
    struct config_dns config;
    struct config_zone zone;
    struct config_tsig key;
    struct transfer *transfer;
    struct zones *zones;
    struct serve serve;
    struct journal *journal; /* of the first zone of ours */
    struct tcp *tcp;
    int listener, udp;
    struct event *readable;
    guint16 port;
    guint arrivals, expiries, notifies;
    char *trouble;
};

static inline struct sockaddr_storage
server_address(guint16 port, socklen_t *size)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&storage;
    address->sin_family = AF_INET;
    address->sin_port = g_htons(port);
    address->sin_addr.s_addr = g_htonl(INADDR_LOOPBACK);
    *size = sizeof *address;
    return storage;
}

static inline GArray *
server_peers(guint16 first, guint16 second)
{
    GArray *peers = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    for (int i = 0; i < 2; i++) {
        struct config_peer peer = {0};
        if ((i == 0 ? first : second) == 0)
            continue;
        peer.address = server_address(i == 0 ? first : second, &peer.size);
        g_array_append_val(peers, peer);
    }
    return peers;
}

/* ---- serving ---- */

static inline gsize
server_serve(gpointer context, const struct asker *asker, const guint8 *wire, gsize size,
             guint8 *out)
{
    struct server *server = context;
    struct query query;
    struct tsig tsig;
    gsize room = asker->fd < 0 ? DNS_TCP_MAX : QUERY_UDP_MAX;
    if (query_parse(&query, wire, size) != QUERY_GOOD)
        return 0;
    enum rcode rcode = transfer_check(server->transfer, &query, &tsig);
    if (rcode == RCODE_NOERROR && transfer_is_ours(&query)) {
        server->notifies += query.opcode == OPCODE_NOTIFY ? 1 : 0;
        return transfer_serve(server->transfer, asker, &query, &tsig, out, room);
    }
    gsize left = room - tsig_size(&tsig);
    struct query shorter = transfer_leave_room(&query, &tsig);
    struct reply_options options = {0};
    size = rcode != RCODE_NOERROR
               ? reply_code(&shorter, &options, rcode, asker->fd >= 0, out, left)
               : serve_query(&server->serve, asker, &shorter, &options, out, left);
    return transfer_sign(server->transfer, &tsig, out, size, room);
}

static inline void
server_on_packet(evutil_socket_t fd, short what, void *context)
{
    guint8 wire[4096], out[QUERY_UDP_MAX];
    struct asker asker = {.fd = fd, .size = sizeof asker.address};
    (void)what;
    gssize size = recvfrom(fd, wire, sizeof wire, MSG_DONTWAIT, (struct sockaddr *)&asker.address,
                           &asker.size);
    if (size < 0)
        return;
    gsize answer = server_serve(context, &asker, wire, (gsize)size, out);
    if (answer > 0)
        sendto(fd, out, answer, MSG_DONTWAIT, (struct sockaddr *)&asker.address, asker.size);
}

/* ---- zones ---- */

static inline const struct zone *
server_zone(gpointer context, const struct name *origin)
{
    struct server *server = context;
    return zones_named(server->zones, origin);
}

static inline const struct journal *
server_journal(gpointer context, const struct name *origin)
{
    struct server *server = context;
    (void)origin;
    return server->journal;
}

static inline void
server_arrived(gpointer context, const struct config_zone *config, struct zone *zone)
{
    struct server *server = context;
    (void)config;
    zone_free(zones_put(server->zones, zone));
    server->arrivals++;
}

static inline void
server_expired(gpointer context, const struct config_zone *config)
{
    struct server *server = context;
    struct name origin = name_of(config->name);
    zone_free(zones_take(server->zones, &origin));
    server->expiries++;
}

static inline void
server_trouble(gpointer context, const struct config_zone *config, const char *text)
{
    struct server *server = context;
    (void)config;
    g_free(server->trouble);
    server->trouble = g_strdup(text);
}

/* Our own zone: its secondaries are told of changes. */
static inline void
server_changed(struct server *server)
{
    struct name origin = name_of(server->zone.name);
    transfer_changed(server->transfer, zones_named(server->zones, &origin));
}

/* ---- begin and end ---- */

/* FALSE: UDP's port is somebody's by TCP. */
static inline gboolean
server_bind(struct server *server, guint16 port)
{
    socklen_t size;
    struct sockaddr_storage address = server_address(port, &size);
    struct sockaddr_in bound;
    socklen_t bound_size = sizeof bound;
    int on = 1;
    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(server->udp, (struct sockaddr *)&address, size), ==, 0);
    getsockname(server->udp, (struct sockaddr *)&bound, &bound_size);
    server->port = g_ntohs(bound.sin_port);
    address = server_address(server->port, &size);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(server->listener, (struct sockaddr *)&address, size) == 0;
}

/* `port` 0: any. */
static inline void
server_listen(struct server *server, guint16 port)
{
    while (!server_bind(server, port)) {
        g_assert_cmpuint(port, ==, 0);
        close(server->udp);
        close(server->listener);
    }
    g_assert_cmpint(listen(server->listener, 16), ==, 0);
}

/* One zone; `text` NULL: it is followed from its primaries. `secret` NULL: nothing is signed. */
static inline void
server_prepare(struct server *server, struct event_base *events, guint16 port, const char *origin,
               const char *text, const char *secret)
{
    memset(server, 0, sizeof *server);
    server->events = events;
    server->zones = zones_new();
    server->serve.zones = server->zones;
    server->zone.name = g_strdup(origin);
    server->config.zones = g_ptr_array_new();
    server->config.tsig = g_ptr_array_new();
    server->config.networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    struct config_network loopback = {.family = AF_INET, .address = {127}, .prefix = 8};
    g_array_append_val(server->config.networks, loopback);
    g_ptr_array_add(server->config.zones, &server->zone);
    if (secret != NULL) {
        server->key = (struct config_tsig){g_strdup("transfer"), g_strdup("hmac-sha256"),
                                           g_bytes_new(secret, strlen(secret))};
        server->zone.tsig = server->key.name;
        g_ptr_array_add(server->config.tsig, &server->key);
    }
    if (text != NULL) {
        struct zone *zone = zone_of(origin, text);
        server->journal = journal_new(zone);
        zones_put(server->zones, zone);
    }
    server_listen(server, port);
}

/* `folder` -1: nothing is kept. Clocks NULL: the system's. */
static inline void
server_begin(struct server *server, int folder, gint64 (*boot)(void), gint64 (*wall)(void))
{
    g_autoptr(GError) error = NULL;
    struct transfer_role role = {
        .config = &server->config,
        .events = server->events,
        .folder = folder,
        .context = server,
        .zone = server_zone,
        .journal = server_journal,
        .arrived = server_arrived,
        .expired = server_expired,
        .trouble = server_trouble,
        .boot = boot,
        .wall = wall,
    };
    server->transfer = transfer_open(&server->config, &error);
    g_assert_no_error(error);
    transfer_begin(server->transfer, &role, &error);
    g_assert_no_error(error);
    struct tcp_role tcp = {.serve = server_serve, .context = server};
    server->tcp = tcp_new(server->events, &tcp);
    tcp_listen(server->tcp, server->listener);
    server->readable =
        event_new(server->events, server->udp, EV_READ | EV_PERSIST, server_on_packet, server);
    event_add(server->readable, NULL);
}

static inline void
server_end(struct server *server)
{
    tcp_free(server->tcp);
    event_free(server->readable);
    close(server->udp);
    close(server->listener);
    transfer_free(server->transfer);
    journal_free(server->journal);
    zones_free(server->zones);
    g_ptr_array_unref(server->config.zones);
    g_ptr_array_unref(server->config.tsig);
    g_array_unref(server->config.networks);
    if (server->zone.primaries != NULL)
        g_array_unref(server->zone.primaries);
    if (server->zone.notify != NULL)
        g_array_unref(server->zone.notify);
    g_free(server->zone.name);
    g_free(server->key.name);
    g_free(server->key.algorithm);
    if (server->key.secret != NULL)
        g_bytes_unref(server->key.secret);
    g_free(server->trouble);
}
