/* web_server: a handler sees whole requests only, and nobody holds more than the share of one. */
#include "netsvc/web/serve/web_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct world {
    struct event_base *events;
    struct web_server *server;
    struct sockaddr_in address;
    int listener;
    guint handled;
    char *path, *query, *host, *body;
    struct web_answer *later;
};

static gboolean
handle(void *context, const struct web_request *request, struct web_answer *answer)
{
    struct world *world = context;
    world->handled++;
    g_free(world->path);
    g_free(world->query);
    g_free(world->host);
    g_free(world->body);
    world->path = g_strdup(request->path);
    world->query = g_strdup(request->query);
    world->host = g_strdup(request->host);
    world->body = slice_dup(request->body);
    if (strcmp(request->path, "/later") == 0)
        world->later = answer;
    else if (strcmp(request->path, "/here") == 0)
        web_answer_send(answer, 200, "text/plain", "here", 4);
    else
        return FALSE;
    return TRUE;
}

static void
set_up(struct world *world)
{
    socklen_t size = sizeof world->address;
    *world = (struct world){.address = {.sin_family = AF_INET}};
    world->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    world->events = event_base_new();
    world->server = web_server_new(world->events, handle, world);
    world->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(world->listener, (struct sockaddr *)&world->address, size), ==, 0);
    g_assert_cmpint(listen(world->listener, 512), ==, 0);
    getsockname(world->listener, (struct sockaddr *)&world->address, &size);
    web_server_listen(world->server, world->listener, FALSE);
}

static void
tear_down(struct world *world)
{
    web_server_free(world->server);
    event_base_free(world->events);
    close(world->listener);
    g_free(world->path);
    g_free(world->query);
    g_free(world->host);
    g_free(world->body);
}

static int
call(struct world *world)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&world->address, sizeof world->address), ==, 0);
    g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
    return fd;
}

static void
say(int fd, const char *bytes, gsize size)
{
    g_assert_cmpint(send(fd, bytes, size, MSG_NOSIGNAL), ==, (gssize)size);
}

/* All up to the end of the answer, or of the connection. */
static char *
hear(struct world *world, int fd, const char *until)
{
    GString *heard = g_string_new(NULL);
    char part[4096];
    for (guint i = 0; i < 100000; i++) {
        event_base_loop(world->events, EVLOOP_NONBLOCK);
        gssize got = recv(fd, part, sizeof part, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got > 0)
            g_string_append_len(heard, part, got);
        if (until != NULL && strstr(heard->str, until) != NULL)
            break;
    }
    return g_string_free(heard, FALSE);
}

static char *
ask(struct world *world, const char *request, gsize size)
{
    AUTO_FD int fd = call(world);
    say(fd, request, size);
    return hear(world, fd, NULL);
}

#define CLOSE "Connection: close\r\n\r\n"
#define ASK(world, request) ask((world), request CLOSE, sizeof(request CLOSE) - 1)

static gboolean
says(const char *answer, const char *text)
{
    return strstr(answer, text) != NULL;
}

static void
test_answer(void)
{
    struct world world;
    set_up(&world);
    g_autofree char *answer = ASK(&world, "GET /here?a=%2e HTTP/1.1\r\nHost: x.example:8080\r\n");
    g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
    g_assert_true(says(answer, "\r\nContent-Length: 4\r\n"));
    g_assert_true(says(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
    g_assert_true(says(answer, "\r\nContent-Security-Policy: default-src 'none'"));
    g_assert_false(says(answer, "Server:") || says(answer, "Cookie"));
    g_assert_true(g_str_has_suffix(answer, "\r\n\r\nhere"));
    g_assert_cmpstr(world.query, ==, "a=%2e");
    g_assert_cmpstr(world.host, ==, "x.example:8080");
    tear_down(&world);
}

static void
test_head(void)
{
    struct world world;
    set_up(&world);
    g_autofree char *answer = ASK(&world, "HEAD /here HTTP/1.1\r\nHost: x\r\n");
    g_assert_true(says(answer, "\r\nContent-Length: 4\r\n"));
    g_assert_true(g_str_has_suffix(answer, "\r\n\r\n"));
    tear_down(&world);
}

static void
test_methods(void)
{
    struct world world;
    static const char *const others[] = {"PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"};
    set_up(&world);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *request =
            g_strdup_printf("%s /here HTTP/1.1\r\nHost: x\r\n" CLOSE, others[i]);
        g_autofree char *answer = ask(&world, request, strlen(request));
        g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 405 "));
        g_assert_true(says(answer, "\r\nAllow: GET, HEAD, POST\r\n"));
    }
    g_autofree char *unknown = ASK(&world, "BREW /here HTTP/1.1\r\nHost: x\r\n");
    g_assert_true(g_str_has_prefix(unknown, "HTTP/1.1 4") ||
                  g_str_has_prefix(unknown, "HTTP/1.1 5"));
    g_assert_cmpuint(world.handled, ==, 0);
    tear_down(&world);
}

static void
test_raw_path(void)
{
    struct world world;
    static const char *const odd[] = {"/../here", "/%68ere", "//here",   "/here/",
                                      "/HERE",    "/./here", "/here%00", "/here;x",
                                      "/here x",  "/here\t", "/h\xff",   "/here#x"};
    set_up(&world);
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
        g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: x\r\n" CLOSE, odd[i]);
        g_autofree char *answer = ask(&world, request, strlen(request));
        g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 404 ") ||
                      g_str_has_prefix(answer, "HTTP/1.1 400 "));
    }
    g_autofree char *whole = ASK(&world, "GET http://x.example/here HTTP/1.1\r\nHost: x\r\n");
    g_assert_true(g_str_has_prefix(whole, "HTTP/1.1 200 "));
    tear_down(&world);
}

