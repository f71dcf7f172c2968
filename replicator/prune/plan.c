/* plan: see the header. */
#include "replicator/prune/plan.h"

#include "lib/base/fail.h"

/* What is known of a snapshot. */
struct node {
    struct snapshot *snapshot;
    guint by;         /* rules that keep it */
    gboolean ours;    /* this node wrote it */
    gboolean point;   /* it is a restore point */
    gboolean anchor;  /* it stays, or what is merged goes into it */
    gboolean live;    /* it stays, or something that stays builds upon it */
    guint children;   /* live ones that build upon it … */
    gboolean strange; /* … one of which is not ours */
};

struct planning {
    struct plan *plan;
    GPtrArray *nodes;   /* struct node, newest first */
    GHashTable *lookup; /* struct snapshot → struct node */
};

/* ---- the nodes ---- */

static gint
newest_first(gconstpointer a, gconstpointer b)
{
    const struct snapshot *left = (*(const struct node *const *)a)->snapshot;
    const struct snapshot *right = (*(const struct node *const *)b)->snapshot;
    guint64 x = left->catalogue->number, y = right->catalogue->number;
    return x != y ? (x < y ? 1 : -1) : strcmp(right->folder, left->folder);
}

static gboolean
is_usable(const struct snapshot *snapshot)
{
    return snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced && snapshot->rooted;
}

/* Ids of snapshots that were found damaged, though it may not show without reading them: another
 * one made good what was lost with them. */
static GHashTable *
list_healed(const struct store *store)
{
    GHashTable *healed = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (is_usable(snapshot) && snapshot->catalogue->heals != NULL)
            g_hash_table_add(healed, snapshot->catalogue->heals);
    }
    return healed;
}

/* Whether it is such a one, or builds upon one. */
static gboolean
is_healed(GHashTable *healed, const struct snapshot *snapshot)
{
    if (g_hash_table_size(healed) == 0)
        return FALSE;
    while (snapshot != NULL && !g_hash_table_contains(healed, snapshot->catalogue->id))
        snapshot = snapshot->parent;
    return snapshot != NULL;
}

static void
list_nodes(struct planning *planning, const struct store *store,
           const guint8 signer[MINISIGN_KEY_ID])
{
    g_autoptr(GHashTable) healed = list_healed(store);
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *snapshot = store->snapshots->pdata[i];
        if (!is_usable(snapshot) || is_healed(healed, snapshot))
            continue;
        struct node *node = g_new0(struct node, 1);
        node->snapshot = snapshot;
        node->ours = memcmp(snapshot->signer, signer, MINISIGN_KEY_ID) == 0;
        node->point = node->ours && snapshot->catalogue->complete;
        g_ptr_array_add(planning->nodes, node);
        g_hash_table_insert(planning->lookup, snapshot, node);
    }
    g_ptr_array_sort(planning->nodes, newest_first);
}

static gint64
started_of(const struct snapshot *snapshot)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(snapshot->catalogue->started, NULL);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

static void
apply_rules(struct planning *planning, const guint counts[KEEP_RULES])
{
    g_autoptr(GArray) points = g_array_new(FALSE, TRUE, sizeof(struct keep_point));
    for (guint i = 0; i < planning->nodes->len; i++) {
        const struct node *node = planning->nodes->pdata[i];
        struct keep_point point = {.started = started_of(node->snapshot)};
        if (node->point)
            g_array_append_val(points, point);
    }
    keep_apply(counts, (struct keep_point *)(void *)points->data, points->len);
    for (guint i = 0, n = 0; i < planning->nodes->len; i++) {
        struct node *node = planning->nodes->pdata[i];
        if (node->point)
            node->by = g_array_index(points, struct keep_point, n++).by;
    }
}

