#include "netsvc/cert/pair/force.h"

#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "netsvc/cert/x509/pem.h"

#include <string.h>

#define TOLD_FILE "told"
#define TOLD_MAX 256
#define RETRY_SECONDS 300 /* until a hook that failed is run again */

struct force {
    struct child *child;
    const struct site *site;
    char *installing;       /* fingerprint of what is being put there; NULL: nothing is */
    char *installed, *told; /* of what was, and of what the hook ran for; NULL: unknown */
    gint64 failed;          /* monotonic: when the hook failed last; 0: it did not */
    gboolean again;         /* something has changed meanwhile */
    gint64 now;
};

struct force *
force_new(struct child *child, const struct site *site)
{
    struct force *force = g_new0(struct force, 1);
    gsize size = 0;
    force->child = child;
    force->site = site;
    force->told = file_read(site->folder, TOLD_FILE, TOLD_MAX, &size, NULL);
    return force;
}

void
force_free(struct force *force)
{
    if (force == NULL)
        return;
    child_forget(force->child, force);
    g_free(force->installing);
    g_free(force->installed);
    g_free(force->told);
    g_free(force);
}

/* ---- the hook ---- */

static void
is_over(struct force *force)
{
    g_clear_pointer(&force->installing, g_free);
    if (force->again)
        force_apply(force, force->now, FALSE);
}

static void
hook_ended(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct force *force = context;
    (void)size;
    if (done) {
        g_autoptr(GError) error = NULL;
        g_free(force->told);
        force->told = g_strdup(force->installed);
        force->failed = 0;
        child_alert(force->child, "hook", "%s", "");
        if (!file_replace(force->site->folder, TOLD_FILE, force->told, strlen(force->told), 0600,
                          &error))
            log_warning("%s", error->message);
    } else {
        force->failed = g_get_monotonic_time();
        child_alert(force->child, "hook",
                    "the server may go on with the certificate before this one: %s; it is tried "
                    "again every %d minutes",
                    answer, RETRY_SECONDS / 60);
    }
    is_over(force);
}

static gboolean
hook_is_due(const struct force *force)
{
    return g_strcmp0(force->told, force->installed) != 0 &&
           (force->failed == 0 ||
            g_get_monotonic_time() - force->failed >= RETRY_SECONDS * G_USEC_PER_SEC);
}

static void
run_hook(struct force *force, const char *folder)
{
    g_autoptr(GString) body = g_string_new(NULL);
    json_text_begin_object(body);
    json_text_member_string(body, "NAME", force->site->config->cert.name);
    json_text_member_string(body, "FOLDER", folder);
    json_text_member_string(body, "FINGERPRINT", force->installed);
    json_text_end_object(body);
    child_ask(force->child, "hook/certificate", body->str, body->len, hook_ended, force);
}

/* ---- the files ---- */

static void
is_installed(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct force *force = context;
    g_autofree char *folder = NULL;
    const struct slice json = {answer, size};
    if (!done) {
        child_alert(force->child, "install", "%s", answer);
        is_over(force);
        return;
    }
    child_alert(force->child, "install", "%s", "");
    if (json_check(json, NULL)) {
        json_member_text(json, "folder", &folder);
        if (json_member_true(json, "changed"))
            g_clear_pointer(&force->told, g_free);
    }
    g_free(force->installed);
    force->installed = g_strdup(force->installing);
    child_ask(force->child, "web/certificate", "{}", 2, NULL, NULL);
    if (hook_is_due(force))
        run_hook(force, folder);
    else
        is_over(force);
}

static void
append_files(GString *body, const struct state_served *served)
{
    g_autoptr(GPtrArray) chain = pem_read_chain(served->chain);
    g_autofree char *leaf = pem_certificate(chain->pdata[0]), *rest = pem_chain(chain, 1);
    g_autofree char *all = pem_chain(chain, 0);
    json_text_member_object(body, "files");
    json_text_member_string(body, "server.pem", leaf);
    json_text_member_string(body, "chain.pem", rest);
    json_text_member_string(body, "fullchain.pem", all);
    json_text_member_string(body, "server.key", served->key);
    json_text_end_object(body);
}

static void
install(struct force *force, const struct state_served *served)
{
    GString *body = g_string_sized_new(32768);
    json_text_begin_object(body);
    append_files(body, served);
    json_text_end_object(body);
    if (body->len <= TASK_BODY_MAX)
        child_ask(force->child, "install/files", body->str, body->len, is_installed, force);
    else
        g_clear_pointer(&force->installing, g_free); /* import lets none in that is so long */
    state_wipe(body);
}

void
force_apply(struct force *force, gint64 now, gboolean all)
{
    const struct state_served *served = state_in_force(force->site->state, now);
    g_autoptr(X509) leaf = served != NULL ? pem_read_certificate(served->chain) : NULL;
    force->now = now;
    force->again = force->installing != NULL;
    if (all)
        child_ask(force->child, "web/certificate", "{}", 2, NULL, NULL);
    if (leaf == NULL || force->again)
        return;
    g_autofree char *fingerprint = pem_fingerprint(leaf);
    if (g_strcmp0(fingerprint, force->installed) == 0 && !hook_is_due(force))
        return;
    force->installing = g_steal_pointer(&fingerprint);
    install(force, served);
}
