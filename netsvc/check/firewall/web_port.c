/* web_port: rules that keep clients from the pages. */
#include "netsvc/check/firewall/web_port.h"

#include "netsvc/check/firewall/filter.h"

/* What one chain holds back. */
struct held {
    struct filter_answer answer;
    guint16 ports[2];
    guint n_ports;
    gboolean perhaps;
};

static char *
list_ports(const struct held *held, const char *separator)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < held->n_ports; i++)
        g_string_append_printf(out, "%s%u", i > 0 ? separator : "", held->ports[i]);
    return g_string_free(out, FALSE);
}

static char *
mend_for(const struct held *held, const char *interface)
{
    const struct filter_answer *answer = &held->answer;
    g_autofree char *ports = list_ports(held, ","), *each = list_ports(held, ", ");
    if (filter_tool(answer) == FILTER_FIREWALLD)
        return g_strdup_printf("`firewall-cmd --permanent --add-port=PORT/tcp` for the zone of the "
                               "LAN, with each of %s, then: firewall-cmd --reload",
                               each);
    if (filter_tool(answer) == FILTER_IPTABLES)
        return g_strdup_printf("with ufw: `ufw allow in on %s to any port %s proto tcp`; with "
                               "iptables: `iptables -I INPUT -i %s -p tcp -m multiport --dports %s "
                               "-j ACCEPT`",
                               interface, ports, interface, ports);
    return g_strdup_printf("`nft insert rule %s %s iifname %s tcp dport { %s } accept`, and for "
                           "good in /etc/nftables.conf",
                           answer->table, answer->chain, interface, each);
}

static void
try_port(struct held *held, struct slice rules, const struct filter_packet *from, guint16 port)
{
    struct filter_packet packet = *from;
    struct filter_answer answer;
    if (port == 0)
        return;
    packet.tcp = TRUE;
    packet.port = port;
    filter_judge(rules, &packet, &answer);
    if (answer.verdict == FILTER_ACCEPTS) {
        filter_answer_clear(&answer);
        return;
    }
    held->ports[held->n_ports++] = port;
    held->perhaps = held->perhaps && answer.perhaps;
    if (held->answer.table == NULL)
        held->answer = answer;
    else
        filter_answer_clear(&answer);
}

static void
check_from(struct check *check, struct slice rules, const struct filter_packet *from,
           const struct command_line *view)
{
    const struct config_web *web = &check_config(check)->web;
    struct held held = {.perhaps = TRUE};
    try_port(&held, rules, from, web->http);
    try_port(&held, rules, from, web->https);
    if (held.n_ports > 0) {
        g_autofree char *ports = list_ports(&held, " and ");
        g_autofree char *mend =
            mend_for(&held, from->interface != NULL ? from->interface : "INTERFACE");
        check_found(check, held.perhaps ? CHECK_NOTE : CHECK_MACHINE, view,
                    view != NULL ? "subnet-network" : NULL, mend,
                    "a firewall (%s, chain %s) %s clients from TCP port %s, where they install the "
                    "site's root",
                    held.answer.table, held.answer.chain, held.perhaps ? "may keep" : "keeps",
                    ports);
    }
    filter_answer_clear(&held.answer);
}

void
check_web_port(struct check *check, struct slice rules)
{
    const struct config *config = check_config(check);
    const struct filter_packet anybody = {.mask = 0};
    if (!config->web.enabled || config->cert.name == NULL)
        return;
    for (guint i = 0; i < config->dhcp.subnets->len; i++) {
        const struct config_subnet *subnet = config->dhcp.subnets->pdata[i];
        const struct filter_packet packet = {
            .interface = subnet->interface, .network = subnet->network, .mask = subnet->mask};
        check_from(check, rules, &packet, check_view(check, "subnet", i));
    }
    if (config->dhcp.subnets->len == 0)
        check_from(check, rules, &anybody, NULL);
}
