#include "tests/unit/uplink.h"

#include "lib/base/jsontext.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUARD_SECONDS 20 /* that a test may wait for what does not come */
#define STILL_LOOPS 20   /* passes of the loop in which nothing happens any more */

static GQueue sent = G_QUEUE_INIT; /* GByteArray: what went to clients */

/* What serve/ does otherwise. */
void
asker_send(const struct asker *asker, const guint8 *wire, gsize size)
{
    GByteArray *answer = g_byte_array_new();
    (void)asker;
    g_byte_array_append(answer, wire, (guint)size);
    g_queue_push_tail(&sent, answer);
}

static void
on_guard(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    g_error("it did not come in %d s", GUARD_SECONDS);
}

static gint64
uplink_now(void *context)
{
    const struct uplink *uplink = context;
    return uplink->now;
}

static gboolean
uplink_is_parent(void *context, const struct name *name)
{
    const struct uplink *uplink = context;
    struct name parent;
    return uplink->parent != NULL && name_from_text(&parent, uplink->parent) &&
           name_equal(name, &parent);
}

static enum answer_outcome
uplink_again(void *context, struct reply *reply, const struct answer_beyond *beyond)
{
    const struct uplink *uplink = context;
    return answer_write(uplink->zones, reply, beyond);
}

static void
uplink_alert(void *context, const char *name, const char *text)
{
    struct uplink *uplink = context;
    g_string_append_printf(uplink->alerts, "%s: %s\n", name, text);
}

struct uplink *
uplink_new(void)
{
    const struct timeval guard = {GUARD_SECONDS, 0};
    struct uplink *uplink = g_new0(struct uplink, 1);
    struct sockaddr_in *client = (struct sockaddr_in *)&uplink->asker.address;
    uplink->events = event_base_new();
    uplink->guard = evtimer_new(uplink->events, on_guard, NULL);
    evtimer_add(uplink->guard, &guard);
    uplink->now = 1000 * G_TIME_SPAN_SECOND;
    uplink->alerts = g_string_new(NULL);
    uplink->config.networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    uplink->config.forwarders = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    const struct config_network loopback = {AF_INET, {127}, 8};
    g_array_append_val(uplink->config.networks, loopback);
    client->sin_family = AF_INET;
    client->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    uplink->asker.size = sizeof *client;
    return uplink;
}

static void
close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void
uplink_free(struct uplink *uplink)
{
    forward_free(uplink->forward);
    for (guint i = 0; i < uplink->count; i++) {
        close_if_open(uplink->servers[i].fd);
        close_if_open(uplink->servers[i].listener);
        close_if_open(uplink->servers[i].connection);
        g_byte_array_unref(uplink->servers[i].query);
    }
    event_free(uplink->guard);
    event_base_free(uplink->events);
    g_array_unref(uplink->config.networks);
    g_array_unref(uplink->config.forwarders);
    g_string_free(uplink->alerts, TRUE);
    g_queue_clear_full(&sent, (GDestroyNotify)g_byte_array_unref);
    g_free(uplink);
}

/* ---- servers ---- */

struct uplink_server *
uplink_listen(struct uplink *uplink, gboolean absent)
{
    struct uplink_server *server = &uplink->servers[uplink->count++];
    socklen_t size = sizeof server->address;
    struct config_peer peer = {.size = size};
    g_assert_cmpuint(uplink->count, <=, UPLINK_SERVERS_MAX);
    server->connection = -1;
    server->query = g_byte_array_new();
    server->address.sin_family = AF_INET;
    server->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* TCP's port is free for UDP more often than the other way round. */
    do {
        server->address.sin_port = 0;
        server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(server->listener, (struct sockaddr *)&server->address, size), ==, 0);
        g_assert_cmpint(getsockname(server->listener, (struct sockaddr *)&server->address, &size),
                        ==, 0);
        if (bind(server->fd, (struct sockaddr *)&server->address, size) == 0)
            break;
        close(server->fd);
        close(server->listener);
    } while (TRUE);
    g_assert_cmpint(listen(server->listener, 1), ==, 0);
    memcpy(&peer.address, &server->address, size);
    g_array_append_val(uplink->config.forwarders, peer);
    if (absent) {
        close(server->fd);
        close(server->listener);
        server->fd = server->listener = -1;
    }
    return server;
}

void
uplink_begin(struct uplink *uplink)
{
    const struct forward_world world = {.events = uplink->events,
                                        .now = uplink_now,
                                        .is_parent = uplink_is_parent,
                                        .again = uplink_again,
                                        .alert = uplink_alert,
                                        .context = uplink};
    uplink->forward = forward_new(&world, &uplink->config);
}

