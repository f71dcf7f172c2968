#include "replicator/standby/server/gone.h"

#include "lib/base/log.h"
#include "lib/couch/server.h"
#include "lib/couch/write/create.h"

#define DAY (24 * 60 * 60)
#define HOUR (60 * 60)
#define UNSEEN_MAX (2 * DAY) /* seconds between two looks that count */

static gint64
now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

gboolean
gone_begin(struct standby *standby, GError **error)
{
    struct memory *memory = standby->memory;
    if (g_strcmp0(memory->source_uuid, standby->source_uuid) == 0)
        return TRUE;
    if (memory->source_uuid != NULL)
        log_warning("the source is another CouchDB than before, or was restored: its uuid is %s, "
                    "and was %s; what only this server has stays",
                    standby->source_uuid, memory->source_uuid);
    g_free(memory->source_uuid);
    memory->source_uuid = g_strdup(standby->source_uuid);
    g_clear_pointer(&memory->backwards, g_free);
    for (guint i = 0; i < standby->databases->len; i++)
        ((struct followed *)standby->databases->pdata[i])->met = 0;
    g_hash_table_remove_all(memory->gone);
    return memory_write(memory, error);
}

/* A database that this server was given by us has our checkpoint; what is not there but came from
 * another CouchDB than this one was not dropped. */
static gboolean
was_followed(struct standby *standby, const char *name, gboolean *followed, GError **error)
{
    struct checkpoint checkpoint;
    checkpoint_init(&checkpoint);
    gboolean done = checkpoint_read(&checkpoint, standby->target, name, standby->memory->id, error);
    *followed = checkpoint.since != NULL && g_strcmp0(checkpoint.source, standby->source_uuid) == 0;
    checkpoint_clear(&checkpoint);
    return done;
}

/* A source without any of what is here was not emptied on purpose. */
static gboolean
is_emptied(const GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++)
        if (*(const char *)names->pdata[i] != '_')
            return FALSE;
    return TRUE;
}

static void
note(struct standby *standby, const char *name)
{
    gint64 *since = g_new(gint64, 1);
    *since = now();
    g_hash_table_insert(standby->memory->gone, g_strdup(name), since);
    log_notice("database '%s' is gone from the source; it stays here for %u days", name,
               standby->options->keep_dropped);
}

/* Those that came back are not gone any more. */
static gboolean
forget_returned(struct standby *standby, const GPtrArray *names)
{
    gboolean changed = FALSE;
    for (guint i = 0; i < names->len; i++)
        changed |= g_hash_table_remove(standby->memory->gone, names->pdata[i]);
    return changed;
}

static gboolean
is_over(const struct standby *standby, const char *name)
{
    const gint64 *since = g_hash_table_lookup(standby->memory->gone, name);
    return since != NULL && now() - *since > (gint64)standby->options->keep_dropped * DAY;
}

static gboolean
remove_now(struct standby *standby, const char *name, gboolean *changed, GError **error)
{
    if (!create_remove(standby->target, &standby->patience, name, error))
        return FALSE;
    log_notice("database '%s' was removed: it has been gone from the source for %u days", name,
               standby->options->keep_dropped);
    g_hash_table_remove(standby->memory->gone, name);
    *changed = TRUE;
    return TRUE;
}

static gboolean
look_at(struct standby *standby, const char *name, gboolean *changed, GError **error)
{
    gboolean followed;
    if (!was_followed(standby, name, &followed, error))
        return FALSE;
    if (!followed)
        return TRUE;
    if (!g_hash_table_contains(standby->memory->gone, name)) {
        note(standby, name);
        *changed = TRUE;
    }
    return standby->options->keep_all || !is_over(standby, name) ||
           remove_now(standby, name, changed, error);
}

/* CouchDB's own are never taken away. */
static gboolean
look_at_others(struct standby *standby, GHashTable *source, gboolean *changed, GError **error)
{
    g_auto(GStrv) here = server_databases(standby->target, error);
    if (here == NULL)
        return FALSE;
    for (guint i = 0; here[i] != NULL; i++)
        if (!g_hash_table_contains(source, here[i]) && *here[i] != '_' &&
            standby_takes(standby, here[i]) && !look_at(standby, here[i], changed, error))
            return FALSE;
    return TRUE;
}

/* Time in which nobody looked, or that the clock skipped, moves the beginnings along. *changed: it
 * is worth noting. */
static void
pass_time(struct memory *memory, gboolean *changed)
{
    GHashTableIter iter;
    gpointer since;
    gint64 passed = now() - memory->looked;
    gboolean counts = memory->looked != 0 && passed >= 0 && passed <= UNSEEN_MAX;
    if (counts && passed < HOUR)
        return;
    g_hash_table_iter_init(&iter, memory->gone);
    while (!counts && memory->looked != 0 && g_hash_table_iter_next(&iter, NULL, &since))
        *(gint64 *)since += passed;
    memory->looked = now();
    *changed = TRUE;
}

/* Nothing is to be copied any more, whether something was or not. */
static void
follow_no_more(struct standby *standby, GHashTable *source)
{
    for (guint i = 0; i < standby->databases->len; i++) {
        struct followed *database = standby->databases->pdata[i];
        if (g_hash_table_contains(source, database->name))
            continue;
        database->gone = TRUE;
        database->renew = 0;
        followed_settle(database);
        followed_doubt(database);
    }
}

gboolean
gone_look(struct standby *standby, const GPtrArray *names, GError **error)
{
    g_autoptr(GHashTable) source = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean changed = forget_returned(standby, names);
    pass_time(standby->memory, &changed);
    for (guint i = 0; i < names->len; i++)
        g_hash_table_add(source, names->pdata[i]);
    follow_no_more(standby, source);
    if (!is_emptied(names) && !look_at_others(standby, source, &changed, error))
        return FALSE;
    return !changed || memory_write(standby->memory, error);
}
