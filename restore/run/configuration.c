/* configuration: see the header. */
#include "restore/run/configuration.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/couch/json.h"

#include <openssl/rand.h>

#define UUID_SIZE 16 /* bytes */

/* When a setting is written: with the limits, with the rest, or never. */
enum phase { PHASE_LIMITS, PHASE_REST, PHASE_NEVER };

static const struct {
    const char *section, *key; /* key NULL: all of the section */
    enum phase phase;
} known[] = {
    {"couchdb", "max_document_size", PHASE_LIMITS},
    {"couchdb", "max_attachment_size", PHASE_LIMITS},
    {"chttpd", "max_http_request_size", PHASE_LIMITS},
    {"httpd", "max_http_request_size", PHASE_LIMITS},
    {"attachments", NULL, PHASE_LIMITS},
    {"couchdb", "default_security", PHASE_REST},
    {"couchdb", "users_db_security_editable", PHASE_REST},
    {"couch_httpd_auth", "authentication_db", PHASE_NEVER}, /* follows the database's name */
    {"couch_httpd_auth", NULL, PHASE_REST},
    {"chttpd_auth", "authentication_db", PHASE_NEVER},
    {"chttpd_auth", NULL, PHASE_REST},
    {"admins", NULL, PHASE_REST},
    {"chttpd", "require_valid_user", PHASE_REST},
    {"chttpd", "require_valid_user_except_for_up", PHASE_REST},
    {"chttpd", "enable_cors", PHASE_REST},
    {"httpd", "enable_cors", PHASE_REST},
    {"httpd", "WWW-Authenticate", PHASE_REST},
    {"chttpd", "authentication_handlers", PHASE_REST},
    {"cors", NULL, PHASE_REST},
    {"jwt_auth", NULL, PHASE_REST},
    {"jwt_keys", NULL, PHASE_REST},
    {"csp", NULL, PHASE_REST},
};

static enum phase
phase_of(const char *section, const char *key)
{
    for (guint i = 0; i < G_N_ELEMENTS(known); i++)
        if (g_str_equal(known[i].section, section) &&
            (known[i].key == NULL || g_str_equal(known[i].key, key)))
            return known[i].phase;
    return PHASE_NEVER;
}

/* ---- the settings of the snapshot, one by one ---- */

struct setting {
    char *section, *key, *value;
};

static void
setting_free(gpointer data)
{
    struct setting *setting = data;
    g_free(setting->section);
    g_free(setting->key);
    g_free(setting->value);
    g_free(setting);
}

static char *
text_of(struct slice string)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_unescape(string, text);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *
key_of(struct slice key)
{
    return text_of((struct slice){key.data - 1, key.size + 2});
}

/* In the order of sections and keys; our own account's line comes last. */
static GPtrArray *
settings_of(const struct restore *restore)
{
    GPtrArray *settings = g_ptr_array_new_with_free_func(setting_free);
    struct slice json = {restore->config->str, restore->config->len}, section, members, key, value;
    struct setting *own = NULL;
    for (gsize i = 0; json_next_member(json, &i, &section, &members);)
        for (gsize j = 0;
             json_type(members) == JSON_OBJECT && json_next_member(members, &j, &key, &value);) {
            if (json_type(value) != JSON_STRING)
                continue;
            struct setting *setting = g_new0(struct setting, 1);
            *setting = (struct setting){key_of(section), key_of(key), text_of(value)};
            if (g_str_equal(setting->section, "admins") &&
                g_str_equal(setting->key, restore->traits.account))
                own = setting;
            else
                g_ptr_array_add(settings, setting);
        }
    if (own != NULL)
        g_ptr_array_add(settings, own);
    return settings;
}

static gboolean
is_hashed(const char *value)
{
    return g_str_has_prefix(value, "-pbkdf2") || g_str_has_prefix(value, "-hashed-");
}

/* ---- before anything is written ---- */

