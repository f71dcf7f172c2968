#include "netsvc/web/acme/validate/lookup.h"

#include "lib/base/chance.h"
#include "netsvc/bytes.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <unistd.h>

#define SERVER_SECONDS 3 /* before the next one is asked */
#define MESSAGE_MAX 65535
#define DATAGRAM_MAX 4096 /* bytes of an answer by UDP; 512 as a rule, as nothing else was said */

struct lookup {
    const struct world *world;
    char *name;
    ldns_rr_type type;
    guint16 id;
    GByteArray *question;
    guint server;                   /* which is asked now: all by TCP, then all by UDP */
    struct bufferevent *connection; /* by TCP … */
    struct event *datagram;         /* … or UDP */
    struct event *ended;
    GPtrArray *values;
    GError *error;
    lookup_done done;
    gpointer context;
};

/* ---- answers ---- */

static GBytes *
value_of(const ldns_rr *rr, ldns_rr_type type)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (gsize i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *field = ldns_rr_rdf(rr, i);
        const gsize skipped = type == LDNS_RR_TYPE_TXT ? 1 : 0; /* the length of a string */
        const gsize size = ldns_rdf_size(field);
        if (size > skipped)
            g_byte_array_append(bytes, ldns_rdf_data(field) + skipped, (guint)(size - skipped));
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

static void
free_bytes(gpointer bytes)
{
    g_bytes_unref(bytes);
}

static GPtrArray *
values_of(const ldns_pkt *packet, ldns_rr_type type)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(free_bytes);
    const ldns_rr_list *answers = ldns_pkt_answer(packet);
    for (gsize i = 0; i < ldns_rr_list_rr_count(answers) && values->len < LOOKUP_ANSWERS_MAX; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answers, i);
        if (ldns_rr_get_type(rr) == type && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN)
            g_ptr_array_add(values, value_of(rr, type));
    }
    return values;
}

GPtrArray *
lookup_parse(const guint8 *wire, gsize size, guint16 id, ldns_rr_type type, GError **error)
{
    ldns_pkt *packet = NULL;
    GPtrArray *values = NULL;
    if (ldns_wire2pkt(&packet, wire, size) != LDNS_STATUS_OK) {
        problem_set(error, PROBLEM_DNS, "our DNS sent an answer that makes no sense");
        return NULL;
    }
    const ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
    if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != id)
        problem_set(error, PROBLEM_DNS, "our DNS answered another question");
    else if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN)
        problem_set(error, PROBLEM_DNS, "our DNS answered with code %d", (int)rcode);
    else if (ldns_pkt_tc(packet))
        problem_set(error, PROBLEM_DNS, "our DNS answered by UDP alone, and not all of it");
    else
        values = values_of(packet, type);
    ldns_pkt_free(packet);
    return values;
}

/* ---- from one server to the next ---- */

static void ask(struct lookup *lookup);

static void
end(struct lookup *lookup)
{
    event_active(lookup->ended, EV_TIMEOUT, 0);
}

static void
on_ended(evutil_socket_t fd, short what, void *context)
{
    struct lookup *lookup = context;
    (void)fd;
    (void)what;
    lookup->done(lookup->context, lookup->values, lookup->error);
}

static void
hang_up(struct lookup *lookup)
{
    if (lookup->connection != NULL)
        bufferevent_free(g_steal_pointer(&lookup->connection));
    if (lookup->datagram != NULL) {
        const evutil_socket_t fd = event_get_fd(lookup->datagram);
        event_free(g_steal_pointer(&lookup->datagram));
        close(fd);
    }
}

static void
ask_next(struct lookup *lookup)
{
    hang_up(lookup);
    lookup->server++;
    ask(lookup);
}

/* ---- by TCP ---- */

static void
on_read(struct bufferevent *connection, void *context)
{
    struct lookup *lookup = context;
    struct evbuffer *input = bufferevent_get_input(connection);
    guint8 head[2];
    if (evbuffer_copyout(input, head, sizeof head) < (ev_ssize_t)sizeof head)
        return;
    const gsize size = bytes_get16(head);
    if (evbuffer_get_length(input) < sizeof head + size)
        return;
    const guint8 *wire = evbuffer_pullup(input, (ev_ssize_t)(sizeof head + size));
    lookup->values =
        lookup_parse(wire + sizeof head, size, lookup->id, lookup->type, &lookup->error);
    bufferevent_disable(connection, EV_READ | EV_WRITE);
    end(lookup);
}

static void
on_event(struct bufferevent *connection, short what, void *context)
{
    (void)connection;
    if ((what & BEV_EVENT_CONNECTED) == 0)
        ask_next(context);
}

