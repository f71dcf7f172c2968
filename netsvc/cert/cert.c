#include "netsvc/cert/cert.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/crypt/base64.h"
#include "lib/crypt/keys.h"
#include "lib/json/json.h"
#include "netsvc/cert/answers.h"
#include "netsvc/cert/pair/alike.h"
#include "netsvc/cert/pair/force.h"
#include "netsvc/cert/site/public.h"
#include "netsvc/clock_floor.h"

#include <fcntl.h>
#include <string.h>

#define LOOK_SECONDS 30  /* between looks at what is due: the clock may have been set meanwhile */
#define REQUEST_MAX 8192 /* bytes of a certificate request */

struct cert {
    struct child *child;
    const struct config *config;
    struct site *site;
    int folder;
    guint8 recipient[AGE_KEY_SIZE]; /* the recovery key */
    char *no_recipient;             /* why there is none; NULL: there is */
    gint64 floor;                   /* the clock's */
    gboolean floor_kept;
    struct task_state role;
    struct alike *alike;
    struct force *force;
    struct event *look;
};

/* ---- the clock ---- */

/* 0: it is not believed, which is told. */
static gint64
believed_now(struct cert *self)
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

static gint64
need_now(struct cert *self, GError **error)
{
    const gint64 now = believed_now(self);
    if (now == 0)
        fail_set(error, FAIL_FAILED, "the clock is not believed\nhint: lifeboat status says why");
    return now;
}

/* ---- what changes ---- */

static gboolean
may_change(const struct cert *self)
{
    return self->role.role == TASK_ALONE || self->role.role == TASK_ACTIVE;
}

static gboolean
need_active(const struct cert *self, GError **error)
{
    return may_change(self) || fail_set(error, FAIL_USAGE,
                                        "this node is %s: certificates are made by the active one, "
                                        "and come here from there",
                                        task_role_name(self->role.role));
}

static void
has_changed(struct cert *self)
{
    alike_changed(self->alike);
}

/* ---- what the pair wants (alike.h) ---- */

static void
send_to_other(gpointer context, const void *data, gsize size)
{
    static const char whom[] = "cert";
    struct cert *self = context;
    GByteArray *body = g_byte_array_sized_new((guint)(sizeof whom + size));
    g_byte_array_append(body, (const guint8 *)whom, sizeof whom); /* with its zero byte */
    g_byte_array_append(body, data, (guint)size);
    child_ask(self->child, "failover/send", (const char *)body->data, body->len, NULL, NULL);
    explicit_bzero(body->data, body->len);
    g_byte_array_unref(body);
}

static void
put_in_force(gpointer context)
{
    struct cert *self = context;
    force_apply(self->force, believed_now(self), TRUE);
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

/* Renews what is due. */
static void
look(struct cert *self)
{
    g_autoptr(GError) error = NULL;
    gboolean changed = FALSE;
    const gint64 now = believed_now(self);
    alike_remind(self->alike);
    force_apply(self->force, now, FALSE);
    if (now == 0 || !may_change(self))
        return;
    if (!site_renew(self->site, now, &changed, &error))
        child_alert(self->child, "renewal", "the site's certificate cannot be renewed: %s",
                    error->message);
    else
        child_alert(self->child, "renewal", "%s", "");
    if (changed)
        has_changed(self);
}

static void
is_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    look(context);
}

/* ---- tasks ---- */

/* They give the answer, or NULL with an error. */

static GString *
do_public(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_public(self->site, believed_now(self));
}

static GString *
do_key(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_key(self->site, believed_now(self));
}

static GString *
do_show(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_show(self->site, believed_now(self),
                        self->config->other != NULL ? alike_standing(self->alike) : NULL);
}