gboolean
configuration_check(struct restore *restore, GError **error)
{
    if (restore->config == NULL)
        return fail_set(error, FAIL_FAILED,
                        "the snapshot holds no server settings: its source did not give them\n"
                        "hint: run without --server-config");
    if (restore->traits.config == NULL || !restore->traits.couchdb)
        return fail_set(
            error, FAIL_FAILED,
            "%s is no server whose settings can be set\nhint: run without --server-config",
            http_name(restore->http));
    return TRUE;
}

gboolean
configuration_check_hashes(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) settings = settings_of(restore);
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        if (g_str_equal(setting->section, "admins") && g_str_has_prefix(setting->value, "-pbkdf2:"))
            return fail_set(error, FAIL_FAILED,
                            "CouchDB %s cannot check the password of administrator '%s', which "
                            "needs CouchDB 3.4\n"
                            "hint: restore into CouchDB 3.4 or newer, or without --server-config",
                            restore->traits.version, setting->key);
    }
    return TRUE;
}

gboolean
configuration_has(const struct restore *restore, const char *section, const char *key)
{
    g_autofree char *value = traits_setting(restore->config, section, key);
    return value != NULL;
}

/* ---- the nodes of the target ---- */

struct node {
    char *name;
    GString *config; /* as it was before */
};

static void
node_free(gpointer data)
{
    struct node *node = data;
    g_free(node->name);
    g_string_free(node->config, TRUE);
    g_free(node);
}

/* What ends the work; other failures concern one setting or one node. */
static gboolean
is_end(const GError *failure)
{
    return failure->domain != HTTP || http_has_status(failure, 401) || http_is_transient(failure);
}

static gboolean
add_node(GPtrArray *nodes, struct restore *restore, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GString *config = server_node_config(restore->http, name, &failure);
    if (config == NULL && is_end(failure)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&failure), "node '%s': ", name);
        return FALSE;
    }
    if (config == NULL) {
        report_problem(&restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                       "node '%s' keeps the settings that it has: %s", name, failure->message);
        return TRUE;
    }
    struct node *node = g_new0(struct node, 1);
    *node = (struct node){g_strdup(name), config};
    g_ptr_array_add(nodes, node);
    return TRUE;
}

/*
 * The nodes with their settings as they are now, which a run that was interrupted may have left
 * unlike. The one that answers us comes last: once our own account's password is changed there,
 * nothing more can be set anywhere.
 */
static GPtrArray *
fetch_nodes(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(node_free);
    char **names = restore->traits.nodes;
    g_autofree char *own = g_strv_length(names) > 1 ? server_node_name(restore->http) : NULL;
    for (; *names != NULL; names++)
        if (g_strcmp0(*names, own) != 0 && !add_node(nodes, restore, *names, error))
            return NULL;
    return own == NULL || add_node(nodes, restore, own, error) ? g_steal_pointer(&nodes) : NULL;
}

static gboolean
differs_at(const struct node *node, const struct setting *setting)
{
    g_autofree char *present = traits_setting(node->config, setting->section, setting->key);
    return present == NULL || !g_str_equal(present, setting->value);
}

static gboolean
is_different(const GPtrArray *nodes, const struct setting *setting)
{
    for (guint i = 0; i < nodes->len; i++)
        if (differs_at(nodes->pdata[i], setting))
            return TRUE;
    return FALSE;
}

/* ---- setting ---- */

static gboolean
set_on_node(struct restore *restore, const char *node, const struct setting *setting,
            GError **error)
{
    g_autoptr(GString) path = g_string_new("/_node/");
    g_autoptr(GString) body = g_string_new(NULL);
    http_escape(path, slice_of(node));
    g_string_append(path, "/_config/");
    http_escape(path, slice_of(setting->section));
    g_string_append_c(path, '/');
    http_escape(path, slice_of(setting->key));
    json_append_string(body, slice_of(setting->value));
    g_autoptr(GString) answer =
        http_fetch(restore->http, "PUT", path->str, (struct slice){body->str, body->len}, error);
    return answer != NULL;
}

/* On all nodes where it differs. A setting that the server refuses is a problem; that we are locked
 * out ends it. */
