/* prune: see the header. */
#include "replicator/prune/prune.h"

#include "lib/archive/join.h"
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/rfc3339.h"
#include "lib/base/stop.h"
#include "lib/store/removal.h"

#include <errno.h>
#include <sys/statvfs.h>

#define ROOM_MORE (1024 * 1024) /* bytes that a merge may need beyond what it joins */

static gboolean
make_plan(struct prune *prune, const struct store *store, GError **error)
{
    struct minisign_public ours;
    minisign_secret_public(prune->keys->signing, &ours);
    prune->plan = plan_prune(store, ours.id, prune->counts, error);
    return prune->plan != NULL;
}

gboolean
prune_look(struct prune *prune, const char *path, GError **error)
{
    AUTO(store) *store = store_open(path, prune->keys, error);
    return store != NULL && make_plan(prune, store, error);
}

/* ---- points ---- */

/* Those that a plan had for another fate. */
static void
set_fate(struct prune *prune, const GPtrArray *folders, enum plan_fate fate)
{
    for (guint i = 0; i < prune->plan->points->len; i++) {
        struct plan_point *point = prune->plan->points->pdata[i];
        if (point->fate == PLAN_MERGE &&
            g_ptr_array_find_with_equal_func((GPtrArray *)folders, point->folder, g_str_equal,
                                             NULL))
            point->fate = fate;
    }
}

guint
prune_count(const struct prune *prune, enum plan_fate fate)
{
    guint count = 0;
    for (guint i = 0; prune->plan != NULL && i < prune->plan->points->len; i++)
        count += ((const struct plan_point *)prune->plan->points->pdata[i])->fate == fate;
    return count;
}

/* A snapshot of the plan, if it is still what it was: a medium may fail at any time. */
static struct snapshot *
find_planned(const struct store *store, const char *name, GError **error)
{
    struct snapshot *snapshot = store_find(store, name, error);
    if (snapshot == NULL || snapshot->trust == SNAPSHOT_TRUSTED)
        return snapshot;
    fail_set(error, FAIL_DAMAGED, "snapshot %s is not usable any more: %s", snapshot->folder,
             snapshot->problem);
    return NULL;
}

/* ---- deleting ---- */

static gboolean
delete_all(struct prune *prune, struct store *store, GError **error)
{
    for (guint i = 0; i < prune->plan->deletions->len; i++) {
        const char *folder = prune->plan->deletions->pdata[i];
        const struct snapshot *snapshot = find_planned(store, folder, error);
        if (snapshot == NULL || !removal_delete(store, folder, error))
            return FALSE;
        prune->freed += (gint64)snapshot->catalogue->bytes_stored;
    }
    return prune->plan->deletions->len == 0 || store_refresh(store, prune->keys, error);
}

/* ---- merging ---- */

/* Whether a merged one of so many bytes fits beside what it joins. */
static gboolean
has_room(const struct store *store, guint64 bytes, gboolean *room, GError **error)
{
    struct statvfs info;
    if (fstatvfs(store->snapshots_fd, &info) != 0)
        return fail_errno(error, errno, "cannot ask how much room '%s' has", store->path);
    *room = (guint64)info.f_bavail * info.f_frsize >= bytes + bytes / 64 + ROOM_MORE;
    return TRUE;
}

static gboolean
remove_originals(struct prune *prune, struct store *store, GError **error)
{
    guint64 freed = 0;
    gboolean done = removal_originals(store, prune->keys, prune->progress, &freed, error);
    prune->freed += (gint64)freed;
    return done;
}

