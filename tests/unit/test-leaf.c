/* leaf: a document's bytes are taken apart and put together again without changing any other byte.
 */
#include "lib/base/fail.h"
#include "lib/couch/leaf.h"
#include "lib/couch/row.h"
#include "lib/json/json.h"

static void
parse(struct leaf *leaf, const char *json)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(json_check(slice_of(json), NULL));
    leaf_parse(leaf, slice_of(json), &error);
    g_assert_no_error(error);
}

static void
expect_marked(const struct leaf *leaf, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);
    leaf_append_marked(leaf, out);
    g_assert_cmpstr(out->str, ==, expected);
    g_assert_true(json_check((struct slice){out->str, out->len}, NULL));
}

static const char odd[] = "{ \"_id\" : \"a\\\"\\r\\n\\u65e5/x\" , "
                          "\"_rev\":\"7-abc\",\"n\":1.0,\"stub\":true,\"_attachments\": {"
                          "\"p\\\"\\r\\n\\r\\n--b.txt\" : { \"content_type\":\"text/\\\"plain\", "
                          "\"revpos\":3,\"digest\":\"md5-AA==\",\"length\":5, \"stub\" : true },"
                          "\"{\\\"stub\\\":true}\":{\"digest\":\"md5-B\\/"
                          "\",\"follows\":true,\"length\":9,\"encoding\":\"gzip\",\"encoded_"
                          "length\":7,\"x\":{\"stub\":true}},"
                          "\"\xe6\x97\xa5\":{\"stub\":true,\"length\":0,\"revpos\":1}"
                          "},\"_revisions\":{\"start\":7,\"ids\":[\"abc\",\"def\",\"ghi\"]},\"_"
                          "deleted\":true, \"follows\":true}";

static void
a_document_is_taken_apart(void)
{
    struct leaf leaf = {0};
    parse(&leaf, odd);
    g_assert_true(slice_is(leaf.id, "a\"\r\n\xe6\x97\xa5/x") && slice_is(leaf.rev, "7-abc"));
    g_assert_true(leaf.deleted && leaf.generation == 7 &&
                  slice_is(leaf.ancestors, "[\"abc\",\"def\",\"ghi\"]"));
    g_assert_cmpuint(leaf.n_attachments, ==, 3);
    const struct attachment *first = &leaf.attachments[0], *second = &leaf.attachments[1],
                            *third = &leaf.attachments[2];
    g_assert_true(slice_is(first->name, "\"p\\\"\\r\\n\\r\\n--b.txt\"") &&
                  slice_is(first->digest, "md5-AA=="));
    g_assert_true(slice_is(first->type, "\"text/\\\"plain\"") &&
                  slice_is(first->mark, "\"stub\" : true"));
    g_assert_true(first->stored == 5 && first->revpos == 3 && !first->encoded && !first->here);
    g_assert_true(second->stored == 7 && second->encoded && second->here &&
                  second->digest.size == 0);
    g_assert_true(third->stored == 0 && !third->here && third->type.size == 0);
    leaf_clear(&leaf);
}

static void
what_comes_behind_the_document_is_not_its_own(void)
{
    static const char text[] = "{\"_id\":\"a\",\"_rev\":\"1-b\",\"v\":{\"}\":[1]} } ,\"x\":{}}";
    struct leaf leaf = {0};
    g_assert_true(leaf_parse(&leaf, slice_of(text), NULL));
    g_assert_cmpuint(leaf.json.size, ==, strlen(text) - strlen(" ,\"x\":{}}"));
    leaf_clear(&leaf);
}

