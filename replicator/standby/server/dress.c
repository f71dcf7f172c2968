#include "replicator/standby/server/dress.h"

#include "lib/base/log.h"
#include "lib/couch/locals.h"
#include "lib/couch/write/create.h"
#include "lib/couch/write/local.h"
#include "lib/couch/write/same.h"

gboolean
dress_make(struct standby *standby, struct followed *followed, const struct server_database *source,
           GError **error)
{
    const char *database = followed->name;
    const struct shape shape = {source->q, source->n, source->partitioned};
    struct server_database present;
    g_autoptr(GError) failure = NULL;
    gboolean made = FALSE;
    gboolean there = server_database_info(standby->target, database, &present, &failure);
    server_database_clear(&present);
    if (there)
        return TRUE;
    if (!http_has_status(failure, 404)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!create_database(standby->target, &standby->traits, &standby->patience, database, &shape,
                         &made, error))
        return FALSE;
    log_info("database '%s' was made", database);
    followed->made = made;
    return TRUE;
}

static gboolean
put(struct standby *standby, const char *database, const char *rest, struct slice json,
    GError **error)
{
    g_autofree char *path = server_path(database, rest);
    g_autoptr(GString) answer = http_fetch(standby->target, "PUT", path, json, error);
    return answer != NULL;
}

/* CouchDB lets nobody set that of the user accounts, unless a setting says so. */
static gboolean
compare_security(struct standby *standby, const char *database, const char *source,
                 const char *present, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (source == NULL || present == NULL || json_same(slice_of(source), slice_of(present)) ||
        put(standby, database, "/_security", slice_of(source), &failure))
        return TRUE;
    if (server_is_users(database) && http_is_refused(failure)) {
        log_warning("database '%s': its _security differs, and this server lets nobody set it",
                    database);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
compare_limit(struct standby *standby, const char *database, guint64 source, guint64 present,
              GError **error)
{
    g_autofree char *limit = g_strdup_printf("%" G_GUINT64_FORMAT, source);
    return source == 0 || source == present ||
           put(standby, database, "/_revs_limit", slice_of(limit), error);
}

/* ---- _local documents ---- */

struct locals {
    struct standby *standby;
    const char *database;
};

static gboolean
take_local(void *context, struct slice id, struct slice json, GError **error)
{
    struct locals *locals = context;
    struct http *target = locals->standby->target;
    g_autofree char *path = local_path(locals->database, id);
    GError *failure = NULL;
    g_autoptr(GString) present = local_fetch(target, path, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    return (present != NULL && local_same(json, (struct slice){present->str, present->len})) ||
           local_put(target, path, json, present, error);
}

static gboolean
compare_locals(struct standby *standby, const char *database, GError **error)
{
    struct locals locals = {standby, database};
    g_autoptr(GString) docs = locals_kept(standby->source, database, error);
    return docs != NULL &&
           local_each((struct slice){docs->str, docs->len}, take_local, &locals, error);
}

gboolean
dress_locals(struct standby *standby, struct followed *database, GError **error)
{
    if (!standby->options->merge && !compare_locals(standby, database->name, error))
        return FALSE;
    database->dressed = g_get_monotonic_time();
    return TRUE;
}

/* ---- all of it ---- */

/* What is here stays in a merge: which of the two was set last, nobody knows. */
static void
tell_security(const char *database, const char *source, const char *present)
{
    if (source != NULL && present != NULL && !json_same(slice_of(source), slice_of(present)))
        log_warning("database '%s': its _security is another one on the other node; this node's "
                    "stays",
                    database);
}

static gboolean
bring(struct standby *standby, const char *database, const struct server_database *source,
      const struct server_database *present, GError **error)
{
    return compare_security(standby, database, source->security, present->security, error) &&
           compare_limit(standby, database, source->revs_limit, present->revs_limit, error) &&
           compare_locals(standby, database, error);
}

gboolean
dress_compare(struct standby *standby, struct followed *database, GError **error)
{
    struct server_database source, present;
    const gboolean stays = standby->options->merge && !database->made;
    gboolean done = FALSE;
    if (server_database_fetch(standby->source, database->name, &source, error)) {
        done = server_database_fetch(standby->target, database->name, &present, error);
        if (done && stays)
            tell_security(database->name, source.security, present.security);
        else if (done)
            done = bring(standby, database->name, &source, &present, error);
        server_database_clear(&present);
    }
    server_database_clear(&source);
    if (done)
        database->dressed = g_get_monotonic_time();
    return done;
}
