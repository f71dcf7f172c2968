/* tcp: each query gets its answer whatever the segments, and no peer costs more than its share. */
#include "netsvc/dns/serve/tcp.h"

#include "netsvc/dns/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>

#define QUERY 20  /* bytes of ours */
#define LATER 'l' /* in a query's last byte: no answer yet */
#define BIG 'b'   /* an answer of full size */
#define STREAM 's'
#define SOCKET_ROOM 16384
#define HELD (512 << 10)
#define CROWD 8 /* connections in all */

struct world {
    struct event_base *events;
    struct tcp *tcp;
    struct asker later[1000];
    guint later_count, streams, ended;
    guint messages; /* of a stream */
};

static gint64 second;
static struct world world;

static gint64
seconds(void)
{
    return second;
}

static gssize
next_message(gpointer context, guint8 *out)
{
    guint *left = context;
    if (*left == 0)
        return TCP_STREAM_END;
    memset(out, 0x80, 1000);
    out[0] = (guint8)(*left >> 8);
    out[1] = (guint8)*left;
    (*left)--;
    return 1000;
}

static void
end_stream(gpointer context)
{
    g_free(context);
    world.ended++;
}

static gsize
serve(gpointer context, const struct asker *asker, const guint8 *wire, gsize size, guint8 *out)
{
    g_assert_true(context == &world && size >= 12);
    switch (wire[size - 1]) {
    case LATER:
        world.later[world.later_count++] = *asker;
        return 0;
    case STREAM:
        tcp_stream(asker, (struct tcp_stream){next_message, end_stream,
                                              g_memdup2(&world.messages, sizeof(guint))});
        world.streams++;
        return 0;
    default:
        memcpy(out, wire, size);
        out[2] |= 0x80;
        if (wire[size - 1] != BIG)
            return size;
        memset(out + size, 0, DNS_TCP_MAX - size);
        return DNS_TCP_MAX;
    }
}

static void
set_up(guint outstanding)
{
    const struct tcp_role role = {.serve = serve,
                                  .context = &world,
                                  .seconds = seconds,
                                  .connections = CROWD,
                                  .per_client = CROWD / 2,
                                  .held = HELD,
                                  .outstanding = outstanding};
    memset(&world, 0, sizeof world);
    second = 1000;
    world.events = event_base_new();
    world.tcp = tcp_new(world.events, &role);
}

static void
tear_down(void)
{
    tcp_free(world.tcp);
    event_base_free(world.events);
}

/* Turns the loop until nothing is to be done. */
static void
turn(void)
{
    for (int i = 0; i < 50; i++)
        event_base_loop(world.events, EVLOOP_NONBLOCK);
}

static int
connect_from(guint8 client)
{
    int pair[2], room = SOCKET_ROOM;
    struct sockaddr_storage address = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(0x0a000000u + client);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), ==, 0);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    tcp_adopt(world.tcp, pair[1], &address, sizeof *in);
    return pair[0];
}

static void
put_query(guint8 at[QUERY + 2], guint16 id, char last)
{
    memset(at, 0, QUERY + 2);
    at[1] = QUERY;
    at[2] = (guint8)(id >> 8);
    at[3] = (guint8)id;
    at[QUERY + 1] = (guint8)last;
}

static void
ask(int fd, guint16 id, char last)
{
    guint8 query[QUERY + 2];
    put_query(query, id, last);
    g_assert_cmpint(send(fd, query, sizeof query, MSG_NOSIGNAL), ==, sizeof query);
}

