#include "replicator/net/status.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/control/ask.h"
#include "lib/json/json.h"
#include "replicator/cert/show.h"
#include "replicator/failover/show.h"
#include "replicator/net/leases.h"
#include "replicator/net/zones.h"
#include "replicator/tell.h"

#include <errno.h>

/* ---- asking ---- */

static gboolean
is_served(struct slice status, const char *name)
{
    struct slice list, each;
    if (!json_member(status, "services", &list) || json_type(list) != JSON_ARRAY)
        return FALSE;
    for (gsize place = 0; json_next_element(list, &place, &each);) {
        g_autofree char *other = tell_text(each, "name");
        if (g_strcmp0(other, name) == 0)
            return json_member_true(each, "serves");
    }
    return FALSE;
}

/* What one of the services knows becomes a member of what all know. One that does not answer is
 * told by its absence, and by what the parent says of it. */
static void
add_service(GString *status, const char *socket, const char *name, const char *question)
{
    g_autofree char *request = g_strdup_printf("{\"ask\":\"%s\"}", question);
    if (!is_served((struct slice){status->str, status->len}, name))
        return;
    g_autoptr(GString) answer = ask_daemon(ASK_NETSVC, socket, request, ASK_SECONDS, NULL);
    if (answer == NULL)
        return;
    g_strchomp(answer->str);
    g_string_truncate(status, status->len - 1); /* the object's end */
    json_text_member_raw(status, name, slice_of(answer->str));
    json_text_end_object(status);
}

GString *
net_status_ask(const char *socket, gboolean *absent, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    g_autoptr(GString) status =
        ask_daemon(ASK_NETSVC, socket, "{\"ask\":\"status\"}", ASK_SECONDS, &trouble);
    *absent = trouble != NULL && fail_came_of(trouble, ENOENT);
    if (*absent)
        return NULL;
    if (status == NULL) {
        g_propagate_error(error, g_steal_pointer(&trouble));
        return NULL;
    }
    g_strchomp(status->str);
    g_string_set_size(status, strlen(status->str));
    if (json_type((struct slice){status->str, status->len}) != JSON_OBJECT) {
        fail_set(error, FAIL_FAILED, ASK_NETSVC " does not say how it stands");
        return NULL;
    }
    add_service(status, socket, "dhcp", "dhcp");
    add_service(status, socket, "dns", "dns");
    add_service(status, socket, "failover", "failover/status");
    add_service(status, socket, "cert", "cert/show");
    return g_steal_pointer(&status);
}

/* ---- telling ---- */

static void
tell_list(struct slice object, const char *name, GString *out,
          void (*tell)(GString *out, struct slice each))
{
    struct slice list, each;
    if (json_member(object, name, &list) && json_type(list) == JSON_ARRAY)
        for (gsize place = 0; json_next_element(list, &place, &each);)
            tell(out, each);
}

static void
tell_mistake(GString *out, struct slice status)
{
    struct slice configuration;
    if (!json_member(status, "configuration", &configuration))
        return;
    g_autofree char *problem = tell_text(configuration, "problem");
    g_autofree char *hint = tell_text(configuration, "hint");
    if (problem == NULL)
        return;
    g_autofree char *read = tell_time(json_member_time(configuration, "read"));
    g_autofree char *mistake = fail_line(problem, hint);
    g_string_append_printf(out, "  MISTAKE      %s\n", mistake);
    g_string_append_printf(
        out, "  in force     as it was read %s; mend it, then: lifeboat reload\n", read);
}

static void
tell_service(GString *out, struct slice service)
{
    g_autofree char *name = tell_text(service, "name");
    guint64 restarts = 0;
    gint64 since = json_member_time(service, "since");
    if (!json_member_true(service, "wanted"))
        return;
    json_member_unsigned(service, "restarts", &restarts);
    g_autofree char *when = since > 0 ? tell_time(since) : NULL;
    g_string_append_printf(out, "  %-11s  %s%s", name,
                           when != NULL ? "serves since " : "DOES NOT SERVE",
                           when != NULL ? when : "");
    if (restarts > 0)
        g_string_append_printf(out, "; was started again %" G_GUINT64_FORMAT " time%s", restarts,
                               restarts == 1 ? "" : "s");
    g_string_append_c(out, '\n');
}

