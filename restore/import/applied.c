#include "restore/import/applied.h"

#include "lib/base/jsontext.h"
#include "lib/couch/write/local.h"
#include "lib/json/json.h"

#define ID "_local/lifeboat-applied"

/* RFC 3339 in UTC: the order of bytes is that of time. */
gboolean
applied_is_enough(const struct applied *applied, const struct catalogue *of)
{
    if (applied->snapshot == NULL)
        return FALSE;
    if (g_str_equal(applied->snapshot, of->id))
        return TRUE;
    return g_strcmp0(applied->store, of->store) == 0 ? applied->number >= of->number
                                                     : g_strcmp0(applied->state, of->started) > 0;
}

gboolean
applied_read(struct http *http, struct applied *applied, GError **error)
{
    g_autofree char *path = local_path("_users", slice_of(ID));
    GError *failure = NULL;
    g_autoptr(GString) text = local_fetch(http, path, &failure);
    *applied = (struct applied){0};
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    struct slice json = text != NULL ? (struct slice){text->str, text->len} : slice_of("{}");
    json_member_text(json, "snapshot", &applied->snapshot);
    json_member_text(json, "state", &applied->state);
    json_member_text(json, "store", &applied->store);
    json_member_unsigned(json, "number", &applied->number);
    return TRUE;
}

gboolean
applied_write(struct http *http, const struct catalogue *of, GError **error)
{
    g_autofree char *path = local_path("_users", slice_of(ID));
    g_autoptr(GString) text = g_string_new(NULL);
    GError *failure = NULL;
    g_autoptr(GString) present = local_fetch(http, path, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    json_text_begin_object(text);
    json_text_member_string(text, "_id", ID);
    json_text_member_string(text, "snapshot", of->id);
    json_text_member_string(text, "state", of->started);
    json_text_member_string(text, "store", of->store);
    json_text_member_unsigned(text, "number", of->number);
    json_text_end_object(text);
    return local_put(http, path, (struct slice){text->str, text->len}, present, error);
}

void
applied_clear(struct applied *applied)
{
    g_free(applied->snapshot);
    g_free(applied->state);
    g_free(applied->store);
}
