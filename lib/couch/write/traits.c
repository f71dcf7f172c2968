#include "lib/couch/write/traits.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#define NOTHING ((struct slice){NULL, 0})
#define LIMIT_SINCE_3 8000000 /* bytes; [couchdb] max_document_size by default since 3.0 */
#define LIMIT_BEFORE_3 G_GUINT64_CONSTANT(4294967296)

/* [couchdb] max_attachment_size and [chttpd] max_http_request_size by default. */
#define ATTACHMENT_LIMIT_SINCE_3_4 G_GUINT64_CONSTANT(1073741824)
#define REQUEST_LIMIT G_GUINT64_CONSTANT(4294967296)

void
traits_clear(struct traits *traits)
{
    g_free(traits->version);
    g_free(traits->uuid);
    g_free(traits->account);
    g_strfreev(traits->nodes);
    if (traits->config != NULL)
        g_string_free(traits->config, TRUE);
    *traits = (struct traits){0};
}

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

static void
parse_version(const char *version, guint *major, guint *minor)
{
    char *rest;
    *major = *minor = 0;
    if (version == NULL || !g_ascii_isdigit(*version))
        return;
    *major = (guint)MIN(g_ascii_strtoull(version, &rest, 10), 10000);
    if (*rest == '.')
        *minor = (guint)MIN(g_ascii_strtoull(rest + 1, NULL, 10), 10000);
}

gboolean
traits_at_least(const struct traits *traits, guint major, guint minor)
{
    if (!traits->couchdb || traits->major == 0)
        return TRUE;
    return traits->major > major || (traits->major == major && traits->minor >= minor);
}

char *
traits_setting(const GString *config, const char *section, const char *key)
{
    struct slice members;
    char *value = NULL;
    if (config != NULL && json_member(text_of(config), section, &members))
        json_member_text(members, key, &value);
    return value;
}

/* A limit in bytes; 0 when it is unset or no number ("infinity"). */
static guint64
limit_of(const GString *config, const char *section, const char *key)
{
    g_autofree char *value = traits_setting(config, section, key);
    guint64 limit = 0;
    return value != NULL && json_unsigned(slice_of(value), &limit) ? limit : 0;
}

guint64
traits_document_limit(const GString *config, const char *version)
{
    guint major, minor;
    g_autofree char *value = traits_setting(config, "couchdb", "max_document_size");
    parse_version(version, &major, &minor);
    if (value != NULL)
        return limit_of(config, "couchdb", "max_document_size");
    return major == 0 ? 0 : major >= 3 ? LIMIT_SINCE_3 : LIMIT_BEFORE_3;
}

/* Of older versions that it does not stand in the configuration of, we do not know it for certain.
 */
guint64
traits_attachment_limit(const GString *config, const char *version)
{
    guint major, minor;
    g_autofree char *value = traits_setting(config, "couchdb", "max_attachment_size");
    parse_version(version, &major, &minor);
    if (value != NULL)
        return limit_of(config, "couchdb", "max_attachment_size");
    return major > 3 || (major == 3 && minor >= 4) ? ATTACHMENT_LIMIT_SINCE_3_4 : 0;
}

guint64
traits_request_limit(const GString *config, const char *version)
{
    static const char *const sections[] = {"chttpd", "httpd"};
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *value = traits_setting(config, sections[i], "max_http_request_size");
        if (value != NULL)
            return limit_of(config, sections[i], "max_http_request_size");
    }
    return version != NULL ? REQUEST_LIMIT : 0;
}

/* ---- asking ---- */

static gboolean
fetch_welcome(struct http *http, struct traits *traits, GError **error)
{
    struct slice welcome;
    g_autoptr(GString) answer = http_fetch(http, "GET", "/", NOTHING, error);
    if (answer == NULL)
        return FALSE;
    traits->couchdb = json_member(text_of(answer), "couchdb", &welcome);
    if (!traits->couchdb && !json_member(text_of(answer), "express-pouchdb", &welcome))
        return fail_set(error, FAIL_FAILED, "%s is no CouchDB server", http_name(http));
    if (!json_member_text(text_of(answer), "version", &traits->version))
        traits->version = g_strdup("unknown");
    json_member_text(text_of(answer), "uuid", &traits->uuid);
    if (traits->couchdb)
        parse_version(traits->version, &traits->major, &traits->minor);
    return TRUE;
}

static gboolean
fetch_account(struct http *http, struct traits *traits, GError **error)
{
    struct slice context, roles, role;
    g_autoptr(GString) answer = http_fetch(http, "GET", "/_session", NOTHING, error);
    if (answer == NULL)
        return FALSE;
    if (json_member(text_of(answer), "userCtx", &context)) {
        json_member_text(context, "name", &traits->account);
        if (json_member(context, "roles", &roles))
            for (gsize place = 0; json_next_element(roles, &place, &role);)
                if (slice_is(role, "\"_admin\"")) {
                    if (traits->account == NULL)
                        traits->account = g_strdup("");
                    return TRUE;
                }
    }
    const char *name = traits->account;
    return fail_set(error, FAIL_FAILED,
                    "%s%s%s is no server admin at %s\nhint: give an admin's name and password with "
                    "--credentials",
                    name != NULL ? "account '" : "an account without a name",
                    name != NULL ? name : "", name != NULL ? "'" : "", http_name(http));
}

gboolean
traits_admitted(struct http *http)
{
    struct traits traits = {0};
    gboolean admitted = fetch_account(http, &traits, NULL);
    traits_clear(&traits);
    return admitted;
}

static void
fetch_nodes(struct http *http, struct traits *traits)
{
    g_autoptr(GString) answer = http_fetch(http, "GET", "/_membership", NOTHING, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    struct slice list, element;
    if (answer != NULL && json_member(text_of(answer), "cluster_nodes", &list))
        for (gsize place = 0; json_next_element(list, &place, &element);) {
            g_autoptr(GString) name = g_string_new(NULL);
            json_unescape(element, name);
            g_ptr_array_add(names, g_strndup(name->str, name->len));
        }
    if (names->len <= 1) {
        g_ptr_array_foreach(names, (GFunc)(void (*)(void))g_free, NULL);
        g_ptr_array_set_size(names, 0);
        g_ptr_array_add(names, g_strdup("_local"));
    }
    g_ptr_array_add(names, NULL);
    traits->nodes = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

gboolean
traits_fetch(struct http *http, struct traits *traits, GError **error)
{
    *traits = (struct traits){0};
    if (!fetch_welcome(http, traits, error) || !fetch_account(http, traits, error))
        return FALSE;
    fetch_nodes(http, traits);
    traits->config = server_config(http, NULL);
    const char *version = traits->couchdb ? traits->version : NULL;
    traits->max_document_size = traits_document_limit(traits->config, version);
    traits->max_attachment_size = traits_attachment_limit(traits->config, version);
    traits->max_request_size = traits_request_limit(traits->config, version);
    return TRUE;
}
