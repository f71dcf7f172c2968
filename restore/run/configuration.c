/* configuration: see the header. */
#include "restore/run/configuration.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/couch/settings.h"

#define UUID_SIZE 16 /* bytes */

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
    g_autoptr(GPtrArray) settings = settings_of(restore->config, restore->traits.account);
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

/* ---- setting ---- */

/* A node whose settings cannot be read keeps those that it has. */
static void
tell_node(void *context, const char *message)
{
    struct restore *restore = context;
    report_problem(&restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0}, "%s",
                   message);
}

/* On all nodes where it differs. A setting that the server refuses is a problem; that we are locked
 * out ends it. */
static gboolean
set(struct restore *restore, const GPtrArray *nodes, const struct setting *setting, GError **error)
{
    for (guint i = 0; i < nodes->len; i++) {
        const struct settings_node *node = nodes->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (!setting_differs_at(node, setting) ||
            setting_put(restore->http, node->name, setting, &failure))
            continue;
        if (settings_is_end(failure)) {
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
    gboolean own = g_str_equal(setting->section, "admins") &&
                   g_str_equal(setting->key, restore->traits.account);
    if (restore->standby && own) { /* nobody is there to be told of another password */
        report_note(&restore->report,
                    "administrator '%s' has another password here than on the other node: give "
                    "him the same on both",
                    setting->key);
        return FALSE;
    }
    if (!g_str_equal(setting->section, "admins") || setting_is_hashed(setting->value))
        return TRUE;
    report_problem(&restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                   "administrator '%s' has no hashed password in the snapshot, and is left out",
                   setting->key);
    return FALSE;
}

static gboolean
set_phase(struct restore *restore, const GPtrArray *nodes, enum settings_phase phase,
          GError **error)
{
    g_autoptr(GPtrArray) settings = settings_of(restore->config, restore->traits.account);
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        if (settings_phase_of(setting->section, setting->key) == phase &&
            setting_differs(nodes, setting) && is_usable(restore, setting) &&
            !set(restore, nodes, setting, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
configuration_set_limits(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) nodes =
        settings_nodes(restore->http, &restore->traits, tell_node, restore, error);
    return nodes != NULL && set_phase(restore, nodes, SETTINGS_LIMITS, error);
}

/* ---- the end ---- */

static gboolean
draw_uuid(struct restore *restore, const GPtrArray *nodes, GError **error)
{
    g_autofree char *uuid = chance_hex(UUID_SIZE);
    const struct setting setting = {(char *)"couchdb", (char *)"uuid", uuid};
    return set(restore, nodes, &setting, error);
}

/* What differs and is not ours to set, for the operator to look at. */
static void
tell_left(struct restore *restore, const GPtrArray *nodes)
{
    g_autoptr(GPtrArray) settings = settings_of(restore->config, restore->traits.account);
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        gboolean is_uuid =
            g_str_equal(setting->section, "couchdb") && g_str_equal(setting->key, "uuid");
        if (settings_phase_of(setting->section, setting->key) == SETTINGS_NEVER &&
            setting_differs(nodes, setting) && !is_uuid)
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
    g_autoptr(GPtrArray) nodes =
        settings_nodes(restore->http, &restore->traits, tell_node, restore, error);
    g_autofree char *password = traits_setting(restore->config, "admins", restore->traits.account);
    const struct setting own = {(char *)"admins", restore->traits.account, password};
    if (nodes == NULL)
        return FALSE;
    tell_left(restore, nodes);
    if ((!restore->standby && !draw_uuid(restore, nodes, error)) ||
        !set_phase(restore, nodes, SETTINGS_REST, error))
        return FALSE;
    if (password != NULL && setting_is_hashed(password) && setting_differs(nodes, &own))
        report_note(&restore->report,
                    "administrator '%s' now has the password that it had on the source",
                    restore->traits.account);
    return TRUE;
}

gboolean
configuration_preview(struct restore *restore, GError **error)
{
    g_autoptr(GPtrArray) settings = settings_of(restore->config, restore->traits.account);
    g_autoptr(GPtrArray) nodes =
        settings_nodes(restore->http, &restore->traits, tell_node, restore, error);
    if (nodes == NULL)
        return FALSE;
    for (guint i = 0; i < settings->len; i++) {
        const struct setting *setting = settings->pdata[i];
        if (settings_phase_of(setting->section, setting->key) != SETTINGS_NEVER &&
            setting_differs(nodes, setting))
            report_note(&restore->report, "would set [%s] %s", setting->section, setting->key);
    }
    report_note(&restore->report, "would draw a new uuid");
    tell_left(restore, nodes);
    return TRUE;
}
