/* locals: see the header. */
#include "restore/database/locals.h"

#include "lib/couch/json.h"
#include "lib/couch/write/same.h"
#include "lib/couch/write/splice.h"

#define NOTHING ((struct slice){NULL, 0})

struct locals {
    struct restore *restore;
    const struct plan_item *item;
    enum setup_standing standing;
    gboolean preview;
};

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

/* "/_local/ID", the id escaped behind the slash. */
static char *
local_path(const char *target, struct slice id)
{
    static const gsize prefix = sizeof "_local/" - 1;
    g_autoptr(GString) rest = g_string_new("/_local/");
    http_escape(rest, (struct slice){id.data + prefix, id.size - prefix});
    return server_path(target, rest->str);
}

static gboolean
is_same(struct slice a, struct slice b)
{
    static const char *const drop[] = {"_id", "_rev", NULL};
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);
    splice_members(first, a, NULL, drop);
    splice_members(second, b, NULL, drop);
    return json_same(text_of(first), text_of(second));
}

static void
tell_kept(struct locals *locals, struct slice id, struct slice snapshot, struct slice present)
{
    if (!is_same(snapshot, present))
        report_kept(&locals->restore->report,
                    "document '%s/" SLICE_FORMAT
                    "' is another one in the target, and stays as it is there (--db '%s=NEW' "
                    "brings the snapshot's back beside it)",
                    locals->item->target, SLICE_ARGS(id), locals->item->name);
}

static gboolean
put(struct locals *locals, const char *path, struct slice id, struct slice json,
    const GString *present, GError **error)
{
    static const char *const drop[] = {"_rev", NULL};
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) body = g_string_new(NULL);
    g_autofree char *rev = NULL;
    struct slice raw;
    if (present != NULL && json_member(text_of(present), "_rev", &raw))
        rev = g_strdup_printf("\"_rev\":" SLICE_FORMAT, SLICE_ARGS(raw));
    splice_members(body, json, rev, drop);
    g_autoptr(GString) answer =
        http_fetch(locals->restore->http, "PUT", path, text_of(body), &failure);
    if (answer != NULL)
        return TRUE;
    if (failure->domain != HTTP || http_is_transient(failure) || http_has_status(failure, 401)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    report_problem(&locals->restore->report, locals->item->target, id, (struct slice){"", 0}, "%s",
                   failure->message);
    return TRUE;
}

static gboolean
take_one(struct locals *locals, struct slice id, struct slice json, GError **error)
{
    g_autofree char *path = local_path(locals->item->target, id);
    g_autoptr(GError) failure = NULL;
    gboolean others = locals->standing == SETUP_EXISTED;
    if (locals->preview && !others)
        return TRUE;
    g_autoptr(GString) present = http_fetch(locals->restore->http, "GET", path, NOTHING, &failure);
    if (present == NULL && !http_has_status(failure, 404)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (others && present != NULL)
        tell_kept(locals, id, json, text_of(present));
    return (others && present != NULL) || locals->preview
               ? TRUE
               : put(locals, path, id, json, present, error);
}

static gboolean
take_all(struct locals *locals, const GString *local_json, GError **error)
{
    struct slice documents, json, raw_id;
    g_autoptr(GString) id = g_string_new(NULL);
    const struct plan_item *item = locals->item;
    if (local_json == NULL || !json_member(text_of(local_json), "docs", &documents))
        return TRUE;
    for (gsize place = 0; json_next_element(documents, &place, &json);) {
        g_string_truncate(id, 0);
        if (!json_member(json, "_id", &raw_id) || json_type(raw_id) != JSON_STRING)
            continue;
        json_unescape(raw_id, id);
        if (!g_str_has_prefix(id->str, "_local/"))
            continue;
        if (item->documents != NULL && !g_hash_table_contains(item->documents, id->str))
            continue;
        plan_found(item, id->str, NULL);
        if (!take_one(locals, text_of(id), json, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
locals_write(struct restore *restore, const struct plan_item *item, const GString *local_json,
             enum setup_standing standing, GError **error)
{
    struct locals locals = {restore, item, standing, FALSE};
    return take_all(&locals, local_json, error);
}

gboolean
locals_preview(struct restore *restore, const struct plan_item *item, const GString *local_json,
               enum setup_standing standing, GError **error)
{
    struct locals locals = {restore, item, standing, TRUE};
    return take_all(&locals, local_json, error);
}
