/* target: documents arrive as the bytes that they are, whatever the server thinks of some of them.
 */
#include "lib/couch/write/target.h"
#include "lib/json/json.h"
#include "tests/unit/http_server.h"

/* A server that keeps what it takes, and does not like some documents. */
struct world {
    GHashTable *stored;    /* JSON of each document */
    GPtrArray *puts;       /* "path|content type" of each PUT */
    guint bulk;            /* requests to _bulk_docs */
    guint largest;         /* documents in one of them */
    guint fail_first;      /* so many requests are answered with 503 */
    const char *poison;    /* the document that brings 500 */
    const char *large;     /* … 413 for the whole batch */
    const char *forbidden; /* … an entry in the answer */
    guint status;          /* of every answer, if not 0 */
    guint scratch;         /* requests about the scratch database */

    /* what the handler was told */
    GPtrArray *refused; /* "id rev: reason" */
    guint64 arrived;
    guint waits;
};

static void
take_batch(struct world *world, struct slice body, struct server_answer *answer)
{
    struct slice docs, doc;
    guint n = 0;
    g_assert_true(json_check(body, NULL));
    g_assert_true(json_member(body, "docs", &docs));
    world->bulk++;
    g_string_assign(answer->body, "[");
    for (gsize place = 0; json_next_element(docs, &place, &doc); n++) {
        g_autofree char *id = NULL;
        g_assert_true(json_member_text(doc, "_id", &id));
        if (g_strcmp0(id, world->poison) == 0)
            answer->status = 500;
        if (g_strcmp0(id, world->large) == 0)
            answer->status = 413;
    }
    world->largest = MAX(world->largest, n);
    if (answer->status != 0) {
        g_string_assign(answer->body, "{\"error\":\"no\",\"reason\":\"because\"}");
        return;
    }
    for (gsize place = 0; json_next_element(docs, &place, &doc);) {
        g_autofree char *id = NULL;
        json_member_text(doc, "_id", &id);
        if (g_strcmp0(id, world->forbidden) == 0)
            g_string_append_printf(answer->body,
                                   "{\"id\":\"%s\",\"rev\":\"1-a\",\"error\":\"forbidden\","
                                   "\"reason\":\"bad\"}",
                                   id);
        else
            g_hash_table_insert(world->stored, g_steal_pointer(&id), slice_dup(doc));
    }
    g_string_append(answer->body, "]");
    answer->status = 201;
}

static void
answer_world(void *context, const struct server_request *request, struct server_answer *answer)
{
    struct world *world = context;
    answer->status = world->status;
    g_string_assign(answer->body, "{}");
    if (world->status != 0)
        return;
    if (world->fail_first > 0) {
        world->fail_first--;
        answer->status = 503;
    } else if (g_str_has_prefix(request->path, "/lifeboat-trial-")) {
        world->scratch++;
        if (g_str_equal(request->method, "GET"))
            g_string_assign(answer->body, "{\"_attachments\":{\"0\":{\"digest\":\"md5-x\"}}}");
    } else if (g_str_equal(request->path, "/d%2Fb/_bulk_docs")) {
        take_batch(world, request->body, answer);
    } else if (g_str_equal(request->method, "PUT")) {
        const char *type = strstr(request->headers, "multipart/related");
        g_ptr_array_add(world->puts,
                        g_strdup_printf("%s%s", request->path, type != NULL ? "|multipart" : ""));
        answer->status = 201;
    }
}

static void
on_refused(void *context, struct slice id, struct slice rev, const char *reason)
{
    struct world *world = context;
    g_ptr_array_add(world->refused, g_strdup_printf(SLICE_FORMAT " " SLICE_FORMAT ": %s",
                                                    SLICE_ARGS(id), SLICE_ARGS(rev), reason));
}

static void
on_arrived(void *context, guint64 leaves, guint64 bytes)
{
    struct world *world = context;
    world->arrived += leaves;
    g_assert_cmpuint(bytes, >, 0);
}

static void
on_interrupted(void *context, struct slice id, struct slice rev, const GError *cause)
{
    (void)context;
    (void)id;
    (void)rev;
    g_error("interrupted: %s", cause->message);
}

static void
no_wait(void *context, guint milliseconds, const GError *cause)
{
    struct world *world = context;
    (void)milliseconds;
    g_assert_nonnull(cause);
    world->waits++;
}

static void
world_init(struct world *world)
{
    world->stored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    world->puts = g_ptr_array_new_with_free_func(g_free);
    world->refused = g_ptr_array_new_with_free_func(g_free);
}

static void
world_clear(struct world *world)
{
    g_hash_table_unref(world->stored);
    g_ptr_array_unref(world->puts);
    g_ptr_array_unref(world->refused);
}

/* ---- leaves to write ---- */

static gboolean
any_attachment(void *context, guint which, GError **error)
{
    (void)which;
    (void)error;
    *(gboolean *)context = FALSE;
    return TRUE;
}

static gboolean
any_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    (void)context;
    (void)error;
    memset(data, 'x', size);
    *got = size;
    return TRUE;
}

