/*
 * fuzz-dns_tcp: a stream of queries that comes in pieces. The first byte says of which size the
 * pieces are, the rest is the stream. An answer is the query itself, with QR set; where a query's
 * last byte is a multiple of 4 it comes later. Whatever the pieces, each whole query gets its
 * answer once, up to the first that is none; then the connection is gone.
 */
#include "netsvc/dns/dns.h"
#include "netsvc/dns/serve/tcp.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#define SIZE_MAX_FED 65536 /* bytes, so that no answer waits for us to read */
#define OUTSTANDING 4
#define HEADER 12
#define QR 0x80

/* Queries that are answered later, waiting. */
struct later {
    struct asker asker;
    GBytes *query;
};

static struct event_base *events;
static struct tcp *tcp;
static GQueue waiting = G_QUEUE_INIT;

static gint64
no_time(void)
{
    return 1;
}

static gboolean
is_later(const uint8_t *query, size_t size)
{
    return query[size - 1] % 4 == 0;
}

static gsize
serve(gpointer context, const struct asker *asker, const guint8 *wire, gsize size, guint8 *out)
{
    (void)context;
    g_assert(size >= HEADER && size <= DNS_TCP_MAX);
    if (is_later(wire, size)) {
        struct later *later = g_new(struct later, 1);
        *later = (struct later){*asker, g_bytes_new(wire, size)};
        g_queue_push_tail(&waiting, later);
        g_assert(waiting.length <= OUTSTANDING);
        return 0;
    }
    memcpy(out, wire, size);
    out[2] |= QR;
    return size;
}

static void
set_up(void)
{
    const struct tcp_role role = {.serve = serve, .seconds = no_time, .outstanding = OUTSTANDING};
    events = event_base_new();
    tcp = tcp_new(events, &role);
}

static void
answer_later(void)
{
    struct later *later = g_queue_pop_head(&waiting);
    gsize size;
    guint8 *reply = g_bytes_unref_to_data(later->query, &size);
    reply[2] |= QR;
    asker_send(&later->asker, reply, size);
    g_free(reply);
    g_free(later);
}

/* Turns the loop and reads until nothing comes any more; FALSE: the connection is gone. */
static gboolean
turn(int fd, GByteArray *got)
{
    guint8 some[16384];
    for (;;) {
        event_base_loop(events, EVLOOP_NONBLOCK);
        if (waiting.length > 0)
            answer_later();
        ssize_t size = recv(fd, some, sizeof some, 0);
        if (size == 0 || (size < 0 && errno == ECONNRESET))
            return FALSE;
        if (size > 0)
            g_byte_array_append(got, some, (guint)size);
        else if (waiting.length == 0) {
            event_base_loop(events, EVLOOP_NONBLOCK);
            if (waiting.length == 0)
                return TRUE;
        }
    }
}

static void
feed(int fd, const uint8_t *data, size_t size, size_t piece, GByteArray *got)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t done = send(fd, data + sent, MIN(piece, size - sent), MSG_NOSIGNAL);
        if (!turn(fd, got))
            return;
        if (done > 0)
            sent += (size_t)done;
    }
    shutdown(fd, SHUT_WR);
    for (int i = 0; turn(fd, got); i++)
        g_assert(i < 100); /* it must end */
}

/* The next message of a stream; 0: there is no whole one. */
static size_t
next(const uint8_t *data, size_t size)
{
    size_t whole = size < 2 ? 0 : 2 + ((size_t)data[0] << 8 | data[1]);
    return whole <= size ? whole : 0;
}

/* The next answer of one kind from `at` on; its place, or got->len. */
static size_t
next_answer(const GByteArray *got, size_t at, gboolean later)
{
    size_t size;
    while ((size = next(got->data + at, got->len - at)) > 0 &&
           is_later(got->data + at, size) != later)
        at += size;
    return at;
}

static void
check(const uint8_t *data, size_t size, const GByteArray *got)
{
    size_t at[2] = {0}, message, answered = 0;
    for (size_t i = 0; (message = next(data + i, size - i)) > 0; i += message) {
        const uint8_t *query = data + i;
        gboolean none = message < 2 + HEADER || (query[4] & QR) != 0;
        if (none)
            return; /* of those before, the later ones may have come too late */
        gboolean later = is_later(query, message);
        size_t answer = next_answer(got, at[later], later);
        if (answer == got->len && later) {
            size_t rest = i;
            while ((message = next(data + rest, size - rest)) >= 2 + HEADER &&
                   (data[rest + 4] & QR) == 0)
                rest += message;
            g_assert(message > 0); /* something was wrong behind it */
            return;
        }
        g_assert(next(got->data + answer, got->len - answer) == message);
        g_assert(memcmp(got->data + answer, query, 4) == 0);
        g_assert(got->data[answer + 4] == (query[4] | QR));
        g_assert(memcmp(got->data + answer + 5, query + 5, message - 5) == 0);
        at[later] = answer + message;
        answered += message;
    }
    g_assert(answered == got->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    struct tcp_counts counts;
    const struct sockaddr_storage client = {.ss_family = AF_INET};
    if (size < 2 || size > SIZE_MAX_FED)
        return 0;
    if (tcp == NULL)
        set_up();
    int made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    g_assert(made == 0);
    g_autoptr(GByteArray) got = g_byte_array_new();
    tcp_adopt(tcp, pair[1], &client, sizeof client);
    feed(pair[0], data + 1, size - 1, data[0] + 1u, got);
    check(data + 1, size - 1, got);
    close(pair[0]);
    while (waiting.length > 0)
        answer_later();
    event_base_loop(events, EVLOOP_NONBLOCK);
    tcp_count(tcp, &counts);
    g_assert(counts.connections == 0);
    return 0;
}
