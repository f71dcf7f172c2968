#include "netsvc/dns/dns.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/dns/serve/serve.h"
#include "netsvc/dns/serve/udp.h"
#include "netsvc/dns/zone/load.h"

#include <string.h>

#define ANSWER_SIZE_MAX 60000 /* bytes of an answer to `lifeboat net …`, so that it fits a packet \
                               */

struct dns {
    struct child *child;
    struct zones *zones;
    struct serve serve;
    GPtrArray *udp; /* struct udp, one a socket */
};

gsize
dns_serve(struct dns *dns, const struct asker *asker, const guint8 *wire, gsize size, guint8 *out)
{
    gsize room = serve_is_udp(asker) ? SERVE_UDP_OUT : DNS_TCP_MAX;
    return serve_packet(&dns->serve, asker, wire, size, out, room);
}

/* ---- zones ---- */

static gboolean
load_zone(struct dns *dns, const struct config_zone *zone, GError **error)
{
    struct name origin;
    if (!name_from_text(&origin, zone->name))
        return fail_set(error, FAIL_USAGE, "zone '%s': this is no domain name", zone->name);
    struct zone *loaded = load_file(zone->file, &origin, error);
    if (loaded == NULL) {
        g_prefix_error(error, "zone '%s': ", zone->name);
        return FALSE;
    }
    zone_free(zones_put(dns->zones, loaded));
    return TRUE;
}

static gboolean
load_zones(struct dns *dns, const struct config_dns *config, GError **error)
{
    for (guint i = 0; i < config->zones->len; i++) {
        const struct config_zone *zone = config->zones->pdata[i];
        if (zone->file != NULL && zone->primaries->len == 0 && !load_zone(dns, zone, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- questions of `lifeboat net` ---- */

static void
zone_json(const struct zone *zone, GString *json)
{
    char text[NAME_TEXT_MAX];
    json_text_begin_object(json);
    json_text_member_string(json, "name", name_text(zone_origin(zone), text));
    json_text_member_unsigned(json, "records", zone_count(zone));
    json_text_member_unsigned(json, "serial", zone_serial(zone));
    json_text_member_boolean(json, "signed", zone_is_signed(zone));
    json_text_end_object(json);
}

/* One page: from behind the zone `after`. */
static void
zones_json(const struct dns *dns, const char *after, GString *json)
{
    guint i = 0, n = zones_count(dns->zones);
    struct name last;
    if (after != NULL && name_from_text(&last, after)) {
        while (i < n && !name_equal(zone_origin(zones_at(dns->zones, i)), &last))
            i++;
        i++;
    }
    json_text_member_array(json, "zones");
    guint end = MIN(n, i + MESSAGE_PAGE);
    for (; i < end && json->len < ANSWER_SIZE_MAX; i++)
        zone_json(zones_at(dns->zones, i), json);
    json_text_end_array(json);
    json_text_member_boolean(json, "more", i < n);
}

static void
numbers_json(const struct dns *dns, GString *json)
{
    const struct serve_counts *counts = &dns->serve.counts;
    json_text_member_unsigned(json, "zones", zones_count(dns->zones));
    json_text_member_unsigned(json, "queries", counts->queries);
    json_text_member_unsigned(json, "foreign", counts->foreign);
    json_text_member_unsigned(json, "refused", counts->refused);
    json_text_member_unsigned(json, "limited", counts->limited);
    json_text_member_unsigned(json, "malformed", counts->malformed);
}

static void
answer_question(const struct dns *dns, struct slice question)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_autofree char *ask = NULL, *after = NULL;
    json_text_begin_object(json);
    if (json_check(question, NULL)) {
        json_member_text(question, "ask", &ask);
        json_member_text(question, "after", &after);
    }
    if (g_strcmp0(ask, "zones") == 0)
        zones_json(dns, after, json);
    else if (g_strcmp0(ask, "dns") == 0)
        numbers_json(dns, json);
    else
        json_text_member_string(json, "error", "dns does not know this question");
    json_text_end_object(json);
    child_answer(dns->child, json);
}

/* ---- the role ---- */

static void
dns_free(struct dns *dns)
{
    if (dns == NULL)
        return;
    g_ptr_array_unref(dns->udp);
    zones_free(dns->zones);
    g_free(dns);
}
AUTO_DEFINE(dns)

static void
free_udp(gpointer udp)
{
    udp_free(udp);
}

static gpointer
dns_open(struct child *child, GError **error)
{
    const struct config_dns *config = &child_config(child)->dns;
    AUTO(dns) *dns = g_new0(struct dns, 1);
    dns->child = child;
    dns->zones = zones_new();
    dns->udp = g_ptr_array_new_with_free_func(free_udp);
    dns->serve.zones = dns->zones;
    dns->serve.context = dns;
    dns->serve.options.nsid = config->nsid;
    return load_zones(dns, config, error) ? g_steal_pointer(&dns) : NULL;
}

static gsize
serve_udp(gpointer context, const struct asker *asker, const guint8 *wire, gsize size, guint8 *out)
{
    struct dns *dns = context;
    return serve_packet(&dns->serve, asker, wire, size, out, SERVE_UDP_OUT);
}

static gboolean
dns_begin(gpointer self, GError **error)
{
    struct dns *dns = self;
    const GArray *sockets = child_sockets(dns->child);
    const struct udp_role role = {serve_udp, dns};
    (void)error;
    for (guint i = 0; i < sockets->len; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        if (socket->what.kind == MESSAGE_DNS_UDP)
            g_ptr_array_add(dns->udp, udp_new(child_events(dns->child), socket->fd, &role));
    }
    return TRUE;
}

static void
dns_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    if (kind == MESSAGE_QUESTION)
        answer_question(self, (struct slice){data, size});
}

/* What waits in the sockets is whose turn it is now: the process that took over. */
static void
dns_end(gpointer self)
{
    struct dns *dns = self;
    g_ptr_array_set_size(dns->udp, 0);
}

const struct child_role dns_role = {
    .name = "dns",
    .open = dns_open,
    .begin = dns_begin,
    .take = dns_take,
    .end = dns_end,
};
