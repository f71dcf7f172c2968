#include "lib/couch/write/splice.h"

#include "lib/json/json.h"

static gboolean
is_dropped(struct slice key, const char *const *drop)
{
    for (; *drop != NULL; drop++)
        if (json_key_is(key, *drop))
            return TRUE;
    return FALSE;
}

void
splice_members(GString *out, struct slice object, const char *add, const char *const *drop)
{
    struct slice key, value;
    const char *comma = "";
    g_string_append_c(out, '{');
    if (add != NULL) {
        g_string_append(out, add);
        comma = ",";
    }
    for (gsize place = 0; json_next_member(object, &place, &key, &value);) {
        if (is_dropped(key, drop))
            continue;
        g_string_append(out, comma);
        g_string_append_len(out, key.data - 1, (gssize)key.size + 2);
        g_string_append_c(out, ':');
        g_string_append_len(out, value.data, (gssize)value.size);
        comma = ",";
    }
    g_string_append_c(out, '}');
}
