/* fetch: every leaf listed is accounted for, in order and once, whatever the server does. */
#include "lib/base/fail.h"
#include "lib/base/hash.h"
#include "tests/unit/couch_world.h"

static void
expect_log(struct world *world, const char *expected)
{
    g_autoptr(GError) error = NULL;
    world_fetch(world, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(world->log->str, ==, expected);
}

/* "{"_id":…,"_rev":…,"_revisions":…,"pad":…}" */
static char *
leaf_json(const char *id, const char *rev, gsize pad)
{
    g_autofree char *filler = g_strnfill(pad, 'p');
    return g_strdup_printf("{\"_id\":\"%s\",\"_rev\":\"%s\",\"pad\":\"%s\"}", id, rev, filler);
}

static void
add_plain(struct world *world, guint n, gsize pad)
{
    for (guint i = 0; i < n; i++) {
        g_autofree char *id = g_strdup_printf("d%05u", i);
        g_autofree char *json = leaf_json(id, "1-a", pad);
        world_add(world, id, "1-a", json);
    }
}

static char *
plain_log(struct world *world, const char *problem)
{
    GString *log = g_string_new(NULL);
    for (guint i = 0; i < world->documents->len; i++) {
        const struct world_document *document = world->documents->pdata[i];
        if (g_strcmp0(document->id, problem) == 0)
            g_string_append_printf(log, "!%s: %s?\n", document->id, document->id);
        else
            g_string_append_printf(log, "%s:1-a[] %s.\n", document->id, document->id);
    }
    return g_string_free(log, FALSE);
}

/* Adds a leaf with attachments named `names` (raw JSON, ends with NULL), each of `size` bytes. */
static struct world_document *
add_with_attachments(struct world *world, const char *id, const char *rev, const char *const *names,
                     gsize size)
{
    struct world_document *document = world_add(world, id, rev, NULL);
    AUTO(hash) *md5 = hash_new(HASH_MD5);
    g_autoptr(GString) json = g_string_new(NULL);
    g_string_append_printf(json, "{\"_id\":\"%s\",\"_rev\":\"%s\",\"_attachments\":{", id, rev);
    for (guint i = 0; names[i] != NULL; i++) {
        GString *bytes = g_string_new(NULL);
        for (gsize k = 0; k < size + i; k++)
            g_string_append_c(bytes, (char)('a' + (k + i) % 26));
        guint8 digest[HASH_MAX];
        hash_add(md5, bytes->str, bytes->len);
        gsize length = hash_take(md5, digest);
        g_autofree char *base64 = g_base64_encode(digest, length);
        g_string_append_printf(json,
                               "%s%s:{\"content_type\":\"t/"
                               "x\",\"revpos\":1,\"digest\":\"md5-%s\",\"length\":%" G_GSIZE_FORMAT
                               ",\"stub\":true}",
                               i > 0 ? "," : "", names[i], base64, bytes->len);
        g_hash_table_insert(document->bytes, g_strdup(names[i]), bytes);
    }
    g_string_append(json, "}}");
    g_ptr_array_add(document->leaves, g_string_free(g_steal_pointer(&json), FALSE));
    return document;
}

static char *
attachments_log(struct world *world, const char *rev, const char *const *names)
{
    GString *log = g_string_new(NULL);
    for (guint i = 0; i < world->documents->len; i++) {
        const struct world_document *document = world->documents->pdata[i];
        g_string_append_printf(log, "%s:%s[", document->id, rev);
        for (guint k = 0; names[k] != NULL; k++)
            g_string_append(log,
                            ((const GString *)g_hash_table_lookup(document->bytes, names[k]))->str);
        g_string_append_printf(log, "] %s.\n", document->id);
    }
    return g_string_free(log, FALSE);
}

static const char *const odd_names[] = {"\"a.txt\"",
                                        "\"q\\\"\\u000d\\u000a\\u000d\\u000a--outer0--inner0\"",
                                        "\"\xe6\x97\xa5/+%\"", NULL};

/* ---- faults ---- */

static void
cut_once(struct world *world, const struct server_request *request, GPtrArray *asked,
         struct server_answer *answer)
{
    (void)asked;
    if (request->number == world->fault_number) {
        answer->cut = TRUE;
        answer->cut_at = world->fault_at;
    }
}

static void
cut_multipart_once(struct world *world, const struct server_request *request, GPtrArray *asked,
                   struct server_answer *answer)
{
    (void)request;
    (void)asked;
    if (answer->type[0] == 'm' && world->multipart_requests == 1) {
        answer->cut = TRUE;
        answer->cut_at = world->fault_at;
    }
}

static void
cut_multipart_always(struct world *world, const struct server_request *request, GPtrArray *asked,
                     struct server_answer *answer)
{
    (void)request;
    (void)asked;
    answer->cut = answer->type[0] == 'm';
    answer->cut_at = world->fault_at;
}

static void
fail_at_bad(struct world *world, const struct server_request *request, GPtrArray *asked,
            struct server_answer *answer)
{
    (void)world;
    (void)request;
    if (world_asks(asked, "d00333"))
        answer->status = 500;
}

static void
cut_at_bad(struct world *world, const struct server_request *request, GPtrArray *asked,
           struct server_answer *answer)
{
    (void)world;
    (void)request;
    const char *bad = strstr(answer->body->str, "{\"id\":\"d00333\"");
    if (bad != NULL && world_asks(asked, "d00333")) {
        answer->cut = TRUE;
        answer->cut_at = (gsize)(bad + 20 - answer->body->str);
    }
}

static void
refuse_third(struct world *world, const struct server_request *request, GPtrArray *asked,
             struct server_answer *answer)
{
    (void)world;
    (void)asked;
    if (request->number >= 2)
        answer->status = 401;
}

static void
fail_first_three(struct world *world, const struct server_request *request, GPtrArray *asked,
                 struct server_answer *answer)
{
    (void)world;
    (void)asked;
    static const guint statuses[] = {500, 429, 503};
    if (request->number < 3)
        answer->status = statuses[request->number];
}

/* ---- tests ---- */

static void
documents_come_in_order_and_once(void)
{
    AUTO(world) *world = world_new();
    add_plain(world, 2345, 10);
    g_autofree char *expected = plain_log(world, NULL);
    expect_log(world, expected);
    g_assert_cmpuint(world->bulk_requests, ==, 4); /* 500, 500, 1,000 once they are known small */
}

static void
nothing_wanted_asks_nothing(void)
{
    AUTO(world) *world = world_new();
    expect_log(world, "");
    g_assert_cmpuint(world->bulk_requests, ==, 0);
}

static void
all_leaves_of_a_document_are_given(void)
{
    AUTO(world) *world = world_new();
    struct world_document *document =
        world_add(world, "a\\b\"c\r\n\xe6\x97\xa5", "2-b 2-c",
                  "{\"_id\":\"a\\\\b\\\"c\\r\\n\\u65e5\",\"_rev\":\"2-b\"}");
    g_ptr_array_add(
        document->leaves,
        g_strdup("{\"_id\":\"a\\\\b\\\"c\\r\\n\xe6\x97\xa5\",\"_rev\":\"2-c\",\"_deleted\":true}"));
    expect_log(
        world,
        "a\\b\"c\r\n\xe6\x97\xa5:2-b[] a\\b\"c\r\n\xe6\x97\xa5:2-c[] a\\b\"c\r\n\xe6\x97\xa5.\n");
    g_assert_cmpuint(world->feed_requests, ==, 0);
}

static void
a_cut_answer_loses_and_repeats_nothing(void)
{
    for (gsize at = 0; at < 2600; at += 61) {
        AUTO(world) *world = world_new();
        add_plain(world, 40, 5);
        g_autofree char *expected = plain_log(world, NULL);
        world->fault = cut_once;
        world->fault_at = at;
        expect_log(world, expected);
        g_assert_cmpuint(world->waited, <, 1000);
    }
}

static void
a_document_passed_on_in_pieces_is_not_repeated(void)
{
    for (gsize at = 17; at < 33; at += 11) {
        AUTO(world) *world = world_new();
        g_autoptr(GString) expected = g_string_new(NULL);
        g_autoptr(GString) listed = g_string_new(NULL);
        struct world_document *document = world_add(world, "a", "", NULL);
        for (guint i = 0; i < 34; i++) {
            g_autofree char *rev = g_strdup_printf("1-%02u", i);
            g_ptr_array_add(document->leaves, leaf_json("a", rev, 1024 * 1024));
            g_string_append_printf(expected, "a:%s[] ", rev);
            g_string_append_printf(listed, "%s%s", i > 0 ? " " : "", rev);
        }
        g_free(document->listed);
        document->listed = g_strdup(listed->str);
        g_string_append(expected, "a.\nb:1-03[] b.\n");
        world_add(world, "b", "1-03",
                  "{\"_id\":\"b\",\"_rev\":\"1-03\"}"); /* equal bodies have equal revisions */
        world->fault = cut_once;
        world->fault_at = at * 1024 * 1024;
        expect_log(world, expected->str);
        g_assert_cmpuint(world->bulk_requests, ==, 2);
    }
}

static void
failures_that_pass_are_waited_for(void)
{
    AUTO(world) *world = world_new();
    add_plain(world, 20, 5);
    g_autofree char *expected = plain_log(world, NULL);
    world->fault = fail_first_three;
    expect_log(world, expected);
    g_assert_cmpuint(world->waited, >=, 250 + 500 + 1000);
}

static void
one_bad_document_is_isolated(void)
{
    static void (*const faults[])(struct world *, const struct server_request *, GPtrArray *,
                                  struct server_answer *) = {fail_at_bad, cut_at_bad};
    for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
        AUTO(world) *world = world_new();
        add_plain(world, 600, 5);
        g_autofree char *expected = plain_log(world, "d00333");
        world->fault = faults[i];
        expect_log(world, expected);
        g_test_message("%u requests, %" G_GUINT64_FORMAT " ms waited", world->bulk_requests,
                       world->waited);
        g_assert_cmpuint(world->bulk_requests, <, 80);
        g_assert_cmpuint(world->waited, <, 120 * 1000);
    }
}

