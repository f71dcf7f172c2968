/* lan: asks by ARP who has our addresses (RFC 5227: as one who has none). */
#include "netsvc/check/check.h"

#include "lib/base/cleanup.h"
#include "netsvc/message.h"
#include "netsvc/parent/socket/wanted.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_MS 1000 /* for an answer: Wi-Fi may take some */

static int
open_arp(const struct message_socket *interface)
{
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = (int)interface->index,
    };
    AUTO_FD int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return fd_steal(&fd);
}

static gboolean
ask(int fd, const struct message_socket *interface, guint32 wanted)
{
    const guint32 target = htonl(wanted);
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = (int)interface->index,
        .sll_halen = ETH_ALEN,
    };
    struct ether_arp packet = {
        .ea_hdr = {htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), ETH_ALEN, 4, htons(ARPOP_REQUEST)}};
    memset(to.sll_addr, 0xff, ETH_ALEN);
    memcpy(packet.arp_sha, interface->mac, ETH_ALEN);
    memcpy(packet.arp_tpa, &target, sizeof target);
    return sendto(fd, &packet, sizeof packet, 0, (const struct sockaddr *)&to, sizeof to) ==
           (ssize_t)sizeof packet;
}

/* Whether somebody else answers for the address. */
static gboolean
hear(int fd, const struct message_socket *interface, guint32 wanted, guint8 mac[ETH_ALEN])
{
    const gint64 until = g_get_monotonic_time() + WAIT_MS * (gint64)1000;
    const guint32 target = htonl(wanted);
    for (gint64 left; (left = (until - g_get_monotonic_time()) / 1000) > 0;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        struct ether_arp packet;
        if (poll(&ready, 1, (int)left) <= 0)
            continue;
        if (recv(fd, &packet, sizeof packet, MSG_DONTWAIT) != (ssize_t)sizeof packet ||
            memcmp(packet.arp_spa, &target, sizeof target) != 0 ||
            memcmp(packet.arp_sha, interface->mac, ETH_ALEN) == 0)
            continue;
        memcpy(mac, packet.arp_sha, ETH_ALEN);
        return TRUE;
    }
    return FALSE;
}

static void
check_address(struct check *check, const struct message_socket *interface, guint32 address)
{
    const gboolean service = address == check_config(check)->service_address;
    char text[INET_ADDRSTRLEN];
    guint8 mac[ETH_ALEN];
    AUTO_FD int fd = open_arp(interface);
    if (fd < 0 || !ask(fd, interface, address)) {
        check_found(check, CHECK_NOTE, NULL, NULL, errno == EPERM ? "check as root" : NULL,
                    "cannot ask at '%s' who has %s: %s", interface->interface,
                    config_address_text(address, text), g_strerror(errno));
        return;
    }
    if (!hear(fd, interface, address, mac))
        return;
    check_found(check, service ? CHECK_NOTE : CHECK_MACHINE, NULL, NULL,
                service ? "that is right where it is the other node, which is active"
                        : "one of the two needs another address",
                "%s %s is that of %02x:%02x:%02x:%02x:%02x:%02x at '%s'",
                service ? "the service address" : "this node's address",
                config_address_text(address, text), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
                interface->interface);
}

void
check_lan(struct check *check)
{
    const struct config *config = check_config(check);
    g_autoptr(GArray) wanted = g_array_new(FALSE, TRUE, sizeof(struct message_socket));
    g_autoptr(GPtrArray) absent = g_ptr_array_new_with_free_func(g_free);
    if (!options_flag(check_line(check), "ask-lan"))
        return;
    wanted_list(config, wanted, absent);
    for (guint i = 0; i < wanted->len; i++) {
        const struct message_socket *one = &g_array_index(wanted, struct message_socket, i);
        if (one->kind != MESSAGE_ARP)
            continue;
        check_address(check, one, one->own);
        if (config->service_address != 0 &&
            config_subnet_of(&config->dhcp, config->service_address) ==
                config_subnet_of(&config->dhcp, one->own))
            check_address(check, one, config->service_address);
    }
}
