/* body: what is sent for a leaf with attachments, byte for byte; splicing and comparing JSON. */
#include "lib/base/fail.h"
#include "lib/couch/write/body.h"
#include "lib/couch/write/same.h"
#include "lib/couch/write/splice.h"

#include <zlib.h>

/* Attachments in memory, given out a few bytes at a time. */
struct memory {
    struct slice data[4];
    guint asked[4], n_asked;
    struct slice left;
    gsize step; /* bytes at most in one go; 0: all */
};

static gboolean
ask_memory(void *context, guint which, GError **error)
{
    struct memory *memory = context;
    (void)error;
    memory->asked[memory->n_asked++] = which;
    memory->left = memory->data[which];
    return TRUE;
}

static gboolean
read_memory(void *context, void *data, gsize size, gsize *got, GError **error)
{
    struct memory *memory = context;
    (void)error;
    *got = MIN(size, memory->left.size);
    if (memory->step != 0)
        *got = MIN(*got, memory->step);
    memcpy(data, memory->left.data, *got);
    memory->left.data += *got;
    memory->left.size -= *got;
    return TRUE;
}

/* The whole body; each "%B" in the expected text stands for the boundary. */
static GString *
make(const char *json, const gboolean *absent, enum body_form form, struct memory *memory,
     GError **error)
{
    struct leaf leaf = {0};
    const struct body_bytes bytes = {ask_memory, read_memory, memory};
    g_assert_true(leaf_parse(&leaf, slice_of(json), NULL));
    for (guint i = 0; i < leaf.n_attachments; i++)
        leaf.attachments[i].here = absent == NULL || !absent[i];
    AUTO(body) *body = body_new(&leaf, form, NULL, NULL, &bytes);
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean fine = body_append(body, text, error);
    if (fine)
        g_assert_cmpuint(text->len, ==, body_size(body));
    const char *boundary = strstr(body_content_type(body), "boundary=\"");
    if (boundary != NULL) {
        g_autofree char *word = g_strndup(boundary + 10, 32);
        g_string_replace(text, word, "%B", 0);
    }
    leaf_clear(&leaf);
    return fine ? g_steal_pointer(&text) : NULL;
}

#define TWO                                                                                        \
    "{\"_id\":\"a\",\"_rev\":\"1-x\",\"n\":1.0,\"_attachments\":{"                                 \
    "\"p\":{\"content_type\":\"image/png\",\"revpos\":1,\"digest\":\"md5-x\",\"length\":4,"        \
    "\"stub\":true},"                                                                              \
    "\"q\":{\"revpos\":1,\"length\":9,\"stub\":true,\"encoding\":\"gzip\",\"encoded_length\":3}}," \
    "\"z\":-0.0}"

static void
multipart_has_the_json_then_the_bytes(void)
{
    struct memory memory = {.data = {slice_of("PNG!"), slice_of("gz.")}, .step = 1};
    g_autoptr(GString) text = make(TWO, NULL, BODY_MULTIPART, &memory, NULL);
    g_assert_cmpstr(text->str, ==,
                    "--%B\r\nContent-Type: application/json\r\n\r\n"
                    "{\"_id\":\"a\",\"_rev\":\"1-x\",\"n\":1.0,\"_attachments\":{"
                    "\"p\":{\"content_type\":\"image/png\",\"revpos\":1,\"digest\":\"md5-x\","
                    "\"length\":4,\"follows\":true},"
                    "\"q\":{\"revpos\":1,\"length\":9,\"follows\":true,\"encoding\":\"gzip\","
                    "\"encoded_length\":3}},\"z\":-0.0}"
                    "\r\n--%B\r\n\r\nPNG!\r\n--%B\r\n\r\ngz.\r\n--%B--");
    g_assert_cmpuint(memory.n_asked, ==, 2);
}

static void
an_attachment_that_is_nowhere_is_left_out(void)
{
    const gboolean first[] = {TRUE, FALSE}, both[] = {TRUE, TRUE};
    struct memory memory = {.data = {slice_of("PNG!"), slice_of("gz.")}};
    g_autoptr(GString) text = make(TWO, first, BODY_MULTIPART, &memory, NULL);
    g_assert_nonnull(
        strstr(text->str, "\"_attachments\":{\"q\":{\"revpos\":1,\"length\":9,\"follows\""));
    g_assert_null(strstr(text->str, "PNG!"));
    g_assert_cmpuint(memory.asked[0], ==, 1);
    g_autoptr(GString) none = make(TWO, both, BODY_INLINE, &memory, NULL);
    g_assert_cmpstr(none->str, ==,
                    "{\"_id\":\"a\",\"_rev\":\"1-x\",\"n\":1.0,\"_attachments\":{},\"z\":-0.0}");
}