static void
test_sizes(void)
{
    struct world world;
    set_up(&world);
    g_autofree char *path = g_strnfill(WEB_PATH_MAX, 'a');
    g_autofree char *request = g_strdup_printf("GET /%s HTTP/1.1\r\nHost: x\r\n" CLOSE, path);
    g_autofree char *answer = ask(&world, request, strlen(request));
    g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 414 "));
    g_autofree char *field = g_strnfill(WEB_SERVER_HEAD_MAX, 'a');
    g_autofree char *wide = g_strdup_printf("GET /here HTTP/1.1\r\nX: %s\r\n" CLOSE, field);
    g_autofree char *refused = ask(&world, wide, strlen(wide));
    g_assert_true(g_str_has_prefix(refused, "HTTP/1.1 4"));
    g_autofree char *large =
        ASK(&world, "POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n");
    g_assert_true(g_str_has_prefix(large, "HTTP/1.1 413 "));
    g_assert_cmpuint(world.handled, ==, 0);
    tear_down(&world);
}

static void
test_chunked(void)
{
    struct world world;
    set_up(&world);
    static const char request[] = "POST /here HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                                  "Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    g_autofree char *answer = ask(&world, request, sizeof request - 1);
    g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
    g_assert_cmpstr(world.body, ==, "abcde");
    tear_down(&world);
}

static void
test_pipelined(void)
{
    struct world world;
    set_up(&world);
    AUTO_FD int fd = call(&world);
    g_autoptr(GString) requests = g_string_new(NULL);
    for (guint i = 0; i < WEB_SERVER_REQUESTS_MAX + 10; i++)
        g_string_append(requests, "GET /here HTTP/1.1\r\nHost: x\r\n\r\n");
    say(fd, requests->str, requests->len);
    g_autofree char *heard = hear(&world, fd, NULL);
    g_assert_cmpuint(world.handled, ==, WEB_SERVER_REQUESTS_MAX);
    g_assert_true(says(heard, "\r\nConnection: close\r\n"));
    tear_down(&world);
}

static void
test_gone_before_answer(void)
{
    struct world world;
    set_up(&world);
    int fd = call(&world);
    say(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n",
        strlen("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (world.later == NULL)
        event_base_loop(world.events, EVLOOP_ONCE);
    close(fd);
    event_base_loop(world.events, EVLOOP_NONBLOCK);
    web_answer_send(world.later, 200, "text/plain", "late", 4);
    g_autofree char *answer = ASK(&world, "GET /here HTTP/1.1\r\nHost: x\r\n");
    g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
    tear_down(&world);
}

static void
test_share(void)
{
    struct world world;
    int fds[WEB_SHARE_MAX + 1];
    char byte;
    set_up(&world);
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = call(&world);
        event_base_loop(world.events, EVLOOP_NONBLOCK);
        event_base_loop(world.events, EVLOOP_NONBLOCK);
    }
    g_assert_cmpuint(web_server_clients(world.server), ==, WEB_SHARE_MAX);
    g_autofree char *first = hear(&world, fds[0], NULL); /* the oldest of them was closed */
    g_assert_cmpstr(first, ==, "");
    g_assert_cmpint(recv(fds[1], &byte, 1, 0), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    say(fds[WEB_SHARE_MAX], "GET /here HTTP/1.1\r\nHost: x\r\n\r\n",
        strlen("GET /here HTTP/1.1\r\nHost: x\r\n\r\n"));
    g_autofree char *answer = hear(&world, fds[WEB_SHARE_MAX], "here");
    g_assert_true(g_str_has_prefix(answer, "HTTP/1.1 200 "));
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    tear_down(&world);
}

static void
note_end(void *context)
{
    *(gboolean *)context = TRUE;
}

static void
test_close(void)
{
    struct world world;
    gboolean ended = FALSE;
    set_up(&world);
    AUTO_FD int idle = call(&world);
    AUTO_FD int asks = call(&world);
    event_base_loop(world.events, EVLOOP_ONCE);
    event_base_loop(world.events, EVLOOP_NONBLOCK);
    web_server_close(world.server, note_end, &ended);
    G_GNUC_UNUSED AUTO_FD int late = call(&world);
    say(asks, "GET /here HTTP/1.1\r\nHost: x\r\n\r\n",
        strlen("GET /here HTTP/1.1\r\nHost: x\r\n\r\n"));
    g_autofree char *last = hear(&world, asks, NULL);
    g_assert_true(says(last, "\r\nConnection: close\r\n"));
    while (!ended)
        event_base_loop(world.events, EVLOOP_ONCE);
    g_autofree char *nothing = hear(&world, idle, NULL);
    g_assert_cmpstr(nothing, ==, "");
    g_assert_cmpuint(web_server_clients(world.server), ==, 0); /* the late one is for another */
    tear_down(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    g_test_add_func("/web_server/answers-tell-browsers-to-guess-nothing", test_answer);
    g_test_add_func("/web_server/head-has-the-length-without-the-body", test_head);
    g_test_add_func("/web_server/other-methods-are-405", test_methods);
    g_test_add_func("/web_server/paths-are-not-decoded", test_raw_path);
    g_test_add_func("/web_server/what-is-too-large-is-refused", test_sizes);
    g_test_add_func("/web_server/a-body-in-chunks-comes-whole", test_chunked);
    g_test_add_func("/web_server/a-connection-serves-so-many-requests", test_pipelined);
    g_test_add_func("/web_server/a-late-answer-to-nobody-is-nothing", test_gone_before_answer);
    g_test_add_func("/web_server/the-oldest-of-an-address-makes-room", test_share);
    g_test_add_func("/web_server/it-ends-when-all-have-their-answers", test_close);
    return g_test_run();
}
