#include "replicator/daemon/place/nodes.h"

#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "replicator/daemon/place/place.h"

/* Of an entry, `good` is when the state began that the node has, `ended` when it came there. */
#define KEY "node:"

static void
note_one(struct logbook *logbook, struct slice told)
{
    g_autofree char *node = NULL;
    gint64 state = json_member_time(told, "state");
    if (state <= 0 || !json_member_text(told, "node", &node))
        return;
    g_autofree char *key = g_strconcat(KEY, node, NULL);
    struct logbook_entry *entry = logbook_entry(logbook, key);
    if (entry->good >= state)
        return;
    entry->good = state;
    entry->ended = json_member_time(told, "applied");
    g_clear_pointer(&entry->snapshot, g_free);
    json_member_text(told, "snapshot", &entry->snapshot);
}

void
nodes_note(struct logbook *logbook, struct slice told)
{
    struct slice each;
    for (gsize place = 0; json_next_element(told, &place, &each);)
        if (json_type(each) == JSON_OBJECT)
            note_one(logbook, each);
}

static void
append_one(const char *key, const struct logbook_entry *entry, void *context)
{
    GString *out = context;
    if (!g_str_has_prefix(key, KEY))
        return;
    json_text_begin_object(out);
    json_text_member_string(out, "node", key + strlen(KEY));
    json_text_member_time(out, "state", entry->good);
    json_text_member_time(out, "applied", entry->ended);
    json_text_member_string(out, "snapshot", entry->snapshot);
    json_text_end_object(out);
}

void
nodes_append(struct logbook *logbook, GString *out)
{
    json_text_member_array(out, "nodes");
    logbook_each(logbook, append_one, out);
    json_text_end_array(out);
}