static gint
deepest_first(gconstpointer a, gconstpointer b)
{
    guint x = (*(const struct node *const *)a)->snapshot->depth;
    guint y = (*(const struct node *const *)b)->snapshot->depth;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* What stays, and what that builds upon. Until the first point, ours are of an unfinished run. */
static void
mark_live(struct planning *planning)
{
    gboolean unfinished = TRUE;
    for (guint i = 0; i < planning->nodes->len; i++) {
        struct node *node = planning->nodes->pdata[i];
        unfinished = unfinished && !node->point;
        node->anchor = node->by != 0 || !node->ours || unfinished;
    }
    g_autoptr(GPtrArray) deepest = g_ptr_array_new();
    g_ptr_array_extend(deepest, planning->nodes, NULL, NULL);
    g_ptr_array_sort(deepest, deepest_first);
    for (guint i = 0; i < deepest->len; i++) {
        struct node *node = deepest->pdata[i];
        struct node *parent = node->snapshot->parent != NULL
                                  ? g_hash_table_lookup(planning->lookup, node->snapshot->parent)
                                  : NULL;
        node->anchor = node->anchor || node->children > 1 || node->strange;
        node->live = node->anchor || node->children > 0;
        if (parent != NULL && node->live) {
            parent->children++;
            parent->strange = parent->strange || !node->ours;
        }
    }
    for (guint i = 0; i < deepest->len; i++) {
        const struct node *node = deepest->pdata[i];
        if (!node->live)
            g_ptr_array_add(planning->plan->deletions, g_strdup(node->snapshot->folder));
    }
}

/* ---- ranges ---- */

static void
range_free(gpointer data)
{
    struct plan_range *range = data;
    g_ptr_array_unref(range->folders);
    g_free(range->base);
    g_free(range);
}

static void
add_to_range(struct plan_range *range, const struct snapshot *snapshot)
{
    g_ptr_array_add(range->folders, g_strdup(snapshot->folder));
    range->bytes += snapshot->catalogue->bytes_stored;
}

/* An anchor of ours and what is to be merged into it, which has no other that builds upon it. */
static void
plan_range(struct planning *planning, const struct node *anchor)
{
    const struct snapshot *base = NULL;
    struct plan_range *range = g_new0(struct plan_range, 1);
    range->folders = g_ptr_array_new_with_free_func(g_free);
    add_to_range(range, anchor->snapshot);
    for (const struct snapshot *one = anchor->snapshot->parent; one != NULL; one = one->parent) {
        const struct node *node = g_hash_table_lookup(planning->lookup, one);
        if (node->anchor)
            break;
        if (one->parent == NULL)
            base = one;
        else
            add_to_range(range, one);
    }
    if (base != NULL && range->bytes > base->catalogue->bytes_stored / 2) {
        range->base = g_strdup(base->folder);
        range->base_bytes = base->catalogue->bytes_stored;
    }
    if (range->folders->len > 1 || range->base != NULL)
        g_ptr_array_insert(planning->plan->ranges, 0, range);
    else
        range_free(range);
}

static void
plan_ranges(struct planning *planning)
{
    for (guint i = 0; i < planning->nodes->len; i++) {
        const struct node *node = planning->nodes->pdata[i];
        if (node->anchor && node->ours && node->snapshot->catalogue->complete)
            plan_range(planning, node);
    }
}

/* ---- points ---- */

static gboolean
is_waiting_base(const struct planning *planning, const struct snapshot *snapshot)
{
    for (guint i = 0; i < planning->plan->ranges->len; i++) {
        const struct plan_range *range = planning->plan->ranges->pdata[i];
        if (g_strcmp0(range->base, snapshot->folder) == 0)
            return FALSE;
    }
    return snapshot->parent == NULL;
}

static enum plan_fate
fate_of(const struct planning *planning, const struct node *node)
{
    if (node->anchor)
        return PLAN_KEEP;
    if (!node->live)
        return PLAN_DELETE;
    return is_waiting_base(planning, node->snapshot) ? PLAN_BASE : PLAN_MERGE;
}

static void
point_free(gpointer data)
{
    struct plan_point *point = data;
    g_free(point->folder);
    g_free(point->id);
    g_free(point->started);
    g_free(point);
}

static void
list_points(struct planning *planning)
{
    for (guint i = 0; i < planning->nodes->len; i++) {
        const struct node *node = planning->nodes->pdata[i];
        const struct catalogue *catalogue = node->snapshot->catalogue;
        if (!node->point)
            continue;
        struct plan_point *point = g_new0(struct plan_point, 1);
        point->folder = g_strdup(node->snapshot->folder);
        point->id = g_strdup(catalogue->id);
        point->started = g_strdup(catalogue->started);
        point->by = node->by;
        point->fate = fate_of(planning, node);
        g_ptr_array_add(planning->plan->points, point);
    }
}

/* ---- the whole ---- */

/* The newest of ours that is lost and that no newer point makes good; NULL if none. */
static const struct snapshot *
find_lost(const struct planning *planning, const struct store *store,
          const guint8 signer[MINISIGN_KEY_ID])
{
    guint64 newest = 0;
    const struct snapshot *lost = NULL;
    for (guint i = 0; i < planning->nodes->len; i++) {
        const struct node *node = planning->nodes->pdata[i];
        if (node->point)
            newest = MAX(newest, node->snapshot->catalogue->number);
    }
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *one = store->snapshots->pdata[i];
        if (!store_is_lost(one) || memcmp(one->signer, signer, MINISIGN_KEY_ID) != 0 ||
            one->catalogue->number <= newest)
            continue;
        newest = one->catalogue->number;
        lost = one;
    }
    return lost;
}

/* The next snapshot makes the newest state whole, and builds upon what is here now. */
static gboolean
refuse_lost(const struct planning *planning, const struct store *store,
            const guint8 signer[MINISIGN_KEY_ID], GError **error)
{
    const struct snapshot *lost = find_lost(planning, store, signer);
    if (lost == NULL)
        return TRUE;
    return fail_set(error, FAIL_DAMAGED,
                    "store '%s' is left as it is, for its newest snapshot cannot be restored: "
                    "snapshot %s: %s\nhint: run `lifeboat snapshot`, which makes the newest state "
                    "whole again, then prune",
                    store->path, lost->folder,
                    lost->problem != NULL ? lost->problem
                                          : "one that it builds upon is missing or damaged");
}

struct plan *
plan_prune(const struct store *store, const guint8 signer[MINISIGN_KEY_ID],
           const guint counts[KEEP_RULES], GError **error)
{
    AUTO(plan) *plan = g_new0(struct plan, 1);
    plan->points = g_ptr_array_new_with_free_func(point_free);
    plan->deletions = g_ptr_array_new_with_free_func(g_free);
    plan->ranges = g_ptr_array_new_with_free_func(range_free);
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) lookup = g_hash_table_new(NULL, NULL);
    struct planning planning = {plan, nodes, lookup};
    list_nodes(&planning, store, signer);
    if (!refuse_lost(&planning, store, signer, error))
        return NULL;
    apply_rules(&planning, counts);
    mark_live(&planning);
    plan_ranges(&planning);
    list_points(&planning);
    return g_steal_pointer(&plan);
}

void
plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    g_ptr_array_unref(plan->points);
    g_ptr_array_unref(plan->deletions);
    g_ptr_array_unref(plan->ranges);
    g_free(plan);
}
