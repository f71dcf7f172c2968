/*
 * fuzz-web: what a client of the pages sends, in pieces. The first byte says of which size they
 * are, the rest is the stream. A handler sees only what request.h promises; of what it answers, a
 * part comes later. Whatever was sent, the connection ends when the client has said all.
 */
#include "lib/base/jsontext.h"
#include "netsvc/web/pages.h"
#include "netsvc/web/serve/web_server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/clinic_trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define SIZE_MAX_FED 65536
#define TURNS 1000 /* it must end */

static struct event_base *events;
static struct web_server *server;
static struct pages *pages;
static struct sockaddr_in address = {.sin_family = AF_INET};
static struct web_answer *waiting;

static gboolean
handle(void *context, const struct web_request *request, struct web_answer *answer)
{
    g_assert(request->path[0] == '/' && strlen(request->path) <= WEB_PATH_MAX);
    g_assert(strchr(request->path, '?') == NULL && strpbrk(request->path, " \r\n") == NULL);
    g_assert(request->host != NULL && request->type != NULL && request->agent != NULL);
    g_assert(request->body.size <= WEB_BODY_MAX && request->from->ss_family == AF_INET);
    if (request->method == WEB_POST && waiting == NULL) {
        waiting = answer;
        return TRUE;
    }
    return pages_handle(context, request, answer);
}

static const struct trust *
make_trust(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "name", "clinic.example");
    json_text_member_string(text, "root", CLINIC_ROOT);
    json_text_member_string(text, "chain", CLINIC_LEAF CLINIC_ISSUING);
    json_text_end_object(text);
    const struct trust *trust = trust_read((struct slice){text->str, text->len}, NULL);
    g_assert(trust != NULL);
    return trust;
}

static void
set_up(void)
{
    static struct config config = {.cert.name = (char *)"clinic.example", .web.http = 80};
    socklen_t size = sizeof address;
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    config.web.key_networks = g_array_new(FALSE, TRUE, sizeof(struct config_network));
    pages = pages_new(&config);
    pages_trust(pages, make_trust());
    events = event_base_new();
    server = web_server_new(events, handle, pages);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    g_assert(bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 16) == 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    web_server_listen(server, fd, FALSE);
}

/* FALSE: the server closed it. */
static gboolean
turn(int fd)
{
    guint8 some[65536];
    ssize_t got;
    event_base_loop(events, EVLOOP_NONBLOCK);
    if (waiting != NULL) {
        struct web_answer *answer = waiting;
        waiting = NULL;
        web_answer_refuse(answer, 400, "later");
    }
    do
        got = recv(fd, some, sizeof some, MSG_DONTWAIT);
    while (got > 0);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void
feed(int fd, const uint8_t *data, size_t size, size_t piece)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t done = send(fd, data + sent, MIN(piece, size - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (!turn(fd))
            return;
        if (done > 0)
            sent += (size_t)done;
    }
    shutdown(fd, SHUT_WR);
    for (guint i = 0; turn(fd); i++)
        g_assert(i < TURNS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct linger none = {.l_onoff = 1};
    if (events == NULL)
        set_up();
    if (size < 2 || size > SIZE_MAX_FED)
        return 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    g_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    feed(fd, data + 1, size - 1, 1 + (size_t)data[0] * data[0]);
    close(fd);
    for (guint i = 0; i < 3; i++)
        event_base_loop(events, EVLOOP_NONBLOCK);
    return 0;
}
