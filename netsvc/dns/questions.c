/* questions: see world.h; what the answers hold stands in netsvc/message.h. */
#include "netsvc/dns/world.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"

static void
append_ds(GString *json, const char *ds)
{
    json_text_member_array(json, "ds");
    g_auto(GStrv) lines = g_strsplit(ds, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        if (**line != '\0')
            json_text_string(json, *line);
    json_text_end_array(json);
}

static void
append_secondary(const struct dns *dns, const struct zone *zone, GString *json)
{
    struct secondary_status status;
    if (!transfer_status(dns->transfer, zone_origin(zone), &status))
        return;
    const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    json_text_member_time(json, "checked", now - status.age);
    json_text_member_time(json, "expires", now + status.expires);
    if (status.trouble != NULL)
        json_text_member_string(json, "problem", status.trouble);
}

static void
append_zone(const struct dns *dns, const struct zone *zone, GString *json)
{
    char text[NAME_TEXT_MAX];
    const char *ds = holding_ds(dns->holding, zone);
    json_text_begin_object(json);
    json_text_member_string(json, "name", name_text(zone_origin(zone), text));
    json_text_member_string(json, "kind", holding_kind(dns->holding, zone));
    json_text_member_unsigned(json, "records", zone_count(zone));
    json_text_member_unsigned(json, "serial", zone_serial(zone));
    json_text_member_boolean(json, "signed", zone_is_signed(zone));
    if (ds != NULL)
        append_ds(json, ds);
    append_secondary(dns, zone, json);
    json_text_end_object(json);
}

/* One page: from behind the zone `after`. */
static void
append_zones(const struct dns *dns, const char *after, GString *json)
{
    const struct zones *zones = holding_zones(dns->holding);
    guint i = 0, n = zones_count(zones);
    struct name last;
    if (after != NULL && name_from_text(&last, after)) {
        while (i < n && !name_equal(zone_origin(zones_at(zones, i)), &last))
            i++;
        i++;
    }
    json_text_member_array(json, "zones");
    for (guint end = MIN(n, i + MESSAGE_PAGE); i < end && json->len < MESSAGE_ANSWER_MAX / 2; i++)
        append_zone(dns, zones_at(zones, i), json);
    json_text_end_array(json);
    json_text_member_boolean(json, "more", i < n);
}

static void
append_numbers(const struct dns *dns, GString *json)
{
    const struct serve_counts *counts = &dns->serve.counts;
    struct tcp_counts tcp;
    tcp_count(dns->tcp, &tcp);
    json_text_member_unsigned(json, "zones", zones_count(holding_zones(dns->holding)));
    json_text_member_unsigned(json, "clients", holding_clients(dns->holding));
    json_text_member_unsigned(json, "queries", counts->queries);
    json_text_member_unsigned(json, "foreign", counts->foreign);
    json_text_member_unsigned(json, "refused", counts->refused);
    json_text_member_unsigned(json, "limited", counts->limited);
    json_text_member_unsigned(json, "malformed", counts->malformed);
    json_text_member_unsigned(json, "connections", tcp.connections);
    forward_append_numbers(dns->forward, json);
}

void
questions_answer(const struct dns *dns, struct slice question)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_autofree char *ask = NULL, *after = NULL;
    json_text_begin_object(json);
    if (json_check(question, NULL)) {
        json_member_text(question, "ask", &ask);
        json_member_text(question, "after", &after);
    }
    if (g_strcmp0(ask, "zones") == 0)
        append_zones(dns, after, json);
    else if (g_strcmp0(ask, "dns") == 0)
        append_numbers(dns, json);
    else
        json_text_member_string(json, "error", "dns does not know this question");
    if (g_strcmp0(ask, "dns") == 0 || (g_strcmp0(ask, "zones") == 0 && after == NULL))
        forward_append_forwarders(dns->forward, json);
    json_text_end_object(json);
    child_answer(dns->child, json);
}
