/* restore: what is restored under which name, what is expected to come out, and what is saved of
 * attachments that the source could not give whole. */
#include "lib/base/fail.h"
#include "lib/json/json.h"
#include "restore/check/expectation.h"
#include "restore/database/mark.h"
#include "restore/database/salvage.h"
#include "restore/run/plan.h"

/* ---- plan ---- */

static struct manifest *
manifest_of(const char *const *names)
{
    struct manifest *manifest = g_new0(struct manifest, 1);
    manifest->databases = g_ptr_array_new_with_free_func(g_free);
    manifest->unread = g_ptr_array_new();
    for (; *names != NULL; names++) {
        struct manifest_database *database = g_new0(struct manifest_database, 1);
        database->name = (char *)(guintptr)*names;
        database->status = (char *)(guintptr)(g_str_equal(*names, "lost") ? "failed" : "read");
        g_ptr_array_add(manifest->databases, database);
    }
    return manifest;
}

static GPtrArray *
plan_of(const char *databases, const char *documents, GError **error)
{
    static const char *const names[] = {"_users", "a", "a/b", "lost", "medic", NULL};
    g_auto(GStrv) first = g_strsplit(databases, "|", -1);
    g_auto(GStrv) second = g_strsplit(documents, "|", -1);
    struct manifest *manifest = manifest_of(names);
    GPtrArray *plan =
        plan_make(manifest, (const char *const *)first, (const char *const *)second, error);
    g_ptr_array_unref(manifest->databases);
    g_ptr_array_unref(manifest->unread);
    g_free(manifest);
    return plan;
}

static void
everything_is_restored_but_what_the_snapshot_lacks(void)
{
    g_autoptr(GPtrArray) plan = plan_of("", "", NULL);
    g_assert_cmpuint(plan->len, ==, 4);
    for (guint i = 0; i < plan->len; i++)
        g_assert_cmpstr(((struct plan_item *)plan->pdata[i])->name, !=, "lost");
}

/* It is told as missing, and the others are restored. */
static void
what_is_named_but_held_nowhere_is_left_out(void)
{
    static const char *const named[] = {"lost=found", "a", NULL};
    g_autoptr(GPtrArray) plan = plan_of("lost=found|a", "", NULL);
    g_assert_cmpuint(plan->len, ==, 1);
    g_assert_cmpstr(((struct plan_item *)plan->pdata[0])->name, ==, "a");
    g_assert_true(plan_names(named, "lost") && plan_names(named, "a"));
    g_assert_false(plan_names(named, "los") || plan_names(named, "lost=") ||
                   plan_names(named, "b"));
}

static void
what_stands_at_an_older_snapshot_is_held(void)
{
    const struct manifest_database older = {.status = (char *)"failed", .at = (char *)"6d0e0c3a"};
    const struct manifest_database lost = {.status = (char *)"failed"};
    g_assert_true(manifest_is_held(&older));
    g_assert_false(manifest_is_held(&lost));
}

static void
a_document_belongs_to_the_longest_name(void)
{
    g_autoptr(GPtrArray) plan = plan_of("a/b=c", "a/b/x/y", NULL);
    const struct plan_item *item = plan->pdata[0];
    g_assert_cmpuint(plan->len, ==, 1);
    g_assert_cmpstr(item->name, ==, "a/b");
    g_assert_cmpstr(item->target, ==, "c");
    g_assert_true(g_hash_table_contains(item->documents, "x/y"));
}

static void
a_named_database_comes_before_a_longer_name(void)
{
    g_autoptr(GPtrArray) plan = plan_of("a=c", "a/b/x", NULL);
    const struct plan_item *item = plan->pdata[0];
    g_assert_cmpuint(plan->len, ==, 1);
    g_assert_cmpstr(item->name, ==, "a");
    g_assert_true(g_hash_table_contains(item->documents, "b/x"));
}

static void
an_earlier_document_names_no_database(void)
{
    g_autoptr(GPtrArray) plan = plan_of("", "a/x|a/b/y", NULL);
    g_assert_cmpuint(plan->len, ==, 2);
    g_assert_cmpstr(((struct plan_item *)plan->pdata[1])->name, ==, "a/b");
}