static void
only_the_marks_change(void)
{
    struct leaf leaf = {0};
    parse(&leaf, odd);
    g_autofree char *as_it_was = g_strdup(odd);
    g_autoptr(GString) expected = g_string_new(odd);
    g_string_replace(expected, "\"stub\" : true", "\"stub\":true", 1);
    expect_marked(&leaf, expected->str);
    for (guint i = 0; i < 3; i++)
        leaf.attachments[i].here = !leaf.attachments[i].here;
    g_string_replace(expected, "\"length\":5, \"stub\":true", "\"length\":5, \"follows\":true", 1);
    g_string_replace(expected, "\"follows\":true,\"length\":9", "\"stub\":true,\"length\":9", 1);
    g_string_replace(expected, "{\"stub\":true,\"length\":0", "{\"follows\":true,\"length\":0", 1);
    expect_marked(&leaf, expected->str);
    g_assert_cmpstr(odd, ==, as_it_was);
    leaf_clear(&leaf);
}

static void
a_leaf_used_again_keeps_nothing(void)
{
    struct leaf leaf = {0};
    parse(&leaf, odd);
    parse(&leaf, "{\"_id\":\"b\",\"_rev\":\"1-x\"}");
    g_assert_true(slice_is(leaf.id, "b") && slice_is(leaf.rev, "1-x") && !leaf.deleted &&
                  leaf.n_attachments == 0 && leaf.ancestors.size == 0);
    expect_marked(&leaf, "{\"_id\":\"b\",\"_rev\":\"1-x\"}");
    leaf_clear(&leaf);
}

static void
what_is_no_document_is_refused(void)
{
    static const char *const bad[] = {
        "[]",
        "1",
        "{}",
        "{\"_id\":\"\",\"_rev\":\"1-a\"}",
        "{\"_id\":1,\"_rev\":\"1-a\"}",
        "{\"_id\":\"a\"}",
        "{\"_id\":\"a\",\"_rev\":\"1\"}",
        "{\"_id\":\"a\",\"_rev\":\"1-\"}",
        "{\"_id\":\"a\",\"_rev\":\"-a\"}",
        "{\"_id\":\"a\",\"_rev\":\"x-a\"}",
        "{\"_id\":\"a\",\"_rev\":\"-1-a\"}",
        "{\"_id\":\"a\",\"_rev\":1}",
        "{\"_id\":\"a\",\"_rev\":\"99999999999999999999-a\"}",
        "{\"_id\":\"a\",\"_rev\":\"1-\\u0061\"}",
        "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_attachments\":{\"n\":1}}",
        "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_attachments\":{\"n\":{\"stub\":true}}}",
        "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_attachments\":{\"n\":{\"length\":1}}}",
        "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_attachments\":{\"n\":{\"length\":-1,\"stub\":true}}}",
        "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_attachments\":{\"n\":{\"length\":1.5,\"stub\":true}}}",
    };
    struct leaf leaf = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(json_check(slice_of(bad[i]), NULL));
        if (leaf_parse(&leaf, slice_of(bad[i]), &error))
            g_error("accepted: %s", bad[i]);
        g_assert_error(error, FAIL, FAIL_FAILED);
    }
    leaf_clear(&leaf);
}

static void
ancestors_are_found_by_generation(void)
{
    struct leaf leaf = {0};
    parse(&leaf, "{\"_id\":\"a\",\"_rev\":\"5-e\",\"_revisions\":{\"start\":5,\"ids\":[\"e\",\"d\","
                 "\"c\"]}}"); /* stemmed */
    static const char *const yes[] = {"5-e", "4-d", "3-c"};
    static const char *const no[] = {"4-e", "3-d", "2-c", "2-b", "1-a", "6-f",  "5-d",
                                     "4-",  "4",   "-d",  "",    "0-c", "4-dd", "x-d"};
    for (gsize i = 0; i < G_N_ELEMENTS(yes); i++)
        g_assert_true(leaf_descends_from(&leaf, slice_of(yes[i])));
    for (gsize i = 0; i < G_N_ELEMENTS(no); i++)
        g_assert_false(leaf_descends_from(&leaf, slice_of(no[i])));
    parse(&leaf, "{\"_id\":\"a\",\"_rev\":\"2-b\",\"_revisions\":{\"start\":2,\"ids\":[\"b\",\"a\","
                 "\"z\",1,\"y\"]}}"); /* too many */
    g_assert_true(leaf_descends_from(&leaf, slice_of("1-a")));
    g_assert_true(leaf_descends_from(
        &leaf, slice_of("0-z"))); /* CouchDB has no generation 0, nor would such a path */
    parse(&leaf, "{\"_id\":\"a\",\"_rev\":\"2-b\",\"_revisions\":{\"ids\":{\"b\":1}}}");
    g_assert_false(leaf_descends_from(&leaf, slice_of("1-b")));
    parse(&leaf, "{\"_id\":\"a\",\"_rev\":\"2-b\",\"_revisions\":[]}");
    g_assert_false(leaf_descends_from(&leaf, slice_of("1-b")));
    g_assert_true(leaf_descends_from(&leaf, slice_of("2-b")));
    leaf_clear(&leaf);
}

