/* newer: see the header. */
#include "restore/newer.h"

#include "lib/base/fail.h"

static void
newer_free(gpointer data)
{
    struct newer *newer = data;
    g_free(newer->folder);
    g_free(newer->reason);
    g_free(newer);
}

const struct snapshot *
newer_last_reachable(const struct snapshot *snapshot)
{
    while (snapshot->parent != NULL)
        snapshot = snapshot->parent;
    return snapshot;
}

char *
newer_parent_name(const struct store *store, const struct snapshot *snapshot)
{
    const char *parent = snapshot->catalogue->parent;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *other = store->snapshots->pdata[i];
        if (other->catalogue != NULL && g_strcmp0(other->catalogue->id, parent) == 0)
            return g_strdup(other->folder);
    }
    return g_strdup_printf("%.8s", parent != NULL ? parent : "?");
}

/* When it was begun, microseconds since 1970: as its entry or its folder's name tells. */
static gboolean
time_of(const struct snapshot *snapshot, gint64 *time)
{
    g_autofree char *name = g_strndup(snapshot->folder, strcspn(snapshot->folder, "-"));
    const char *text = snapshot->catalogue != NULL ? snapshot->catalogue->started : name;
    g_autoptr(GDateTime) started = g_date_time_new_from_iso8601(text, NULL);
    if (started == NULL)
        return FALSE;
    *time = g_date_time_to_unix(started) * G_USEC_PER_SEC;
    return TRUE;
}

/* Whether its number is one that we or somebody we trust gave it in this store. */
static gboolean
is_numbered(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED ||
           (snapshot->trust == SNAPSHOT_DAMAGED && snapshot->catalogue != NULL);
}

static gboolean
is_between(const struct snapshot *snapshot, const struct snapshot *chosen,
           const struct newer_limit *limit)
{
    gint64 time, since;
    const struct catalogue *catalogue = snapshot->catalogue;
    gboolean timed = time_of(snapshot, &time);
    if (limit != NULL && (snapshot->trust == SNAPSHOT_TRUSTED ? catalogue->number > limit->number
                                                              : timed && time > limit->time))
        return FALSE;
    if (is_numbered(snapshot))
        return catalogue->number > chosen->catalogue->number;
    if (snapshot->trust == SNAPSHOT_FOREIGN && catalogue->number > chosen->catalogue->number)
        return TRUE;
    return !timed || !time_of(chosen, &since) || time >= since;
}

/* Why a snapshot cannot be used; NULL when it can, or never counted. */
static char *
reason_of(const struct store *store, const struct snapshot *snapshot)
{
    if (snapshot->trust == SNAPSHOT_UNSEALED || snapshot->replaced)
        return NULL;
    if (snapshot->trust != SNAPSHOT_TRUSTED)
        return g_strdup(snapshot->problem);
    if (!snapshot->rooted) {
        g_autofree char *parent = newer_parent_name(store, newer_last_reachable(snapshot));
        return g_strdup_printf("it builds upon snapshot %s, which is missing or not usable",
                               parent);
    }
    if (!snapshot->catalogue->complete && !store_is_continued(store, snapshot))
        return g_strdup("it is unfinished: its run was interrupted");
    return NULL;
}

GPtrArray *
newer_find(const struct store *store, const struct snapshot *chosen,
           const struct newer_limit *limit)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(newer_free);
    for (guint i = 0; chosen != NULL && i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot == chosen || !is_between(snapshot, chosen, limit))
            continue;
        char *reason = reason_of(store, snapshot);
        if (reason == NULL)
            continue;
        struct newer *newer = g_new0(struct newer, 1);
        newer->folder = g_strdup(snapshot->folder);
        newer->reason = reason;
        gboolean interrupted = snapshot->trust == SNAPSHOT_UNSIGNED ||
                               (snapshot->trust == SNAPSHOT_TRUSTED && snapshot->rooted);
        newer->code = interrupted ? FAIL_INCOMPLETE : FAIL_DAMAGED;
        g_ptr_array_add(found, newer);
    }
    return found;
}
