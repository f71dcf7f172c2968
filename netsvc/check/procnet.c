#include "netsvc/check/procnet.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LISTENS 0x0a /* TCP_LISTEN */
#define BOUND 0x07   /* a UDP socket that is not connected */

/* ---- sockets ---- */

/* Words of 32 bits as this machine has them in memory, in hex. */
static gboolean
parse_address(const char *hex, int family, guint8 address[16])
{
    const gsize words = family == AF_INET ? 1 : 4;
    if (strlen(hex) != words * 8)
        return FALSE;
    for (gsize i = 0; i < words; i++) {
        guint32 word;
        if (sscanf(hex + i * 8, "%8x", &word) != 1)
            return FALSE;
        memcpy(address + i * 4, &word, sizeof word);
    }
    return TRUE;
}

gboolean
procnet_parse_socket(const char *line, gboolean tcp, int family, struct procnet_socket *socket)
{
    char address[33];
    guint port, state;
    unsigned long inode;
    *socket = (struct procnet_socket){.tcp = tcp, .family = family};
    if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
               address, &port, &state, &inode) != 4 ||
        state != (tcp ? LISTENS : BOUND) || !parse_address(address, family, socket->address))
        return FALSE;
    socket->port = (guint16)port;
    socket->inode = inode;
    return TRUE;
}

static void
read_sockets(GArray *sockets, const char *path, gboolean tcp, int family)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        struct procnet_socket socket;
        if (procnet_parse_socket(lines[i], tcp, family, &socket))
            g_array_append_val(sockets, socket);
    }
}

GArray *
procnet_sockets(void)
{
    GArray *sockets = g_array_new(FALSE, TRUE, sizeof(struct procnet_socket));
    read_sockets(sockets, "/proc/net/udp", FALSE, AF_INET);
    read_sockets(sockets, "/proc/net/udp6", FALSE, AF_INET6);
    read_sockets(sockets, "/proc/net/tcp", TRUE, AF_INET);
    read_sockets(sockets, "/proc/net/tcp6", TRUE, AF_INET6);
    return sockets;
}

/* ---- whose they are ---- */

static gboolean
has_open(const char *process, const char *wanted)
{
    g_autofree char *folder = g_build_filename("/proc", process, "fd", NULL);
    g_autoptr(GDir) open = g_dir_open(folder, 0, NULL);
    const char *name;
    while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char target[64];
        ssize_t size = readlink(path, target, sizeof target - 1);
        if (size > 0) {
            target[size] = '\0';
            if (strcmp(target, wanted) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

char *
procnet_owner(guint64 inode, guint *pid)
{
    g_autofree char *wanted = g_strdup_printf("socket:[%" G_GUINT64_FORMAT "]", inode);
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (processes != NULL && (name = g_dir_read_name(processes)) != NULL) {
        guint64 number;
        if (!g_ascii_string_to_unsigned(name, 10, 1, G_MAXUINT, &number, NULL) ||
            !has_open(name, wanted))
            continue;
        g_autofree char *path = g_build_filename("/proc", name, "comm", NULL);
        char *command = NULL;
        *pid = (guint)number;
        return g_file_get_contents(path, &command, NULL, NULL) ? g_strchomp(command) : NULL;
    }
    return NULL;
}

/* ---- routes ---- */

gboolean
procnet_parse_route(const char *line, struct procnet_route *route)
{
    guint32 network, mask;
    *route = (struct procnet_route){0};
    if (sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", route->interface, &network, &mask) != 3)
        return FALSE;
    route->network = ntohl(network);
    route->mask = ntohl(mask);
    return TRUE;
}

GArray *
procnet_routes(void)
{
    GArray *routes = g_array_new(FALSE, TRUE, sizeof(struct procnet_route));
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/net/route", &text, NULL, NULL))
        return routes;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        struct procnet_route route;
        if (procnet_parse_route(lines[i], &route))
            g_array_append_val(routes, route);
    }
    return routes;
}
