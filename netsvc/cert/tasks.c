/* tasks: what others ask of cert (cert.h). */
#include "netsvc/cert/world.h"

#include "lib/base/fail.h"
#include "lib/crypt/base64.h"
#include "lib/json/json.h"
#include "netsvc/cert/answers.h"
#include "netsvc/cert/site/public.h"
#include "netsvc/cert/x509/judge.h"

#include <string.h>

#define REQUEST_MAX 8192 /* bytes of a certificate request */

/* ---- what they need ---- */

static gint64
need_now(struct cert *self, GError **error)
{
    const gint64 now = cert_now(self);
    if (now == 0)
        fail_set(error, FAIL_FAILED, "the clock is not believed\nhint: lifeboat status says why");
    return now;
}

static gboolean
need_active(const struct cert *self, GError **error)
{
    return cert_may_change(self) ||
           fail_set(error, FAIL_USAGE,
                    "this node is %s: certificates are made by the active one, "
                    "and come here from there",
                    task_role_name(self->role.role));
}

static void
has_changed(struct cert *self)
{
    alike_changed(self->alike);
    cert_tell(self, cert_now(self));
}

/* ---- tasks ---- */

/* They give the answer, or NULL with an error. */

static GString *
do_public(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_public(self->site, cert_now(self));
}

static GString *
do_key(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_key(self->site, cert_now(self));
}

static GString *
do_show(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    return answers_show(self->site, cert_now(self),
                        self->config->other != NULL ? alike_standing(self->alike) : NULL);
}

/* What stands in the way of a switch. */
static GString *
do_check(struct cert *self, struct slice body, GError **error)
{
    (void)body;
    (void)error;
    const gboolean behind =
        self->config->other != NULL && strcmp(alike_standing(self->alike), "behind") == 0;
    return g_string_new(behind ? "{\"problems\":[\"the two nodes have different certificates: wait "
                                 "until they are alike, as `lifeboat cert show` tells\"]}"
                               : "{\"problems\":[]}");
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

/* What phones may say of it: it is served all the same, as their lists are newer than ours may be.
 */
static GString *
tell_imported(struct cert *self, gint64 now)
{
    g_autofree char *topmost = NULL;
    if (self->known != NULL)
        judge_is_known(self->site->state->public.chain, self->known, now, &topmost);
    return answers_imported(self->site, NULL, topmost);
}

static GString *
import(struct cert *self, struct slice body, GError **error)
{
    AUTO(pile) *pile = pile_new();
    g_autoptr(GError) wrong = NULL;
    const gint64 now = need_active(self, error) ? need_now(self, error) : 0;
    if (now == 0 || !read_files(body, pile, error))
        return NULL;
    const gboolean done =
        site_import(self->site, pile, json_member_true(body, "drive"), self->known, now, &wrong);
    const gboolean is_old = g_error_matches(wrong, FAIL, FAIL_LATER);
    tell_drive(self, body, is_old ? NULL : wrong);
    if (done)
        has_changed(self);
    if (done)
        return tell_imported(self, now);
    if (is_old)
        return answers_imported(self->site, wrong->message, NULL);
    g_propagate_error(error, g_steal_pointer(&wrong));
    return NULL;
}

/* A drive may be inserted at either node. */
static GString *
do_import(struct cert *self, struct slice body, GError **error)
{
    static const char handed[] = "it was handed to the active node, which judges it; `lifeboat "
                                 "cert show` tells";
    return alike_hand_over(self->alike, body) ? answers_imported(self->site, handed, NULL)
                                              : import(self, body, error);
}

/* What was brought to the other node; nobody waits for an answer there, so that it is an alert. */
void
cert_import_handed(struct cert *self, struct slice body)
{
    g_autoptr(GError) error = NULL;
    GString *out = json_check(body, &error) ? import(self, body, &error) : NULL;
    if (out != NULL) {
        state_wipe(out);
        child_alert(self->child, "handed", "%s", "");
    } else if (!json_check(body, NULL) || !json_member_true(body, "drive")) {
        g_autofree char *message = fail_message(error->message);
        child_alert(self->child, "handed", "a certificate from the other node is not taken: %s",
                    message);
    }
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
    {"public", do_public},       {"key", do_key},
    {"show", do_show},           {"check", do_check},
    {"init", do_init},           {"issue", do_issue},
    {"revoke", do_revoke},       {"request", do_request},
    {"waiting", do_waiting},     {"import", do_import},
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

void
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
