#include "lib/couch/settings.h"

#include "replicator/switch/check/check.h"

#include <string.h>

#define MEND "the standby sets it by itself while it follows; `lifeboat status` says why it cannot"

static gboolean
is_compared(const struct setting *setting)
{
    static const char *const sections[] = {"chttpd_auth", "couch_httpd_auth", "admins",
                                           "jwt_keys",    "jwt_auth",         NULL};
    return g_strv_contains(sections, setting->section) &&
           settings_phase_of(setting->section, setting->key) != SETTINGS_NEVER &&
           !g_str_equal(setting->key, "secret");
}

/* [chttpd_auth] wins; both sections may have one. */
static char *
secret_of(const GString *config)
{
    char *secret = traits_setting(config, "chttpd_auth", "secret");
    if (secret == NULL || *secret == '\0') {
        g_free(secret);
        secret = traits_setting(config, "couch_httpd_auth", "secret");
    }
    return secret;
}

static void
compare_secret(struct check *check)
{
    g_autofree char *own = secret_of(check->own_traits.config);
    g_autofree char *other = secret_of(check->other_traits.config);
    if (own == NULL || other == NULL)
        check_problem(check,
                      "%s node's CouchDB has no secret, and draws another one at each start: set "
                      "`secret` under [chttpd_auth], the same on both nodes",
                      own == NULL ? "this" : "the other");
    else if (!g_str_equal(own, other))
        check_problem(check, "the two CouchDBs have different secrets, so that everybody would be "
                             "logged out, and CHT could not read what it stored: " MEND);
}

static void
compare_one(struct check *check, const struct setting *setting, const GString *other,
            const char *whose)
{
    g_autofree char *there = traits_setting(other, setting->section, setting->key);
    if (g_str_equal(setting->section, "admins") && !setting_is_hashed(setting->value))
        check_problem(check,
                      "administrator '%s' has no hashed password on %s node: restart its CouchDB",
                      setting->key, whose);
    else if (there == NULL || !g_str_equal(there, setting->value))
        check_problem(check, "[%s] %s is not the same on both nodes: " MEND, setting->section,
                      setting->key);
}

/* All of the one that the other has not, or not so; of the other only what the first one lacks. */
static void
compare(struct check *check, const struct traits *one, const struct traits *other,
        gboolean only_lacking)
{
    g_autoptr(GPtrArray) all = settings_of(one->config, one->account);
    for (guint i = 0; i < all->len; i++) {
        const struct setting *setting = all->pdata[i];
        g_autofree char *there = traits_setting(other->config, setting->section, setting->key);
        if (is_compared(setting) && (!only_lacking || there == NULL))
            compare_one(check, setting, other->config, only_lacking ? "this" : "the other");
    }
}

static void
compare_uuids(struct check *check)
{
    const char *own = check->own_traits.uuid, *other = check->other_traits.uuid;
    if (own != NULL && other != NULL && g_str_equal(own, other))
        check_problem(check,
                      "both CouchDBs have the same uuid, as CHT's template gives it to all, and "
                      "clients would take the one for the other: give the standby's another one, "
                      "`curl -X PUT …/_node/_local/_config/couchdb/uuid -d '\"…\"'` with 32 hex "
                      "digits, and let it be followed anew");
}

void
check_settings(struct check *check)
{
    compare_secret(check);
    compare(check, &check->other_traits, &check->own_traits, FALSE);
    compare(check, &check->own_traits, &check->other_traits, TRUE);
    compare_uuids(check);
}