static gboolean
is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Until there is something: the forwarder may have to do something first. */
static void
wait_readable(struct uplink *uplink, int fd)
{
    while (!is_readable(fd))
        event_base_loop(uplink->events, EVLOOP_NONBLOCK);
}

static void
come_to_rest(struct uplink *uplink)
{
    for (guint i = 0; i < STILL_LOOPS; i++)
        event_base_loop(uplink->events, EVLOOP_NONBLOCK);
}

/* One datagram. FALSE: it was a pulse. */
static gboolean
receive(struct uplink_server *server)
{
    guint8 wire[4096];
    struct sockaddr_in client;
    socklen_t size = sizeof client;
    ssize_t got = recvfrom(server->fd, wire, sizeof wire, 0, (struct sockaddr *)&client, &size);
    g_assert_cmpint(got, >, HEADER_SIZE);
    if (wire[HEADER_SIZE] != 0) {
        server->client = client;
        g_byte_array_set_size(server->query, 0);
        g_byte_array_append(server->query, wire, (guint)got);
        return TRUE;
    }
    wire[2] |= FLAG_QR >> 8;
    wire[11] = 0;
    if (!server->mute)
        sendto(server->fd, wire, HEADER_SIZE + 5, 0, (struct sockaddr *)&client, size);
    return FALSE;
}

void
uplink_take(struct uplink *uplink, struct uplink_server *server)
{
    do
        wait_readable(uplink, server->fd);
    while (!receive(server));
}

static gboolean
next_is_pulse(const struct uplink_server *server)
{
    guint8 wire[HEADER_SIZE + 1];
    return recv(server->fd, wire, sizeof wire, MSG_PEEK | MSG_DONTWAIT) == sizeof wire &&
           wire[HEADER_SIZE] == 0;
}

gboolean
uplink_has_none(struct uplink *uplink, struct uplink_server *server)
{
    come_to_rest(uplink);
    while (next_is_pulse(server)) {
        receive(server);
        come_to_rest(uplink);
    }
    return !is_readable(server->fd);
}

static void
read_all(struct uplink *uplink, int fd, guint8 *to, gsize size)
{
    for (gsize got = 0; got < size;) {
        wait_readable(uplink, fd);
        ssize_t more = read(fd, to + got, size - got);
        g_assert_cmpint(more, >, 0);
        got += (gsize)more;
    }
}

void
uplink_take_tcp(struct uplink *uplink, struct uplink_server *server)
{
    guint8 head[2];
    wait_readable(uplink, server->listener);
    server->connection = accept(server->listener, NULL, NULL);
    g_assert_cmpint(server->connection, >=, 0);
    read_all(uplink, server->connection, head, sizeof head);
    g_byte_array_set_size(server->query, (guint)(head[0] << 8 | head[1]));
    read_all(uplink, server->connection, server->query->data, server->query->len);
}

GByteArray *
uplink_answer(const struct uplink_server *server, guint rcode)
{
    GByteArray *answer = g_byte_array_new();
    struct query query;
    g_assert_cmpint(query_parse(&query, server->query->data, server->query->len), ==, QUERY_GOOD);
    g_byte_array_append(answer, query.wire, (guint)query.question_end);
    memset(answer->data + 6, 0, 6);
    answer->data[2] |= FLAG_QR >> 8;
    answer->data[3] = (guint8)(FLAG_RA | rcode);
    return answer;
}

void
uplink_send(const struct uplink_server *server, const GByteArray *answer)
{
    if (server->connection < 0) {
        ssize_t sent_size = sendto(server->fd, answer->data, answer->len, 0,
                                   (const struct sockaddr *)&server->client, sizeof server->client);
        g_assert_cmpint(sent_size, ==, answer->len);
        return;
    }
    const guint8 head[] = {(guint8)(answer->len >> 8), (guint8)answer->len};
    g_assert_cmpint(write(server->connection, head, 1), ==, 1); /* in pieces */
    g_assert_cmpint(write(server->connection, head + 1, 1), ==, 1);
    g_assert_cmpint(write(server->connection, answer->data, answer->len), ==, answer->len);
}

void
uplink_send_address(const struct uplink_server *server, const char *address, guint32 ttl)
{
    g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NOERROR);
    guint8 rdata[4];
    g_assert_cmpint(inet_pton(AF_INET, address, rdata), ==, 1);
    packet_put_record(answer, 0, "", TYPE_A, ttl, rdata, sizeof rdata);
    uplink_send(server, answer);
}

void
uplink_is_alive(struct uplink *uplink, struct uplink_server *server)
{
    uplink_take(uplink, server);
    g_autoptr(GByteArray) answer = uplink_answer(server, RCODE_NXDOMAIN);
    uplink_send(server, answer);
    come_to_rest(uplink);
}