static void
cut_all(struct world *world, const struct server_request *request, GPtrArray *asked,
        struct server_answer *answer)
{
    (void)world;
    (void)request;
    (void)asked;
    answer->cut = TRUE;
}

static void
a_server_gone_for_good_ends_it(void)
{
    AUTO(world) *world = world_new();
    g_autoptr(GError) error = NULL;
    add_plain(world, 3, 5);
    world->fault = cut_all;
    g_assert_false(world_fetch(world, &error));
    g_assert_error(error, HTTP, HTTP_TRANSPORT);
    g_assert_cmpstr(world->log->str, ==, "");
    g_assert_cmpuint(world->waited, >, 200 * 1000);
}

static void
a_refused_account_is_not_asked_again(void)
{
    AUTO(world) *world = world_new();
    g_autoptr(GError) error = NULL;
    add_plain(world, 3000, 5);
    world->fault = refuse_third;
    g_assert_false(world_fetch(world, &error));
    g_assert_error(error, HTTP, 401);
    g_assert_cmpuint(world->bulk_requests, <=, 4); /* those under way already */
    g_assert_cmpuint(world->waited, ==, 0);
}

static void
the_handlers_error_ends_it(void)
{
    AUTO(world) *world = world_new();
    g_autoptr(GError) error = NULL;
    add_plain(world, 20, 5);
    world->fail_at = 7;
    g_assert_false(world_fetch(world, &error));
    g_assert_error(error, FAIL, FAIL_LATER);
    g_assert_cmpuint(world->waited, ==, 0);
}

