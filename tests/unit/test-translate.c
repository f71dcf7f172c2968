/* translate: a client's checkpoint as the other node must have it. */
#include "replicator/switch/clients/translate.h"

#include "lib/couch/write/same.h"
#include "lib/json/json.h"

#define PULL                                                                                       \
    "{\"_id\":\"_local/x\",\"_rev\":\"0-7\",\"session_id\":\"s\",\"history\":["                    \
    "{\"last_seq\":\"5-a\",\"session_id\":\"s\",\"more\":1.0},"                                    \
    "{\"last_seq\":\"3-a\",\"session_id\":\"r\"}],\"version\":1,\"last_seq\":\"5-a\"}"
#define PUSH                                                                                       \
    "{\"_id\":\"_local/x\",\"_rev\":\"0-7\",\"session_id\":\"s\",\"history\":["                    \
    "{\"last_seq\":5,\"session_id\":\"s\"},{\"last_seq\":3,\"session_id\":\"r\"}],\"last_seq\":5}"

static void
assert_becomes(const char *json, const char *rev, const char *wanted)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_assert_true(json_check(slice_of(json), NULL));
    translate_append(out, slice_of(json), "\"9-b\"", rev);
    g_assert_true(json_check((struct slice){out->str, out->len}, NULL));
    if (!json_same(slice_of(out->str), slice_of(wanted)))
        g_error("%s\nis not\n%s", out->str, wanted);
}

static void
test_pull(void)
{
    struct slice sequence;
    g_assert_cmpint(translate_kind_of(slice_of(PULL), &sequence), ==, TRANSLATE_PULL);
    g_assert_true(slice_is(sequence, "\"5-a\""));
    assert_becomes(PULL, NULL,
                   "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"version\":1,\"last_seq\":\"9-b\","
                   "\"history\":[{\"last_seq\":\"9-b\",\"session_id\":\"s\",\"more\":1.0}]}");
}

static void
test_push(void)
{
    g_assert_cmpint(translate_kind_of(slice_of(PUSH), NULL), ==, TRANSLATE_PUSH);
    assert_becomes(PUSH, "\"0-2\"",
                   "{\"_id\":\"_local/x\",\"_rev\":\"0-2\",\"session_id\":\"s\",\"history\":["
                   "{\"last_seq\":5,\"session_id\":\"s\"},{\"last_seq\":3,\"session_id\":\"r\"}],"
                   "\"last_seq\":5}");
}

/* What is neither is left alone, and what is ours is no client's. */
static void
test_others(void)
{
    static const char *const others[] = {
        "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"history\":[]}",
        "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"history\":[],\"last_seq\":null}",
        "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"history\":[],\"last_seq\":\"5-a\"}",
        "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"history\":{},\"last_seq\":\"5-a\"}",
        "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"last_seq\":\"5-a\",\"history\":["
        "{\"session_id\":\"other\",\"last_seq\":\"5-a\"}]}",
        "{\"_id\":\"_local/x\",\"session_id\":\"s\",\"source_last_seq\":\"5-a\",\"history\":["
        "{\"session_id\":\"s\",\"recorded_seq\":\"5-a\"}]}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_cmpint(translate_kind_of(slice_of(others[i]), NULL), ==, TRANSLATE_OTHER);
        g_assert_true(translate_is_checkpoint(slice_of(others[i])));
    }
    g_assert_false(translate_is_checkpoint(
        slice_of("{\"_id\":\"_local/lifeboat-x\",\"session_id\":1,\"history\":[]}")));
    g_assert_false(translate_is_checkpoint(slice_of("{\"_id\":\"_local/transitions-seq\"}")));
    g_assert_false(translate_is_checkpoint(slice_of("[]")));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/translate/a pull goes on from the other sequence, in its newest session",
                    test_pull);
    g_test_add_func("/translate/a push stays as it is", test_push);
    g_test_add_func("/translate/others are left alone", test_others);
    return g_test_run();
}