static gboolean
write_json(struct target *target, const char *json, GError **error)
{
    gboolean ended = FALSE;
    struct leaf leaf = {0};
    const struct body_bytes bytes = {any_attachment, any_data, &ended};
    g_assert_true(leaf_parse(&leaf, slice_of(json), NULL));
    for (guint i = 0; i < leaf.n_attachments; i++)
        leaf.attachments[i].here = TRUE;
    gboolean fine = target_leaf(target, &leaf, &bytes, error);
    leaf_clear(&leaf);
    return fine;
}

/* Writes documents "0" … and all that is given. */
static gboolean
write_all(struct world *world, guint n, const char *const *more, gboolean pack, GError **error)
{
    static const struct target_handler handler = {on_refused, on_arrived, on_interrupted, NULL};
    struct traits traits = {.couchdb = TRUE, .major = 3, .minor = 4};
    struct target_handler mine = handler;
    struct patience patience = {.seconds = 300, .wait = no_wait, .context = world};
    AUTO(http_server) *server = http_server_new(answer_world, world);
    AUTO(http) *http = http_server_client(server, 0);
    AUTO(repack) *repack = pack ? repack_new(http, &traits) : NULL;
    mine.context = world;
    AUTO(target) *target = target_new(http, "d/b", &traits, repack, &mine, &patience);
    for (guint i = 0; i < n; i++) {
        g_autofree char *json = g_strdup_printf("{\"_id\":\"%u\",\"_rev\":\"1-a\",\"n\":1.0,\"z\":-"
                                                "0.0,\"big\":12345678901234567890123}",
                                                i);
        if (!write_json(target, json, error))
            return FALSE;
    }
    for (; more != NULL && *more != NULL; more++)
        if (!write_json(target, *more, error))
            return FALSE;
    return target_flush(target, error);
}

/* ---- the tests ---- */

static void
documents_arrive_as_the_bytes_that_they_are(void)
{
    struct world world = {0};
    world_init(&world);
    g_assert_true(write_all(&world, 2500, NULL, FALSE, NULL));
    g_assert_cmpuint(g_hash_table_size(world.stored), ==, 2500);
    g_assert_cmpuint(world.bulk, ==, 3);
    g_assert_cmpuint(world.largest, ==, 1000);
    g_assert_cmpuint(world.arrived, ==, 2500);
    g_assert_cmpstr(
        g_hash_table_lookup(world.stored, "2499"), ==,
        "{\"_id\":\"2499\",\"_rev\":\"1-a\",\"n\":1.0,\"z\":-0.0,\"big\":12345678901234567890123}");
    world_clear(&world);
}

/* All but one document arrive, and that one is named. */
static void
only_one_is_refused(struct world *world, const char *expected)
{
    g_assert_true(write_all(world, 1500, NULL, FALSE, NULL));
    g_assert_cmpuint(g_hash_table_size(world->stored), ==, 1499);
    g_assert_false(g_hash_table_contains(world->stored, "700"));
    g_assert_cmpuint(world->refused->len, ==, 1);
    g_assert_true(g_str_has_prefix(world->refused->pdata[0], expected));
    g_assert_cmpuint(world->arrived, ==, 1499);
}

static void
a_batch_that_is_refused_is_halved_down_to_the_culprit(void)
{
    struct world world = {.large = "700"};
    world_init(&world);
    only_one_is_refused(&world, "700 1-a: POST ");
    g_assert_nonnull(strstr(world.refused->pdata[0], "status 413"));
    world_clear(&world);
}

static void
a_document_that_brings_the_server_down_does_not_hold_up_the_rest(void)
{
    struct world world = {.poison = "700"};
    world_init(&world);
    only_one_is_refused(&world, "700 1-a: POST ");
    g_assert_cmpuint(world.waits, <=, 4);
    world_clear(&world);
}

static void
a_document_that_is_forbidden_is_named(void)
{
    struct world world = {.forbidden = "700"};
    world_init(&world);
    only_one_is_refused(&world, "700 1-a: forbidden: bad");
    g_assert_cmpuint(world.bulk, ==, 2); /* nothing was tried again */
    world_clear(&world);
}

static void
what_fails_for_now_is_sent_again(void)
{
    struct world world = {.fail_first = 3};
    world_init(&world);
    g_assert_true(write_all(&world, 1200, NULL, FALSE, NULL));
    g_assert_cmpuint(g_hash_table_size(world.stored), ==, 1200);
    g_assert_cmpuint(world.waits, ==, 3);
    g_assert_cmpuint(world.refused->len, ==, 0);
    world_clear(&world);
}

static void
a_server_that_fails_at_everything_is_given_up(void)
{
    struct world world = {.status = 500};
    g_autoptr(GError) error = NULL;
    world_init(&world);
    g_assert_false(write_all(&world, 1000, NULL, FALSE, &error));
    g_assert_true(http_has_status(error, 500));
    g_assert_cmpuint(world.refused->len, <, 100);
    world_clear(&world);
}

static void
who_is_not_admitted_stops_at_once(void)
{
    struct world world = {.status = 401};
    g_autoptr(GError) error = NULL;
    world_init(&world);
    g_assert_false(write_all(&world, 10, NULL, FALSE, &error));
    g_assert_true(http_has_status(error, 401));
    g_assert_cmpuint(world.waits, ==, 0);
    world_clear(&world);
}

