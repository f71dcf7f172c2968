#include "tests/unit/two_nodes.h"

#include "lib/base/slice.h"
#include "lib/json/json.h"
#include "netsvc/failover/link/callers.h"
#include "netsvc/failover/link/keys/pairing.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

struct child {
    struct node *node;
};

/* ---- the child's frame ---- */

const struct config *
child_config(const struct child *child)
{
    return &child->node->config;
}

struct event_base *
child_events(const struct child *child)
{
    return child->node->both->events;
}

const GArray *
child_sockets(const struct child *child)
{
    return child->node->sockets;
}

void
child_alert(struct child *child, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_hash_table_replace(child->node->alerts, g_strdup(name), text);
}

void
child_task_done(struct child *child, guint32 number, gboolean done, const char *answer, gsize size)
{
    struct node *node = child->node;
    g_assert_cmpuint(number, !=, 0);
    node->answers++;
    node->done = done;
    g_free(node->answer);
    node->answer = g_strndup(answer, size);
}

/* ---- what the link tells ---- */

static void
on_met(void *context)
{
    ((struct node *)context)->met++;
}

static void
on_lost(void *context)
{
    ((struct node *)context)->lost++;
}

static void
on_take(void *context, enum link_kind kind, const void *data, gsize size)
{
    struct node *node = context;
    node->bytes += size;
    if (node->heard->len > 65536)
        return;
    g_string_append_c(node->heard, (char)('A' + kind));
    g_string_append_len(node->heard, data, (gssize)size);
}

static void
on_paired(void *context, const char *cluster, const char *peer, guint32 parity, gboolean first)
{
    struct node *node = context;
    g_assert_cmpuint(strlen(cluster), ==, 32);
    g_assert_cmpuint(strlen(peer), ==, 32);
    node->paired++;
    node->parity = parity;
    node->first = first;
}

static void
on_alone(void *context)
{
    ((struct node *)context)->alone++;
}

static void
on_forgotten(void *context)
{
    ((struct node *)context)->forgotten++;
}

void
node_on(struct node *node)
{
    g_autoptr(GError) error = NULL;
    const struct link_ears ears = {
        .met = on_met,
        .lost = on_lost,
        .take = on_take,
        .paired = on_paired,
        .alone = on_alone,
        .forgotten = on_forgotten,
        .context = node,
    };
    g_assert_null(node->link);
    g_assert_cmpint(chdir(node->scratch->path), ==, 0);
    node->link = link_new(node->child, &ears, node->both->callers, &error);
    g_assert_no_error(error);
    g_assert_cmpint(chdir("/"), ==, 0);
}

/* What a process takes with it at its end; its sockets listen on, being the parent's. */
void
node_off(struct node *node)
{
    g_clear_pointer(&node->link, link_free);
}

void
node_ask(struct node *node, const char *what, const char *body, gboolean active)
{
    const struct child_task task = {.number = 1, .what = what, .body = body, .size = strlen(body)};
    g_assert_true(link_task(node->link, &task, active));
}

void
node_wipe(struct node *node)
{
    g_assert_null(node->link);
    unlinkat(node->scratch->fd, "identity.pem", 0);
    unlinkat(node->scratch->fd, "pairing", 0);
}

char *
node_show(struct node *node, const char *what, guint seconds)
{
    char *code = NULL;
    g_autofree char *body = g_strdup_printf("{\"seconds\":%u}", seconds);
    const guint before = node->answers;
    node_ask(node, what, body, TRUE);
    g_assert_cmpuint(node->answers, ==, before + 1);
    if (!node->done)
        g_error("%s", node->answer);
    g_assert_true(json_member_text(slice_of(node->answer), "code", &code));
    return code;
}

void
node_join(struct node *node, const char *code, gboolean discard)
{
    g_autofree char *body =
        g_strdup_printf("{\"code\":\"%s\",\"discard\":%s}", code, discard ? "true" : "false");
    const guint before = node->answers;
    node_ask(node, "pair", body, FALSE);
    TURN_UNTIL(node->both, node->answers == before + 1);
}

/* ---- the two ---- */

