#include "lib/couch/write/same.h"

#include "lib/json/json.h"

#define DEPTH_MAX 200 /* below that only equal bytes are the same */

static gboolean same_at(struct slice a, struct slice b, guint depth);

static gboolean
same_text(struct slice a, struct slice b)
{
    g_autoptr(GString) left = g_string_new(NULL);
    g_autoptr(GString) right = g_string_new(NULL);
    json_unescape(a, left);
    json_unescape(b, right);
    return g_string_equal(left, right);
}

static gboolean
same_array(struct slice a, struct slice b, guint depth)
{
    struct slice left, right;
    gsize in_a = 0, in_b = 0;
    for (;;) {
        gboolean more = json_next_element(a, &in_a, &left);
        if (json_next_element(b, &in_b, &right) != more)
            return FALSE;
        if (!more)
            return TRUE;
        if (!same_at(left, right, depth))
            return FALSE;
    }
}

static void
free_text(gpointer text)
{
    g_string_free(text, TRUE);
}

/* The members by their unescaped names; the last of those with one name counts. */
static GHashTable *
members_of(struct slice object)
{
    GHashTable *members = g_hash_table_new_full((GHashFunc)g_string_hash,
                                                (GEqualFunc)g_string_equal, free_text, g_free);
    struct slice key, value;
    for (gsize place = 0; json_next_member(object, &place, &key, &value);) {
        GString *name = g_string_new(NULL);
        json_unescape((struct slice){key.data - 1, key.size + 2}, name);
        g_hash_table_replace(members, name, g_memdup2(&value, sizeof value));
    }
    return members;
}

static gboolean
same_object(struct slice a, struct slice b, guint depth)
{
    g_autoptr(GHashTable) left = members_of(a);
    g_autoptr(GHashTable) right = members_of(b);
    GHashTableIter iter;
    gpointer name, value;
    if (g_hash_table_size(left) != g_hash_table_size(right))
        return FALSE;
    g_hash_table_iter_init(&iter, left);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const struct slice *other = g_hash_table_lookup(right, name);
        if (other == NULL || !same_at(*(const struct slice *)value, *other, depth))
            return FALSE;
    }
    return TRUE;
}

static gboolean
same_at(struct slice a, struct slice b, guint depth)
{
    if (slice_compare(a, b) == 0)
        return TRUE;
    if (json_type(a) != json_type(b) || depth == DEPTH_MAX)
        return FALSE;
    switch (json_type(a)) {
    case JSON_OBJECT:
        return same_object(a, b, depth + 1);
    case JSON_ARRAY:
        return same_array(a, b, depth + 1);
    case JSON_STRING:
        return same_text(a, b);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return FALSE;
    }
    return FALSE;
}

gboolean
json_same(struct slice a, struct slice b)
{
    return same_at(a, b, 0);
}