static void
a_missing_leaf_is_asked_for_and_told(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "2-b 2-x", "{\"_id\":\"a\",\"_rev\":\"2-b\"}");
    world_add(world, "b", "1-a", "{\"_id\":\"b\",\"_rev\":\"1-a\"}");
    expect_log(world, "a:2-b[] !a:2-x a?\nb:1-a[] b.\n");
    g_assert_true(world->bulk_requests > 1 && world->feed_requests > 0);
}

static void
fail_later(struct world *world, const struct server_request *request, GPtrArray *asked,
           struct server_answer *answer)
{
    (void)world;
    if (request->number > 0 && world_asks(asked, "a"))
        answer->status = 500;
}

static void
a_missing_leaf_that_makes_the_server_fail_is_told(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "2-b 2-x", "{\"_id\":\"a\",\"_rev\":\"2-b\"}");
    world_add(world, "b", "1-a", "{\"_id\":\"b\",\"_rev\":\"1-a\"}");
    world->fault = fail_later;
    expect_log(world, "a:2-b[] !a:2-x a?\nb:1-a[] b.\n");
}

static void
a_leaf_replaced_meanwhile_is_no_loss(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "1-a",
              "{\"_id\":\"a\",\"_rev\":\"2-b\",\"_revisions\":{\"start\":2,\"ids\":[\"b\",\"a\"]}"
              "}");                  /* updated */
    struct world_document *stemmed = /* its history does not reach back to what it replaced */
        world_add(
            world, "b", "3-b 1-a",
            "{\"_id\":\"b\",\"_rev\":\"3-b\",\"_revisions\":{\"start\":3,\"ids\":[\"b\",\"x\"]}"
            "}");
    stemmed->feed = g_strdup("3-b");
    struct world_document *purged = world_add(world, "c", "1-a", NULL);
    purged->feed = g_strdup("");
    purged->purged = TRUE;
    expect_log(world, "a:2-b[] a.\nb:3-b[] b.\nc.\n");
}

