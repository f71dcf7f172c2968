#include "netsvc/dhcp/tell/answers.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/dhcp/link/sightings.h"
#include "netsvc/message.h"

#include <arpa/inet.h>
#include <string.h>

#define ENTRY_MAX 1024 /* bytes of JSON of one lease */

static const char *const state_names[LEASE_STATES] = {[LEASE_OFFERED] = "offered",
                                                      [LEASE_LEASED] = "leased",
                                                      [LEASE_RELEASED] = "released",
                                                      [LEASE_EXPIRED] = "expired",
                                                      [LEASE_DECLINED] = "declined"};

/* ---- leases ---- */

static void
append_hex(GString *json, const char *name, const guint8 *data, gsize size)
{
    char text[2 * LEASE_KEY_MAX + 1] = "";
    for (gsize i = 0; i < size; i++)
        g_snprintf(text + 2 * i, 3, "%02x", data[i]);
    json_text_member_string(json, name, text);
}

static void
append_rest(GString *json, const struct lease *lease, gint64 now)
{
    gboolean ends = lease->state != LEASE_EXPIRED && lease->state != LEASE_RELEASED;
    if (ends && lease->until != G_MAXINT64)
        json_text_member_integer(json, "seconds", MAX(lease->until - now, 0));
    else
        json_text_member_null(json, "seconds");
}

static void
append_lease(GString *json, const struct config *config, const struct lease *lease, gint64 now)
{
    const struct config_subnet *subnet = config_subnet_of(&config->dhcp, lease->address);
    char address[INET_ADDRSTRLEN], mac[SIGHTINGS_MAC_TEXT];
    json_text_begin_object(json);
    json_text_member_string(json, "address", config_address_text(lease->address, address));
    json_text_member_string(json, "state", state_names[lease->state]);
    json_text_member_string(json, "subnet", subnet != NULL ? subnet->name : NULL);
    json_text_member_string(
        json, "mac", lease->mac_size == FRAME_MAC ? sightings_mac_text(lease->mac, mac) : NULL);
    append_hex(json, "client", lease->key, lease->key_size);
    json_text_member_string(json, "name", lease->name[0] != '\0' ? lease->name : NULL);
    append_rest(json, lease, now);
    json_text_end_object(json);
}

static void
give_leases(const struct config *config, const struct leases *leases, gint64 now, guint32 after,
            GString *json)
{
    const struct lease *lease = leases_after(leases, after);
    json_text_begin_object(json);
    json_text_member_array(json, "leases");
    for (guint n = 0; lease != NULL && n < MESSAGE_PAGE && json->len < MESSAGE_MAX - ENTRY_MAX;
         n++) {
        append_lease(json, config, lease, now);
        lease = leases_after(leases, lease->address);
    }
    json_text_end_array(json);
    json_text_member_boolean(json, "more", lease != NULL);
    json_text_end_object(json);
}

/* ---- subnets ---- */

static void
append_subnet(GString *json, const struct config_subnet *subnet, const struct leases *leases)
{
    guint64 addresses = 0, leased = 0, declined = 0;
    for (guint i = 0; i < subnet->pools->len; i++) {
        const struct config_range *pool = &g_array_index(subnet->pools, struct config_range, i);
        addresses += (guint64)pool->last - pool->first + 1;
        leased += leases_count(leases, LEASE_LEASED, pool->first, pool->last);
        declined += leases_count(leases, LEASE_DECLINED, pool->first, pool->last);
    }
    json_text_begin_object(json);
    json_text_member_string(json, "name", subnet->name);
    json_text_member_unsigned(json, "addresses", addresses);
    json_text_member_unsigned(json, "leased", leased);
    json_text_member_unsigned(json, "free", addresses - MIN(addresses, leased + declined));
    json_text_member_unsigned(json, "declined", declined);
    json_text_end_object(json);
}

static void
give_subnets(const struct config *config, const struct leases *leases, GString *json)
{
    json_text_begin_object(json);
    json_text_member_array(json, "subnets");
    for (guint i = 0; i < config->dhcp.subnets->len; i++)
        append_subnet(json, config->dhcp.subnets->pdata[i], leases);
    json_text_end_array(json);
    json_text_end_object(json);
}

/* ---- */

void
answers_give(const struct config *config, const struct leases *leases, gint64 now,
             const void *question, gsize size, GString *json)
{
    struct slice request = {question, size};
    g_autofree char *ask = NULL, *after = NULL;
    struct in_addr address = {0};
    gboolean is_json = json_check(request, NULL) && json_type(request) == JSON_OBJECT;
    if (is_json && json_member_text(request, "after", &after))
        inet_pton(AF_INET, after, &address);
    if (is_json)
        json_member_text(request, "ask", &ask);
    if (leases != NULL && g_strcmp0(ask, "leases") == 0) {
        give_leases(config, leases, now, ntohl(address.s_addr), json);
    } else if (leases != NULL && g_strcmp0(ask, "dhcp") == 0) {
        give_subnets(config, leases, json);
    } else {
        json_text_begin_object(json);
        json_text_member_string(json, "error",
                                leases == NULL ? "the leases cannot be read yet"
                                               : "it is not known what that asks for");
        json_text_end_object(json);
    }
}