#define ATTACHED(id, more)                                                                         \
    "{\"_id\":\"" id "\",\"_rev\":\"1-a\",\"_attachments\":{\"p\":{" more                          \
    "\"revpos\":1,\"stub\":true}}}"

static void
attachments_go_the_way_that_keeps_them(void)
{
    static const char *const leaves[] = {
        ATTACHED("small", "\"length\":3,"),
        ATTACHED("packed", "\"length\":9,\"encoding\":\"gzip\",\"encoded_length\":3,"),
        ATTACHED("large", "\"length\":100000,"),
        ATTACHED("streamed", "\"length\":5000000,"),
        ATTACHED("_design/ä b", "\"length\":100000,"),
        ATTACHED("..", "\"length\":100000,"),
        NULL,
    };
    struct world world = {0};
    world_init(&world);
    g_assert_true(write_all(&world, 0, leaves, FALSE, NULL));
    g_assert_cmpstr(g_hash_table_lookup(world.stored, "small"), ==,
                    "{\"_id\":\"small\",\"_rev\":\"1-a\",\"_attachments\":{\"p\":{\"revpos\":1,"
                    "\"data\":\"eHh4\"}}}");
    g_assert_cmpuint(g_hash_table_size(world.stored), ==, 1);
    static const char *const paths[] = {"packed", "large", "streamed", "_design/%C3%A4%20b",
                                        "%2E%2E"};
    g_assert_cmpuint(world.puts->len, ==, G_N_ELEMENTS(paths));
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *path = g_strdup_printf("/d%%2Fb/%s?new_edits=false|multipart", paths[i]);
        g_assert_true(g_ptr_array_find_with_equal_func(world.puts, path, g_str_equal, NULL));
    }
    world_clear(&world);
}

/* ---- packed attachments ---- */

static void
bytes_that_the_server_packs_in_another_way_are_not_sent_unpacked(void)
{
    static const guint8 stored[] = {0x1f, 0x8b, 8,    0,    0,    0,    0, 0, 0, 3, 0x4b,
                                    4,    0,    0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0};
    static const guint8 other[] = {0x1f, 0x8b, 8,    0,    0,    0,    0, 0, 2, 3, 0x4b,
                                   4,    0,    0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0};
    struct world world = {0};
    struct traits traits = {.couchdb = TRUE};
    struct leaf leaf = {0};
    world_init(&world);
    AUTO(http_server) *server = http_server_new(answer_world, &world);
    AUTO(http) *http = http_server_client(server, 0);
    AUTO(repack) *repack = repack_new(http, &traits);
    g_assert_true(
        leaf_parse(&leaf,
                   slice_of(ATTACHED("a", "\"content_type\":\"text/plain\",\"length\":1,"
                                          "\"encoding\":\"gzip\",\"encoded_length\":21,")),
                   NULL));
    for (guint i = 0; i < 40; i++) {
        g_assert_false(repack_is_same(repack, &leaf.attachments[0],
                                      (struct slice){(const char *)other, sizeof other}));
        g_assert_cmpuint(world.scratch, ==, 0); /* not even worth a trial */
    }
    for (guint i = 0; i < 40;
         i++) /* ours gives the same, but the trial shows that the server's does not */
        g_assert_false(repack_is_same(repack, &leaf.attachments[0],
                                      (struct slice){(const char *)stored, sizeof stored}));
    g_assert_cmpuint(world.scratch, ==, 3);
    g_assert_true(repack_end(repack, NULL));
    g_assert_cmpuint(world.scratch, ==, 4); /* removed */
    g_assert_false(repack_is_same(repack, &leaf.attachments[0],
                                  (struct slice){(const char *)stored, sizeof stored}));
    g_assert_true(repack_end(repack, NULL));
    g_assert_cmpuint(world.scratch, ==, 4);
    leaf_clear(&leaf);
    world_clear(&world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/target/documents arrive as the bytes that they are",
                    documents_arrive_as_the_bytes_that_they_are);
    g_test_add_func("/target/a batch that is refused is halved down to the culprit",
                    a_batch_that_is_refused_is_halved_down_to_the_culprit);
    g_test_add_func("/target/a document that brings the server down does not hold up the rest",
                    a_document_that_brings_the_server_down_does_not_hold_up_the_rest);
    g_test_add_func("/target/a document that is forbidden is named",
                    a_document_that_is_forbidden_is_named);
    g_test_add_func("/target/what fails for now is sent again", what_fails_for_now_is_sent_again);
    g_test_add_func("/target/a server that fails at everything is given up",
                    a_server_that_fails_at_everything_is_given_up);
    g_test_add_func("/target/who is not admitted stops at once", who_is_not_admitted_stops_at_once);
    g_test_add_func("/target/attachments go the way that keeps them",
                    attachments_go_the_way_that_keeps_them);
    g_test_add_func("/repack/bytes that the server packs in another way are not sent unpacked",
                    bytes_that_the_server_packs_in_another_way_are_not_sent_unpacked);
    return g_test_run();
}