static void
mistakes_are_told(void)
{
    static const char *const wrong[][2] = {
        {"nope", ""},   {"a=", ""}, {"a|a=b", ""},    {"a=medic|medic", ""},
        {"", "nope/x"}, {"", "a"},  {"medic", "a/x"}, {"", "lost/x"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(plan_of(wrong[i][0], wrong[i][1], &error));
        g_assert_error(error, FAIL, FAIL_USAGE);
    }
}

static void
the_winner_is_couchdb_s(void)
{
    g_autoptr(GPtrArray) plan = plan_of("", "a/x", NULL);
    const struct plan_item *item = plan->pdata[0];
    const struct plan_document *document = g_hash_table_lookup(item->documents, "x");
    static const char *const leaves[] = {
        "{\"_id\":\"x\",\"_rev\":\"9-b\"}",
        "{\"_id\":\"x\",\"_rev\":\"10-a\"}",
        "{\"_id\":\"x\",\"_rev\":\"10-c\"}",
        "{\"_id\":\"x\",\"_rev\":\"10-b\"}",
        "{\"_id\":\"x\",\"_rev\":\"11-a\",\"_deleted\":true}",
    };
    struct leaf leaf = {0};
    for (guint i = 0; i < G_N_ELEMENTS(leaves); i++) {
        g_assert_true(leaf_parse(&leaf, slice_of(leaves[i]), NULL));
        plan_found(item, "x", &leaf);
    }
    g_assert_cmpstr(document->winner, ==, "10-c");
    leaf_clear(&leaf);
}

/* ---- expectation ---- */

#define LEAF(attachment)                                                                           \
    "{\"_id\":\"d\",\"_rev\":\"1-a\",\"n\":1.0,\"_attachments\":{\"p\":{" attachment               \
    ",\"stub\":true}},\"_revisions\":{\"start\":1,\"ids\":[\"a\"]}}"
#define GOOD "\"content_type\":\"image/png\",\"revpos\":1,\"digest\":\"md5-x\",\"length\":4"

/* What differs when `expected` was written and `found` is read. */
static char *
difference(const char *expected, const char *found, gboolean loose)
{
    struct expectation expectation;
    struct leaf leaf = {0};
    struct row row;
    struct row_leaf row_leaf;
    expectation_init(&expectation, TRUE, loose);
    g_assert_true(leaf_parse(&leaf, slice_of(expected), NULL));
    for (guint i = 0; i < leaf.n_attachments; i++)
        leaf.attachments[i].here = TRUE;
    expectation_add(&expectation, &leaf);
    g_assert_true(expectation_end(&expectation, NULL));
    g_assert_true(row_spool_next(expectation.rows, &row, NULL));
    g_assert_true(row_find_leaf(&row, slice_of("1-a"), &row_leaf));
    g_assert_true(leaf_parse(&leaf, slice_of(found), NULL));
    char *text;
    g_assert_true(expectation_compare(&row_leaf, &leaf, NULL, &text, NULL));
    leaf_clear(&leaf);
    expectation_clear(&expectation);
    return text;
}

static void
every_difference_is_found(void)
{
    static const char *const found[] = {
        LEAF("\"content_type\":\"image/png\",\"revpos\":1,\"digest\":\"md5-y\",\"length\":4"),
        LEAF("\"content_type\":\"image/png\",\"revpos\":2,\"digest\":\"md5-x\",\"length\":4"),
        LEAF("\"content_type\":\"image/gif\",\"revpos\":1,\"digest\":\"md5-x\",\"length\":4"),
        LEAF("\"content_type\":\"image/png\",\"revpos\":1,\"digest\":\"md5-x\",\"length\":5"),
        "{\"_id\":\"d\",\"_rev\":\"1-a\",\"n\":1.0,\"_revisions\":{\"start\":1,\"ids\":[\"a\"]}}",
        "{\"_id\":\"d\",\"_rev\":\"1-a\",\"n\":1,\"_attachments\":{\"p\":{" GOOD ",\"stub\":true}},"
        "\"_revisions\":{\"start\":1,\"ids\":[\"a\"]}}",
        "{\"_id\":\"d\",\"_rev\":\"1-a\",\"n\":1.0,\"_attachments\":{\"p\":{" GOOD
        ",\"stub\":true}},"
        "\"_revisions\":{\"start\":1,\"ids\":[\"a\",\"b\"]}}",
    };
    g_assert_null(difference(LEAF(GOOD), LEAF(GOOD), FALSE));
    for (guint i = 0; i < G_N_ELEMENTS(found); i++) {
        g_autofree char *text = difference(LEAF(GOOD), found[i], FALSE);
        g_assert_nonnull(text);
    }
    g_assert_null(
        difference(LEAF(GOOD), found[1], TRUE)); /* PouchDB counts revpos in its own way */
}

static void
an_excuse_without_a_revision_is_for_all(void)
{
    struct expectation expectation;
    expectation_init(&expectation, FALSE, FALSE);
    expectation_excuse(&expectation, slice_of("a"), slice_of("1-a"));
    expectation_excuse(&expectation, slice_of("b"), slice_of(""));
    g_assert_true(expectation_is_excused(&expectation, slice_of("a"), slice_of("1-a")));
    g_assert_false(expectation_is_excused(&expectation, slice_of("a"), slice_of("1-b")));
    g_assert_true(expectation_is_excused(&expectation, slice_of("b"), slice_of("1-b")));
    expectation_clear(&expectation);
}

/* ---- mark ---- */

static void
a_mark_is_read_in_its_own_database_only(void)
{
    gboolean documents;
    g_autoptr(GString) whole = mark_make("id \"1\"", "a/b", FALSE);
    g_autoptr(GString) part = mark_make("id 2", "a/b", TRUE);
    g_assert_true(json_check((struct slice){whole->str, whole->len}, NULL));
    g_autofree char *first = mark_read(whole->str, "a/b", &documents);
    g_assert_cmpstr(first, ==, "id \"1\"");
    g_assert_false(documents);
    g_autofree char *second = mark_read(part->str, "a/b", &documents);
    g_assert_cmpstr(second, ==, "id 2");
    g_assert_true(documents);
    g_assert_null(mark_read(whole->str, "a", &documents));
    g_assert_true(mark_is_one((struct slice){whole->str, whole->len}));
}

static void
other_security_is_no_mark(void)
{
    static const char *const others[] = {"{}",
                                         MARK_CLOSED,
                                         "{\"lifeboat\":1}",
                                         "{\"lifeboat\":{}}",
                                         "{\"lifeboat\":{\"restore\":1,\"into\":\"a\"}}",
                                         "{\"lifeboat\":{\"into\":\"a\"}}"};
    gboolean documents;
    g_assert_null(mark_read(NULL, "a", &documents));
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_null(mark_read(others[i], "a", &documents));
    g_assert_false(mark_is_one(slice_of(MARK_CLOSED)));
}

/* ---- salvage ---- */

struct given {
    const char *texts[2];
    gsize left;
    const char *at;
};

static gboolean
give_attachment(void *context, guint which, GError **error)
{
    struct given *given = context;
    (void)error;
    given->at = given->texts[which];
    given->left = strlen(given->at);
    return TRUE;
}

static gboolean
give_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    struct given *given = context;
    (void)error;
    *got = MIN(size, given->left);
    memcpy(data, given->at, *got);
    given->at += *got;
    given->left -= *got;
    return TRUE;
}