static void
a_leaf_that_the_feed_named_only_once_is_a_loss(void)
{
    AUTO(world) *world = world_new();
    struct world_document *conflict =
        world_add(world, "a", "1-a 1-b",
                  "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_revisions\":{\"start\":1,\"ids\":[\"a\"]}}");
    conflict->feed = g_strdup("1-a");
    struct world_document *whole = world_add(world, "b", "1-a", NULL);
    whole->feed = g_strdup("");
    expect_log(world, "a:1-a[] !a:1-b a?\n!b:1-a b?\n");
}

static void
what_is_not_listed_may_be_there_and_is_gone_only_when_it_is_not_found(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "", "{\"_id\":\"a\",\"_rev\":\"1-a\"}");
    world_add(world, "b", "", NULL);
    world_add(world, "c", "", "{\"_id\":\"c\",\"_rev\":\"1-c\"}")->fails = TRUE;
    expect_log(world, "a:1-a[] a.\nb.\n!c: c?\n");
    g_assert_cmpuint(world->feed_requests, ==, 0);
}

static void
an_error_for_a_document_is_told(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "1-a", "{\"_id\":\"a\",\"_rev\":\"1-a\"}")->fails = TRUE;
    world_add(world, "b", "1-a", "{\"_id\":\"b\",\"_rev\":\"1-a\"}");
    expect_log(world, "!a:1-a a?\nb:1-a[] b.\n");
}

static void
a_leaf_that_cannot_be_read_is_told(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "1-a", "{\"_id\":\"a\",\"_rev\":\"1-a\"}");
    world_add(world, "b", "1-b",
              "{\"_id\":\"b\",\"_rev\":\"1-b\",\"_attachments\":{\"x\":{\"stub\":true}}}");
    world_add(world, "c", "1-c", "{\"_id\":\"c\",\"_rev\":\"1-c\"}");
    expect_log(world, "a:1-a[] a.\n!b:1-b b?\nc:1-c[] c.\n");
}