static gboolean
set(struct restore *restore, const GPtrArray *nodes, const struct setting *setting, GError **error)
{
    for (guint i = 0; i < nodes->len; i++) {
        const struct node *node = nodes->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (!differs_at(node, setting) || set_on_node(restore, node->name, setting, &failure))
            continue;
        if (is_end(failure)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure),
                                       "setting [%s] %s: ", setting->section, setting->key);
            return FALSE;
        }
        report_problem(&restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                       "setting [%s] %s was refused: %s", setting->section, setting->key,
                       failure->message);
    }
    log_info("set [%s] %s", setting->section, setting->key);
    progress_event(restore->report.progress, "setting", "section", setting->section, "key",
                   setting->key, NULL);
    return TRUE;
}

/* A password in clear text would be hashed with a salt of its own, which ends the sessions: it is
 * left out and named. */
static gboolean
is_usable(struct restore *restore, const struct setting *setting)
{
    if (!g_str_equal(setting->section, "admins") || is_hashed(setting->value))
        return TRUE;
    report_problem(&restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                   "administrator '%s' has no hashed password in the snapshot, and is left out",
                   setting->key);
    return FALSE;
}

static gboolean
set_phase(struct restore *restore, const GPtrArray *nodes, enum phase phase, GError **error)
{
    g_autoptr(GPtrArray) settings = settings_of(restore);
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        if (phase_of(setting->section, setting->key) == phase && is_different(nodes, setting) &&
            is_usable(restore, setting) && !set(restore, nodes, setting, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
configuration_set_limits(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) nodes = fetch_nodes(restore, error);
    return nodes != NULL && set_phase(restore, nodes, PHASE_LIMITS, error);
}

/* ---- the end ---- */

static gboolean
draw_uuid(struct restore *restore, const GPtrArray *nodes, GError **error)
{
    guint8 random[UUID_SIZE];
    if (RAND_bytes(random, sizeof random) != 1)
        return fail_set(error, FAIL_FAILED, "no random numbers for a new uuid");
    g_autofree char *uuid = hash_hex(random, sizeof random);
    const struct setting setting = {(char *)"couchdb", (char *)"uuid", uuid};
    return set(restore, nodes, &setting, error);
}

/* What differs and is not ours to set, for the operator to look at. */
static void
tell_left(struct restore *restore, const GPtrArray *nodes)
{
    g_autoptr(GPtrArray) settings = settings_of(restore);
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        gboolean is_uuid =
            g_str_equal(setting->section, "couchdb") && g_str_equal(setting->key, "uuid");
        if (phase_of(setting->section, setting->key) == PHASE_NEVER &&
            is_different(nodes, setting) && !is_uuid)
            g_string_append_printf(names, "%s[%s] %s", names->len > 0 ? ", " : "", setting->section,
                                   setting->key);
    }
    if (names->len > 0)
        report_note(&restore->report,
                    "settings that differ from the snapshot's and were left alone: %s", names->str);
}

gboolean
configuration_set_rest(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) nodes = fetch_nodes(restore, error);
    g_autofree char *password = traits_setting(restore->config, "admins", restore->traits.account);
    const struct setting own = {(char *)"admins", restore->traits.account, password};
    if (nodes == NULL)
        return FALSE;
    tell_left(restore, nodes);
    if (!draw_uuid(restore, nodes, error) || !set_phase(restore, nodes, PHASE_REST, error))
        return FALSE;
    if (password != NULL && is_hashed(password) && is_different(nodes, &own))
        report_note(&restore->report,
                    "administrator '%s' now has the password that it had on the source",
                    restore->traits.account);
    return TRUE;
}

gboolean
configuration_preview(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) settings = settings_of(restore);
    g_autoptr(GPtrArray) nodes = fetch_nodes(restore, error);
    if (nodes == NULL)
        return FALSE;
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        if (phase_of(setting->section, setting->key) != PHASE_NEVER && is_different(nodes, setting))
            report_note(&restore->report, "would set [%s] %s", setting->section, setting->key);
    }
    report_note(&restore->report, "would draw a new uuid");
    tell_left(restore, nodes);
    return TRUE;
}
