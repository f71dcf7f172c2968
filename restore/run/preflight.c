/* preflight: what cannot work is refused before anything is written. See restore.h. */
#include "lib/base/fail.h"
#include "lib/couch/json.h"
#include "restore/run/configuration.h"
#include "restore/run/restore.h"
#include "restore/run/stop.h"

#define TOO_LARGE_NAMED 5

/* Reading a database's leaves before the restore, where something in them could stand in its way.
 */
typedef gboolean (*preflight_look)(void *context, const struct leaf *leaf, GError **error);

static gboolean
scan(struct restore *restore, const struct plan_item *item, preflight_look look, void *context,
     GError **error)
{
    AUTO(chain_database) *source = chain_database_open(restore->chain, item->name, error);
    if (source == NULL)
        return FALSE;
    progress_begin(restore->report.progress, "looking through", item->name, 0);
    for (;;) {
        const struct leaf *leaf;
        gboolean end;
        if (!chain_next(source, &leaf, &end, error) || !stop_check(error))
            return FALSE;
        if (end)
            return TRUE;
        if (item->documents != NULL && !g_hash_table_contains(item->documents, leaf->id_text->str))
            continue;
        progress_add(restore->report.progress, 1, 0);
        if (!look(context, leaf, error))
            return FALSE;
    }
}

/* ---- names ---- */

