/* outdated: see the header. */
#include "replicator/offsite/outdated.h"

#include "lib/store/lineage.h"

struct candidate {
    const struct snapshot *snapshot;
    gboolean last; /* of a merge's originals: it has the merged one's id */
};

static gboolean
has_id(const struct store *store, const char *id)
{
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust == SNAPSHOT_TRUSTED && g_str_equal(snapshot->catalogue->id, id))
            return TRUE;
    }
    return FALSE;
}

/* All that the snapshots of the local store build upon, wherever that is. */
static GHashTable *
find_needed(const struct store *local)
{
    GHashTable *needed = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < local->snapshots->len; i++) {
        const struct snapshot *one = local->snapshots->pdata[i];
        if (one->trust != SNAPSHOT_TRUSTED || one->replaced)
            continue;
        while (one != NULL && g_hash_table_add(needed, (gpointer)one))
            one = one->parent;
    }
    return needed;
}

static gboolean
is_ours(const struct snapshot *snapshot, const struct keys *keys)
{
    struct minisign_public ours;
    minisign_secret_public(keys->signing, &ours);
    return memcmp(snapshot->signer, ours.id, MINISIGN_KEY_ID) == 0;
}

/* Replaced ones first, the newest first; of those the one with a merged one's id last. */
static gint
in_order(gconstpointer a, gconstpointer b)
{
    const struct candidate *left = a, *right = b;
    guint before = left->snapshot->replaced ? left->last : 2;
    guint behind = right->snapshot->replaced ? right->last : 2;
    guint64 number = left->snapshot->catalogue->number, other = right->snapshot->catalogue->number;
    if (before != behind)
        return (gint)before - (gint)behind;
    return (number < other) - (number > other);
}

GPtrArray *
outdated_folders(const struct outline *outline, const struct store *local, const struct keys *keys)
{
    g_autoptr(GPtrArray) both = g_ptr_array_new();
    g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(struct candidate));
    const struct snapshot *tip = store_tip(local, TRUE);
    guint64 newest = tip != NULL ? tip->catalogue->number : 0;
    g_ptr_array_extend(both, local->snapshots, NULL, NULL);
    g_ptr_array_extend(both, outline->store->snapshots, NULL, NULL);
    lineage_link(both);
    g_autoptr(GHashTable) needed = find_needed(local);
    for (guint i = 0; i < outline->store->snapshots->len; i++) {
        const struct snapshot *one = outline->store->snapshots->pdata[i];
        if (one->trust != SNAPSHOT_TRUSTED)
            continue;
        struct candidate candidate = {one, has_id(local, one->catalogue->id)};
        gboolean expired = is_ours(one, keys) && one->catalogue->number < newest &&
                           !g_hash_table_contains(needed, one);
        if (one->replaced || expired)
            g_array_append_val(candidates, candidate);
    }
    g_array_sort(candidates, in_order);
    GPtrArray *folders = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < candidates->len; i++)
        g_ptr_array_add(folders,
                        g_strdup(g_array_index(candidates, struct candidate, i).snapshot->folder));
    return folders;
}