/* ---- clients ---- */

static gboolean
follow(gpointer context, struct reply *reply, const struct name *name)
{
    struct uplink *uplink = context;
    return forward_follow(uplink->forward, &uplink->asker, reply, name);
}

/* As serve.h does it. */
static gsize
answer_query(struct uplink *uplink, const struct query *query, guint8 *out, gsize room)
{
    const struct answer_beyond beyond = {follow, uplink};
    struct reply reply;
    reply_begin(&reply, query, NULL, TRUE, out, room);
    switch (uplink->zones != NULL ? answer_write(uplink->zones, &reply, &beyond) : ANSWER_NONE) {
    case ANSWER_WRITTEN:
        return reply_end(&reply);
    case ANSWER_LATER:
        return 0;
    case ANSWER_NONE:
    default:
        return forward_answer(uplink->forward, &uplink->asker, query, NULL, out, room);
    }
}

static GByteArray *
ask(struct uplink *uplink, const GByteArray *packet)
{
    struct query query;
    guint8 out[QUERY_UDP_MAX];
    g_assert_cmpint(query_parse(&query, packet->data, packet->len), ==, QUERY_GOOD);
    gsize size = answer_query(uplink, &query, out, sizeof out);
    if (size == 0)
        return NULL;
    GByteArray *answer = g_byte_array_new();
    return g_byte_array_append(answer, out, (guint)size);
}

GByteArray *
uplink_ask(struct uplink *uplink, guint id, const char *name, guint16 type)
{
    g_autoptr(GByteArray) packet = packet_question(id, FLAG_RD, name, type);
    packet_put_opt(packet, FALSE);
    return ask(uplink, packet);
}

GByteArray *
uplink_ask_with(struct uplink *uplink, guint flags, gboolean dnssec_ok, const char *name,
                guint16 type)
{
    g_autoptr(GByteArray) packet = packet_question(1, flags, name, type);
    packet_put_opt(packet, dnssec_ok);
    return ask(uplink, packet);
}

GByteArray *
uplink_next(struct uplink *uplink)
{
    while (g_queue_is_empty(&sent))
        event_base_loop(uplink->events, EVLOOP_ONCE);
    return g_queue_pop_head(&sent);
}

guint
uplink_answers(struct uplink *uplink)
{
    come_to_rest(uplink);
    return g_queue_get_length(&sent);
}

void
uplink_pass(struct uplink *uplink, gint64 milliseconds)
{
    uplink->now += milliseconds * G_TIME_SPAN_MILLISECOND;
    forward_tick(uplink->forward);
    come_to_rest(uplink);
}

char *
uplink_json(struct uplink *uplink)
{
    GString *json = g_string_new(NULL);
    json_text_begin_object(json);
    forward_append_forwarders(uplink->forward, json);
    forward_append_numbers(uplink->forward, json);
    json_text_end_object(json);
    return g_string_free(json, FALSE);
}

/* ---- what a test expects ---- */

void
uplink_expect_address(const GByteArray *wire, const char *owner, guint32 ttl, const char *address)
{
    g_autofree char *answers = packet_section(wire->data, wire->len, LDNS_SECTION_ANSWER);
    g_autofree char *expected = g_strdup_printf("%s.\t%u\tIN\tA\t%s\n", owner, ttl, address);
    g_assert_cmpstr(answers, ==, expected);
}

void
uplink_expect_absent(const GByteArray *wire, guint rcode, guint32 ttl, int error)
{
    g_autofree char *answers = packet_section(wire->data, wire->len, LDNS_SECTION_ANSWER);
    g_autofree char *authority = packet_section(wire->data, wire->len, LDNS_SECTION_AUTHORITY);
    g_autofree char *soa = g_strdup_printf(".\t%u\tIN\tSOA\t. . 1 3600 3600 604800 %u\n", ttl, ttl);
    g_assert_cmpuint(packet_rcode(wire->data), ==, rcode);
    g_assert_cmpstr(answers, ==, "");
    g_assert_cmpstr(authority, ==, soa);
    g_assert_cmpint(packet_error(wire->data, wire->len), ==, error);
}

struct uplink *
uplink_alive(struct uplink_server **server)
{
    struct uplink *uplink = uplink_new();
    *server = uplink_listen(uplink, FALSE);
    uplink_begin(uplink);
    uplink_is_alive(uplink, *server);
    return uplink;
}

void
uplink_expect_state(struct uplink *uplink, const char *state)
{
    g_autofree char *json = uplink_json(uplink);
    g_autofree char *member = g_strdup_printf("\"state\":\"%s\"", state);
    if (strstr(json, member) == NULL)
        g_error("not %s: %s", state, json);
}