/* The next message's id; its size in `size` unless that is NULL. -1: nothing comes, -2: the end. */
static int
answer(int fd, gsize *size)
{
    static guint8 message[DNS_TCP_MAX];
    guint8 prefix[2];
    ssize_t got = recv(fd, prefix, 2, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN ? -1 : -2;
    g_assert_cmpint(got, ==, 2);
    gsize want = (gsize)(prefix[0] << 8 | prefix[1]), have = 0;
    while (have < want) {
        got = recv(fd, message + have, want - have, 0);
        if (got > 0)
            have += (gsize)got;
        else if (got < 0 && errno == EAGAIN)
            turn();
        else
            return -2; /* cut in the midst of it */
    }
    g_assert_true(message[2] & 0x80);
    if (size != NULL)
        *size = want;
    return message[0] << 8 | message[1];
}

static gboolean
is_cut(int fd)
{
    int last;
    while ((last = answer(fd, NULL)) >= 0)
        ;
    return last == -2;
}

static guint
connections(void)
{
    struct tcp_counts counts;
    tcp_count(world.tcp, &counts);
    return counts.connections;
}

static void
test_many_queries_in_one_segment_are_all_answered(void)
{
    guint8 many[300][QUERY + 2];
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    for (gsize i = 0; i < G_N_ELEMENTS(many); i++)
        put_query(many[i], (guint16)i, 0);
    g_assert_cmpint(send(fd, many, sizeof many, 0), ==, sizeof many);
    turn();
    for (int i = 0; i < (int)G_N_ELEMENTS(many); i++)
        g_assert_cmpint(answer(fd, NULL), ==, i);
    g_assert_cmpint(answer(fd, NULL), ==, -1);
    tear_down();
}

static void
test_a_query_may_come_byte_by_byte(void)
{
    guint8 two[2][QUERY + 2];
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    put_query(two[0], 7, 0);
    put_query(two[1], 8, 0);
    for (gsize i = 0; i < sizeof two; i++) {
        g_assert_cmpint(answer(fd, NULL), ==, -1);
        g_assert_cmpint(send(fd, (guint8 *)two + i, 1, 0), ==, 1);
        turn();
        if (i == sizeof two[0] - 1)
            g_assert_cmpint(answer(fd, NULL), ==, 7);
    }
    g_assert_cmpint(answer(fd, NULL), ==, 8);
    tear_down();
}

static void
test_a_later_answer_is_overtaken_by_others(void)
{
    guint8 reply[QUERY] = {0, 1, 0x80};
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    ask(fd, 1, LATER);
    ask(fd, 2, 0);
    turn();
    g_assert_cmpint(answer(fd, NULL), ==, 2);
    g_assert_cmpint(answer(fd, NULL), ==, -1);
    asker_send(&world.later[0], reply, sizeof reply);
    g_assert_cmpint(answer(fd, NULL), ==, 1);
    tear_down();
}

static void
test_an_answer_for_one_who_left_reaches_nobody_else(void)
{
    guint8 reply[QUERY] = {0, 1, 0x80};
    set_up(0);
    int left = connect_from(1);
    ask(left, 1, LATER);
    turn();
    close(left);
    turn();
    second += TCP_IDLE;
    tcp_sweep(world.tcp);
    g_assert_cmpuint(connections(), ==, 0);
    int others[CROWD];
    for (guint i = 0; i < CROWD; i++) {
        others[i] = connect_from((guint8)i);
        ask(others[i], 5, LATER);
    }
    turn();
    asker_send(&world.later[0], reply, sizeof reply);
    turn();
    for (guint i = 0; i < CROWD; i++) {
        g_assert_cmpint(answer(others[i], NULL), ==, -1);
        close(others[i]);
    }
    tear_down();
}

static void
test_with_too_many_unanswered_the_next_wait(void)
{
    guint8 reply[QUERY] = {0, 1, 0x80};
    set_up(2);
    AUTO_FD int fd = connect_from(1);
    for (guint16 i = 0; i < 3; i++)
        ask(fd, i, LATER);
    ask(fd, 77, 0);
    turn();
    g_assert_cmpuint(world.later_count, ==, 2);
    g_assert_cmpint(answer(fd, NULL), ==, -1);
    asker_send(&world.later[0], reply, sizeof reply);
    turn();
    g_assert_cmpuint(world.later_count, ==, 3);
    asker_send(&world.later[1], reply, sizeof reply);
    turn();
    g_assert_cmpint(answer(fd, NULL), ==, 1);
    g_assert_cmpint(answer(fd, NULL), ==, 1);
    g_assert_cmpint(answer(fd, NULL), ==, 77);
    tear_down();
}

static void
test_who_reads_nothing_is_held_back_and_then_cut(void)
{
    struct tcp_counts before, after;
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    for (guint16 i = 0; i < 100; i++)
        ask(fd, i, BIG);
    turn();
    tcp_count(world.tcp, &before);
    g_assert_cmpuint(before.queries, <, 20);
    for (int i = 0; i < TCP_IDLE; i++) {
        g_assert_cmpuint(connections(), ==, 1);
        second++;
        tcp_sweep(world.tcp);
    }
    tcp_count(world.tcp, &after);
    g_assert_cmpuint(after.connections, ==, 0);
    g_assert_cmpuint(after.queries, ==, before.queries);
    tear_down();
}

static void
test_who_reads_too_slowly_is_cut(void)
{
    guint8 some[4000]; /* a second: of 128 KB not all in the time */
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    for (guint16 i = 0; i < 100; i++)
        ask(fd, i, BIG);
    turn();
    for (int i = 0; i < TCP_DRAIN; i++) {
        g_assert_cmpuint(connections(), ==, 1);
        g_assert_cmpint(recv(fd, some, sizeof some, 0), >, 0);
        turn();
        second++;
        tcp_sweep(world.tcp);
    }
    g_assert_cmpuint(connections(), ==, 0);
    tear_down();
}

static void
test_answers_of_full_size_all_come_to_one_who_reads(void)
{
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    for (guint16 i = 0; i < 100; i++)
        ask(fd, i, BIG);
    for (int i = 0; i < 100;) {
        gsize size;
        turn();
        int id = answer(fd, &size);
        if (id < 0)
            continue;
        g_assert_cmpint(id, ==, i++);
        g_assert_cmpuint(size, ==, DNS_TCP_MAX);
    }
    tear_down();
}

static void
test_the_idle_and_those_that_drip_are_cut(void)
{
    guint8 query[QUERY + 2];
    set_up(0);
    AUTO_FD int idle = connect_from(1);
    AUTO_FD int drips = connect_from(2);
    AUTO_FD int asks = connect_from(3);
    put_query(query, 1, 0);
    for (gsize i = 0; i < TCP_IDLE; i++) {
        g_assert_cmpuint(connections(), ==, 3);
        g_assert_cmpint(send(drips, query + i, 1, 0), ==, 1);
        ask(asks, 1, 0);
        turn();
        second++;
        tcp_sweep(world.tcp);
    }
    g_assert_cmpuint(connections(), ==, 1);
    g_assert_true(is_cut(idle) && is_cut(drips) && !is_cut(asks));
    tear_down();
}

static void
test_the_more_are_connected_the_shorter_they_may_idle(void)
{
    int fds[CROWD];
    set_up(0);
    for (guint i = 0; i < CROWD; i++) {
        fds[i] = connect_from((guint8)i);
        g_assert_true((tcp_idle(world.tcp) < TCP_IDLE) == (i >= CROWD / 2));
    }
    g_assert_cmpuint(tcp_idle(world.tcp), ==, 1);
    second++;
    tcp_sweep(world.tcp);
    g_assert_cmpuint(connections(), ==, 0);
    for (guint i = 0; i < CROWD; i++)
        close(fds[i]);
    tear_down();
}

static void
test_when_all_are_taken_the_idle_make_room_and_the_busy_do_not(void)
{
    int fds[CROWD];
    set_up(0);
    for (guint i = 0; i < CROWD; i++) {
        fds[i] = connect_from((guint8)i);
        ask(fds[i], 1, i == 3 ? 0 : LATER);
    }
    turn();
    AUTO_FD int too_early = connect_from(100);
    g_assert_true(is_cut(too_early));
    second++;
    tcp_sweep(world.tcp);
    g_assert_cmpuint(connections(), ==, CROWD - 1);
    AUTO_FD int there = connect_from(100);
    ask(there, 1, LATER);
    turn();
    second++;
    AUTO_FD int too_many = connect_from(101);
    g_assert_true(is_cut(fds[3]) && !is_cut(there) && is_cut(too_many));
    for (guint i = 0; i < CROWD; i++)
        close(fds[i]);
    tear_down();
}

static void
test_all_together_do_not_hold_too_much(void)
{
    int fds[CROWD];
    set_up(0);
    for (guint i = 0; i < CROWD; i++) {
        fds[i] = connect_from((guint8)i);
        for (guint16 id = 0; id < 4; id++)
            ask(fds[i], id, BIG);
        turn();
    }
    g_assert_cmpuint(connections(), >, 0);
    g_assert_cmpuint(connections(), <, CROWD);
    for (guint i = 0; i < CROWD; i++)
        close(fds[i]);
    tear_down();
}

static void
test_who_has_not_asked_yet_makes_room_for_the_next(void)
{
    int fds[CROWD];
    set_up(0);
    for (guint i = 0; i < CROWD; i++)
        fds[i] = connect_from(1);
    ask(fds[CROWD - 1], 9, 0);
    turn();
    g_assert_cmpint(answer(fds[CROWD - 1], NULL), ==, 9);
    for (guint i = 0; i < CROWD / 2; i++)
        g_assert_true(is_cut(fds[i]));
    for (guint i = 0; i < CROWD; i++)
        close(fds[i]);
    tear_down();
}

static void
test_one_client_does_not_take_all(void)
{
    int fds[CROWD];
    struct tcp_counts counts;
    set_up(0);
    for (guint i = 0; i < CROWD; i++) {
        fds[i] = connect_from(1);
        if (i < CROWD / 2)
            ask(fds[i], 1, LATER);
        turn();
    }
    tcp_count(world.tcp, &counts);
    g_assert_cmpuint(counts.connections, ==, CROWD / 2);
    g_assert_cmpuint(counts.refused, ==, CROWD / 2);
    AUTO_FD int other = connect_from(2);
    ask(other, 9, 0);
    turn();
    g_assert_cmpint(answer(other, NULL), ==, 9);
    for (guint i = 0; i < CROWD; i++)
        close(fds[i]);
    tear_down();
}

static void
test_what_is_no_query_is_cut(void)
{
    const guint8 short_one[] = {0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const guint8 empty[] = {0, 0};
    guint8 answered[QUERY + 2];
    set_up(0);
    put_query(answered, 1, 0);
    answered[4] = 0x80;
    const struct {
        const guint8 *data;
        gsize size;
    } wrong[] = {{short_one, sizeof short_one}, {empty, sizeof empty}, {answered, sizeof answered}};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        AUTO_FD int fd = connect_from(1);
        g_assert_cmpint(send(fd, wrong[i].data, wrong[i].size, 0), ==, wrong[i].size);
        turn();
        g_assert_true(is_cut(fd));
    }
    tear_down();
}

static void
test_who_sends_no_more_still_gets_all_answers(void)
{
    guint8 reply[QUERY] = {0, 1, 0x80};
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    ask(fd, 1, LATER);
    ask(fd, 2, 0);
    g_assert_cmpint(send(fd, "\0", 1, 0), ==, 1);
    shutdown(fd, SHUT_WR);
    turn();
    g_assert_cmpint(answer(fd, NULL), ==, 2);
    g_assert_cmpint(answer(fd, NULL), ==, -1);
    asker_send(&world.later[0], reply, sizeof reply);
    turn();
    g_assert_cmpint(answer(fd, NULL), ==, 1);
    g_assert_cmpint(answer(fd, NULL), ==, -2);
    tear_down();
}

static void
test_a_stream_drains_with_answers_between_its_messages(void)
{
    gboolean between = FALSE;
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    world.messages = 20000;
    ask(fd, 1, STREAM);
    turn();
    ask(fd, 0xffff, 0);
    for (int left = 20000; left > 0;) {
        int id = answer(fd, NULL);
        if (id == 0xffff)
            between = left > 1;
        else if (id == -1)
            event_base_loop(world.events, EVLOOP_NONBLOCK);
        else
            g_assert_cmpint(id, ==, left--);
    }
    turn();
    g_assert_true(between);
    g_assert_cmpuint(world.ended, ==, 1);
    g_assert_cmpuint(connections(), ==, 1);
    tear_down();
}

static void
test_a_stream_ends_with_its_connection(void)
{
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    world.messages = 20000;
    ask(fd, 1, STREAM);
    ask(fd, 2, STREAM);
    turn();
    g_assert_cmpuint(world.streams, ==, 2);
    close(fd_steal(&fd));
    turn();
    g_assert_cmpuint(world.ended, ==, world.streams);
    g_assert_cmpuint(connections(), ==, 0);
    tear_down();
}

static void
test_at_the_end_what_has_come_in_is_answered(void)
{
    set_up(0);
    AUTO_FD int fd = connect_from(1);
    for (guint16 i = 0; i < 3; i++)
        ask(fd, i, 0);
    tcp_close(world.tcp);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(answer(fd, NULL), ==, i);
    g_assert_cmpint(answer(fd, NULL), ==, -2);
    tear_down();
}

static void
test_at_the_end_later_answers_and_streams_still_go_out(void)
{
    guint8 reply[QUERY] = {0, 1, 0x80};
    set_up(0);
    AUTO_FD int asks = connect_from(1);
    AUTO_FD int transfers = connect_from(2);
    world.messages = 1000;
    ask(asks, 1, LATER);
    ask(transfers, 2, STREAM);
    tcp_close(world.tcp);
    g_assert_cmpuint(connections(), ==, 2);
    ask(asks, 3, 0);
    for (int left = 1000; left > 0;) {
        int id = answer(transfers, NULL);
        if (id < 0)
            event_base_loop(world.events, EVLOOP_NONBLOCK);
        else
            g_assert_cmpint(id, ==, left--);
    }
    turn();
    g_assert_cmpint(answer(transfers, NULL), ==, -2);
    g_assert_cmpuint(connections(), ==, 1);
    asker_send(&world.later[0], reply, sizeof reply);
    turn();
    g_assert_cmpint(answer(asks, NULL), ==, 1);
    g_assert_cmpint(answer(asks, NULL), ==, -2);
    g_assert_cmpuint(connections(), ==, 0);
    tear_down();
}

static void
test_it_accepts_where_it_listens(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    set_up(0);
    AUTO_FD int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(listen(listener, 10), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&address, &size), ==, 0);
    tcp_listen(world.tcp, listener);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, size), ==, 0);
    ask(fd, 3, LATER);
    while (world.later_count == 0)
        event_base_loop(world.events, EVLOOP_ONCE);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    g_assert_cmpmem(&world.later[0].address, size, &address, size);
    tear_down();
}