static gboolean
connect_to(struct lookup *lookup, const struct config_peer *peer)
{
    const struct timeval limit = {.tv_sec = SERVER_SECONDS};
    guint8 head[2];
    lookup->connection = bufferevent_socket_new(lookup->world->events, -1,
                                                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(lookup->connection, on_read, NULL, on_event, lookup);
    bufferevent_set_timeouts(lookup->connection, &limit, &limit);
    bufferevent_setwatermark(lookup->connection, EV_READ, 0, MESSAGE_MAX + 2);
    bufferevent_enable(lookup->connection, EV_READ);
    bytes_put16(head, lookup->question->len);
    bufferevent_write(lookup->connection, head, sizeof head);
    bufferevent_write(lookup->connection, lookup->question->data, lookup->question->len);
    return bufferevent_socket_connect(lookup->connection, (const struct sockaddr *)&peer->address,
                                      (int)peer->size) == 0;
}

/* ---- by UDP ---- */

/* What has another id is for nobody, or forged: the answer is waited for further. */
static void
on_datagram(evutil_socket_t fd, short what, void *context)
{
    struct lookup *lookup = context;
    guint8 wire[DATAGRAM_MAX];
    const ssize_t size = (what & EV_READ) != 0 ? recv(fd, wire, sizeof wire, 0) : -1;
    if (size < 0 && (what & EV_READ) != 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0) {
        ask_next(lookup);
    } else if (size >= 2 && bytes_get16(wire) == lookup->id) {
        lookup->values = lookup_parse(wire, (gsize)size, lookup->id, lookup->type, &lookup->error);
        event_del(lookup->datagram);
        end(lookup);
    }
}

static gboolean
send_to(struct lookup *lookup, const struct config_peer *peer)
{
    const struct timeval limit = {.tv_sec = SERVER_SECONDS};
    const int fd = socket(peer->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return FALSE;
    lookup->datagram =
        event_new(lookup->world->events, fd, EV_READ | EV_PERSIST, on_datagram, lookup);
    event_add(lookup->datagram, &limit);
    return connect(fd, (const struct sockaddr *)&peer->address, peer->size) == 0 &&
           send(fd, lookup->question->data, lookup->question->len, 0) >= 0;
}

/* ---- asking ---- */

/* NULL: the name is none. */
static GByteArray *
make_question(const struct lookup *lookup)
{
    ldns_rdf *name = ldns_dname_new_frm_str(lookup->name);
    ldns_pkt *packet =
        name != NULL ? ldns_pkt_query_new(name, lookup->type, LDNS_RR_CLASS_IN, LDNS_RD) : NULL;
    GByteArray *question = NULL;
    guint8 *wire = NULL;
    gsize size = 0;
    if (packet == NULL) {
        ldns_rdf_deep_free(name);
        return NULL;
    }
    ldns_pkt_set_id(packet, lookup->id);
    if (ldns_pkt2wire(&wire, packet, &size) == LDNS_STATUS_OK && size <= MESSAGE_MAX)
        question = g_byte_array_append(g_byte_array_new(), wire, (guint)size);
    free(wire);
    ldns_pkt_free(packet);
    return question;
}

static void
ask(struct lookup *lookup)
{
    const GArray *servers = lookup->world->servers;
    const gboolean tcp = lookup->server < servers->len;
    if (lookup->server >= 2 * servers->len) {
        problem_set(&lookup->error, PROBLEM_DNS, "our DNS does not answer");
        end(lookup);
        return;
    }
    const struct config_peer *peer =
        &g_array_index(servers, struct config_peer, lookup->server % servers->len);
    if (!(tcp ? connect_to(lookup, peer) : send_to(lookup, peer)))
        ask_next(lookup);
}

struct lookup *
lookup_start(const struct world *world, const char *name, ldns_rr_type type, lookup_done done,
             gpointer context)
{
    struct lookup *lookup = g_new0(struct lookup, 1);
    lookup->world = world;
    lookup->name = g_strdup(name);
    lookup->type = type;
    lookup->done = done;
    lookup->context = context;
    lookup->ended = evtimer_new(world->events, on_ended, lookup);
    chance_bytes(&lookup->id, sizeof lookup->id);
    lookup->question = make_question(lookup);
    if (lookup->question != NULL) {
        ask(lookup);
    } else {
        problem_set(&lookup->error, PROBLEM_DNS, "it is no domain name");
        end(lookup);
    }
    return lookup;
}

void
lookup_free(struct lookup *lookup)
{
    if (lookup == NULL)
        return;
    hang_up(lookup);
    event_free(lookup->ended);
    g_clear_pointer(&lookup->question, g_byte_array_unref);
    g_clear_pointer(&lookup->values, g_ptr_array_unref);
    g_clear_error(&lookup->error);
    g_free(lookup->name);
    g_free(lookup);
}
