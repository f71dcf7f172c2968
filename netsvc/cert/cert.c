#include "netsvc/cert/cert.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/crypt/keys.h"
#include "netsvc/cert/site/public.h"
#include "netsvc/cert/watch.h"
#include "netsvc/cert/world.h"
#include "netsvc/clock_floor.h"

#include <fcntl.h>
#include <openssl/err.h>

#define KNOWN_FILE "/etc/ssl/certs/ca-certificates.crt"
#define LOOK_SECONDS 30 /* between looks at what is due: the clock may have been set meanwhile */

/* ---- the clock ---- */

gint64
cert_now(struct cert *self)
{
    const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *wrong =
        clock_floor_judge(now, self->floor, self->floor_kept, self->config->state);
    if (wrong != NULL) {
        child_alert(self->child, "clock", "no certificate is made or renewed: %s", wrong);
        return 0;
    }
    child_alert(self->child, "clock", "%s", "");
    self->floor = clock_floor_raise(now, self->floor, self->floor_kept);
    return now;
}

/* ---- what changes ---- */

gboolean
cert_may_change(const struct cert *self)
{
    return self->role.role == TASK_ALONE || self->role.role == TASK_ACTIVE;
}

/* ---- what the pair wants (alike.h) ---- */

static void
send_to_other(gpointer context, const void *data, gsize size)
{
    struct cert *self = context;
    child_tell_peer(self->child, data, size);
}

static void
put_in_force(gpointer context)
{
    struct cert *self = context;
    force_apply(self->force, cert_now(self), TRUE);
}

static void
was_replaced(gpointer context)
{
    const struct cert *self = context;
    log_info("the certificates' state is the other node's now, of generation %" G_GUINT64_FORMAT,
             self->site->state->generation);
}

static void
were_apart(gpointer context)
{
    struct cert *self = context;
    child_alert(self->child, "apart",
                "the two nodes had roots of their own; this one has the active node's now: devices "
                "that trust the other root no longer trust the server (it is kept in "
                "'%s/cert/replaced.json')",
                self->config->state);
}

static void
were_united(gpointer context, gboolean dropped)
{
    struct cert *self = context;
    log_info("both nodes had changed the certificates' state while apart; it has what either had, "
             "of generation %" G_GUINT64_FORMAT,
             self->site->state->generation);
    if (dropped)
        child_alert(self->child, "requests",
                    "the nodes had requested certificates apart from one another, and one request "
                    "too many: use the one that 'lifeboat cert request' writes. Where the other "
                    "one was ordered already, import its certificate with the key beside it as "
                    "server.key: jq -r .request_key '%s/cert/replaced.json'",
                    self->config->state);
}

static gint64
clock_now(gpointer context)
{
    return cert_now(context);
}

static void
import_handed(gpointer context, struct slice body)
{
    cert_import_handed(context, body);
}

/* ---- what is due ---- */

static void
tell(gpointer context, const char *name, const char *text)
{
    struct cert *self = context;
    child_alert(self->child, name, "%s", text);
}

/* Takes the names; where there are none nothing is told. */
static void
tell_names(struct cert *self, const char *alert, GPtrArray *names, const char *whose,
           const char *mend)
{
    g_ptr_array_add(names, NULL);
    g_autofree char *list = g_strjoinv("', '", (char **)names->pdata);
    if (*list == '\0')
        child_alert(self->child, alert, "%s", "");
    else
        child_alert(self->child, alert, "%s '%s': %s", whose, list, mend);
    g_ptr_array_unref(names);
}

/* Names of the configuration that stand in one certificate or the other not. */
static void
tell_left_out(struct cert *self)
{
    tell_names(self, "names", site_left_out(self->site), "the site's root may not certify",
               "the server's certificate is without that; a root for other names is made where "
               "there is none");
    tell_names(self, "public names", site_not_covered(self->site),
               "the public certificate is not for",
               "clients that use that name refuse it; lifeboat cert request asks for all of [cert] "
               "names");
}