static gboolean
merge(struct prune *prune, struct store *store, const char *newest, const char *oldest,
      GError **error)
{
    struct snapshot *at = find_planned(store, newest, error);
    const struct snapshot *last = at != NULL ? find_planned(store, oldest, error) : NULL;
    if (last == NULL)
        return FALSE;
    g_autofree char *id = g_strdup(at->catalogue->id);
    if (!join_snapshots(store, at, last, prune->keys, prune->progress, error)) {
        if (error != NULL && g_error_matches(*error, FAIL, FAIL_DAMAGED))
            fail_add_hint(error, "run `lifeboat snapshot`, which makes the chain whole again, then "
                                 "prune");
        return FALSE;
    }
    const struct snapshot *merged = find_planned(store, id, error);
    if (merged == NULL)
        return FALSE;
    prune->freed -= (gint64)merged->catalogue->bytes_stored;
    return remove_originals(prune, store, error);
}

/*
 * On a store that is nearly full: the oldest two, the result with the next newer one, and so on,
 * for as long as there is room; each step makes some. What cannot be merged stays as it is.
 */
static gboolean
merge_by_pairs(struct prune *prune, struct store *store, const struct plan_range *range,
               GError **error)
{
    guint left = range->folders->len - 1; /* of which the oldest is in, however much it holds */
    g_autofree char *oldest = g_strdup(range->folders->pdata[left]);
    gboolean room = TRUE;
    for (; left > 0; left--) {
        const struct snapshot *newer = find_planned(store, range->folders->pdata[left - 1], error);
        const struct snapshot *older = newer != NULL ? find_planned(store, oldest, error) : NULL;
        if (older == NULL ||
            !has_room(store, newer->catalogue->bytes_stored + older->catalogue->bytes_stored, &room,
                      error))
            return FALSE;
        if (!room)
            break;
        g_autofree char *merged = g_strdup(newer->catalogue->id);
        if (!stop_check(error) ||
            !merge(prune, store, range->folders->pdata[left - 1], oldest, error))
            return FALSE;
        g_free(oldest);
        oldest = g_steal_pointer(&merged);
    }
    if (left == 0)
        return TRUE;
    log_warning("store '%s': no room to merge %u snapshots up to %s: they stay as they are",
                store->path, left + 1, (const char *)range->folders->pdata[0]);
    g_autoptr(GPtrArray) stay = g_ptr_array_new();
    for (guint i = 0; i <= left; i++)
        g_ptr_array_add(stay, range->folders->pdata[i]);
    set_fate(prune, stay, PLAN_ROOM);
    return TRUE;
}

/* With the base where that is due and there is room, else without, if that is anything to do. */
static gboolean
merge_range(struct prune *prune, struct store *store, const struct plan_range *range,
            GError **error)
{
    gboolean room = FALSE;
    const char *oldest = range->base;
    if (oldest != NULL && !has_room(store, range->bytes + range->base_bytes, &room, error))
        return FALSE;
    if (!room && oldest != NULL) {
        g_autoptr(GPtrArray) base = g_ptr_array_new();
        g_ptr_array_add(base, range->base);
        set_fate(prune, base, PLAN_BASE);
    }
    if (!room) {
        oldest = range->folders->pdata[range->folders->len - 1];
        if (!has_room(store, range->bytes, &room, error))
            return FALSE;
    }
    const char *newest = range->folders->pdata[0];
    if (room && oldest != newest)
        return merge(prune, store, newest, oldest, error);
    return oldest == newest || merge_by_pairs(prune, store, range, error);
}

/* ---- the whole ---- */

gboolean
prune_store(struct prune *prune, const char *path, GError **error)
{
    g_autofree char *created = rfc3339_now();
    AUTO(store) *store = store_open_for_writing(path, prune->keys, created, error);
    if (store == NULL || !store_remove_unsealed(store, error) ||
        !remove_originals(prune, store, error) || !make_plan(prune, store, error) ||
        !delete_all(prune, store, error))
        return FALSE;
    for (guint i = 0; i < prune->plan->ranges->len; i++)
        if (!stop_check(error) || !merge_range(prune, store, prune->plan->ranges->pdata[i], error))
            return FALSE;
    return TRUE;
}

void
prune_clear(struct prune *prune)
{
    g_clear_pointer(&prune->plan, plan_free);
}
