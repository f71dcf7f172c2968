#include "netsvc/dns/serve/udp.h"

#include "netsvc/dns/wire/query.h"

#include <arpa/inet.h>
#include <string.h>

#define PATIENCE 20 /* seconds until a test gives up */

struct world {
    struct event_base *events;
    struct udp *udp;
    int fd, client;
    struct sockaddr_in address; /* of fd */
    guint served;
    gsize largest;
    struct asker last;
};

static int
bound(const char *address, struct sockaddr_in *out)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in wanted = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
    socklen_t size = sizeof *out;
    g_assert_cmpint(bind(fd, (struct sockaddr *)&wanted, sizeof wanted), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)out, &size), ==, 0);
    const struct timeval patience = {.tv_sec = PATIENCE};
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), ==, 0);
    return fd;
}

/* Gives back what came, but nothing for what begins with '-'. */
static gsize
echo(gpointer context, const struct asker *asker, const guint8 *wire, gsize size, guint8 *out)
{
    struct world *world = context;
    g_assert_cmpint(asker->fd, ==, world->fd);
    g_assert_cmpuint(asker->size, ==, sizeof(struct sockaddr_in));
    g_assert_null(asker->tcp);
    world->served++;
    world->largest = MAX(world->largest, size);
    world->last = *asker;
    if (size > QUERY_UDP_MAX || (size > 0 && wire[0] == '-'))
        return 0;
    memcpy(out, wire, size);
    return size;
}

static struct world *
world_new(const char *address)
{
    struct world *world = g_new0(struct world, 1);
    struct sockaddr_in mine;
    world->events = event_base_new();
    world->fd = bound(address, &world->address);
    world->client = bound("127.0.0.1", &mine);
    world->udp = udp_new(world->events, world->fd, &(struct udp_role){echo, world});
    return world;
}

static void
world_free(struct world *world)
{
    udp_free(world->udp);
    event_base_free(world->events);
    close(world->fd);
    close(world->client);
    g_free(world);
}
AUTO_DEFINE(world)

static void
ask(const struct world *world, const char *to, const void *bytes, gsize size)
{
    struct sockaddr_in address = world->address;
    if (to != NULL)
        address.sin_addr.s_addr = inet_addr(to);
    gssize sent =
        sendto(world->client, bytes, size, 0, (struct sockaddr *)&address, sizeof address);
    g_assert_cmpint(sent, ==, (gssize)size);
}

static void
expect(const struct world *world, const char *from, const char *text)
{
    char bytes[QUERY_UDP_MAX];
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    gssize received =
        recvfrom(world->client, bytes, sizeof bytes, 0, (struct sockaddr *)&address, &size);
    g_assert_cmpmem(bytes, (int)received, text, (int)strlen(text));
    g_assert_cmpstr(inet_ntoa(address.sin_addr), ==, from);
    g_assert_cmpuint(address.sin_port, ==, world->address.sin_port);
}

static void
test_batches(void)
{
    enum { ASKED = UDP_BATCH + 7 };
    AUTO(world) *world = world_new("127.0.0.1");
    for (guint i = 0; i < ASKED; i++) {
        g_autofree char *text = g_strdup_printf("%s%u", i % 3 == 0 ? "-" : "", i);
        ask(world, NULL, text, strlen(text));
    }
    g_assert_cmpuint(udp_take(world->udp), ==, UDP_BATCH);
    g_assert_cmpuint(udp_take(world->udp), ==, ASKED - UDP_BATCH);
    g_assert_cmpuint(udp_take(world->udp), ==, 0);
    g_assert_cmpuint(world->served, ==, ASKED);
    for (guint i = 0; i < ASKED; i++) {
        g_autofree char *text = g_strdup_printf("%u", i);
        if (i % 3 != 0)
            expect(world, "127.0.0.1", text);
    }
}

static void
test_loop(void)
{
    AUTO(world) *world = world_new("127.0.0.1");
    ask(world, NULL, "hello", 5);
    while (world->served == 0)
        event_base_loop(world->events, EVLOOP_ONCE);
    expect(world, "127.0.0.1", "hello");
}

static void
test_sizes(void)
{
    AUTO(world) *world = world_new("127.0.0.1");
    g_autofree char *giant = g_strnfill(UDP_QUERY_MAX + 1000, 'x');
    ask(world, NULL, giant, UDP_QUERY_MAX + 1000);
    ask(world, NULL, "", 0);
    ask(world, NULL, "after", 5);
    g_assert_cmpuint(udp_take(world->udp), ==, 3);
    g_assert_cmpuint(world->largest, ==, UDP_QUERY_MAX);
    expect(world, "127.0.0.1", "after");
}

static void
test_from_where_it_came_to(void)
{
    AUTO(world) *world = world_new("0.0.0.0");
    for (guint i = 0; i < 3; i++) { /* the room for the address is given back each time */
        ask(world, "127.0.0.2", "two", 3);
        ask(world, "127.0.0.3", "three", 5);
        g_assert_cmpuint(udp_take(world->udp), ==, 2);
        expect(world, "127.0.0.2", "two");
        expect(world, "127.0.0.3", "three");
    }
    /* Also one that comes later. */
    ask(world, "127.0.0.4", "-", 1);
    g_assert_cmpuint(udp_take(world->udp), ==, 1);
    const struct asker later = world->last;
    ask(world, "127.0.0.5", "between", 7);
    g_assert_cmpuint(udp_take(world->udp), ==, 1);
    expect(world, "127.0.0.5", "between");
    asker_send(&later, (const guint8 *)"later", 5);
    expect(world, "127.0.0.4", "later");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/udp/queries are answered in batches, in order", test_batches);
    g_test_add_func("/udp/the loop serves", test_loop);
    g_test_add_func("/udp/what is too long is cut, what is empty disturbs nobody", test_sizes);
    g_test_add_func("/udp/an answer leaves from where the query came to",
                    test_from_where_it_came_to);
    return g_test_run();
}
