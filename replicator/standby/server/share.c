#include "replicator/standby/server/share.h"

#include "lib/base/log.h"
#include "lib/couch/server.h"
#include "lib/couch/settings.h"

struct sharing {
    struct standby *standby;
    GPtrArray *nodes;    /* struct settings_node: this node's server */
    GPtrArray *problems; /* sentences */
    gboolean limits;     /* some were set */
};

static void
note(void *context, const char *message)
{
    struct sharing *sharing = context;
    g_ptr_array_add(sharing->problems, g_strdup(message));
}

/* ---- which are set ---- */

/* Our own password may change with it only into what we would say there, too. */
static char *
why_not_admin(const struct sharing *sharing, const struct setting *setting)
{
    const struct standby *standby = sharing->standby;
    const char *name = setting->key;
    if (!setting_is_hashed(setting->value))
        return g_strdup_printf("administrator '%s' has no hashed password on the other node: "
                               "restart its CouchDB",
                               name);
    if (g_str_has_prefix(setting->value, "-pbkdf2:") && !traits_at_least(&standby->traits, 3, 4))
        return g_strdup_printf("administrator '%s' needs CouchDB 3.4 or newer here", name);
    if (g_str_equal(name, standby->traits.account) &&
        !http_same_login(standby->source, standby->target))
        return g_strdup_printf("administrator '%s', whom lifeboat is here, has another password on "
                               "the other node: give him the same on both, and in both credentials "
                               "files",
                               name);
    return NULL;
}

static gboolean
put(struct sharing *sharing, const struct setting *setting, GError **error)
{
    for (guint i = 0; i < sharing->nodes->len; i++) {
        const struct settings_node *node = sharing->nodes->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (!setting_differs_at(node, setting) ||
            setting_put(sharing->standby->target, node->name, setting, &failure))
            continue;
        if (settings_is_end(failure)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        g_autofree char *message = g_strdup_printf(
            "setting [%s] %s was refused: %s", setting->section, setting->key, failure->message);
        note(sharing, message);
        return TRUE;
    }
    log_info("set [%s] %s as it is on the other node", setting->section, setting->key);
    return TRUE;
}

static gboolean
take(struct sharing *sharing, const struct setting *setting, GError **error)
{
    enum settings_phase phase = settings_phase_of(setting->section, setting->key);
    if (phase == SETTINGS_NEVER || !setting_differs(sharing->nodes, setting))
        return TRUE;
    g_autofree char *why_not =
        g_str_equal(setting->section, "admins") ? why_not_admin(sharing, setting) : NULL;
    if (why_not != NULL) {
        note(sharing, why_not);
        return TRUE;
    }
    sharing->limits |= phase == SETTINGS_LIMITS;
    return put(sharing, setting, error);
}

/* The secret may stand in either section, and [chttpd_auth] wins: where the other node has none
 * there, this one must not have another. */
static gboolean
take_secret(struct sharing *sharing, const GString *source, GError **error)
{
    g_autofree char *there = traits_setting(source, "chttpd_auth", "secret");
    g_autofree char *old = traits_setting(source, "couch_httpd_auth", "secret");
    const struct setting setting = {(char *)"chttpd_auth", (char *)"secret", old};
    for (guint i = 0; there == NULL && old != NULL && i < sharing->nodes->len; i++) {
        const struct settings_node *node = sharing->nodes->pdata[i];
        g_autofree char *here = traits_setting(node->config, "chttpd_auth", "secret");
        if (here != NULL && !g_str_equal(here, old))
            return put(sharing, &setting, error);
    }
    return TRUE;
}

/* ---- what came of it ---- */

static void
tell(struct sharing *sharing)
{
    struct standby *standby = sharing->standby;
    g_ptr_array_add(sharing->problems, NULL);
    char **problems = (char **)sharing->problems->pdata;
    g_autofree char *text = problems[0] != NULL ? g_strjoinv("; ", problems) : NULL;
    if (text != NULL && g_strcmp0(text, standby->unshared) != 0)
        log_warning("%s", text);
    g_free(standby->unshared);
    standby->unshared = g_steal_pointer(&text);
}

static gboolean
share(struct sharing *sharing, const GString *source, GError **error)
{
    struct standby *standby = sharing->standby;
    g_autoptr(GPtrArray) settings = settings_of(source, standby->traits.account);
    if (!take_secret(sharing, source, error))
        return FALSE;
    for (guint i = 0; i < settings->len; i++)
        if (!take(sharing, settings->pdata[i], error))
            return FALSE;
    tell(sharing);
    if (!sharing->limits)
        return TRUE;
    traits_clear(&standby->traits); /* which know them */
    return traits_fetch(standby->target, &standby->traits, error);
}

gboolean
share_settings(struct standby *standby, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GString) source = server_config(standby->source, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (source == NULL || standby->traits.config == NULL || !standby->traits.couchdb)
        return TRUE; /* no CouchDB: it has no such settings */
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    struct sharing sharing = {.standby = standby, .problems = problems};
    g_autoptr(GPtrArray) nodes =
        settings_nodes(standby->target, &standby->traits, note, &sharing, error);
    sharing.nodes = nodes;
    return nodes != NULL && share(&sharing, source, error);
}
