#include "lib/couch/settings.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

static const struct {
    const char *section, *key; /* key NULL: all of the section */
    enum settings_phase phase;
} known[] = {
    {"couchdb", "max_document_size", SETTINGS_LIMITS},
    {"couchdb", "max_attachment_size", SETTINGS_LIMITS},
    {"chttpd", "max_http_request_size", SETTINGS_LIMITS},
    {"httpd", "max_http_request_size", SETTINGS_LIMITS},
    {"attachments", NULL, SETTINGS_LIMITS},
    {"couchdb", "default_security", SETTINGS_REST},
    {"couchdb", "users_db_security_editable", SETTINGS_REST},
    {"couch_httpd_auth", "authentication_db", SETTINGS_NEVER}, /* follows the database's name */
    {"couch_httpd_auth", NULL, SETTINGS_REST},
    {"chttpd_auth", "authentication_db", SETTINGS_NEVER},
    {"chttpd_auth", NULL, SETTINGS_REST},
    {"admins", NULL, SETTINGS_REST},
    {"chttpd", "require_valid_user", SETTINGS_REST},
    {"chttpd", "require_valid_user_except_for_up", SETTINGS_REST},
    {"chttpd", "enable_cors", SETTINGS_REST},
    {"httpd", "enable_cors", SETTINGS_REST},
    {"httpd", "WWW-Authenticate", SETTINGS_REST},
    {"chttpd", "authentication_handlers", SETTINGS_REST},
    {"cors", NULL, SETTINGS_REST},
    {"jwt_auth", NULL, SETTINGS_REST},
    {"jwt_keys", NULL, SETTINGS_REST},
    {"csp", NULL, SETTINGS_REST},
};

enum settings_phase
settings_phase_of(const char *section, const char *key)
{
    for (guint i = 0; i < G_N_ELEMENTS(known); i++)
        if (g_str_equal(known[i].section, section) &&
            (known[i].key == NULL || g_str_equal(known[i].key, key)))
            return known[i].phase;
    return SETTINGS_NEVER;
}

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
GPtrArray *
settings_of(const GString *config, const char *account)
{
    GPtrArray *settings = g_ptr_array_new_with_free_func(setting_free);
    struct slice json = {config->str, config->len}, section, members, key, value;
    struct setting *own = NULL;
    for (gsize i = 0; json_next_member(json, &i, &section, &members);)
        for (gsize j = 0;
             json_type(members) == JSON_OBJECT && json_next_member(members, &j, &key, &value);) {
            if (json_type(value) != JSON_STRING)
                continue;
            struct setting *setting = g_new0(struct setting, 1);
            *setting = (struct setting){key_of(section), key_of(key), text_of(value)};
            if (g_str_equal(setting->section, "admins") && g_str_equal(setting->key, account))
                own = setting;
            else
                g_ptr_array_add(settings, setting);
        }
    if (own != NULL)
        g_ptr_array_add(settings, own);
    return settings;
}

gboolean
setting_is_hashed(const char *value)
{
    return g_str_has_prefix(value, "-pbkdf2") || g_str_has_prefix(value, "-hashed-");
}

/* ---- the nodes of a server ---- */

static void
node_free(gpointer data)
{
    struct settings_node *node = data;
    g_free(node->name);
    g_string_free(node->config, TRUE);
    g_free(node);
}

gboolean
settings_is_end(const GError *failure)
{
    return failure->domain != HTTP || http_has_status(failure, 401) || http_is_transient(failure);
}

struct asking {
    struct http *http;
    settings_problem problem;
    void *context;
};

static gboolean
add_node(GPtrArray *nodes, const struct asking *asking, const char *name, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GString *config = server_node_config(asking->http, name, &failure);
    if (config == NULL && settings_is_end(failure)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&failure), "node '%s': ", name);
        return FALSE;
    }
    if (config == NULL) {
        g_autofree char *message =
            g_strdup_printf("node '%s' keeps the settings that it has: %s", name, failure->message);
        asking->problem(asking->context, message);
        return TRUE;
    }
    struct settings_node *node = g_new0(struct settings_node, 1);
    *node = (struct settings_node){g_strdup(name), config};
    g_ptr_array_add(nodes, node);
    return TRUE;
}

/*
 * The nodes with their settings as they are now, which a run that was interrupted may have left
 * unlike. The one that answers us comes last: once our own account's password is changed there,
 * nothing more can be set anywhere.
 */
GPtrArray *
settings_nodes(struct http *http, const struct traits *traits, settings_problem problem,
               void *context, GError **error)
{
    const struct asking asking = {http, problem, context};
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(node_free);
    char **names = traits->nodes;
    g_autofree char *own = g_strv_length(names) > 1 ? server_node_name(http) : NULL;
    for (; *names != NULL; names++)
        if (g_strcmp0(*names, own) != 0 && !add_node(nodes, &asking, *names, error))
            return NULL;
    return own == NULL || add_node(nodes, &asking, own, error) ? g_steal_pointer(&nodes) : NULL;
}

gboolean
setting_differs_at(const struct settings_node *node, const struct setting *setting)
{
    g_autofree char *present = traits_setting(node->config, setting->section, setting->key);
    return present == NULL || !g_str_equal(present, setting->value);
}

gboolean
setting_differs(const GPtrArray *nodes, const struct setting *setting)
{
    for (guint i = 0; i < nodes->len; i++)
        if (setting_differs_at(nodes->pdata[i], setting))
            return TRUE;
    return FALSE;
}

gboolean
setting_put(struct http *http, const char *node, const struct setting *setting, GError **error)
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
        http_fetch(http, "PUT", path->str, (struct slice){body->str, body->len}, error);
    return answer != NULL;
}
