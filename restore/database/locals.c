/* locals: see the header. */
#include "restore/database/locals.h"

#include "lib/couch/write/local.h"

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

static void
tell_kept(struct locals *locals, struct slice id, struct slice snapshot, struct slice present)
{
    if (!local_same(snapshot, present))
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
    g_autoptr(GError) failure = NULL;
    if (local_put(locals->restore->http, path, json, present, &failure))
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
take_one(void *context, struct slice id, struct slice json, GError **error)
{
    struct locals *locals = context;
    const struct plan_item *item = locals->item;
    g_autofree char *name = slice_dup(id);
    if (item->documents != NULL && !g_hash_table_contains(item->documents, name))
        return TRUE;
    plan_found(item, name, NULL);
    g_autofree char *path = local_path(item->target, id);
    g_autoptr(GError) failure = NULL;
    gboolean others = locals->standing == SETUP_EXISTED;
    if (locals->preview && !others)
        return TRUE;
    g_autoptr(GString) present = local_fetch(locals->restore->http, path, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (others && present != NULL && locals->restore->standby)
        others = local_same(json, text_of(present));
    else if (others && present != NULL)
        tell_kept(locals, id, json, text_of(present));
    return (others && present != NULL) || locals->preview
               ? TRUE
               : put(locals, path, id, json, present, error);
}

static gboolean
take_all(struct locals *locals, const GString *local_json, GError **error)
{
    return local_json == NULL || local_each(text_of(local_json), take_one, locals, error);
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
