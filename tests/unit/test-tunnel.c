/* What goes through the tunnel between two nodes: a's CouchDB is read at b. */
#include "tests/unit/two_nodes.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
    struct two_nodes *both;
    int server; /* listens in CouchDB's place */
    struct sockaddr_in here;
    guint accepted;
};

static struct world
set_up(void)
{
    struct world world = {.both = two_nodes_new(2)};
    struct node *a = &world.both->a, *b = &world.both->b;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    world.server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    g_assert_cmpint(bind(world.server, (const struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(listen(world.server, 128), ==, 0);
    g_assert_cmpint(getsockname(world.server, (struct sockaddr *)&address, &size), ==, 0);
    memcpy(&a->config.source.address.address, &address, size);
    a->config.source.address.size = size;
    world.here = node_listen(b, MESSAGE_TUNNEL);
    two_nodes_introduce(world.both);
    node_on(a);
    node_on(b);
    TURN_UNTIL(world.both, a->met == 1 && b->met == 1);
    return world;
}

static void
tear_down(struct world *world)
{
    two_nodes_free(world->both);
    close(world->server);
}

static int
call(struct world *world)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int done = connect(fd, (const struct sockaddr *)&world->here, sizeof world->here);
    g_assert_true(done == 0 || errno == EINPROGRESS);
    return fd;
}

static int
take(struct world *world)
{
    int fd;
    TURN_UNTIL(world->both, (fd = accept4(world->server, NULL, NULL, SOCK_NONBLOCK)) >= 0);
    return fd;
}

static gboolean
is_sent(int fd, const char *data, gsize size, gsize *sent)
{
    ssize_t n = send(fd, data + *sent, size - *sent, 0);
    g_assert_true(n >= 0 || errno == EAGAIN);
    *sent += (gsize)MAX(n, 0);
    return *sent == size;
}

static void
send_all(struct world *world, int fd, const char *data, gsize size)
{
    gsize sent = 0;
    TURN_UNTIL(world->both, is_sent(fd, data, size, &sent));
}

static gboolean
is_over(int fd, GByteArray *got, gboolean *reset)
{
    ssize_t n;
    guint8 some[65536];
    while ((n = recv(fd, some, sizeof some, 0)) > 0)
        g_byte_array_append(got, some, (guint)n);
    *reset = n < 0 && errno == ECONNRESET;
    g_assert_true(n == 0 || *reset || errno == EAGAIN);
    return n == 0 || *reset;
}

/* Until the end, or a reset: TRUE is the end. */
static gboolean
receive_all(struct world *world, int fd, GByteArray *got)
{
    gboolean reset = FALSE;
    TURN_UNTIL(world->both, is_over(fd, got, &reset));
    return !reset;
}

static char *
noise(gsize size)
{
    char *data = g_malloc(size);
    for (gsize i = 0; i < size; i++)
        data[i] = (char)(i * 7 + i / 251);
    return data;
}

/* ---- tests ---- */

static void
test_both_ways_and_half_closed(void)
{
    struct world world = set_up();
    g_autoptr(GByteArray) asked = g_byte_array_new(), answered = g_byte_array_new();
    g_autofree char *data = noise(3000000);
    int client = call(&world);
    send_all(&world, client, "GET / HTTP/1.1\r\n\r\n", 18);
    shutdown(client, SHUT_WR);
    int server = take(&world);
    g_assert_true(receive_all(&world, server, asked));
    g_assert_cmpmem(asked->data, asked->len, "GET / HTTP/1.1\r\n\r\n", 18);
    gsize sent = 0;
    while (answered->len < 3000000) { /* the answer comes after the question's end */
        guint8 some[65536];
        ssize_t n = sent < 3000000 ? send(server, data + sent, 3000000 - sent, 0) : 0;
        sent += (gsize)MAX(n, 0);
        two_nodes_turn(world.both);
        while ((n = recv(client, some, sizeof some, 0)) > 0)
            g_byte_array_append(answered, some, (guint)n);
        g_assert_true(n < 0 && errno == EAGAIN);
    }
    close(server);
    g_assert_true(receive_all(&world, client, answered));
    g_assert_cmpmem(answered->data, answered->len, data, 3000000);
    close(client);
    tear_down(&world);
}

/* Sends what is left, and takes what has come. */
static void
exchange(int fd, const char *data, gsize size, gsize *sent, GByteArray *got)
{
    ssize_t n;
    guint8 some[65536];
    if (*sent < size && (n = send(fd, data + *sent, size - *sent, 0)) > 0 &&
        (*sent += (gsize)n) == size)
        shutdown(fd, SHUT_WR);
    while ((n = recv(fd, some, sizeof some, 0)) > 0)
        g_byte_array_append(got, some, (guint)n);
    g_assert_true(n == 0 || errno == EAGAIN);
}

static void
test_both_ways_at_once(void)
{
    const gsize size = 5000000;
    struct world world = set_up();
    g_autoptr(GByteArray) here = g_byte_array_new(), there = g_byte_array_new();
    g_autofree char *data = noise(size);
    gsize sent[2] = {0};
    int client = call(&world), server = take(&world);
    while (here->len < size || there->len < size) {
        exchange(client, data, size, &sent[0], here);
        exchange(server, data + 1, size - 1, &sent[1], there);
        if (sent[1] == size - 1 && here->len == size - 1)
            break;
        two_nodes_turn(world.both);
    }
    g_assert_true(receive_all(&world, server, there));
    g_assert_true(receive_all(&world, client, here));
    g_assert_cmpmem(there->data, there->len, data, size);
    g_assert_cmpmem(here->data, here->len, data + 1, size - 1);
    close(client);
    close(server);
    tear_down(&world);
}

static void
test_who_does_not_read_stops_who_sends(void)
{
    struct world world = set_up();
    static char block[65536];
    const int small = 65536;
    int client = call(&world);
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    int server = take(&world);
    gsize sent = 0;
    for (guint idle = 0; idle < 20;) { /* 20 turns, up to 20 ms each, without a byte */
        ssize_t n = send(server, block, sizeof block, 0);
        sent += (gsize)MAX(n, 0);
        idle = n > 0 ? 0 : idle + 1;
        g_assert_cmpuint(sent, <, 64 * 1024 * 1024);
        two_nodes_turn(world.both);
    }
    g_test_message("%" G_GSIZE_FORMAT " bytes were taken of a sender without a reader", sent);
    g_assert_true(link_is_up(world.both->a.link) && link_is_up(world.both->b.link));
    g_assert_cmpuint(world.both->a.lost + world.both->b.lost, ==, 0);
    shutdown(server, SHUT_WR);
    g_autoptr(GByteArray) got = g_byte_array_new();
    g_assert_true(receive_all(&world, client, got));
    g_assert_cmpuint(got->len, ==, sent);
    close(client);
    close(server);
    tear_down(&world);
}

static void
test_what_breaks_is_reset(void)
{
    struct world world = set_up();
    g_autoptr(GByteArray) got = g_byte_array_new();
    int client = call(&world), server = take(&world);
    send_all(&world, server, "half an ans", 11);
    TURN_UNTIL(world.both, recv(client, (char[1]){0}, 1, MSG_PEEK) == 1);
    node_off(&world.both->a);
    g_assert_false(receive_all(&world, client, got));
    int refused = call(&world);
    TURN_UNTIL(world.both, world.both->b.lost == 1);
    g_assert_false(receive_all(&world, refused, got)); /* away: at once */
    close(refused);
    close(client);
    close(server);
    tear_down(&world);
}

static void
test_no_server_is_a_reset(void)
{
    struct world world = set_up();
    g_autoptr(GByteArray) got = g_byte_array_new();
    close(world.server);
    world.server = -1;
    int client = call(&world);
    g_assert_false(receive_all(&world, client, got));
    close(client);
    world.server = socket(AF_INET, SOCK_STREAM, 0);
    tear_down(&world);
}

static void
test_64_at_a_time(void)
{
    struct world world = set_up();
    g_autoptr(GByteArray) got = g_byte_array_new();
    int clients[64], servers[64];
    for (guint i = 0; i < 64; i++)
        clients[i] = call(&world);
    for (guint i = 0; i < 64; i++)
        servers[i] = take(&world);
    int more = call(&world);
    g_assert_false(receive_all(&world, more, got));
    close(clients[0]); /* one ends … */
    g_assert_true(receive_all(&world, servers[0], got));
    close(servers[0]);
    close(more);
    int server = -1;
    do { /* … and another one finds room */
        more = call(&world);
        for (guint i = 0; i < 5 && server < 0; i++) {
            two_nodes_turn(world.both);
            server = accept4(world.server, NULL, NULL, SOCK_NONBLOCK);
        }
        if (server < 0)
            close(more);
    } while (server < 0);
    close(server);
    close(more);
    for (guint i = 1; i < 64; i++) {
        close(clients[i]);
        close(servers[i]);
    }
    tear_down(&world);
}

/* Port and answers are another user's to try, not to have. A connection that its owner has closed
 * may look like root's to the kernel. */
static void
test_other_users_are_refused(void)
{
    if (geteuid() != 0) {
        g_test_skip("only root can be others");
        return;
    }
    struct world world = set_up();
    g_autoptr(GByteArray) got = g_byte_array_new();
    int stranger[80];
    g_assert_cmpint(seteuid(65534), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(stranger); i++)
        stranger[i] = call(&world);
    int gone = call(&world);
    g_assert_cmpint(send(gone, "GET /", 5, 0), ==, 5);
    close(gone);
    g_assert_cmpint(seteuid(0), ==, 0);
    int own = call(&world);
    close(take(&world)); /* the only one that came through, and none had to wait for the others */
    g_assert_cmpint(accept4(world.server, NULL, NULL, SOCK_NONBLOCK), <, 0);
    for (guint i = 0; i < G_N_ELEMENTS(stranger); i++) {
        g_assert_false(receive_all(&world, stranger[i], got));
        close(stranger[i]);
    }
    g_assert_cmpuint(got->len, ==, 0);
    close(own);
    tear_down(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tunnel/both ways and half closed", test_both_ways_and_half_closed);
    g_test_add_func("/tunnel/both ways at once", test_both_ways_at_once);
    g_test_add_func("/tunnel/who does not read stops who sends",
                    test_who_does_not_read_stops_who_sends);
    g_test_add_func("/tunnel/what breaks is reset", test_what_breaks_is_reset);
    g_test_add_func("/tunnel/no server is a reset", test_no_server_is_a_reset);
    g_test_add_func("/tunnel/64 at a time", test_64_at_a_time);
    g_test_add_func("/tunnel/other users are refused", test_other_users_are_refused);
    return g_test_run();
}
