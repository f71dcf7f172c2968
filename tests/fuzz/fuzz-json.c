/* json: what json_check accepts can be walked to its last byte, and any bytes make a valid string.
 */
#include "lib/couch/leaf.h"
#include "lib/json/json.h"
#include "tests/fuzz/fuzz.h"

#define LEVELS 50 /* walked; text may be nested deeper */

static void
must_be_json(const GString *text)
{
    g_assert_true(json_check((struct slice){text->str, text->len}, NULL));
}

static void
walk(struct slice value, guint levels)
{
    struct slice key, inside;
    g_assert_true(value.size > 0 && json_check(value, NULL));
    if (json_type(value) == JSON_STRING) {
        g_autoptr(GString) plain = g_string_new(NULL);
        g_autoptr(GString) again = g_string_new(NULL);
        json_unescape(value, plain);
        json_append_string(again, (struct slice){plain->str, plain->len});
        must_be_json(again);
    }
    for (gsize place = 0; levels > 0 && json_next_member(value, &place, &key, &inside);) {
        json_key_is(key, "_id");
        walk(inside, levels - 1);
    }
    for (gsize place = 0; levels > 0 && json_next_element(value, &place, &inside);)
        walk(inside, levels - 1);
}

/* The marks of attachments can be turned and turned back. */
static void
mark(struct slice text)
{
    struct leaf leaf = {0};
    if (leaf_parse(&leaf, text, NULL)) {
        g_autoptr(GString) marked = g_string_new(NULL);
        for (guint i = 0; i < leaf.n_attachments; i++)
            leaf.attachments[i].here = !leaf.attachments[i].here;
        leaf_append_marked(&leaf, marked);
        must_be_json(marked);
        leaf_descends_from(&leaf, slice_of("2-a"));
        struct leaf turned = {0};
        g_assert_true(leaf_parse(&turned, (struct slice){marked->str, marked->len}, NULL));
        g_assert_cmpuint(turned.n_attachments, ==, leaf.n_attachments);
        for (guint i = 0; i < leaf.n_attachments; i++)
            g_assert_true(turned.attachments[i].here == leaf.attachments[i].here);
        leaf_clear(&turned);
    }
    leaf_clear(&leaf);
}

/* A value that leads is one by itself, and a text that is a value leads. */
static void
lead(struct slice text)
{
    struct json_outline outline;
    gsize size = 0;
    gboolean leads = json_check_leading(text, &size, &outline);
    g_assert_true(!leads || json_check((struct slice){text.data, size}, NULL));
    g_assert_true(leads || text.size == 0 || memchr("{[\"", text.data[0], 3) == NULL ||
                  !json_check(text, NULL));
}

/* With its outline a document gives the same as without. */
static void
outline(struct slice text)
{
    g_autoptr(GString) wrapped = g_string_new("{\"ok\":");
    g_string_append_len(wrapped, text.data, (gssize)text.size);
    g_string_append_c(wrapped, '}');
    struct json_outline outline;
    g_assert_true(json_check_outlined((struct slice){wrapped->str, wrapped->len}, &outline, NULL));
    if (outline.end == 0 || outline.n_names > JSON_OUTLINE_NAMES || json_type(text) != JSON_OBJECT)
        return;
    struct slice json = {wrapped->str + outline.begin, outline.end - outline.begin};
    struct leaf one = {0}, other = {0};
    gboolean good = leaf_parse(&one, json, NULL);
    g_assert_true(leaf_parse_outlined(&other, json, outline.names, outline.n_names, NULL) == good);
    if (good) {
        g_assert_cmpint(slice_compare(one.json, other.json), ==, 0);
        g_assert_cmpint(slice_compare(one.id, other.id), ==, 0);
        g_assert_cmpint(slice_compare(one.rev, other.rev), ==, 0);
        g_assert_true(one.ancestors.data == other.ancestors.data);
        g_assert_cmpuint(one.n_attachments, ==, other.n_attachments);
        g_assert_true(one.deleted == other.deleted);
    }
    leaf_clear(&one);
    leaf_clear(&other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size}, value;
    guint64 number;
    char *member = NULL;
    g_autoptr(GString) string = g_string_new(NULL);
    json_append_string(string, text);
    must_be_json(string);
    lead(text);
    if (!json_check(text, NULL))
        return 0;
    outline(text);
    walk(text, LEVELS);
    mark(text);
    json_member(text, "a", &value);
    json_member_unsigned(text, "a", &number);
    json_member_true(text, "a");
    if (json_member_text(text, "a", &member))
        g_free(member);
    return 0;
}