static GString *
do_init(struct cert *self, struct slice body, GError **error)
{
    if (!need_active(self, error))
        return NULL;
    const gint64 now = need_now(self, error);
    if (now == 0)
        return NULL;
    if (self->no_recipient != NULL) {
        fail_set(error, FAIL_KEY,
                 "the root's key is sealed for the site's recovery key, and that is missing: %s\n"
                 "hint: lifeboat key init, then lifeboat net reload",
                 self->no_recipient);
        return NULL;
    }
    if (!site_init(self->site, self->recipient, now, error))
        return NULL;
    has_changed(self);
    return do_show(self, body, error);
}

/* Also base64url, as ACME has it. */
static GByteArray *
read_base64(struct slice body, const char *member, gsize max, GError **error)
{
    g_autofree char *text = NULL;
    if (!json_member_text(body, member, &text) || strlen(text) > max * 4 / 3 + 4) {
        fail_set(error, FAIL_USAGE, "there is no '%s', or it is too long", member);
        return NULL;
    }
    g_strdelimit(text, "-", '+');
    g_strdelimit(text, "_", '/');
    GByteArray *out = g_byte_array_sized_new((guint)strlen(text));
    g_byte_array_set_size(out, (guint)strlen(text));
    const gboolean padded = strlen(text) % 4 == 0;
    const gssize size = base64_take(slice_of(text), padded, out->data, out->len);
    g_byte_array_set_size(out, size > 0 ? (guint)size : 0);
    if (size > 0)
        return out;
    g_byte_array_unref(out);
    fail_set(error, FAIL_USAGE, "'%s' is no base64", member);
    return NULL;
}

static GPtrArray *
read_names(struct slice body)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    struct slice list, each;
    if (!json_member(body, "names", &list) || json_type(list) != JSON_ARRAY)
        return names;
    for (gsize place = 0;
         names->len <= LIMITS_NAMES_MAX && json_next_element(list, &place, &each);) {
        g_autoptr(GString) text = g_string_new(NULL);
        if (json_type(each) == JSON_STRING)
            json_unescape(each, text);
        g_ptr_array_add(names, g_ascii_strdown(text->str, -1));
    }
    return names;
}

static GString *
do_issue(struct cert *self, struct slice body, GError **error)
{
    struct site_issued issued = {0};
    const gint64 now = need_active(self, error) ? need_now(self, error) : 0;
    g_autoptr(GByteArray) request = now > 0 ? read_base64(body, "csr", REQUEST_MAX, error) : NULL;
    g_autoptr(GPtrArray) names = read_names(body);
    if (request == NULL ||
        !site_issue(self->site, (struct slice){(const char *)request->data, request->len}, names,
                    now, &issued, error))
        return NULL;
    GString *out = answers_issued(&issued);
    site_issued_clear(&issued);
    has_changed(self);
    return out;
}

static GString *
do_revoke(struct cert *self, struct slice body, GError **error)
{
    g_autofree char *serial = NULL;
    const gint64 now = need_active(self, error) ? need_now(self, error) : 0;
    if (now == 0)
        return NULL;
    if (!json_member_text(body, "serial", &serial))
        return fail_set(error, FAIL_USAGE, "there is no 'serial'"), NULL;
    if (!site_revoke(self->site, serial, now, error))
        return NULL;
    has_changed(self);
    return g_string_new("{}");
}

/* ---- a public certificate ---- */

static GString *
do_request(struct cert *self, struct slice body, GError **error)
{
    const gint64 now = need_active(self, error) ? need_now(self, error) : 0;
    const guint64 before = self->site->state->generation;
    (void)body;
    if (now == 0 || !site_request(self->site, now, error))
        return NULL;
    if (self->site->state->generation != before)
        has_changed(self);
    return answers_request(self->site);
}

/* The request that waits for its certificate, for a drive. */
static GString *
do_waiting(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_request(self->site);
}

