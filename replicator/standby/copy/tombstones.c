#include "replicator/standby/copy/tombstones.h"

#include "lib/base/log.h"
#include "lib/couch/leaf.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#include <string.h>

gboolean
tombstones_may_hide(const char *reason)
{
    return strstr(reason, "forbidden") != NULL || strstr(reason, "unauthorized") != NULL;
}

/* ---- a document's leaves ---- */

static void
leaf_free(gpointer data)
{
    leaf_clear(data);
    g_free(data);
}

/* {"results":[{"docs":[{"ok":{…}},…]}]}; the leaves are slices of the answer. */
static GPtrArray *
leaves_of(struct slice answer)
{
    struct slice results, result, docs, each, json;
    gsize place = 0;
    GPtrArray *leaves = g_ptr_array_new_with_free_func(leaf_free);
    if (!json_member(answer, "results", &results) || json_type(results) != JSON_ARRAY ||
        !json_next_element(results, &place, &result) || !json_member(result, "docs", &docs) ||
        json_type(docs) != JSON_ARRAY)
        return leaves;
    for (place = 0; json_next_element(docs, &place, &each);) {
        if (!json_member(each, "ok", &json))
            continue;
        g_ptr_array_add(leaves, g_new0(struct leaf, 1));
        if (!leaf_parse(leaves->pdata[leaves->len - 1], json, NULL))
            g_ptr_array_set_size(leaves, (gint)leaves->len - 1);
    }
    return leaves;
}

static GString *
fetch_leaves(struct http *http, const char *database, const char *id, GError **error)
{
    g_autofree char *path = server_path(database, "/_bulk_get?revs=true");
    g_autoptr(GString) body = g_string_new("{\"docs\":[{\"id\":");
    json_append_string(body, slice_of(id));
    g_string_append(body, "}]}");
    return http_fetch(http, "POST", path, (struct slice){body->str, body->len}, error);
}

/* ---- what is purged ---- */

/* The source has it in the past of others, and not as a leaf. */
static gboolean
is_past(const GPtrArray *there, struct slice rev)
{
    gboolean past = FALSE;
    for (guint i = 0; i < there->len; i++) {
        const struct leaf *leaf = there->pdata[i];
        if (slice_compare(leaf->rev, rev) == 0)
            return FALSE;
        past |= leaf_descends_from(leaf, rev);
    }
    return past;
}

/* {"ID":["REV",…]}; NULL: nothing is. */
static GString *
purge_of(const char *id, const GPtrArray *there, const GPtrArray *here)
{
    guint count = 0;
    g_autoptr(GString) body = g_string_new("{");
    json_append_string(body, slice_of(id));
    g_string_append(body, ":[");
    for (guint i = 0; i < here->len; i++) {
        const struct leaf *leaf = here->pdata[i];
        if (!leaf->deleted || !is_past(there, leaf->rev))
            continue;
        g_string_append(body, count++ > 0 ? "," : "");
        json_append_string(body, leaf->rev);
    }
    g_string_append(body, "]}");
    return count > 0 ? g_steal_pointer(&body) : NULL;
}

static gboolean
purge(struct standby *standby, const char *database, const char *id, GError **error)
{
    g_autoptr(GString) there = fetch_leaves(standby->source, database, id, error);
    g_autoptr(GString) here =
        there != NULL ? fetch_leaves(standby->target, database, id, error) : NULL;
    if (here == NULL)
        return FALSE;
    g_autoptr(GPtrArray) source = leaves_of((struct slice){there->str, there->len});
    g_autoptr(GPtrArray) target = leaves_of((struct slice){here->str, here->len});
    g_autoptr(GString) body = purge_of(id, source, target);
    if (body == NULL)
        return TRUE;
    g_autofree char *path = server_path(database, "/_purge");
    g_autoptr(GString) answer =
        http_fetch(standby->target, "POST", path, (struct slice){body->str, body->len}, error);
    if (answer != NULL)
        log_info("database '%s': document '%s' was deleted and made anew: the deleted revision "
                 "here makes way for it",
                 database, id);
    return answer != NULL;
}

void
tombstones_purge(struct standby *standby, const char *database, const GPtrArray *lacking)
{
    for (guint i = 0; i < lacking->len; i++) {
        const struct lacking *one = lacking->pdata[i];
        g_autoptr(GError) failure = NULL;
        if (tombstones_may_hide(one->reason) && !purge(standby, database, one->id, &failure))
            log_notice("database '%s': document '%s' stays refused: %s", database, one->id,
                       failure->message);
    }
}