static void
another_document_than_asked_for_is_not_taken(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "1-a", "{\"_id\":\"a\",\"_rev\":\"1-a\"}");
    world_add(world, "b", "1-b", "{\"_id\":\"z\",\"_rev\":\"1-b\"}");
    world_add(world, "c", "1-c", "{\"_id\":\"c\",\"_rev\":\"1-c\"}");
    expect_log(world, "a:1-a[] a.\n!b:1-b b?\nc:1-c[] c.\n");
}

static void
more_than_asked_for(struct world *world, const struct server_request *request, GPtrArray *asked,
                    struct server_answer *answer)
{
    (void)world;
    (void)asked;
    if (strstr(request->path, "_bulk_get") == NULL)
        return;
    if (request->number == 0)
        g_string_assign(
            answer->body,
            "{\"results\":[{\"docs\":[]},{\"docs\":[]},{\"docs\":[{\"ok\":{}}]},{},{}]}");
    else if (request->number == 1)
        g_string_assign(answer->body, "{\"results\":[]}");
    else if (request->number == 2)
        g_string_assign(answer->body, "{\"results\":[{\"docs\":{}},{}]}");
}

static void
more_or_fewer_documents_than_asked_for_do_no_harm(void)
{
    AUTO(world) *world = world_new();
    add_plain(world, 2, 5);
    world->fault = more_than_asked_for;
    g_autofree char *expected = plain_log(world, NULL);
    expect_log(world, expected);
}

static void
large_documents_are_asked_for_in_small_batches(void)
{
    AUTO(world) *world = world_new();
    add_plain(world, 1500, 60 * 1000);
    g_autofree char *expected = plain_log(world, NULL);
    expect_log(world, expected);
    g_assert_cmpuint(world->bulk_requests, ==, 2 + 4); /* two are under way before it can know */
}

static void
attachments_come_whole_wherever_the_answer_is_cut(void)
{
    for (gsize at = 0; at < 6000; at += 37) {
        AUTO(world) *world = world_new();
        add_with_attachments(world, "a", "1-r", odd_names, 500);
        add_with_attachments(world, "b", "1-r", odd_names, 0);
        add_with_attachments(world, "_design/x", "1-r", odd_names, 300);
        g_autofree char *expected = attachments_log(world, "1-r", odd_names);
        world->fault = cut_multipart_once;
        world->fault_at = at;
        expect_log(world, expected);
        g_assert_cmpuint(world->single_requests, ==, 0);
        g_assert_cmpuint(world->multipart_requests, <=, 2);
    }
}

static void
attachments_come_one_by_one_where_multipart_fails(void)
{
    for (guint i = 0; i < 2; i++) {
        AUTO(world) *world = world_new();
        add_with_attachments(world, "a/+%", "1-r", odd_names, 500);
        add_with_attachments(world, "_design/x y", "1-r", odd_names, 0);
        add_with_attachments(world, "\xe6\x97\xa5", "1-r", odd_names, 30);
        g_autofree char *expected = attachments_log(world, "1-r", odd_names);
        world->no_multipart = i == 0;
        world->fault = i == 0 ? NULL : cut_multipart_always;
        world->fault_at = 700;
        expect_log(world, expected);
        g_assert_cmpuint(world->single_requests, >=, i == 0 ? 9 : 1);
    }
}

static void
bytes_that_do_not_match_are_told(void)
{
    for (guint i = 0; i < 2; i++) {
        AUTO(world) *world = world_new();
        static const char *const names[] = {"\"n\"", NULL};
        struct world_document *document = add_with_attachments(world, "a", "1-r", names, 5);
        ((GString *)g_hash_table_lookup(document->bytes, "\"n\""))->str[2] = 'X';
        add_with_attachments(world, "b", "1-r", names, 3);
        world->no_multipart = i == 1;
        expect_log(world, "a:1-r[abXde!a:1-r !] a?\nb:1-r[abc] b.\n");
    }
}

