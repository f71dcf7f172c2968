/* limit: see the header. */
#include "restore/database/limit.h"

#include "lib/json/json.h"
#include "restore/database/setup.h"

#define NOTHING ((struct slice){NULL, 0})
#define NO_LIMIT 1000000000 /* the greatest that is surely taken; no path is so long */
#define DEFAULT 1000        /* CouchDB's own */
#define LENT "/_local/lifeboat-restore"

static gboolean
set(struct limit *limit, guint64 number, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    if (limit->now == number)
        return TRUE;
    limit->now = number;
    return setup_put(limit->restore, limit->item->target, "/_revs_limit", slice_of(text), error);
}

/* ---- what a database of others had before ---- */

/* *lent is what an earlier run wrote down, or 0; *rev that of the document, or NULL. */
static gboolean
read_lent(struct limit *limit, guint64 *lent, char **rev, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_path(limit->item->target, LENT);
    g_autoptr(GString) answer = http_fetch(limit->restore->http, "GET", path, NOTHING, &failure);
    *lent = 0;
    *rev = NULL;
    if (answer == NULL && !http_has_status(failure, 404)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (answer != NULL) {
        struct slice json = {answer->str, answer->len};
        json_member_unsigned(json, "revs_limit", lent);
        json_member_text(json, "_rev", rev);
    }
    return TRUE;
}

static gboolean
write_lent(struct limit *limit, GError **error)
{
    g_autofree char *path = server_path(limit->item->target, LENT);
    g_autofree char *body =
        g_strdup_printf("{\"revs_limit\":%" G_GUINT64_FORMAT "}", limit->at_end);
    g_autoptr(GString) answer =
        http_fetch(limit->restore->http, "PUT", path, slice_of(body), error);
    limit->lent = answer != NULL;
    return limit->lent;
}

static gboolean
forget_lent(struct limit *limit, GError **error)
{
    guint64 lent;
    g_autofree char *rev = NULL;
    g_autoptr(GError) failure = NULL;
    if (!read_lent(limit, &lent, &rev, error))
        return FALSE;
    if (rev == NULL)
        return TRUE;
    g_autofree char *rest = g_strconcat(LENT "?rev=", rev, NULL);
    g_autofree char *path = server_path(limit->item->target, rest);
    g_autoptr(GString) answer = http_fetch(limit->restore->http, "DELETE", path, NOTHING, &failure);
    if (answer != NULL || http_has_status(failure, 404))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* ---- the limit ---- */

static gboolean
begin_others(struct limit *limit, guint64 snapshot, GError **error)
{
    guint64 lent = 0;
    g_autofree char *rev = NULL;
    limit->at_end = limit->now;
    if (!limit->restore->traits.couchdb || limit->item->documents != NULL)
        snapshot = 0;
    if (limit->restore->traits.couchdb && !read_lent(limit, &lent, &rev, error))
        return FALSE;
    limit->lent = lent > 0;
    if (limit->lent)
        limit->at_end = lent;
    if (limit->restore->standby && snapshot > 0) {
        limit->at_end = snapshot;
        return set(limit, MAX(limit->now, snapshot), error);
    }
    if (snapshot <= limit->at_end)
        return TRUE;
    report_note(&limit->restore->report,
                "database '%s': its _revs_limit was %" G_GUINT64_FORMAT
                " and is now %" G_GUINT64_FORMAT ", as in the snapshot",
                limit->item->target, limit->at_end, snapshot);
    limit->at_end = snapshot;
    return set(limit, MAX(limit->now, snapshot), error);
}

gboolean
limit_begin(struct limit *limit, struct restore *restore, const struct plan_item *item,
            guint64 snapshot, guint64 now, gboolean own, GError **error)
{
    *limit = (struct limit){.restore = restore, .item = item, .now = now};
    if (!own && now != NO_LIMIT) /* if it is, an earlier run of ours was interrupted */
        return begin_others(limit, snapshot, error);
    limit->at_end = snapshot > 0 ? snapshot : DEFAULT;
    return set(limit, NO_LIMIT, error);
}

/* A path has no more revisions than the number of its last one, which tells most of the time. */
static guint64
path_length(const struct leaf *leaf, guint64 enough)
{
    struct slice ancestor;
    guint64 n = 0;
    if (leaf->generation <= enough || leaf->ancestors.size == 0)
        return 0;
    for (gsize place = 0; json_next_element(leaf->ancestors, &place, &ancestor);)
        n++;
    return n;
}

gboolean
limit_fit(struct limit *limit, const struct leaf *leaf, GError **error)
{
    guint64 length = path_length(leaf, limit->now);
    if (length <= limit->now || !limit->restore->traits.couchdb)
        return TRUE;
    if (!limit->lent) {
        report_note(&limit->restore->report,
                    "database '%s': its _revs_limit, %" G_GUINT64_FORMAT
                    ", is higher while the restore is under way: document '" SLICE_FORMAT
                    "' has a path of %" G_GUINT64_FORMAT " revisions, which it would cut",
                    limit->item->target, limit->at_end, SLICE_ARGS(leaf->id), length);
        if (!write_lent(limit, error))
            return FALSE;
    }
    return set(limit, length, error);
}

gboolean
limit_end(struct limit *limit, GError **error)
{
    return set(limit, limit->at_end, error) && (!limit->lent || forget_lent(limit, error));
}
