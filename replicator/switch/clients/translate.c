#include "replicator/switch/clients/translate.h"

#include "lib/base/jsontext.h"
#include "lib/couch/write/splice.h"
#include "lib/json/json.h"

static gboolean
newest_entry(struct slice json, struct slice *entry)
{
    struct slice history, session, own;
    gsize place = 0;
    return json_member(json, "history", &history) && json_type(history) == JSON_ARRAY &&
           json_next_element(history, &place, entry) && json_type(*entry) == JSON_OBJECT &&
           json_member(json, "session_id", &own) && json_member(*entry, "session_id", &session) &&
           slice_compare(own, session) == 0;
}

gboolean
translate_is_checkpoint(struct slice json)
{
    struct slice member;
    g_autofree char *id = NULL;
    return json_type(json) == JSON_OBJECT && json_member_text(json, "_id", &id) &&
           g_str_has_prefix(id, "_local/") && !g_str_has_prefix(id, "_local/lifeboat-") &&
           json_member(json, "session_id", &member) && json_member(json, "history", &member);
}

enum translate_kind
translate_kind_of(struct slice json, struct slice *sequence)
{
    struct slice last, entry, entry_last;
    if (!translate_is_checkpoint(json) || !json_member(json, "last_seq", &last))
        return TRANSLATE_OTHER;
    if (json_type(last) == JSON_NUMBER)
        return TRANSLATE_PUSH;
    if (json_type(last) != JSON_STRING || !newest_entry(json, &entry) ||
        !json_member(entry, "last_seq", &entry_last))
        return TRANSLATE_OTHER;
    if (sequence != NULL)
        *sequence = last;
    return TRANSLATE_PULL;
}

void
translate_append(GString *out, struct slice json, const char *sequence, const char *rev)
{
    static const char *const drop_rev[] = {"_rev", NULL};
    static const char *const drop_all[] = {"_rev", "last_seq", "history", NULL};
    static const char *const drop_last[] = {"last_seq", NULL};
    struct slice entry;
    g_autoptr(GString) add = g_string_new(NULL);
    if (rev != NULL)
        g_string_append_printf(add, "\"_rev\":%s", rev);
    if (translate_kind_of(json, NULL) == TRANSLATE_PULL && newest_entry(json, &entry)) {
        g_autofree char *last = g_strdup_printf("\"last_seq\":%s", sequence);
        g_string_append_printf(add, "%s%s,\"history\":[", add->len > 0 ? "," : "", last);
        splice_members(add, entry, last, drop_last);
        g_string_append_c(add, ']');
        splice_members(out, json, add->str, drop_all);
    } else {
        splice_members(out, json, add->len > 0 ? add->str : NULL, drop_rev);
    }
}