static void
an_attachment_that_is_gone_becomes_zeros_and_is_told(void)
{
    AUTO(world) *world = world_new();
    static const char *const names[] = {"\"n\"", NULL};
    struct world_document *document = add_with_attachments(world, "a", "1-r", names, 5);
    g_string_truncate(g_hash_table_lookup(document->bytes, "\"n\""), 3); /* shorter than it says */
    add_with_attachments(world, "b", "1-r", names, 3);
    world->no_multipart = TRUE;
    expect_log(world, "a:1-r[abc00!a:1-r !] a?\nb:1-r[abc] b.\n");
}

static void
attachments_not_chosen_are_not_asked_for(void)
{
    AUTO(world) *world = world_new();
    world->choose_none = TRUE;
    add_with_attachments(world, "a", "1-r", odd_names, 500);
    expect_log(world, "a:1-r[] a.\n");
    g_assert_cmpuint(world->multipart_requests + world->single_requests, ==, 0);
}

static void
leave_out_second_leaf(struct world *world, const struct server_request *request, GPtrArray *asked,
                      struct server_answer *answer)
{
    (void)world;
    (void)asked;
    if (request->number > 0)
        return;
    char *begin = strstr(answer->body->str, ",{\"ok\":{\"_id\":\"a\",\"_rev\":\"1-s\"");
    g_string_erase(answer->body, begin - answer->body->str, strstr(begin, "]}") - begin);
}

static void
a_late_leaf_does_not_disturb_the_others_attachments(void)
{
    AUTO(world) *world = world_new();
    static const char *const names[] = {"\"n\"", NULL};
    struct world_document *document = add_with_attachments(world, "a", "1-r", names, 2);
    AUTO(world) *other = world_new();
    struct world_document *same = add_with_attachments(other, "a", "1-s", names, 2);
    g_ptr_array_add(document->leaves, g_strdup(same->leaves->pdata[0]));
    g_free(document->listed);
    document->listed = g_strdup("1-r 1-s");
    add_with_attachments(world, "b", "1-r", names, 3);
    world->fault = leave_out_second_leaf;
    expect_log(world, "a:1-r[ab] a:1-s[ab] a.\nb:1-r[abc] b.\n");
    g_assert_cmpuint(world->single_requests, ==, 0);
    g_assert_cmpuint(world->multipart_requests, ==, 2);
}

static void
busy(struct world *world, const struct server_request *request, GPtrArray *asked,
     struct server_answer *answer)
{
    (void)world;
    (void)asked;
    answer->status = strstr(request->path, "_bulk_get") != NULL ? 503 : 0;
}

static void
broken(struct world *world, const struct server_request *request, GPtrArray *asked,
       struct server_answer *answer)
{
    busy(world, request, asked, answer);
    answer->status = answer->status == 503 ? 500 : 0;
}

static void
a_busy_server_is_not_the_documents_fault(void)
{
    AUTO(world) *world = world_new();
    g_autoptr(GError) error = NULL;
    add_plain(world, 3, 5);
    world->fault = busy;
    g_assert_false(world_fetch(world, &error));
    g_assert_error(error, HTTP, 503);
    g_assert_cmpstr(world->log->str, ==, "");
}

static void
a_server_that_gives_no_document_is_left(void)
{
    AUTO(world) *world = world_new();
    g_autoptr(GError) error = NULL;
    add_plain(world, 1000, 5);
    world->fault = broken;
    g_assert_false(world_fetch(world, &error));
    g_assert_error(error, HTTP, 500);
    g_assert_cmpuint(world->bulk_requests, <, 200);
}

static void
feed_is_not_whole(struct world *world, const struct server_request *request, GPtrArray *asked,
                  struct server_answer *answer)
{
    (void)asked;
    if (strstr(request->path, "/_changes?") != NULL && world->feed_requests == 1)
        g_string_assign(answer->body, "{\"results\":[],\"last_seq\":\"1\",\"pending\":1}");
    if (strstr(request->path, "/_changes?") != NULL && world->feed_requests == 2)
        g_string_assign(answer->body, "{\"results\":[]}");
}

