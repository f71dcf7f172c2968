/* link_port: rules that keep the other node of a pair from us. */
#include "netsvc/check/firewall/link_port.h"

#include "netsvc/check/firewall/filter.h"

#include <arpa/inet.h>

static char *
mend_for(const struct filter_answer *answer, const char *other, guint16 port)
{
    if (filter_tool(answer) == FILTER_FIREWALLD)
        return g_strdup_printf("`firewall-cmd --permanent --add-port=%u/tcp` for the zone of that "
                               "interface, then: firewall-cmd --reload",
                               port);
    if (filter_tool(answer) == FILTER_IPTABLES)
        return g_strdup_printf("with ufw: `ufw allow from %s to any port %u proto tcp`; with "
                               "iptables: `iptables -I INPUT -s %s -p tcp --dport %u -j ACCEPT`",
                               other, port, other, port);
    return g_strdup_printf("`nft insert rule %s %s ip saddr %s tcp dport %u accept`, and for good "
                           "in /etc/nftables.conf",
                           answer->table, answer->chain, other, port);
}

static void
check_path(struct check *check, struct slice rules, const struct sockaddr_in *own,
           const struct sockaddr_in *other)
{
    struct filter_answer answer;
    char text[INET_ADDRSTRLEN];
    const guint16 port = ntohs(own->sin_port);
    const struct filter_packet packet = {
        .tcp = TRUE, .port = port, .network = ntohl(other->sin_addr.s_addr), .mask = ~0u};
    filter_judge(rules, &packet, &answer);
    inet_ntop(AF_INET, &other->sin_addr, text, sizeof text);
    g_autofree char *mend = answer.table != NULL ? mend_for(&answer, text, port) : NULL;
    if (answer.verdict != FILTER_ACCEPTS)
        check_found(check, answer.perhaps ? CHECK_NOTE : CHECK_MACHINE, NULL, NULL, mend,
                    "a firewall (%s, chain %s) %s the other node, %s, from TCP port %u",
                    answer.table, answer.chain, answer.perhaps ? "may keep" : "keeps", text, port);
    filter_answer_clear(&answer);
}

void
check_link_port(struct check *check, struct slice rules)
{
    const struct config *config = check_config(check);
    if (config->own == NULL)
        return;
    const GArray *own = config->own->addresses, *other = config->other->addresses;
    for (guint i = 0; i < MIN(own->len, other->len); i++) {
        const struct sockaddr_in
            *here = (const void *)&g_array_index(own, struct config_peer, i).address,
            *there = (const void *)&g_array_index(other, struct config_peer, i).address;
        if (here->sin_family == AF_INET && there->sin_family == AF_INET)
            check_path(check, rules, here, there);
    }
}
