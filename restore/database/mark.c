/* mark: see the header. */
#include "restore/database/mark.h"

#include "lib/json/json.h"

GString *
mark_make(const char *snapshot, const char *database, gboolean documents)
{
    GString *security = g_string_new(MARK_CLOSED);
    g_string_truncate(security, security->len - 1);
    g_string_append(security, ",\"lifeboat\":{\"restore\":");
    json_append_string(security, slice_of(snapshot));
    g_string_append(security, ",\"into\":");
    json_append_string(security, slice_of(database));
    g_string_append(security, documents ? ",\"documents\":true}}" : "}}");
    return security;
}

char *
mark_read(const char *security, const char *database, gboolean *documents)
{
    struct slice mark;
    g_autofree char *snapshot = NULL;
    g_autofree char *into = NULL;
    *documents = FALSE;
    if (security == NULL || !json_member(slice_of(security), "lifeboat", &mark) ||
        json_type(mark) != JSON_OBJECT || !json_member_text(mark, "restore", &snapshot) ||
        !json_member_text(mark, "into", &into) || !g_str_equal(into, database))
        return NULL;
    *documents = json_member_true(mark, "documents");
    return g_steal_pointer(&snapshot);
}

gboolean
mark_is_one(struct slice security)
{
    struct slice mark, member;
    return json_member(security, "lifeboat", &mark) && json_type(mark) == JSON_OBJECT &&
           json_member(mark, "restore", &member);
}
