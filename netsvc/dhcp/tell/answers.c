#include "netsvc/dhcp/tell/answers.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/dhcp/link/frame.h"
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
append_end(const struct answers *answers, GString *json, const struct lease *lease)
{
    const struct clock *clock = answers->clock;
    gboolean ends = lease->state != LEASE_EXPIRED && lease->state != LEASE_RELEASED;
    if (!ends || lease->until == G_MAXINT64)
        return;
    gint64 seconds = MAX(lease->until - clock->boot(clock->context), 0);
    json_text_member_integer(json, "seconds", seconds);
    json_text_member_time(
        json, "ends", clock->believed(clock->context) ? clock->wall(clock->context) + seconds : 0);
}

static gboolean
is_reserved(const struct config *config, guint32 address)
{
    for (guint i = 0; i < config->dhcp.hosts->len; i++)
        if (((const struct config_host *)config->dhcp.hosts->pdata[i])->address == address)
            return TRUE;
    return FALSE;
}

static void
append_name(GString *json, const struct lease *lease, const struct config_subnet *subnet)
{
    if (lease->name[0] == '\0')
        return;
    gboolean has_domain = subnet != NULL && subnet->domain != NULL;
    g_autofree char *full = has_domain ? g_strconcat(lease->name, ".", subnet->domain, NULL) : NULL;
    json_text_member_string(json, "name", has_domain ? full : lease->name);
}

static void
append_lease(const struct answers *answers, GString *json, const struct lease *lease)
{
    const struct config_subnet *subnet = config_subnet_of(&answers->config->dhcp, lease->address);
    char address[INET_ADDRSTRLEN], mac[FRAME_MAC_TEXT];
    json_text_begin_object(json);
    json_text_member_string(json, "address", config_address_text(lease->address, address));
    if (subnet != NULL)
        json_text_member_string(json, "subnet", subnet->name);
    append_name(json, lease, subnet);
    if (lease->mac_size == FRAME_MAC)
        json_text_member_string(json, "mac", frame_mac_text(lease->mac, mac));
    append_hex(json, "client", lease->key, lease->key_size);
    json_text_member_string(json, "state", state_names[lease->state]);
    json_text_member_boolean(json, "reserved", is_reserved(answers->config, lease->address));
    append_end(answers, json, lease);
    json_text_end_object(json);
}

/* ---- pools ---- */

static void
append_pool(const struct answers *answers, GString *json, const struct config_subnet *subnet,
            const struct config_range *pool)
{
    static const struct {
        const char *name;
        enum lease_state state;
    } counted[] = {
        {"leased", LEASE_LEASED}, {"offered", LEASE_OFFERED}, {"resting", LEASE_DECLINED}};
    char address[INET_ADDRSTRLEN];
    json_text_begin_object(json);
    json_text_member_string(json, "subnet", subnet->name);
    json_text_member_string(json, "first", config_address_text(pool->first, address));
    json_text_member_string(json, "last", config_address_text(pool->last, address));
    json_text_member_unsigned(json, "size", (guint64)pool->last - pool->first + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(counted); i++)
        json_text_member_unsigned(
            json, counted[i].name,
            leases_count(answers->leases, counted[i].state, pool->first, pool->last));
    json_text_end_object(json);
}

static void
append_pools(const struct answers *answers, GString *json)
{
    const GPtrArray *subnets = answers->config->dhcp.subnets;
    json_text_member_array(json, "pools");
    for (guint i = 0; i < subnets->len; i++) {
        const struct config_subnet *subnet = subnets->pdata[i];
        for (guint n = 0; n < subnet->pools->len && json->len < MESSAGE_ANSWER_MAX - ENTRY_MAX; n++)
            append_pool(answers, json, subnet,
                        &g_array_index(subnet->pools, struct config_range, n));
    }
    json_text_end_array(json);
}

/* ---- the other node ---- */

/* How the two nodes' leases stand to one another. */
static void
append_pair(const struct answers *answers, GString *json)
{
    const struct clock *clock = answers->clock;
    struct partner_look look;
    if (answers->pair == NULL)
        return;
    partner_look(answers->pair, &look);
    const gboolean copies = look.role != TASK_ALONE && look.role != TASK_ACTIVE;
    json_text_member_object(json, "peer");
    json_text_member_string(json, "role", task_role_name(look.role));
    json_text_member_boolean(json, "copy", copies);
    json_text_member_boolean(json, "in_step", look.in_step);
    json_text_member_unsigned(json, "behind", look.behind);
    if (look.brief_since != 0) {
        gint64 seconds = MAX(clock->boot(clock->context) - look.brief_since, 0);
        json_text_member_integer(json, "short_for", seconds);
        json_text_member_time(
            json, "short_since",
            clock->believed(clock->context) ? clock->wall(clock->context) - seconds : 0);
    }
    json_text_end_object(json);
}

/* ---- the answers ---- */

static void
give_leases(const struct answers *answers, guint32 after, gboolean is_first, GString *json)
{
    const struct lease *lease = leases_after(answers->leases, after);
    if (is_first) {
        append_pools(answers, json);
        append_pair(answers, json);
    }
    json_text_member_array(json, "leases");
    for (guint n = 0;
         lease != NULL && n < MESSAGE_PAGE && json->len < MESSAGE_ANSWER_MAX - ENTRY_MAX; n++) {
        append_lease(answers, json, lease);
        lease = leases_after(answers->leases, lease->address);
    }
    json_text_end_array(json);
    json_text_member_boolean(json, "more", lease != NULL);
}

static void
give_overview(const struct answers *answers, GString *json)
{
    append_pools(answers, json);
    append_pair(answers, json);
    json_text_member_unsigned(json, "leases",
                              leases_count(answers->leases, LEASE_LEASED, 0, G_MAXUINT32));
}

void
answers_give(const struct answers *answers, const void *question, gsize size, GString *json)
{
    struct slice request = {question, size};
    g_autofree char *ask = NULL, *after = NULL;
    struct in_addr address = {0};
    gboolean is_json = json_check(request, NULL) && json_type(request) == JSON_OBJECT;
    gboolean is_first = !is_json || !json_member_text(request, "after", &after);
    if (after != NULL)
        inet_pton(AF_INET, after, &address);
    if (is_json)
        json_member_text(request, "ask", &ask);
    json_text_begin_object(json);
    if (answers->leases == NULL)
        json_text_member_string(json, "error", "the leases cannot be read yet");
    else if (g_strcmp0(ask, "leases") == 0)
        give_leases(answers, ntohl(address.s_addr), is_first, json);
    else if (g_strcmp0(ask, "dhcp") == 0)
        give_overview(answers, json);
    else
        json_text_member_string(json, "error", "it is not known what that asks for");
    json_text_end_object(json);
}