static void
what_has_its_digest_is_saved(void)
{
    struct given given = {.texts = {"0000", "good"}};
    const struct body_bytes bytes = {give_attachment, give_data, &given};
    struct leaf leaf = {0};
    struct salvage salvage;
    char text[8];
    gsize got;
    g_assert_true(leaf_parse(
        &leaf,
        slice_of(
            "{\"_id\":\"d\",\"_rev\":\"1-a\",\"_attachments\":{"
            "\"p\":{\"digest\":\"md5-AAAAAAAAAAAAAAAAAAAAAA==\",\"length\":4,\"follows\":true},"
            "\"q\":{\"digest\":\"md5-AAAAAAAAAAAAAAAAAAAAAA==\",\"length\":4,\"follows\":true}}}"),
        NULL));
    g_autofree char *right = g_compute_checksum_for_string(G_CHECKSUM_MD5, "good", 4);
    g_assert_cmpstr(right, ==, "755f85c2723bb39381c7379a604160d8");
    leaf.attachments[1].digest = slice_of("md5-dV+FwnI7s5OBxzeaYEFg2A==");
    g_assert_true(salvage_open(&salvage, &leaf, &bytes, NULL));
    g_assert_false(salvage.leaf.attachments[0].here);
    g_assert_true(salvage.leaf.attachments[1].here);
    struct body_bytes saved = salvage_bytes(&salvage);
    g_assert_true(saved.attachment(saved.context, 1, NULL));
    g_assert_true(saved.data(saved.context, text, sizeof text, &got, NULL));
    g_assert_cmpmem(text, (int)got, "good", 4);
    g_assert_true(saved.data(saved.context, text, sizeof text, &got, NULL));
    g_assert_cmpuint(got, ==, 0);
    salvage_close(&salvage);
    leaf_clear(&leaf);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/everything is restored but what the snapshot lacks",
                    everything_is_restored_but_what_the_snapshot_lacks);
    g_test_add_func("/plan/what is named but held nowhere is left out",
                    what_is_named_but_held_nowhere_is_left_out);
    g_test_add_func("/plan/what stands at an older snapshot is held",
                    what_stands_at_an_older_snapshot_is_held);
    g_test_add_func("/plan/a document belongs to the longest name",
                    a_document_belongs_to_the_longest_name);
    g_test_add_func("/plan/a named database comes before a longer name",
                    a_named_database_comes_before_a_longer_name);
    g_test_add_func("/plan/an earlier document names no database",
                    an_earlier_document_names_no_database);
    g_test_add_func("/plan/mistakes are told", mistakes_are_told);
    g_test_add_func("/plan/the winner is CouchDB's", the_winner_is_couchdb_s);
    g_test_add_func("/expectation/every difference is found", every_difference_is_found);
    g_test_add_func("/expectation/an excuse without a revision is for all",
                    an_excuse_without_a_revision_is_for_all);
    g_test_add_func("/mark/a mark is read in its own database only",
                    a_mark_is_read_in_its_own_database_only);
    g_test_add_func("/mark/other security is no mark", other_security_is_no_mark);
    g_test_add_func("/salvage/what has its digest is saved", what_has_its_digest_is_saved);
    return g_test_run();
}