static void
inline_has_base64_and_unpacks_what_is_encoded(void)
{
    static const char plain[] = "some text"; /* 9 bytes */
    guint8 packed[100];
    z_stream stream = {0};
    g_assert_cmpint(deflateInit2(&stream, 8, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
    stream.next_in = (Bytef *)(guintptr)plain;
    stream.avail_in = 9;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    struct slice gzip = {(const char *)packed, stream.total_out};
    deflateEnd(&stream);
    struct memory memory = {.data = {slice_of("PNG!"), gzip}, .step = 5};
    g_autoptr(GString) text = make(TWO, NULL, BODY_INLINE, &memory, NULL);
    g_assert_cmpstr(text->str, ==,
                    "{\"_id\":\"a\",\"_rev\":\"1-x\",\"n\":1.0,\"_attachments\":{"
                    "\"p\":{\"content_type\":\"image/png\",\"revpos\":1,\"data\":\"UE5HIQ==\"},"
                    "\"q\":{\"revpos\":1,\"data\":\"c29tZSB0ZXh0\"}},\"z\":-0.0}");
}

static void
base64_is_right_at_every_length(void)
{
    g_autofree char *data = g_malloc(200000);
    for (guint i = 0; i < 200000; i++)
        data[i] = (char)(i * 7 + i / 256);
    static const gsize lengths[] = {0, 1, 2, 3, 49151, 49152, 49153, 98304, 199999};
    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        struct memory memory = {.data = {{data, lengths[i]}}, .step = i % 2 == 0 ? 0 : 1000};
        g_autofree char *json =
            g_strdup_printf("{\"_id\":\"a\",\"_rev\":\"1-x\",\"_attachments\":{\"p\":{"
                            "\"length\":%u,\"stub\":true}}}",
                            (guint)lengths[i]);
        g_autofree char *base64 = g_base64_encode((const guint8 *)data, lengths[i]);
        g_autofree char *expected =
            g_strdup_printf("{\"_id\":\"a\",\"_rev\":\"1-x\",\"_attachments\":{"
                            "\"p\":{\"data\":\"%s\"}}}",
                            base64);
        g_autoptr(GString) text = make(json, NULL, BODY_INLINE, &memory, NULL);
        g_assert_cmpstr(text->str, ==, expected);
    }
}

static void
bytes_that_end_too_early_are_an_error(void)
{
    struct memory memory = {.data = {slice_of("PNG"), slice_of("gz.")}};
    g_autoptr(GError) error = NULL;
    g_assert_null(make(TWO, NULL, BODY_MULTIPART, &memory, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_clear_error(&error);
    memory = (struct memory){.data = {slice_of("PNG!"), slice_of("gz.")}};
    g_assert_null(make(TWO, NULL, BODY_INLINE, &memory, &error)); /* no gzip */
    g_assert_error(error, FAIL, FAIL_DAMAGED);
}

static void
splicing_keeps_the_bytes_of_what_stays(void)
{
    static const char *const drop[] = {"_rev", NULL};
    g_autoptr(GString) out = g_string_new(NULL);
    splice_members(out, slice_of("{ \"a\\u0062\" : 1.0 , \"\\u005frev\":\"x\",\"c\":[ 1 ]}"),
                   "\"new\":true", drop);
    g_assert_cmpstr(out->str, ==, "{\"new\":true,\"a\\u0062\":1.0,\"c\":[ 1 ]}");
    g_string_truncate(out, 0);
    splice_members(out, slice_of("{\"_rev\":1}"), NULL, drop);
    g_assert_cmpstr(out->str, ==, "{}");
    g_string_truncate(out, 0);
    splice_members(out, slice_of("{\"_rev\":1,\"a\":2,\"_rev\":3}"), NULL, drop);
    g_assert_cmpstr(out->str, ==, "{\"a\":2}");
}

static void
the_same_is_the_same_in_any_order(void)
{
    g_assert_true(json_same(slice_of("{\"a\":[1,{\"b\":\"\\u00e9\"}],\"c\":null}"),
                            slice_of("{ \"c\":null, \"\\u0061\":[ 1, {\"b\":\"é\"} ] }")));
    g_assert_false(json_same(slice_of("{\"a\":1}"), slice_of("{\"a\":1,\"b\":2}")));
    g_assert_false(json_same(slice_of("[1,2]"), slice_of("[2,1]")));
    g_assert_false(json_same(slice_of("1"), slice_of("1.0")));
    g_assert_false(json_same(slice_of("{\"a\":{}}"), slice_of("{\"a\":[]}")));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/body/multipart has the JSON, then the bytes",
                    multipart_has_the_json_then_the_bytes);
    g_test_add_func("/body/an attachment that is nowhere is left out",
                    an_attachment_that_is_nowhere_is_left_out);
    g_test_add_func("/body/inline has base64, and unpacks what is encoded",
                    inline_has_base64_and_unpacks_what_is_encoded);
    g_test_add_func("/body/base64 is right at every length", base64_is_right_at_every_length);
    g_test_add_func("/body/bytes that end too early are an error",
                    bytes_that_end_too_early_are_an_error);
    g_test_add_func("/splice/what stays keeps its bytes", splicing_keeps_the_bytes_of_what_stays);
    g_test_add_func("/same/the same is the same in any order", the_same_is_the_same_in_any_order);
    return g_test_run();
}
