#include "netsvc/web/web.h"

#include "netsvc/web/web_server.h"

struct web {
    struct child *child;
    struct web_server *server;
};

static gpointer
web_open(struct child *child, GError **error)
{
    struct web *self = g_new0(struct web, 1);
    (void)error;
    self->child = child;
    web_server_prepare();
    return self;
}

/* ---- requests ---- */

static gboolean
handle(void *context, const struct web_request *request, struct web_answer *answer)
{
    (void)context;
    if (strcmp(request->path, "/health") != 0)
        return FALSE;
    web_answer_send(answer, 200, "text/plain; charset=utf-8", "ok\n", 3);
    return TRUE;
}

/* ---- the whole ---- */

static gboolean
web_begin(gpointer context, GError **error)
{
    struct web *self = context;
    const GArray *sockets = child_sockets(self->child);
    (void)error;
    self->server = web_server_new(child_events(self->child), handle, self);
    for (guint i = 0; i < sockets->len; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        if (socket->what.kind == MESSAGE_HTTP || socket->what.kind == MESSAGE_HTTPS)
            web_server_listen(self->server, socket->fd, socket->what.kind == MESSAGE_HTTPS);
    }
    return TRUE;
}

static void
web_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

static void
web_end(gpointer self)
{
    (void)self;
}

static gboolean
web_wanted(const struct config *config)
{
    return config->web.enabled && config->cert.name != NULL;
}

const struct child_role web_role = {
    .name = "web",
    .wanted = web_wanted,
    .open = web_open,
    .begin = web_begin,
    .take = web_take,
    .end = web_end,
};