/* CouchDB's rule for database names; those that begin with an underscore are its own. */
static gboolean
check_name(const struct restore *restore, const char *name, GError **error)
{
    static const char *const own[] = {"_users", "_replicator", "_global_changes", NULL};
    if (!restore->traits.couchdb)
        return TRUE;
    const char *last = strrchr(name, '/');
    if (*name == '_' ? g_strv_contains(own, name) : g_ascii_islower(*name)) {
        const char *rest = last != NULL && g_strv_contains(own, last + 1) ? last + 2 : name + 1;
        if (strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789_$()+-/") == strlen(rest))
            return TRUE;
    }
    return fail_set(error, FAIL_FAILED,
                    "CouchDB takes no database name such as '%s'\n"
                    "hint: restore it under another name: --db '%s=new-name'",
                    name, name);
}

/* ---- partitions ---- */

static gboolean
is_partitioned(struct restore *restore, const struct plan_item *item, gboolean *partitioned,
               GError **error)
{
    AUTO(chain_database) *source = chain_database_open(restore->chain, item->name, error);
    if (source != NULL)
        *partitioned = setup_parse(item, source).partitioned;
    return source != NULL;
}

/* The target would make the database without its partitions, and say nothing. */
static gboolean
check_can_partition(struct restore *restore, const struct plan_item *item, GError **error)
{
    gboolean partitioned;
    if (restore->traits.couchdb && traits_at_least(&restore->traits, 3, 0))
        return TRUE;
    if (!is_partitioned(restore, item, &partitioned, error))
        return FALSE;
    return !partitioned ||
           fail_set(error, FAIL_FAILED,
                    "database '%s' is partitioned, which the target (%s %s) has not learned\n"
                    "hint: restore into CouchDB 3.0 or newer, or name the other databases with "
                    "--db",
                    item->name, restore->traits.couchdb ? "CouchDB" : "PouchDB Server",
                    restore->traits.version);
}

static gboolean
check_partitioned(struct restore *restore, const struct plan_item *item, GError **error)
{
    struct server_database present;
    enum setup_standing standing;
    gboolean partitioned;
    if (!setup_look(restore, item, &standing, &present, error))
        return FALSE;
    gboolean is = present.partitioned;
    server_database_clear(&present);
    if (standing == SETUP_ABSENT || standing == SETUP_OUTDATED)
        return check_can_partition(restore, item, error);
    if (!is_partitioned(restore, item, &partitioned, error))
        return FALSE;
    return partitioned == is ||
           fail_set(error, FAIL_FAILED,
                    "database '%s' is %s in the target, and %s in the snapshot\n"
                    "hint: restore it under another name: --db '%s=NEW'",
                    item->target, is ? "partitioned" : "not partitioned",
                    partitioned ? "partitioned" : "not partitioned", item->name);
}

/* ---- password hashes ---- */

/* CouchDB learned other pseudo-random functions than SHA-1 in 3.4. */
static gboolean
look_for_hash(void *context, const struct leaf *leaf, GError **error)
{
    const struct restore *restore = context;
    g_autofree char *function = NULL;
    if (leaf->deleted || !json_member_text(leaf->json, "pbkdf2_prf", &function) ||
        g_str_equal(function, "sha"))
        return TRUE;
    return fail_set(error, FAIL_FAILED,
                    "CouchDB %s cannot check the password of '%s', which is hashed with %s: nobody "
                    "could log in\n"
                    "hint: restore into CouchDB 3.4 or newer, or leave out _users with --db",
                    restore->traits.version, leaf->id_text->str, function);
}

static gboolean
check_hashes(struct restore *restore, GError **error)
{
    if (traits_at_least(&restore->traits, 3, 4))
        return TRUE;
    for (guint i = 0; i < restore->plan->len; i++) {
        const struct plan_item *item = restore->plan->pdata[i];
        if (plan_is_users(item->target) && !scan(restore, item, look_for_hash, restore, error))
            return FALSE;
    }
    return !restore->with_config || configuration_check_hashes(restore, error);
}

/* ---- sizes ---- */

struct sizes {
    guint64 limit, count;
    GString *named;
    const char *database;
};

/* What CouchDB counts: the members that are not its own. Attachments have a limit of their own. */
static gboolean
look_for_size(void *context, const struct leaf *leaf, GError **error)
{
    struct sizes *sizes = context;
    struct slice key, value;
    guint64 size = 2;
    (void)error;
    if (leaf->json.size <= sizes->limit)
        return TRUE;
    for (gsize place = 0; json_next_member(leaf->json, &place, &key, &value);)
        if (key.size == 0 || key.data[0] != '_')
            size += key.size + value.size + 4;
    if (size <= sizes->limit)
        return TRUE;
    if (sizes->count++ < TOO_LARGE_NAMED)
        g_string_append_printf(sizes->named, "%s'%s/%s' (%" G_GUINT64_FORMAT " bytes)",
                               sizes->named->len > 0 ? ", " : "", sizes->database,
                               leaf->id_text->str, size);
    return TRUE;
}

/* The limit that will hold, once the settings of the snapshot are in force. */
static guint64
coming_limit(const struct restore *restore)
{
    guint64 limit = restore->traits.max_document_size;
    guint64 source = traits_document_limit(restore->config, restore->source_version);
    return restore->with_config && limit != 0 && configuration_raises_limit(restore)
               ? MAX(limit, source)
               : limit;
}

static gboolean
check_sizes(struct restore *restore, GError **error)
{
    g_autoptr(GString) named = g_string_new(NULL);
    struct sizes sizes = {.limit = coming_limit(restore), .named = named};
    guint64 source = traits_document_limit(restore->config, restore->source_version);
    if (sizes.limit == 0 || (source != 0 && source <= sizes.limit))
        return TRUE; /* the source could not hold a larger one either */
    for (guint i = 0; i < restore->plan->len; i++) {
        const struct plan_item *item = restore->plan->pdata[i];
        sizes.database = item->name;
        if (!scan(restore, item, look_for_size, &sizes, error))
            return FALSE;
    }
    if (sizes.count == 0)
        return TRUE;
    return fail_set(
        error, FAIL_FAILED,
        "the target takes documents of up to %" G_GUINT64_FORMAT
        " bytes ([couchdb] max_document_size), but %" G_GUINT64_FORMAT
        " are larger: %s%s\nhint: raise it there, or restore the settings too with --server-config",
        sizes.limit, sizes.count, named->str, sizes.count > TOO_LARGE_NAMED ? ", …" : "");
}

gboolean
preflight(struct restore *restore, GError **error)
{
    for (guint i = 0; i < restore->plan->len; i++) {
        const struct plan_item *item = restore->plan->pdata[i];
        if (!check_name(restore, item->target, error) || !check_partitioned(restore, item, error) ||
            !stop_check(error))
            return FALSE;
    }
    return check_hashes(restore, error) && check_sizes(restore, error);
}