static gboolean
read_files(struct slice body, struct pile *pile, GError **error)
{
    struct slice list, each;
    g_autofree char *pem = NULL;
    if (json_member_text(body, "pem", &pem))
        pile_add(pile, slice_of(pem));
    if (!json_member(body, "files", &list) || json_type(list) != JSON_ARRAY)
        return pem != NULL || fail_set(error, FAIL_USAGE, "there are no 'files'");
    for (gsize place = 0; json_next_element(list, &place, &each);) {
        g_autoptr(GString) text = g_string_new(NULL);
        if (json_type(each) == JSON_STRING)
            json_unescape(each, text);
        g_autofree guint8 *data = g_malloc(text->len + 1);
        const gssize size =
            base64_take((struct slice){text->str, text->len}, TRUE, data, text->len);
        if (size > 0)
            pile_add(pile, (struct slice){(const char *)data, (gsize)size});
    }
    return TRUE;
}

/* Nobody stands by where a drive was inserted. */
static void
tell_drive(struct cert *self, struct slice body, const GError *error)
{
    if (json_member_true(body, "drive") && error != NULL) {
        g_autofree char *message = fail_message(error->message);
        child_alert(self->child, "drive", "the certificate on the drive is not taken: %s", message);
    } else {
        child_alert(self->child, "drive", "%s", "");
    }
}

static GString *
do_import(struct cert *self, struct slice body, GError **error)
{
    AUTO(pile) *pile = pile_new();
    g_autoptr(GError) wrong = NULL;
    const gint64 now = need_active(self, error) ? need_now(self, error) : 0;
    if (now == 0 || !read_files(body, pile, error))
        return NULL;
    const gboolean done =
        site_import(self->site, pile, json_member_true(body, "drive"), now, &wrong);
    const gboolean is_old = g_error_matches(wrong, FAIL, FAIL_LATER);
    tell_drive(self, body, is_old ? NULL : wrong);
    if (done)
        has_changed(self);
    if (done || is_old)
        return answers_imported(self->site, is_old ? wrong->message : NULL);
    g_propagate_error(error, g_steal_pointer(&wrong));
    return NULL;
}

static GString *
do_roll_back(struct cert *self, struct slice body, GError **error)
{
    if (!need_active(self, error) || !site_roll_back(self->site, error))
        return NULL;
    has_changed(self);
    return do_show(self, body, error);
}

static const struct {
    const char *what;
    GString *(*make)(struct cert *self, struct slice body, GError **error);
} tasks[] = {
    {"public", do_public},       {"key", do_key},         {"show", do_show},
    {"init", do_init},           {"issue", do_issue},     {"revoke", do_revoke},
    {"request", do_request},     {"waiting", do_waiting}, {"import", do_import},
    {"roll-back", do_roll_back},
};

static void
answer(struct cert *self, guint32 number, GString *out, const GError *error)
{
    static const char too_long[] = "the answer is too long";
    if (out == NULL)
        child_task_done(self->child, number, FALSE, error->message, strlen(error->message));
    else if (out->len > TASK_BODY_MAX)
        child_task_done(self->child, number, FALSE, too_long, sizeof too_long - 1);
    else
        child_task_done(self->child, number, TRUE, out->str, out->len);
    if (out != NULL)
        state_wipe(out);
}

static void
cert_task(gpointer context, const struct child_task *task)
{
    static const char unknown[] = "cert does not do that";
    struct cert *self = context;
    const struct slice body = {task->body, task->size};
    if (strcmp(task->what, "peer") == 0) {
        alike_take(self->alike, task->body, task->size);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(tasks); i++) {
        g_autoptr(GError) error = NULL;
        if (strcmp(task->what, tasks[i].what) != 0)
            continue;
        const struct slice asked = task->size > 0 ? body : slice_of("{}");
        GString *out = json_check(asked, &error) ? tasks[i].make(self, asked, &error) : NULL;
        answer(self, task->number, out, error);
        return;
    }
    child_task_done(self->child, task->number, FALSE, unknown, sizeof unknown - 1);
}

/* ---- the child ---- */

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
    g_autofree char *zone = g_date_time_format(g_date_time_new_now_local(), "%z"); /* reads files */
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
    const struct alike_means means = {send_to_other, put_in_force, was_replaced, were_apart, self};
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