static void
test_by_udp_an_answer_goes_to_where_the_query_came_from(void)
{
    struct asker asker = {.size = sizeof(struct sockaddr_in)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    guint8 got[10];
    AUTO_FD int server = socket(AF_INET, SOCK_DGRAM, 0);
    AUTO_FD int client = socket(AF_INET, SOCK_DGRAM, 0);
    g_assert_cmpint(bind(client, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(getsockname(client, (struct sockaddr *)&asker.address, &asker.size), ==, 0);
    asker.fd = server;
    asker_send(&asker, (const guint8 *)"answer", 6);
    g_assert_cmpint(recv(client, got, sizeof got, 0), ==, 6);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tcp/many queries in one segment are all answered",
                    test_many_queries_in_one_segment_are_all_answered);
    g_test_add_func("/tcp/a query may come byte by byte", test_a_query_may_come_byte_by_byte);
    g_test_add_func("/tcp/a later answer is overtaken by others",
                    test_a_later_answer_is_overtaken_by_others);
    g_test_add_func("/tcp/an answer for one who left reaches nobody else",
                    test_an_answer_for_one_who_left_reaches_nobody_else);
    g_test_add_func("/tcp/with too many unanswered the next wait",
                    test_with_too_many_unanswered_the_next_wait);
    g_test_add_func("/tcp/who reads nothing is held back and then cut",
                    test_who_reads_nothing_is_held_back_and_then_cut);
    g_test_add_func("/tcp/who reads too slowly is cut", test_who_reads_too_slowly_is_cut);
    g_test_add_func("/tcp/answers of full size all come to one who reads",
                    test_answers_of_full_size_all_come_to_one_who_reads);
    g_test_add_func("/tcp/the idle and those that drip are cut",
                    test_the_idle_and_those_that_drip_are_cut);
    g_test_add_func("/tcp/the more are connected the shorter they may idle",
                    test_the_more_are_connected_the_shorter_they_may_idle);
    g_test_add_func("/tcp/when all are taken the idle make room and the busy do not",
                    test_when_all_are_taken_the_idle_make_room_and_the_busy_do_not);
    g_test_add_func("/tcp/all together do not hold too much",
                    test_all_together_do_not_hold_too_much);
    g_test_add_func("/tcp/who has not asked yet makes room for the next",
                    test_who_has_not_asked_yet_makes_room_for_the_next);
    g_test_add_func("/tcp/one client does not take all", test_one_client_does_not_take_all);
    g_test_add_func("/tcp/what is no query is cut", test_what_is_no_query_is_cut);
    g_test_add_func("/tcp/who sends no more still gets all answers",
                    test_who_sends_no_more_still_gets_all_answers);
    g_test_add_func("/tcp/a stream drains with answers between its messages",
                    test_a_stream_drains_with_answers_between_its_messages);
    g_test_add_func("/tcp/a stream ends with its connection",
                    test_a_stream_ends_with_its_connection);
    g_test_add_func("/tcp/at the end what has come in is answered",
                    test_at_the_end_what_has_come_in_is_answered);
    g_test_add_func("/tcp/at the end later answers and streams still go out",
                    test_at_the_end_later_answers_and_streams_still_go_out);
    g_test_add_func("/tcp/it accepts where it listens", test_it_accepts_where_it_listens);
    g_test_add_func("/tcp/by udp an answer goes to where the query came from",
                    test_by_udp_an_answer_goes_to_where_the_query_came_from);
    return g_test_run();
}
