/* lacking: see the header. */
#include "restore/lacking.h"

static const char *
reason_of(const struct manifest_database *database)
{
    return database->reason != NULL ? database->reason : "no reason given";
}

/* Why the snapshot has nothing new of it; NULL when it has all. */
static char *
explain(const struct manifest_database *database)
{
    if (g_str_equal(database->status, "failed"))
        return g_strdup_printf("it could not be read when the snapshot was taken: %s",
                               reason_of(database));
    if (g_str_equal(database->status, "excluded"))
        return g_strdup("it was left out when the snapshot was taken");
    if (g_str_equal(database->status, "pending"))
        return g_strdup("the run was interrupted and had not come to it");
    if (database->unfinished)
        return g_strdup("the run was interrupted in the middle of it");
    return NULL;
}

static void
tell_database(const struct chain *chain, const struct lacking *lacking,
              const struct manifest_database *database)
{
    const struct snapshot *at = chain_stands_at(chain, database->name);
    const char *since = chain_stands_since(chain, database->name);
    g_autofree char *why = explain(database);
    g_autofree char *text = NULL;
    if (why == NULL)
        return;
    if (at != NULL && database->unfinished)
        text = g_strdup_printf("only a part of it is new at snapshot %s of %s, the rest is as it "
                               "was before or missing, since %s",
                               at->folder, since, why);
    else if (at != NULL)
        text =
            g_strdup_printf("it is older than the rest: it stands at snapshot %s of %s, since %s",
                            at->folder, since, why);
    else
        text = g_strdup_printf("it is not in the snapshot: %s", why);
    if (at == NULL && g_str_equal(database->status, "excluded"))
        lacking->left_out(lacking->context, database->name, text);
    else
        lacking->tell(lacking->context, database->name, "", "", text);
}

/* Manifests do not name all of very many. */
static void
tell_unnamed(const struct chain *chain, const struct lacking *lacking,
             const struct manifest_database *database)
{
    const GPtrArray *unread = chain_manifest(chain)->unread;
    guint64 named = 0;
    for (guint i = 0; i < unread->len; i++)
        named +=
            g_str_equal(((struct manifest_unread *)unread->pdata[i])->database, database->name);
    if (database->unread <= named)
        return;
    g_autofree char *text = g_strdup_printf(
        "%" G_GUINT64_FORMAT " documents%s could not be read, which the snapshot does not name",
        database->unread - named, named > 0 ? " more" : "");
    lacking->tell(lacking->context, database->name, "", "", text);
}

void
lacking_tell(const struct chain *chain, const struct lacking *lacking)
{
    const struct manifest *manifest = chain_manifest(chain);
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (!lacking->wants(lacking->context, database->name, NULL))
            continue;
        tell_database(chain, lacking, database);
        if (database->unread > 0)
            tell_unnamed(chain, lacking, database);
    }
    for (guint i = 0; i < manifest->unread->len; i++) {
        const struct manifest_unread *unread = manifest->unread->pdata[i];
        g_autofree char *text =
            g_strdup_printf("it could not be read when the snapshot was taken: %s", unread->reason);
        if (lacking->wants(lacking->context, unread->database, unread->id))
            lacking->tell(lacking->context, unread->database, unread->id, unread->rev, text);
    }
}

GHashTable *
lacking_ids(const struct chain *chain, const char *database)
{
    const GPtrArray *unread = chain_manifest(chain)->unread;
    GHashTable *ids = NULL;
    for (guint i = 0; i < unread->len; i++) {
        const struct manifest_unread *one = unread->pdata[i];
        if (!g_str_equal(one->database, database))
            continue;
        if (ids == NULL)
            ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_add(ids, g_strdup(one->id));
    }
    return ids;
}