static struct child_socket
listen_at(guint32 kind, guint path, struct config_peer *peer)
{
    struct child_socket made = {.what.kind = kind};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + path)};
    socklen_t size = sizeof address;
    made.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    g_assert_cmpint(made.fd, >=, 0);
    g_assert_cmpint(bind(made.fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(made.fd, 256), ==, 0);
    g_assert_cmpint(getsockname(made.fd, (struct sockaddr *)&address, &size), ==, 0);
    memcpy(&made.what.address, &address, sizeof address);
    memcpy(&peer->address, &address, sizeof address);
    peer->size = sizeof address;
    return made;
}

struct sockaddr_in
node_listen(struct node *node, guint32 kind)
{
    struct config_peer peer = {0};
    struct sockaddr_in address;
    const struct child_socket made = listen_at(kind, 0, &peer);
    g_array_append_val(node->sockets, made);
    memcpy(&address, &peer.address, sizeof address);
    return address;
}

static void
set_up(struct two_nodes *both, struct node *node, const char *name, guint paths)
{
    node->both = both;
    node->child = g_new0(struct child, 1);
    node->child->node = node;
    node->scratch = scratch_new();
    node->heard = g_string_new(NULL);
    node->alerts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    node->sockets = g_array_new(FALSE, TRUE, sizeof(struct child_socket));
    node->self.name = g_strdup(name);
    node->self.addresses = g_array_new(FALSE, TRUE, sizeof(struct config_peer));
    node->config.node = node->self.name;
    for (guint i = 0; i < paths; i++) {
        struct config_peer peer = {0};
        const struct child_socket made = listen_at(MESSAGE_LINK, i, &peer);
        g_array_append_val(node->self.addresses, peer);
        g_array_append_val(node->sockets, made);
    }
}

struct two_nodes *
two_nodes_new(guint paths)
{
    struct two_nodes *both = g_new0(struct two_nodes, 1);
    signal(SIGPIPE, SIG_IGN);
    both->events = event_base_new();
    both->callers = callers_new("nobody-of-that-name", NULL);
    g_assert_nonnull(both->callers);
    set_up(both, &both->a, "a", paths);
    set_up(both, &both->b, "b", paths);
    both->a.config.own = both->b.config.other = &both->a.self;
    both->a.config.other = both->b.config.own = &both->b.self;
    return both;
}

static void
clear(struct node *node)
{
    node_off(node);
    for (guint i = 0; i < node->sockets->len; i++)
        close(g_array_index(node->sockets, struct child_socket, i).fd);
    g_array_unref(node->sockets);
    g_array_unref(node->self.addresses);
    g_free(node->self.name);
    g_free(node->answer);
    g_string_free(node->heard, TRUE);
    g_hash_table_unref(node->alerts);
    scratch_free(node->scratch);
    g_free(node->child);
}

void
two_nodes_free(struct two_nodes *both)
{
    if (both == NULL)
        return;
    clear(&both->a);
    clear(&both->b);
    callers_free(both->callers);
    event_base_free(both->events);
    g_free(both);
}

void
two_nodes_introduce(struct two_nodes *both)
{
    g_autoptr(GError) error = NULL;
    AUTO(identity) *a = identity_load(both->a.scratch->fd, &error);
    g_assert_no_error(error);
    AUTO(identity) *b = identity_load(both->b.scratch->fd, &error);
    g_assert_no_error(error);
    struct pairing of_a = {.parity = 0, .first = TRUE}, of_b = {.parity = 1};
    identity_random_id(of_a.cluster);
    memcpy(of_b.cluster, of_a.cluster, sizeof of_b.cluster);
    memcpy(of_a.peer, b->id, sizeof of_a.peer);
    memcpy(of_b.peer, a->id, sizeof of_b.peer);
    memcpy(of_a.pin, b->pin, sizeof of_a.pin);
    memcpy(of_b.pin, a->pin, sizeof of_b.pin);
    g_assert_true(pairing_save(&of_a, both->a.scratch->fd, a->id, &error));
    g_assert_true(pairing_save(&of_b, both->b.scratch->fd, b->id, &error));
}

struct sockaddr_in
node_address(const struct node *node, guint path)
{
    struct sockaddr_in address;
    memcpy(&address, &g_array_index(node->self.addresses, struct config_peer, path).address,
           sizeof address);
    return address;
}

static void
woken(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

void
two_nodes_turn(struct two_nodes *both)
{
    static const struct timeval limit = {0, 20000};
    event_base_once(both->events, -1, EV_TIMEOUT, woken, NULL, &limit);
    event_base_loop(both->events, EVLOOP_ONCE);
}