static void
a_row_holds_what_the_leaf_has(void)
{
    struct leaf leaf = {0};
    g_autoptr(GByteArray) out = g_byte_array_new();
    parse(&leaf, odd);
    gsize mark = row_begin(out, leaf.id);
    leaf_append_to_row(&leaf, out);
    row_end(out, mark);
    struct row row = row_decode(out->data);
    struct row_leaf back;
    struct row_attachment attachment;
    g_assert_true(row_find_leaf(&row, slice_of("7-abc"), &back));
    for (guint i = 0; i < leaf.n_attachments; i++) {
        g_assert_true(row_next_attachment(&back.attachments, &attachment));
        g_assert_cmpint(slice_compare(attachment.name, leaf.attachments[i].name), ==, 0);
        g_assert_cmpint(slice_compare(attachment.digest, leaf.attachments[i].digest), ==, 0);
        g_assert_cmpuint(attachment.stored, ==, leaf.attachments[i].stored);
    }
    g_assert_false(row_next_attachment(&back.attachments, &attachment));
    leaf_clear(&leaf);
}

static void
the_digest_is_a_sum(void)
{
    struct leaf_digest one = {{0}}, other = {{0}}, doubled = {{0}};
    leaf_digest_add(&one, slice_of("a"), slice_of("1-x"));
    leaf_digest_add(&one, slice_of("b"), slice_of("2-y"));
    leaf_digest_add(&other, slice_of("b"), slice_of("2-y"));
    leaf_digest_add(&other, slice_of("a"), slice_of("1-x"));
    g_assert_cmpmem(one.sum, sizeof one.sum, other.sum, sizeof other.sum);
    guint8 sha256[HASH_SHA256_SIZE], carry = 0;
    hash_sha256("a\0001-x", 5, sha256);
    leaf_digest_add(&doubled, slice_of("a"), slice_of("1-x"));
    g_assert_cmpmem(doubled.sum, sizeof doubled.sum, sha256, sizeof sha256);
    leaf_digest_add(&doubled, slice_of("a"), slice_of("1-x"));
    for (int i = HASH_SHA256_SIZE - 1; i >= 0; i--) { /* twice is shifted by one bit */
        guint8 shifted = (guint8)(sha256[i] << 1 | carry);
        carry = sha256[i] >> 7;
        g_assert_cmpuint(doubled.sum[i], ==, shifted);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/leaf/a document is taken apart", a_document_is_taken_apart);
    g_test_add_func("/leaf/what comes behind the document is not its own",
                    what_comes_behind_the_document_is_not_its_own);
    g_test_add_func("/leaf/only the marks change", only_the_marks_change);
    g_test_add_func("/leaf/a leaf used again keeps nothing", a_leaf_used_again_keeps_nothing);
    g_test_add_func("/leaf/what is no document is refused", what_is_no_document_is_refused);
    g_test_add_func("/leaf/ancestors are found by generation", ancestors_are_found_by_generation);
    g_test_add_func("/leaf/a row holds what the leaf has", a_row_holds_what_the_leaf_has);
    g_test_add_func("/leaf/the digest is a sum", the_digest_is_a_sum);
    return g_test_run();
}
