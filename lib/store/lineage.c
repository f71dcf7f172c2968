/* lineage: see the header. */
#include "lib/store/lineage.h"

#include "lib/store/store.h"

static gboolean
is_trusted(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED;
}

static struct snapshot *
parent_in(GHashTable *by_id, const struct snapshot *snapshot)
{
    const char *parent = snapshot->catalogue->parent;
    return parent != NULL ? g_hash_table_lookup(by_id, parent) : NULL;
}

/* ---- one id, several folders ---- */

/* How well a snapshot stands for its id: what it builds upon is here, and it is a merged one. */
static guint
standing(GHashTable *by_id, const struct snapshot *snapshot)
{
    gboolean stands = snapshot->catalogue->parent == NULL || parent_in(by_id, snapshot) != NULL;
    return 2 * (guint)stands + g_str_equal(snapshot->catalogue->kind, "merged");
}

/* How far back it stands: the number of what it builds upon, 0 for a chain's first. */
static guint64
reach(GHashTable *by_id, const struct snapshot *snapshot)
{
    const struct snapshot *parent = parent_in(by_id, snapshot);
    return parent != NULL ? parent->catalogue->number : 0;
}

/* Whether a snapshot stands better for its id than another: of two merged ones the one that joins
 * more, else the one whose folder comes later. */
static gboolean
stands_better(GHashTable *here, const struct snapshot *snapshot, const struct snapshot *other)
{
    guint ours = standing(here, snapshot), others = standing(here, other);
    if (ours != others)
        return ours > others;
    return !g_str_equal(snapshot->catalogue->kind, "merged") ||
           reach(here, snapshot) <= reach(here, other);
}

/* The snapshot that counts for each id. */
static GHashTable *
choose(const GPtrArray *snapshots)
{
    g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTable *by_id = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < snapshots->len; i++) {
        struct snapshot *snapshot = snapshots->pdata[i];
        if (is_trusted(snapshot))
            g_hash_table_insert(here, snapshot->catalogue->id, snapshot);
    }
    for (guint i = 0; i < snapshots->len; i++) {
        struct snapshot *snapshot = snapshots->pdata[i];
        if (!is_trusted(snapshot))
            continue;
        const struct snapshot *other = g_hash_table_lookup(by_id, snapshot->catalogue->id);
        if (other == NULL || stands_better(here, snapshot, other))
            g_hash_table_replace(by_id, snapshot->catalogue->id, snapshot);
    }
    return by_id;
}

/* Whether the merged snapshot's parent is found going back from the one that it replaces. */
static gboolean
leads_to_parent(GHashTable *by_id, const struct snapshot *merged, const struct snapshot *original,
                guint limit)
{
    const struct snapshot *at = original;
    for (guint i = 0; at != NULL && i <= limit; i++) {
        if (g_strcmp0(at->catalogue->parent, merged->catalogue->parent) == 0)
            return TRUE;
        at = parent_in(by_id, at);
    }
    return FALSE;
}

/* Hides a folder whose id another one stands for, and with a merged one all that it joins. */
static void
hide(GHashTable *by_id, const struct snapshot *chosen, struct snapshot *original, guint limit)
{
    original->replaced = TRUE;
    if (!g_str_equal(chosen->catalogue->kind, "merged") ||
        !leads_to_parent(by_id, chosen, original, limit))
        return;
    while (g_strcmp0(original->catalogue->parent, chosen->catalogue->parent) != 0) {
        original = parent_in(by_id, original);
        original->replaced = TRUE;
    }
}

/* ---- chains ---- */

/* How far a snapshot's chain goes back. One that goes in a circle is cut there. */
static void
measure(struct snapshot *snapshot, guint limit)
{
    const struct snapshot *at = snapshot;
    guint depth = 0;
    for (; at->parent != NULL && depth <= limit; depth++)
        at = at->parent;
    if (at->parent != NULL) {
        snapshot->parent = NULL;
        depth = 0;
        at = snapshot;
    }
    snapshot->depth = depth;
    snapshot->rooted = is_trusted(at) && at->catalogue->parent == NULL;
}

void
lineage_link(const GPtrArray *snapshots)
{
    g_autoptr(GHashTable) by_id = choose(snapshots);
    for (guint i = 0; i < snapshots->len; i++) {
        struct snapshot *snapshot = snapshots->pdata[i];
        snapshot->replaced = FALSE;
        snapshot->parent = is_trusted(snapshot) ? parent_in(by_id, snapshot) : NULL;
    }
    for (guint i = 0; i < snapshots->len; i++) {
        struct snapshot *snapshot = snapshots->pdata[i];
        if (!is_trusted(snapshot))
            continue;
        const struct snapshot *chosen = g_hash_table_lookup(by_id, snapshot->catalogue->id);
        if (chosen != snapshot)
            hide(by_id, chosen, snapshot, snapshots->len);
    }
    for (guint i = 0; i < snapshots->len; i++)
        measure(snapshots->pdata[i], snapshots->len);
}

gint
lineage_by_depth(gconstpointer a, gconstpointer b)
{
    const struct snapshot *left = *(const struct snapshot *const *)a;
    const struct snapshot *right = *(const struct snapshot *const *)b;
    if (left->depth != right->depth)
        return left->depth < right->depth ? -1 : 1;
    return strcmp(left->folder, right->folder);
}
