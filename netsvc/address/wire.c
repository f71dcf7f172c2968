#include "netsvc/address/wire.h"

#include "lib/base/fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_BUFFER (4 * 1024 * 1024) /* bytes: some thousands of frames */
#define PASSED_OVER_MAX 64            /* frames of other links, before others have their turn */
#define SENDER_AT 28                  /* of a frame: the ARP sender's IPv4 address … */
#define TARGET_AT 38                  /* … and whom it is about */

/* What is said in the address's name, and who asks for it without one of his own (a probe). */
static gboolean
hear_only(int fd, guint32 address)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SENDER_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, address, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TARGET_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, address, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {.len = G_N_ELEMENTS(filter), .filter = filter};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

int
wire_open(guint32 address, GError **error)
{
    const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
    const int buffer = SEND_BUFFER;
    AUTO_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !hear_only(fd, address) ||
        bind(fd, (const struct sockaddr *)&all, sizeof all) != 0) {
        fail_errno(error, errno, "cannot send and hear ARP");
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    return fd_steal(&fd);
}

gboolean
wire_send(int fd, const struct place *place, const guint8 *frame, gsize size)
{
    const struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ARP),
        .sll_ifindex = (int)place->index,
        .sll_halen = ETH_ALEN,
    };
    ssize_t sent;
    do
        sent = sendto(fd, frame, size, 0, (const struct sockaddr *)&to, sizeof to);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)size;
}

gboolean
wire_hear(int fd, const struct place *place, struct frame_arp *arp)
{
    for (guint i = 0; i < PASSED_OVER_MAX; i++) {
        guint8 frame[FRAME_MAX];
        struct sockaddr_ll from = {0};
        socklen_t size_of_from = sizeof from;
        ssize_t size =
            recvfrom(fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &size_of_from);
        if (size < 0 && errno != EINTR)
            return FALSE;
        if (size >= 0 && (guint)from.sll_ifindex == place->index &&
            from.sll_pkttype != PACKET_OUTGOING && frame_read_arp(frame, (gsize)size, arp) &&
            memcmp(arp->sender_mac, place->mac, FRAME_MAC) != 0)
            return TRUE;
    }
    return FALSE;
}
