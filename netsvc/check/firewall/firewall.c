/* firewall: rules that keep clients from us. */
#include "netsvc/check/check.h"

#include "lib/base/tool.h"
#include "lib/json/json.h"
#include "netsvc/check/firewall/filter.h"
#include "netsvc/check/firewall/link_port.h"
#include "netsvc/check/firewall/web_port.h"

#include <string.h>
#include <unistd.h>

#define DNS_PORT 53
#define TLS_PORT 853 /* RFC 7858 */
#define LEGACY_TABLES "/proc/net/ip_tables_names"

static const struct {
    gboolean tcp;
    guint16 port;
    const char *name;
} served[] = {
    {FALSE, DNS_PORT, "UDP port 53"},
    {TRUE, DNS_PORT, "TCP port 53"},
};

/* ---- reading ---- */

static char *
run_nft(const char *path)
{
    const char *const command[] = {path, "-j", "list", "ruleset", NULL};
    g_autofree char *out = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)command, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out,
                      NULL, &status, NULL) ||
        status != 0)
        return NULL;
    return json_check(slice_of(out), NULL) ? g_steal_pointer(&out) : NULL;
}

/* Old tables, which nft does not know of: without one there is no such file, or nothing in it. */
static gboolean
has_legacy(void)
{
    g_autofree char *names = NULL;
    return g_file_get_contents(LEGACY_TABLES, &names, NULL, NULL) && *g_strstrip(names) != '\0';
}

/* ---- telling ---- */

static char *
mend_for(const struct filter_answer *answer, const struct config_subnet *subnet)
{
    const char *interface = subnet->interface != NULL ? subnet->interface : "INTERFACE";
    if (filter_tool(answer) == FILTER_FIREWALLD)
        return g_strdup("`firewall-cmd --permanent --add-service=dns --add-service=dhcp` for the "
                        "zone of the LAN, then: firewall-cmd --reload");
    if (filter_tool(answer) == FILTER_IPTABLES)
        return g_strdup_printf("with ufw: `ufw allow in on %s to any port 53` and `ufw allow in on "
                               "%s to any port 67 proto udp`; with iptables: `iptables -I INPUT -i "
                               "%s -p udp -m multiport --dports 53,67 -j ACCEPT` and `iptables -I "
                               "INPUT -i %s -p tcp --dport 53 -j ACCEPT`",
                               interface, interface, interface, interface);
    return g_strdup_printf(
        "`nft insert rule %s %s iifname %s udp dport { 53, 67 } accept` and `nft "
        "insert rule %s %s iifname %s tcp dport 53 accept`, and for good in "
        "/etc/nftables.conf",
        answer->table, answer->chain, interface, answer->table, answer->chain, interface);
}

/* One sentence for all ports that one chain holds back. */
struct telling {
    struct filter_answer answer;
    GString *ports;
    gboolean perhaps;
};

static void
try_port(struct telling *telling, struct slice rules, const struct filter_packet *packet,
         const char *name)
{
    struct filter_answer answer;
    filter_judge(rules, packet, &answer);
    if (answer.verdict == FILTER_ACCEPTS || strstr(telling->ports->str, name) != NULL) {
        filter_answer_clear(&answer);
        return;
    }
    telling->perhaps = telling->perhaps && answer.perhaps;
    g_string_append_printf(telling->ports, "%s%s", telling->ports->len > 0 ? ", " : "", name);
    if (telling->answer.table == NULL)
        telling->answer = answer;
    else
        filter_answer_clear(&answer);
}

/* Clients that have no address yet, and those that renew theirs. */
static void
try_dhcp(struct telling *telling, struct slice rules, const struct config *config,
         const struct filter_packet *from)
{
    g_autofree char *name = g_strdup_printf("UDP port %u", config->dhcp.port);
    struct filter_packet packet = *from;
    packet.port = config->dhcp.port;
    packet.from_port = (guint16)(config->dhcp.port + 1);
    try_port(telling, rules, &packet, name);
    packet.network = 0;
    packet.mask = ~0u;
    try_port(telling, rules, &packet, name);
}

static void
check_tls(struct check *check, struct slice rules, const struct filter_packet *from,
          const struct command_line *view)
{
    struct filter_packet packet = *from;
    struct filter_answer answer;
    packet.tcp = TRUE;
    packet.port = TLS_PORT;
    filter_judge(rules, &packet, &answer);
    g_autofree char *mend =
        answer.table != NULL
            ? g_strdup_printf(
                  "`nft insert rule %s %s tcp dport 853 reject with tcp reset`, and for "
                  "good in /etc/nftables.conf",
                  answer.table, answer.chain)
            : NULL;
    if (answer.verdict == FILTER_DROPS)
        check_found(check, CHECK_NOTE, view, "subnet-network", mend,
                    "a firewall (%s, chain %s) %s TCP port 853 without a word: phones that try "
                    "encrypted DNS wait for seconds, where a refusal has them go on at once",
                    answer.table, answer.chain, answer.perhaps ? "may drop" : "drops");
    filter_answer_clear(&answer);
}

static void
check_subnet(struct check *check, struct slice rules, const struct config_subnet *subnet,
             const struct command_line *view)
{
    const struct config *config = check_config(check);
    struct filter_packet packet = {
        .interface = subnet->interface, .network = subnet->network, .mask = subnet->mask};
    struct telling telling = {.ports = g_string_new(NULL), .perhaps = TRUE};
    for (gsize i = 0; i < G_N_ELEMENTS(served) && config->dns.enabled; i++) {
        packet.tcp = served[i].tcp;
        packet.port = served[i].port;
        try_port(&telling, rules, &packet, served[i].name);
    }
    packet.tcp = FALSE;
    try_dhcp(&telling, rules, config, &packet);
    if (telling.answer.table != NULL) {
        g_autofree char *mend = mend_for(&telling.answer, subnet);
        check_found(check, telling.perhaps ? CHECK_NOTE : CHECK_MACHINE, view, "subnet-network",
                    mend, "a firewall (%s, chain %s) %s clients from %s", telling.answer.table,
                    telling.answer.chain, telling.perhaps ? "may keep" : "keeps",
                    telling.ports->str);
    }
    filter_answer_clear(&telling.answer);
    g_string_free(telling.ports, TRUE);
    if (config->dns.enabled)
        check_tls(check, rules, &packet, view);
}

void
check_firewall(struct check *check)
{
    const struct config *config = check_config(check);
    g_autofree char *path = tool_find("nft");
    g_autofree char *rules = path != NULL ? run_nft(path) : NULL;
    if (path != NULL && rules == NULL)
        check_found(check, CHECK_NOTE, NULL, NULL, "check as root",
                    "the rules of the firewall cannot be seen");
    if (has_legacy())
        check_found(check, CHECK_NOTE, NULL, NULL,
                    "see with `iptables-legacy -S INPUT` that UDP and TCP port 53 and UDP port 67 "
                    "are let in from the LAN, and TCP port 853 is not dropped",
                    "there are rules of the old iptables, which are not looked into");
    for (guint i = 0; rules != NULL && i < config->dhcp.subnets->len; i++)
        check_subnet(check, slice_of(rules), config->dhcp.subnets->pdata[i],
                     check_view(check, "subnet", i));
    if (rules != NULL) {
        check_link_port(check, slice_of(rules));
        check_web_port(check, slice_of(rules));
    }
}
