#include "lib/control/control.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/local_address.h"
#include "lib/base/log.h"
#include "lib/json/json.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct control {
    char *path;
    dev_t device; /* of the socket, to remove no other one */
    ino_t inode;
    control_ask ask;
    void *context;
    struct evconnlistener *listener;
    guint waiting;  /* struct control_question whose client is there */
    GQueue clients; /* struct bufferevent: no question yet, or an answer on its way; the one that
                       came first in front */
};

struct control_question {
    struct control *control;
    struct bufferevent *client; /* NULL: it has hung up */
};

static void
hang_up(struct control *control, struct bufferevent *client)
{
    g_queue_remove(&control->clients, client);
    bufferevent_free(client);
}

/* Members of the group `lifeboat`, where there is one, may ask too. */
static void
admit_group(const char *path)
{
    const struct group *group = geteuid() == 0 ? getgrnam("lifeboat") : NULL;
    if (group != NULL && chown(path, 0, group->gr_gid) != 0)
        log_warning("'%s' cannot be given to the group 'lifeboat': %s; only root can ask", path,
                    g_strerror(errno));
}

/* Its answer was sent. */
static void
is_answered(struct bufferevent *client, void *context)
{
    hang_up(context, client);
}

static void
has_ended(struct bufferevent *client, short what, void *context)
{
    (void)what;
    hang_up(context, client);
}

/* ---- questions ---- */

static void
asker_left(struct bufferevent *client, short what, void *context)
{
    struct control_question *question = context;
    (void)what;
    bufferevent_free(client);
    question->client = NULL;
    question->control->waiting--;
}

/* What more it sends is not wanted. */
static void
pass_over(struct bufferevent *client, void *context)
{
    struct evbuffer *input = bufferevent_get_input(client);
    (void)context;
    evbuffer_drain(input, evbuffer_get_length(input));
}

void
control_answer(struct control_question *question, const GString *answer)
{
    const struct timeval limit = {.tv_sec = CONTROL_SECONDS};
    struct bufferevent *client = question->client;
    struct control *control = question->control;
    g_free(question);
    if (client == NULL)
        return;
    control->waiting--;
    g_queue_push_tail(&control->clients, client);
    bufferevent_disable(client, EV_READ);
    bufferevent_set_timeouts(client, NULL, &limit);
    bufferevent_setcb(client, NULL, is_answered, has_ended, control);
    bufferevent_write(client, answer->str, answer->len);
    bufferevent_write(client, "\n", 1);
}

void
control_refuse(struct control_question *question, const char *message)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "error", message);
    json_text_end_object(out);
    control_answer(question, out);
}

/* From here on the client is the question's. */
static void
put(struct control *control, struct bufferevent *client, struct slice request)
{
    g_autoptr(GError) failure = NULL;
    struct control_question *question = g_new0(struct control_question, 1);
    *question = (struct control_question){control, client};
    g_queue_remove(&control->clients, client);
    bufferevent_set_timeouts(client, NULL, NULL);
    bufferevent_setcb(client, pass_over, NULL, asker_left, question);
    control->waiting++;
    if (json_check(request, &failure))
        control->ask(control->context, request, question);
    else
        control_refuse(question, failure->message);
}

static void
has_sent(struct bufferevent *client, void *context)
{
    struct control *control = context;
    struct evbuffer *input = bufferevent_get_input(client);
    gsize size;
    char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_LF);
    if (line != NULL)
        put(control, client, (struct slice){line, size});
    else if (evbuffer_get_length(input) > CONTROL_REQUEST_MAX)
        hang_up(control, client);
    free(line); /* libevent's malloc */
}

static void
has_connected(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
              int length, void *context)
{
    struct control *control = context;
    const struct timeval limit = {.tv_sec = CONTROL_SECONDS};
    (void)address;
    (void)length;
    struct bufferevent *client =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client, has_sent, NULL, has_ended, control);
    bufferevent_set_timeouts(client, &limit, &limit);
    bufferevent_setwatermark(client, EV_READ, 0, CONTROL_REQUEST_MAX + 1);
    bufferevent_enable(client, EV_READ | EV_WRITE);
    g_queue_push_tail(&control->clients, client);
    if (control->clients.length > CONTROL_CLIENTS_MAX)
        hang_up(control, g_queue_peek_head(&control->clients));
}

/* Removes a socket at which nobody listens any more. */
static gboolean
make_room(const struct sockaddr_un *address, GError **error)
{
    struct stat there;
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (lstat(address->sun_path, &there) != 0 || !S_ISSOCK(there.st_mode))
        return TRUE;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
        return fail_set(error, FAIL_LATER, "another daemon answers at '%s'",
                        address->sun_path);
    if (errno == ECONNREFUSED)
        unlink(address->sun_path);
    return TRUE;
}

static gboolean
listen_at(struct control *control, struct event_base *events, const char *path, GError **error)
{
    struct sockaddr_un address;
    struct stat there;
    if (!local_address(path, &address, error))
        return FALSE;
    g_autofree char *folder = g_path_get_dirname(path);
    g_mkdir_with_parents(folder, 0755); /* bind tells when that failed */
    if (!make_room(&address, error))
        return FALSE;
    mode_t before = umask(0117);
    control->listener =
        evconnlistener_new_bind(events, has_connected, control,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                                -1, (struct sockaddr *)&address, sizeof address);
    int cause = errno;
    umask(before);
    if (control->listener == NULL)
        return fail_errno(error, cause, "cannot listen at '%s'", path);
    control->path = g_strdup(path);
    if (lstat(path, &there) == 0)
        control->device = there.st_dev, control->inode = there.st_ino;
    admit_group(path);
    return TRUE;
}

struct control *
control_new(struct event_base *events, const char *path, control_ask ask, void *context,
            GError **error)
{
    AUTO(control) *control = g_new0(struct control, 1);
    control->ask = ask;
    control->context = context;
    g_queue_init(&control->clients);
    return listen_at(control, events, path, error) ? g_steal_pointer(&control) : NULL;
}

gboolean
control_is_crowded(const struct control *control)
{
    return control->waiting > CONTROL_WAITING_MAX;
}

/* For as long as until then, or what goes at once. */
static void
send_rest(struct bufferevent *client, gint64 until)
{
    struct evbuffer *output = bufferevent_get_output(client);
    struct pollfd writable = {.fd = bufferevent_getfd(client), .events = POLLOUT};
    evbuffer_unfreeze(output, 1); /* the loop, which alone may take from it, has ended */
    while (evbuffer_get_length(output) > 0) {
        gint64 left = MAX(until - g_get_monotonic_time(), 0) / 1000;
        int ready = poll(&writable, 1, (int)left);
        if (ready == 0 || (ready < 0 && errno != EINTR))
            return;
        if (ready > 0 && evbuffer_write(output, writable.fd) < 0 && errno != EAGAIN)
            return;
    }
}

void
control_free(struct control *control)
{
    if (control == NULL)
        return;
    gint64 until = g_get_monotonic_time() + CONTROL_SECONDS * G_USEC_PER_SEC;
    for (GList *each = control->clients.head; each != NULL; each = each->next)
        send_rest(each->data, until);
    while (control->clients.length > 0)
        hang_up(control, g_queue_peek_head(&control->clients));
    g_clear_pointer(&control->listener, evconnlistener_free);
    struct stat there;
    if (control->path != NULL && lstat(control->path, &there) == 0 &&
        there.st_dev == control->device && there.st_ino == control->inode)
        unlink(control->path);
    g_free(control->path);
    g_free(control);
}
