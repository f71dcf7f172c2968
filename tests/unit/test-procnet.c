/* procnet: the kernel's lists of sockets and routes are read as they are. */
#include "netsvc/check/procnet.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

static void
test_lines(void)
{
    struct procnet_socket socket;
    const guint8 stub[4] = {127, 0, 0, 53};
    g_assert_true(procnet_parse_socket("   37: 3500007F:0035 00000000:0000 07 00000000:00000000 "
                                       "00:00000000 00000000   101        0 12345 2 0 0",
                                       FALSE, AF_INET, &socket));
    g_assert_cmpmem(socket.address, 4, stub, 4);
    g_assert_cmpuint(socket.port, ==, 53);
    g_assert_cmpuint(socket.inode, ==, 12345);
    g_assert_true(procnet_parse_socket("   0: 00000000000000000000000000000000:0035 "
                                       "00000000000000000000000000000000:0000 0A 00000000:00000000 "
                                       "00:00000000 00000000     0        0 99 1 0 100 0 0 10 0",
                                       TRUE, AF_INET6, &socket));
    g_assert_cmpuint(socket.inode, ==, 99);
    /* one that is connected is nobody's who serves */
    g_assert_false(procnet_parse_socket("   0: 3500007F:0035 0100007F:1234 01 00000000:00000000 "
                                        "00:00000000 00000000     0        0 99 1 0",
                                        TRUE, AF_INET, &socket));
    g_assert_false(procnet_parse_socket("  sl  local_address rem_address   st tx_queue", FALSE,
                                        AF_INET, &socket));
    g_assert_false(procnet_parse_socket("", FALSE, AF_INET, &socket));
}

static void
test_routes(void)
{
    struct procnet_route route;
    g_assert_true(procnet_parse_route(
        "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0", &route));
    g_assert_cmpstr(route.interface, ==, "docker0");
    g_assert_cmphex(route.network, ==, 0xac110000);
    g_assert_cmphex(route.mask, ==, 0xffff0000);
    g_assert_false(procnet_parse_route("Iface\tDestination\tGateway", &route));
}

/* This process, by a socket of its own. */
static void
test_owner(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gboolean found = FALSE;
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    g_autoptr(GArray) sockets = procnet_sockets();
    for (guint i = 0; i < sockets->len; i++) {
        const struct procnet_socket *one = &g_array_index(sockets, struct procnet_socket, i);
        guint pid = 0;
        if (one->tcp || one->family != AF_INET || one->port != ntohs(address.sin_port))
            continue;
        g_autofree char *name = procnet_owner(one->inode, &pid);
        found = pid == (guint)getpid() && g_str_has_prefix("test-procnet", name);
    }
    g_assert_true(found);
    close(fd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/procnet/sockets that serve are told from others", test_lines);
    g_test_add_func("/procnet/routes have their bytes in order", test_routes);
    g_test_add_func("/procnet/a socket's process is found", test_owner);
    return g_test_run();
}
