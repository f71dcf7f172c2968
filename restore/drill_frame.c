/* drill_frame: see the header. */
#include "restore/drill_frame.h"

#include "lib/couch/locals.h"
#include "lib/couch/write/create.h"
#include "lib/couch/write/same.h"
#include "lib/couch/write/splice.h"
#include "lib/json/json.h"

#define NOTHING ((struct slice){NULL, 0})

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

static void
differ(struct drill_frame *frame, const struct plan_item *item, struct slice id, const char *what,
       struct slice expected, struct slice found)
{
    report_problem(&frame->restore->report, item->name, id, (struct slice){"", 0},
                   "%s differs: expected " SLICE_FORMAT ", and found " SLICE_FORMAT, what,
                   SLICE_ARGS(expected), SLICE_ARGS(found));
}

static void
compare_number(struct drill_frame *frame, const struct plan_item *item, const char *what,
               guint64 expected, guint64 found)
{
    g_autofree char *left = g_strdup_printf("%" G_GUINT64_FORMAT, expected);
    g_autofree char *right = g_strdup_printf("%" G_GUINT64_FORMAT, found);
    if (expected != 0 && expected != found)
        differ(frame, item, (struct slice){"", 0}, what, slice_of(left), slice_of(right));
}

/* ---- shards ---- */

/* Partitions were looked at when it was made. */
static gboolean
compare_shape(struct drill_frame *frame, const struct plan_item *item, struct slice db,
              GError **error)
{
    struct server_database found;
    struct shape shape = {0};
    json_member_unsigned(db, "q", &shape.q);
    json_member_unsigned(db, "n", &shape.n);
    if (!server_database_info(frame->restore->http, item->target, &found, error))
        return FALSE;
    compare_number(frame, item, "its number of shards (q)", shape.q, found.q);
    compare_number(frame, item, "its number of copies (n)",
                   shape_copies(&shape, &frame->restore->traits), found.n);
    server_database_clear(&found);
    return TRUE;
}

/* ---- _local documents ---- */

/* The document of that id in {"docs":[…]}. */
static gboolean
find_local(struct slice list, struct slice id, struct slice *found)
{
    struct slice documents, other;
    if (json_member(list, "docs", &documents))
        for (gsize place = 0; json_next_element(documents, &place, found);)
            if (json_member(*found, "_id", &other) && json_same(id, other))
                return TRUE;
    return FALSE;
}

static gboolean
is_same_local(struct slice a, struct slice b)
{
    static const char *const drop[] = {"_rev", NULL};
    g_autoptr(GString) left = g_string_new(NULL);
    g_autoptr(GString) right = g_string_new(NULL);
    splice_members(left, a, NULL, drop);
    splice_members(right, b, NULL, drop);
    return json_same(text_of(left), text_of(right));
}

static gboolean
compare_locals(struct drill_frame *frame, const struct plan_item *item, const GString *local_json,
               GError **error)
{
    struct slice documents, expected, raw_id, found;
    g_autoptr(GString) id = g_string_new(NULL);
    g_autoptr(GString) list = locals_kept(frame->restore->http, item->target, error);
    if (list == NULL)
        return FALSE;
    if (local_json == NULL || !json_member(text_of(local_json), "docs", &documents))
        return TRUE;
    for (gsize place = 0; json_next_element(documents, &place, &expected);) {
        if (!json_member(expected, "_id", &raw_id) || json_type(raw_id) != JSON_STRING)
            continue;
        g_string_truncate(id, 0);
        json_unescape(raw_id, id);
        if (!find_local(text_of(list), raw_id, &found))
            report_problem(&frame->restore->report, item->name, text_of(id), (struct slice){"", 0},
                           "it is not in the target");
        else if (!is_same_local(expected, found))
            differ(frame, item, text_of(id), "it", expected, found);
    }
    return TRUE;
}

/* ---- _security and _revs_limit ---- */

static GString *
put_and_get(struct drill_frame *frame, const char *rest, struct slice json, GError **error)
{
    struct http *http = frame->restore->http;
    g_autofree char *create = server_path(frame->empty, "?q=1&n=1");
    g_autofree char *path = server_path(frame->empty, rest);
    if (!frame->made) {
        g_autoptr(GString) answer = http_fetch(http, "PUT", create, NOTHING, error);
        if (answer == NULL)
            return NULL;
        frame->made = TRUE;
    }
    g_autoptr(GString) answer = http_fetch(http, "PUT", path, json, error);
    return answer != NULL ? http_fetch(http, "GET", path, NOTHING, error) : NULL;
}

static gboolean
compare_security(struct drill_frame *frame, const struct plan_item *item, struct slice db,
                 GError **error)
{
    struct slice security;
    if (!json_member(db, "security", &security) || json_type(security) != JSON_OBJECT ||
        (frame->security != NULL && slice_is(security, frame->security)))
        return TRUE;
    g_autoptr(GString) found = put_and_get(frame, "/_security", security, error);
    if (found == NULL)
        return FALSE;
    g_strstrip(found->str);
    if (!json_same(security, slice_of(found->str))) {
        differ(frame, item, (struct slice){"", 0}, "its _security", security, slice_of(found->str));
        return TRUE;
    }
    g_free(frame->security);
    frame->security = slice_dup(security);
    return TRUE;
}

static gboolean
compare_revs_limit(struct drill_frame *frame, const struct plan_item *item, struct slice db,
                   GError **error)
{
    guint64 limit = 0, found = 0;
    if (!json_member_unsigned(db, "revs_limit", &limit) || limit == frame->revs_limit)
        return TRUE;
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, limit);
    g_autoptr(GString) answer = put_and_get(frame, "/_revs_limit", slice_of(text), error);
    if (answer == NULL)
        return FALSE;
    json_unsigned(slice_of(g_strstrip(answer->str)), &found);
    compare_number(frame, item, "its _revs_limit", limit, found);
    frame->revs_limit = limit == found ? limit : 0;
    return TRUE;
}

/* ---- all ---- */

/* PouchDB Server has none of these, or its own. */
gboolean
drill_frame_compare(struct drill_frame *frame, const struct plan_item *item, GError **error)
{
    if (!frame->restore->traits.couchdb)
        return TRUE;
    AUTO(chain_database) *source = chain_database_look(frame->restore->chain, item->name, error);
    if (source == NULL)
        return FALSE;
    struct slice db = text_of(source->db_json);
    return compare_shape(frame, item, db, error) &&
           compare_locals(frame, item, source->local_json, error) &&
           compare_security(frame, item, db, error) && compare_revs_limit(frame, item, db, error);
}

void
drill_frame_clear(struct drill_frame *frame)
{
    g_free(frame->empty);
    g_free(frame->security);
    *frame = (struct drill_frame){0};
}
