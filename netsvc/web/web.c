#include "netsvc/web/web.h"

#include "lib/base/log.h"
#include "netsvc/web/acme/acme.h"
#include "netsvc/web/pages.h"
#include "netsvc/web/serve/web_server.h"

#define AGAIN 1          /* seconds, where the certificates could not be had … */
#define AGAIN_SOON 50000 /* microseconds: … and nothing is served yet … */
#define PATIENCE 5       /* seconds: … for so long; then without them */

struct web {
    struct child *child;
    struct web_server *server;
    struct pages *pages;
    struct acme *acme;            /* NULL: it is not wanted */
    struct trust *trust, *coming; /* in force; while its key is asked for */
    struct event *again;
    gboolean asks, changed; /* for the certificates; and they changed meanwhile */
    gboolean listens;
    gint64 begun; /* microseconds */
};

static gpointer
web_open(struct child *child, GError **error)
{
    struct web *self = g_new0(struct web, 1);
    (void)error;
    self->child = child;
    self->pages = pages_new(child_config(child));
    child_descriptors(child, WEB_CLIENTS_MAX * 2);
    web_server_prepare();
    return self;
}

/* ---- certificates ---- */

static void ask(struct web *self);

/* Not before it was heard whether there are certificates: at a reload they were served up to now,
 * and who comes meanwhile waits for the answer. */
static void
listen_once(struct web *self)
{
    const GArray *sockets = child_sockets(self->child);
    for (guint i = 0; i < sockets->len && !self->listens; i++) {
        const struct child_socket *socket = &g_array_index(sockets, struct child_socket, i);
        if (socket->what.kind == MESSAGE_HTTP || socket->what.kind == MESSAGE_HTTPS)
            web_server_listen(self->server, socket->fd, socket->what.kind == MESSAGE_HTTPS);
    }
    self->listens = TRUE;
}

/* `known`: they were told, or that there are none. Else whoever tells it is being started, too. */
static void
asked(struct web *self, gboolean done, gboolean known)
{
    const gboolean waits = !known && !self->listens &&
                           g_get_monotonic_time() - self->begun < PATIENCE * G_USEC_PER_SEC;
    const struct timeval later = {waits ? 0 : AGAIN, waits ? AGAIN_SOON : 0};
    self->asks = FALSE;
    g_clear_pointer(&self->coming, trust_free);
    if (!waits)
        listen_once(self);
    if (self->changed)
        ask(self);
    else if (!done)
        event_add(self->again, &later);
}

/* The key may be a newer one's: then both are asked for again. */
static gboolean
take_over(struct web *self, struct slice answer, GError **error)
{
    if (!trust_read_key(self->coming, answer, error) ||
        !web_server_certificate(self->server, self->coming->full, self->coming->key, error))
        return FALSE;
    pages_trust(self->pages, self->coming);
    if (self->acme != NULL)
        acme_root(self->acme, self->coming->root_pem);
    trust_free(self->trust);
    self->trust = g_steal_pointer(&self->coming);
    return TRUE;
}

static void
take_key(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct web *self = context;
    g_autoptr(GError) error = NULL;
    const gboolean taken = done && take_over(self, (struct slice){answer, size}, &error);
    if (!taken)
        log_debug("no key to serve with yet: %s", error != NULL ? error->message : answer);
    asked(self, taken, taken);
}

static void
take_public(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct web *self = context;
    g_autoptr(GError) error = NULL;
    if (done)
        self->coming = trust_read((struct slice){answer, size}, &error);
    if (self->coming != NULL) {
        child_ask(self->child, "cert/key", "{}", 2, take_key, self);
        return;
    }
    log_debug("no certificate to serve with yet: %s", error != NULL ? error->message : answer);
    asked(self, FALSE, done);
}

static void
ask(struct web *self)
{
    self->changed = self->asks;
    if (self->asks)
        return;
    self->asks = TRUE;
    event_del(self->again);
    child_ask(self->child, "cert/public", "{}", 2, take_public, self);
}

static void
ask_again(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    ask(self);
}

static void
web_task(gpointer context, const struct child_task *task)
{
    static const char unknown[] = "web does no such thing";
    struct web *self = context;
    const gboolean is_certificate = strcmp(task->what, "certificate") == 0;
    const gboolean is_peer = strcmp(task->what, "peer") == 0;
    if (is_certificate)
        ask(self);
    else if (is_peer && self->acme != NULL)
        acme_take(self->acme, task->body, task->size);
    if (is_certificate || is_peer)
        child_task_done(self->child, task->number, TRUE, "{}", 2);
    else
        child_task_done(self->child, task->number, FALSE, unknown, sizeof unknown - 1);
}

static void
web_role_is(gpointer context, const struct task_state *state)
{
    struct web *self = context;
    if (self->acme != NULL)
        acme_role(self->acme, state);
}

/* ---- the whole ---- */

static gboolean
handle(void *context, const struct web_request *request, struct web_answer *answer)
{
    struct web *self = context;
    return (self->acme != NULL && acme_handle(self->acme, request, answer)) ||
           pages_handle(self->pages, request, answer);
}

/* The pages are there whatever becomes of it. */
static void
begin_acme(struct web *self)
{
    g_autoptr(GError) error = NULL;
    if (child_config(self->child)->web.acme)
        self->acme = acme_new(self->child, &error);
    child_alert(self->child, "acme", "%s%s", error != NULL ? "there is no ACME server: " : "",
                error != NULL ? error->message : "");
}

static gboolean
web_begin(gpointer context, GError **error)
{
    struct web *self = context;
    (void)error;
    begin_acme(self);
    self->begun = g_get_monotonic_time();
    self->again = evtimer_new(child_events(self->child), ask_again, self);
    self->server = web_server_new(child_events(self->child), handle, self);
    event_active(self->again, EV_TIMEOUT, 0); /* not yet: answers come once it is ready */
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
has_ended(void *self)
{
    child_ended(((struct web *)self)->child);
}

static void
web_end(gpointer self)
{
    web_server_close(((struct web *)self)->server, has_ended, self);
}

static gboolean
web_wanted(const struct config *config)
{
    return config->web.enabled && config->cert.name != NULL;
}

const struct child_role web_role = {
    .name = "web",
    .wanted = web_wanted,
    .makes_sockets = TRUE, /* acme looks for challenges */
    .open = web_open,
    .begin = web_begin,
    .take = web_take,
    .task = web_task,
    .role = web_role_is,
    .end = web_end,
    .drains = TRUE,
};