static void
a_feed_that_is_not_whole_proves_nothing_gone(void)
{
    AUTO(world) *world = world_new();
    world_add(world, "a", "1-a", "{}")->fails = TRUE;
    world->fault = feed_is_not_whole;
    expect_log(world, "!a:1-a a?\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fetch/documents come in order and once", documents_come_in_order_and_once);
    g_test_add_func("/fetch/nothing wanted asks nothing", nothing_wanted_asks_nothing);
    g_test_add_func("/fetch/all leaves of a document are given",
                    all_leaves_of_a_document_are_given);
    g_test_add_func("/fetch/a cut answer loses and repeats nothing",
                    a_cut_answer_loses_and_repeats_nothing);
    g_test_add_func("/fetch/a document passed on in pieces is not repeated",
                    a_document_passed_on_in_pieces_is_not_repeated);
    g_test_add_func("/fetch/failures that pass are waited for", failures_that_pass_are_waited_for);
    g_test_add_func("/fetch/one bad document is isolated", one_bad_document_is_isolated);
    g_test_add_func("/fetch/a server gone for good ends it", a_server_gone_for_good_ends_it);
    g_test_add_func("/fetch/a refused account is not asked again",
                    a_refused_account_is_not_asked_again);
    g_test_add_func("/fetch/the handler's error ends it", the_handlers_error_ends_it);
    g_test_add_func("/fetch/a missing leaf is asked for and told",
                    a_missing_leaf_is_asked_for_and_told);
    g_test_add_func("/fetch/a missing leaf that makes the server fail is told",
                    a_missing_leaf_that_makes_the_server_fail_is_told);
    g_test_add_func("/fetch/a leaf replaced meanwhile is no loss",
                    a_leaf_replaced_meanwhile_is_no_loss);
    g_test_add_func("/fetch/a leaf that the feed named only once is a loss",
                    a_leaf_that_the_feed_named_only_once_is_a_loss);
    g_test_add_func("/fetch/what is not listed may be there and is gone only when it is not found",
                    what_is_not_listed_may_be_there_and_is_gone_only_when_it_is_not_found);
    g_test_add_func("/fetch/an error for a document is told", an_error_for_a_document_is_told);
    g_test_add_func("/fetch/a leaf that cannot be read is told",
                    a_leaf_that_cannot_be_read_is_told);
    g_test_add_func("/fetch/another document than asked for is not taken",
                    another_document_than_asked_for_is_not_taken);
    g_test_add_func("/fetch/more or fewer documents than asked for do no harm",
                    more_or_fewer_documents_than_asked_for_do_no_harm);
    g_test_add_func("/fetch/large documents are asked for in small batches",
                    large_documents_are_asked_for_in_small_batches);
    g_test_add_func("/fetch/attachments come whole wherever the answer is cut",
                    attachments_come_whole_wherever_the_answer_is_cut);
    g_test_add_func("/fetch/attachments come one by one where multipart fails",
                    attachments_come_one_by_one_where_multipart_fails);
    g_test_add_func("/fetch/bytes that do not match are told", bytes_that_do_not_match_are_told);
    g_test_add_func("/fetch/an attachment that is gone becomes zeros and is told",
                    an_attachment_that_is_gone_becomes_zeros_and_is_told);
    g_test_add_func("/fetch/attachments not chosen are not asked for",
                    attachments_not_chosen_are_not_asked_for);
    g_test_add_func("/fetch/a late leaf does not disturb the others' attachments",
                    a_late_leaf_does_not_disturb_the_others_attachments);
    g_test_add_func("/fetch/a busy server is not the document's fault",
                    a_busy_server_is_not_the_documents_fault);
    g_test_add_func("/fetch/a server that gives no document is left",
                    a_server_that_gives_no_document_is_left);
    g_test_add_func("/fetch/a feed that is not whole proves nothing gone",
                    a_feed_that_is_not_whole_proves_nothing_gone);
    return g_test_run();
}
