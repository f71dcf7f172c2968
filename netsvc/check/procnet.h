/* procnet: what the kernel tells of sockets and routes in /proc/net. */
#pragma once

#include <glib.h>
#include <netinet/in.h>

/* One that is bound (UDP), or listens (TCP). */
struct procnet_socket {
    gboolean tcp;
    int family;
    guint8 address[16]; /* network byte order */
    guint16 port;
    guint64 inode;
};

/* struct procnet_socket, all of them. Caller frees the array. */
GArray *procnet_sockets(void);

/* A line of /proc/net/udp, tcp, … that is one. */
gboolean procnet_parse_socket(const char *line, gboolean tcp, int family,
                              struct procnet_socket *socket);

/* The name of a process that has the socket, and its id; NULL: it is not to be seen. */
char *procnet_owner(guint64 inode, guint *pid);

struct procnet_route {
    char interface[16];
    guint32 network, mask; /* host byte order */
};

/* struct procnet_route, of IPv4's main table. Caller frees the array. */
GArray *procnet_routes(void);
gboolean procnet_parse_route(const char *line, struct procnet_route *route);