static void
tell_absent(GString *out, struct slice absent)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (json_type(absent) == JSON_STRING)
        json_unescape(absent, text);
    g_autofree char *shown = log_escape(text->str);
    g_string_append_printf(out, "  absent       there is no %s\n", shown);
}

/* But for the pair's own trouble, which stands where the pair is told of. */
static void
tell_alerts(GString *out, struct slice status)
{
    struct slice list, each, pair;
    g_autofree char *trouble =
        json_member(status, "failover", &pair) ? tell_text(pair, "trouble") : NULL;
    if (!json_member(status, "alerts", &list) || json_type(list) != JSON_ARRAY)
        return;
    for (gsize place = 0; json_next_element(list, &place, &each);) {
        g_autofree char *text = tell_text(each, "text");
        if (text == NULL || g_strcmp0(text, trouble) != 0)
            g_string_append_printf(out, "  ALERT        %s\n", text != NULL ? text : "?");
    }
}

static void
tell_pool(GString *out, struct slice pool)
{
    gboolean nearly_full;
    g_autofree char *text = leases_pool_text(pool, &nearly_full);
    g_string_append_printf(out, "  addresses    %s\n", text);
}

static void
tell_peer(GString *out, struct slice dhcp)
{
    gboolean bad;
    g_autofree char *text = leases_peer_text(dhcp, &bad);
    if (text != NULL)
        g_string_append_printf(out, "  leases       %s\n",
                               g_str_has_prefix(text, "leases: ") ? text + strlen("leases: ")
                                                                  : text);
}

static void
tell_forwarder(GString *out, struct slice forwarder)
{
    gboolean dead;
    g_autofree char *text = zones_forwarder_text(forwarder, &dead);
    g_string_append_printf(out, "  uplink       %s\n", text);
}

char *
net_status_text(struct slice status)
{
    GString *out = g_string_new(NULL);
    struct slice dhcp, dns, pair, cert;
    gint64 since = json_member_time(status, "since");
    g_autofree char *when = since > 0 ? tell_time(since) : g_strdup("?");
    g_string_append_printf(out, "names and addresses of the LAN: since %s\n", when);
    tell_mistake(out, status);
    tell_alerts(out, status);
    tell_list(status, "services", out, tell_service);
    tell_list(status, "absent", out, tell_absent);
    if (json_member(status, "dhcp", &dhcp)) {
        tell_list(dhcp, "pools", out, tell_pool);
        tell_peer(out, dhcp);
    }
    if (json_member(status, "dns", &dns))
        tell_list(dns, "forwarders", out, tell_forwarder);
    if (json_member(status, "cert", &cert)) {
        g_autofree char *text = show_in_force(cert);
        g_string_append_printf(out, "  certificate  %s\n", text);
    }
    if (json_member(status, "failover", &pair)) {
        g_autofree char *text = show_pair(pair), *look = show_look(pair);
        g_string_append_printf(out, "%s%s", text, look);
    }
    return g_string_free(out, FALSE);
}

/* ---- judging ---- */

static gboolean
has_any(struct slice object, const char *name)
{
    struct slice list, each;
    gsize place = 0;
    return json_member(object, name, &list) && json_type(list) == JSON_ARRAY &&
           json_next_element(list, &place, &each);
}

/* An interface that is not there may be a cable, and an uplink that is not there is why we are. */
int
net_status_judge(struct slice status)
{
    struct slice list, each, configuration, pair;
    if (has_any(status, "alerts") ||
        (json_member(status, "failover", &pair) && show_judge(pair) != 0))
        return FAIL_FAILED;
    if (json_member(status, "configuration", &configuration)) {
        g_autofree char *problem = tell_text(configuration, "problem");
        if (problem != NULL)
            return FAIL_FAILED;
    }
    if (!json_member(status, "services", &list) || json_type(list) != JSON_ARRAY)
        return FAIL_FAILED;
    for (gsize place = 0; json_next_element(list, &place, &each);)
        if (json_member_true(each, "wanted") && !json_member_true(each, "serves"))
            return FAIL_FAILED;
    return 0;
}
