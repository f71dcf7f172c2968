/* setup: making a database as it was, closed until it is whole. See restore.h. */
#include "lib/base/fail.h"
#include "lib/couch/json.h"
#include "lib/couch/write/same.h"
#include "restore/run/restore.h"

#define NOTHING ((struct slice){NULL, 0})
#define RACE_ATTEMPTS                                                                              \
    20 /* after a DELETE, CouchDB may take the old database for the new one for a moment */
#define RACE_WAIT 250 /* milliseconds */

/* Nobody but admins may read or write; the mark tells a later run that the database is a restore's.
 */
#define CLOSED_MARK "\"lifeboat\":\"restore under way\""
static const char closed[] =
    "{\"admins\":{\"roles\":[\"_admin\"]},\"members\":{\"roles\":[\"_admin\"]}," CLOSED_MARK "}";

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

struct setup
setup_parse(const struct chain_database *source)
{
    struct setup setup = {0};
    struct slice json = text_of(source->db_json);
    json_member_unsigned(json, "q", &setup.q);
    json_member_unsigned(json, "n", &setup.n);
    json_member_unsigned(json, "revs_limit", &setup.revs_limit);
    setup.partitioned = json_member_true(json, "partitioned");
    if (!json_member(json, "security", &setup.security) || json_type(setup.security) != JSON_OBJECT)
        setup.security = slice_of("{}");
    return setup;
}

/* PUTs a small JSON; an endpoint that the server lacks is no error. */
static gboolean
put(struct restore *restore, const char *target, const char *rest, struct slice json,
    GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_path(target, rest);
    g_autoptr(GString) answer = http_fetch(restore->http, "PUT", path, json, &failure);
    if (answer != NULL)
        return TRUE;
    if (!restore->traits.couchdb && !http_is_refused(failure) && !http_is_transient(failure))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* ---- making it ---- */

static gboolean
is_marked(const char *security)
{
    struct slice mark;
    return security != NULL && json_member(slice_of(security), "lifeboat", &mark) &&
           slice_is(mark, "\"restore under way\"");
}

gboolean
setup_look(struct restore *restore, const char *target, enum setup_standing *standing,
           struct server_database *present, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (server_database_fetch(restore->http, target, present, &failure)) {
        *standing = is_marked(present->security) ? SETUP_CONTINUED : SETUP_EXISTED;
        return TRUE;
    }
    server_database_clear(present);
    *standing = SETUP_ABSENT;
    if (http_has_status(failure, 404))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "database '%s': ", target);
    return FALSE;
}

static gboolean
exists(struct restore *restore, const char *target)
{
    struct server_database present;
    gboolean there = server_database_info(restore->http, target, &present, NULL);
    server_database_clear(&present);
    return there;
}

/* As many copies as the target has nodes, if the source had more. */
static char *
create_path(struct restore *restore, const char *target, const struct setup *setup)
{
    g_autoptr(GString) rest = g_string_new(NULL);
    if (restore->traits.couchdb && setup->q > 0)
        g_string_append_printf(rest, "&q=%" G_GUINT64_FORMAT, setup->q);
    if (restore->traits.couchdb && setup->n > 0)
        g_string_append_printf(rest, "&n=%" G_GUINT64_FORMAT,
                               MIN(setup->n, (guint64)g_strv_length(restore->traits.nodes)));
    if (setup->partitioned)
        g_string_append(rest, "&partitioned=true");
    if (rest->len > 0)
        rest->str[0] = '?';
    return server_path(target, rest->str);
}

static gboolean
make(struct restore *restore, const char *target, const struct setup *setup, GError **error)
{
    g_autofree char *path = create_path(restore, target, setup);
    for (guint attempt = 0;; attempt++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GString) answer = http_fetch(restore->http, "PUT", path, NOTHING, &failure);
        if ((answer != NULL || http_has_status(failure, 412)) && exists(restore, target))
            return TRUE;
        if (answer == NULL && !http_has_status(failure, 412)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure),
                                       "database '%s' cannot be made: ", target);
            return FALSE;
        }
        if (attempt == RACE_ATTEMPTS)
            return fail_set(error, FAIL_FAILED,
                            "database '%s' cannot be made: the server says that it is there, and "
                            "then that it is not",
                            target);
        restore->patience.wait(restore->patience.context, RACE_WAIT, NULL);
    }
}

/* A path of revisions that is longer than the limit would be cut off when it is written. */
static gboolean
raise_limit(struct restore *restore, const char *target, const struct setup *setup, guint64 present,
            gboolean own, GError **error)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, setup->revs_limit);
    if (setup->revs_limit == 0 || setup->revs_limit == present ||
        (!own && setup->revs_limit < present))
        return TRUE;
    if (!own)
        report_note(&restore->report,
                    "database '%s': its _revs_limit was %" G_GUINT64_FORMAT
                    " and is now %s, as in the snapshot",
                    target, present, number);
    return put(restore, target, "/_revs_limit", slice_of(number), error);
}

gboolean
setup_begin(struct restore *restore, const struct plan_item *item, const struct setup *setup,
            enum setup_standing *standing, GError **error)
{
    struct server_database present;
    guint64 limit = 0;
    if (!setup_look(restore, item->target, standing, &present, error))
        return FALSE;
    limit = present.revs_limit;
    server_database_clear(&present);
    if (*standing == SETUP_ABSENT) {
        if (!make(restore, item->target, setup, error) ||
            (!plan_is_users(item->target) &&
             !put(restore, item->target, "/_security", slice_of(closed), error)))
            return FALSE;
        *standing = SETUP_MADE;
        limit = 0;
    }
    return raise_limit(restore, item->target, setup, limit, *standing != SETUP_EXISTED, error);
}

/* ---- the end ---- */

static gboolean
compare_security(struct restore *restore, const struct plan_item *item, const struct setup *setup,
                 GError **error)
{
    g_autofree char *path = server_path(item->target, "/_security");
    g_autoptr(GString) present = http_fetch(restore->http, "GET", path, NOTHING, error);
    if (present == NULL)
        return FALSE;
    if (!json_same(text_of(present), setup->security))
        report_kept(&restore->report,
                    "database '%s': its _security is not the snapshot's, and stays as it is: "
                    "the snapshot has " SLICE_FORMAT,
                    item->target, SLICE_ARGS(setup->security));
    return TRUE;
}

gboolean
setup_end(struct restore *restore, const struct plan_item *item, const struct setup *setup,
          enum setup_standing standing, GError **error)
{
    if (item->documents != NULL && standing == SETUP_EXISTED)
        return TRUE;
    if (standing == SETUP_EXISTED || plan_is_users(item->target))
        return restore->traits.couchdb ? compare_security(restore, item, setup, error) : TRUE;
    return put(restore, item->target, "/_security", setup->security, error);
}