void
cert_tell(struct cert *self, gint64 now)
{
    if (now == 0)
        return;
    watch_state(self->site->state, now, tell, self);
    tell_left_out(self);
}

/* A switch would show clients another certificate, or none. */
static void
tell_lagging(struct cert *self)
{
    if (alike_lags(self->alike))
        child_alert(self->child, "other node",
                    "the other node has not got the certificates: see its journal, and whether it "
                    "has the same [cert] in its configuration");
    else
        child_alert(self->child, "other node", "%s", "");
}

static void
renew(struct cert *self, gint64 now)
{
    g_autoptr(GError) error = NULL;
    gboolean changed = FALSE;
    if (!site_renew(self->site, now, &changed, &error)) {
        g_autofree char *message = fail_message(error->message);
        child_alert(self->child, "renewal", "the site's certificate cannot be renewed: %s",
                    message);
        return;
    }
    child_alert(self->child, "renewal", "%s", "");
    if (changed)
        alike_changed(self->alike);
}

static void
look(struct cert *self)
{
    const gint64 now = cert_now(self);
    alike_remind(self->alike);
    tell_lagging(self);
    if (now > 0 && cert_may_change(self))
        renew(self, now);
    force_apply(self->force, now, FALSE);
    cert_tell(self, now);
}

static void
is_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    look(context);
}

/* ---- the child ---- */

/* Of the package ca-certificates. */
static X509_STORE *
load_known(void)
{
    X509_STORE *store = X509_STORE_new();
    if (X509_STORE_load_file(store, KNOWN_FILE) == 1)
        return store;
    X509_STORE_free(store);
    ERR_clear_error();
    return NULL;
}

static gpointer
cert_open(struct child *child, GError **error)
{
    g_autoptr(GError) why = NULL;
    struct cert *self = g_new0(struct cert, 1);
    (void)error;
    self->child = child;
    self->config = child_config(child);
    self->folder = -1;
    self->floor = clock_floor_read(self->config->state);
    self->floor_kept = clock_floor_is_kept(self->config->state);
    if (!keys_recovery(self->config->keys, self->recipient, &why))
        self->no_recipient = fail_message(why->message);
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    self->known = load_known();
    g_time_zone_unref(g_time_zone_new_local()); /* reads files, and is kept */
    return self;
}

static gboolean
cert_begin(gpointer context, GError **error)
{
    struct cert *self = context;
    const struct timeval every = {.tv_sec = LOOK_SECONDS};
    self->folder = file_open_folder(AT_FDCWD, ".", FALSE, error);
    if (self->folder < 0)
        return FALSE;
    self->site = site_new(self->config, self->folder, error);
    if (self->site == NULL)
        return FALSE;
    self->role.role = TASK_WAIT;
    const struct alike_means means = {.send = send_to_other,
                                      .apply = put_in_force,
                                      .replaced = was_replaced,
                                      .apart = were_apart,
                                      .united = were_united,
                                      .import = import_handed,
                                      .now = clock_now,
                                      .context = self};
    self->alike = alike_new(child_events(self->child), self->site, &means);
    self->force = force_new(self->child, self->site);
    self->look = event_new(child_events(self->child), -1, EV_PERSIST, is_time, self);
    event_add(self->look, &every);
    return TRUE;
}

static void
cert_role_is(gpointer context, const struct task_state *state)
{
    struct cert *self = context;
    self->role = *state;
    self->site->term = state->term;
    alike_role(self->alike, state);
    look(self);
}

static void
cert_take(gpointer self, enum message_kind kind, const void *data, gsize size)
{
    (void)self;
    (void)kind;
    (void)data;
    (void)size;
}

static void
cert_end(gpointer context)
{
    struct cert *self = context;
    event_del(self->look);
}

static gboolean
cert_wanted(const struct config *config)
{
    return config->cert.name != NULL;
}

const struct child_role cert_role = {
    .name = "cert",
    .wanted = cert_wanted,
    .open = cert_open,
    .begin = cert_begin,
    .take = cert_take,
    .task = cert_task,
    .role = cert_role_is,
    .end = cert_end,
    .alone = TRUE,
};
