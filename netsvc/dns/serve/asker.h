/*
 * asker: where a query came from and how its answer goes back; by UDP it is copied when the answer
 * comes later (forwarded), by TCP it names the connection, which may be gone by then.
 */
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct tcp; /* serve/tcp.h */

#define ASKER_CONTROL_SIZE 64 /* bytes: IP_PKTINFO's or IPV6_PKTINFO's */

struct asker {
    int fd; /* UDP: the socket; TCP: -1 */
    struct sockaddr_storage address;
    socklen_t size;
    /* UDP, where the socket is bound to no address in particular: the control message that has the
     * answer leave from where the query came to. Its size is 0 otherwise. */
    gsize control_size;
    _Alignas(struct cmsghdr) guint8 control[ASKER_CONTROL_SIZE];
    struct tcp *tcp;    /* TCP: all connections */
    guint64 connection; /* TCP: number of this one, never given again */
};

/* Sends it, as far as that can be done at once (UDP) or is kept until it can (TCP). */
void asker_send(const struct asker *asker, const guint8 *wire, gsize size);
