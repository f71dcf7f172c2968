#include "peer.h"

#include <arpa/inet.h>
#include <string.h>

const void *
peer_bytes(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6
               ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
               : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
}

gboolean
peer_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    gsize size = a->ss_family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
    return a->ss_family == b->ss_family && memcmp(peer_bytes(a), peer_bytes(b), size) == 0;
}

gboolean
peer_is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    /* The port is at the same place in both. */
    return peer_is_same_host(a, b) &&
           ((const struct sockaddr_in *)a)->sin_port == ((const struct sockaddr_in *)b)->sin_port;
}

const char *
peer_text(const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN])
{
    return inet_ntop(address->ss_family, peer_bytes(address), text, INET6_ADDRSTRLEN) != NULL ? text
                                                                                              : "?";
}
