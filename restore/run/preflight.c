/* preflight: what cannot work is refused before anything is written. See restore.h. */
#include "restore/run/preflight.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "lib/couch/write/target.h"
#include "lib/json/json.h"
#include "restore/database/setup.h"
#include "restore/run/configuration.h"

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
check_name(const struct restore *restore, const struct plan_item *item, GError **error)
{
    const char *name = item->target;
    static const char *const own[] = {"_users", "_replicator", "_global_changes", NULL};
    if (!restore->traits.couchdb)
        return TRUE;
    const char *last = strrchr(name, '/');
    if (*name == '_' ? g_strv_contains(own, name) : g_ascii_islower(*name)) {
        const char *rest = last != NULL && g_strv_contains(own, last + 1) ? last + 2 : name + 1;
        if (strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789_$()+-/") == strlen(rest))
            return TRUE;
    }
    g_autofree char *option = g_strconcat(item->name, "=new-name", NULL);
    g_autofree char *quoted = g_shell_quote(option);
    gboolean chosen = !g_str_equal(name, item->name); /* on the command line */
    return fail_set(error, chosen ? FAIL_USAGE : FAIL_FAILED,
                    "CouchDB takes no database name such as '%s'\n"
                    "hint: restore it under another name: --db %s",
                    name, quoted);
}

/* ---- partitions ---- */

static gboolean
is_partitioned(struct restore *restore, const struct plan_item *item, gboolean *partitioned,
               GError **error)
{
    AUTO(chain_database) *source = chain_database_look(restore->chain, item->name, error);
    if (source != NULL)
        *partitioned = setup_parse(item, source).shape.partitioned;
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
        if (server_is_users(item->target) && !scan(restore, item, look_for_hash, restore, error))
            return FALSE;
    }
    return !restore->with_config || configuration_check_hashes(restore, error);
}

/* ---- sizes ---- */

/* A limit of the target that something in the snapshot may be beyond. */
struct bound {
    const char *what, *section, *key;
    guint64 bytes; /* 0: nothing can be */
    guint64 count;
    GString *named;
};

enum { LIMIT_DOCUMENT, LIMIT_ATTACHMENT, LIMIT_REQUEST, LIMITS };

struct sizes {
    struct restore *restore;
    const char *database;
    struct bound bounds[LIMITS];
};

static void
count(const struct sizes *sizes, struct bound *bound, const struct leaf *leaf, guint64 bytes)
{
    if (bound->bytes == 0 || bytes <= bound->bytes)
        return;
    if (bound->count++ < TOO_LARGE_NAMED)
        g_string_append_printf(bound->named, "%s'%s/%s' (%" G_GUINT64_FORMAT " bytes)",
                               bound->named->len > 0 ? ", " : "", sizes->database,
                               leaf->id_text->str, bytes);
}

/* What CouchDB counts: the members that are not its own. Attachments have a limit of their own. */
static guint64
size_of_members(const struct leaf *leaf)
{
    struct slice key, value;
    guint64 size = 2;
    for (gsize place = 0; json_next_member(leaf->json, &place, &key, &value);)
        if (key.size == 0 || key.data[0] != '_')
            size += key.size + value.size + 4;
    return size;
}

static gboolean
look_for_size(void *context, const struct leaf *leaf, GError **error)
{
    struct sizes *sizes = context;
    struct bound *bounds = sizes->bounds;
    (void)error;
    if (bounds[LIMIT_DOCUMENT].bytes != 0 && leaf->json.size > bounds[LIMIT_DOCUMENT].bytes)
        count(sizes, &bounds[LIMIT_DOCUMENT], leaf, size_of_members(leaf));
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here)
            count(sizes, &bounds[LIMIT_ATTACHMENT], leaf, leaf->attachments[i].stored);
    if (bounds[LIMIT_REQUEST].bytes != 0)
        count(sizes, &bounds[LIMIT_REQUEST], leaf,
              target_request_size(&sizes->restore->traits, leaf));
    return TRUE;
}

/* What is to be looked for: nothing where the source could not hold anything larger either. The
 * settings of the snapshot come first, when they are restored too. */
static void
set_limit(struct sizes *sizes, guint which, const char *what, const char *section, const char *key,
          guint64 target, guint64 source)
{
    const struct restore *restore = sizes->restore;
    struct bound *bound = &sizes->bounds[which];
    gboolean raised = restore->with_config && configuration_has(restore, section, key);
    *bound = (struct bound){.what = what, .section = section, .key = key};
    bound->named = g_string_new(NULL);
    if (target != 0 && !raised && (source == 0 || source > target))
        bound->bytes = target;
}

static void
set_limits(struct sizes *sizes)
{
    const struct restore *restore = sizes->restore;
    const struct traits *traits = &restore->traits;
    const char *version = restore->source_version;
    guint64 largest = chain_largest(restore->chain);
    set_limit(sizes, LIMIT_DOCUMENT, "documents", "couchdb", "max_document_size",
              traits->max_document_size, traits_document_limit(restore->config, version));
    set_limit(sizes, LIMIT_ATTACHMENT, "attachments", "couchdb", "max_attachment_size",
              traits->max_attachment_size, traits_attachment_limit(restore->config, version));
    set_limit(sizes, LIMIT_REQUEST, "requests", "chttpd", "max_http_request_size",
              traits->max_request_size, traits_request_limit(restore->config, version));
    for (guint i = 0; i < LIMIT_REQUEST; i++)
        if (largest <= sizes->bounds[i].bytes)
            sizes->bounds[i].bytes = 0;
}

static gboolean
look_through(struct sizes *sizes, GError **error)
{
    const struct restore *restore = sizes->restore;
    gboolean some = FALSE;
    for (guint i = 0; i < LIMITS; i++)
        some |= sizes->bounds[i].bytes != 0;
    for (guint i = 0; some && i < restore->plan->len; i++) {
        const struct plan_item *item = restore->plan->pdata[i];
        sizes->database = item->name;
        if (!scan(sizes->restore, item, look_for_size, sizes, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
tell_limit(const struct restore *restore, const struct bound *bound, GError **error)
{
    gboolean mendable =
        !restore->with_config && configuration_has(restore, bound->section, bound->key);
    return bound->count == 0 ||
           fail_set(error, FAIL_FAILED,
                    "the target takes %s of up to %" G_GUINT64_FORMAT
                    " bytes ([%s] %s), but %" G_GUINT64_FORMAT
                    " are larger: %s%s\nhint: raise it there%s",
                    bound->what, bound->bytes, bound->section, bound->key, bound->count,
                    bound->named->str, bound->count > TOO_LARGE_NAMED ? ", …" : "",
                    mendable ? ", or restore the settings too with --server-config" : "");
}

static gboolean
check_sizes(struct restore *restore, GError **error)
{
    struct sizes sizes = {.restore = restore};
    set_limits(&sizes);
    gboolean fine = look_through(&sizes, error);
    for (guint i = 0; i < LIMITS; i++) {
        fine = fine && tell_limit(restore, &sizes.bounds[i], error);
        g_string_free(sizes.bounds[i].named, TRUE);
    }
    return fine;
}

gboolean
preflight(struct restore *restore, GError **error)
{
    for (guint i = 0; i < restore->plan->len; i++) {
        const struct plan_item *item = restore->plan->pdata[i];
        if (!check_name(restore, item, error) || !check_partitioned(restore, item, error) ||
            !stop_check(error))
            return FALSE;
    }
    return check_hashes(restore, error) && check_sizes(restore, error);
}
