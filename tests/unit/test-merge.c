/* merge: for each id the newest snapshot wins; stubs get their bytes from the nearest older one
 * that has them. */
#include "lib/archive/merge.h"

#include "lib/base/fail.h"
#include "lib/base/stop.h"
#include "tests/unit/archive_model.h"

#include <signal.h>

#define SMALL_SIZE 1000
#define LARGE_SIZE (MERGE_HELD + 1000)

struct merging {
    GPtrArray *readers;
    struct merge *merge;
};

static void
reader_free(gpointer reader)
{
    snapshot_reader_free(reader);
}

/* Merges the database of snapshots `newest` down to `oldest`, numbered from 1. */
static void
begin(struct merging *merging, struct model_store *model, guint newest, guint oldest)
{
    g_autoptr(GError) error = NULL;
    struct snapshot_stream *streams[16];
    guint n = newest - oldest + 1;
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    merging->readers = g_ptr_array_new_with_free_func(reader_free);
    for (guint i = 0; i < n; i++) {
        g_autofree char *id = g_strdup_printf("%04x", newest - i);
        const struct snapshot *snapshot = store_find(model->store, id, &error);
        g_assert_no_error(error);
        struct snapshot_reader *reader =
            snapshot_reader_open(model->store, snapshot, &model->keys, &error);
        g_assert_no_error(error);
        g_ptr_array_add(merging->readers, reader);
        AUTO(manifest) *manifest = snapshot_reader_manifest(reader, NULL, NULL, &error);
        g_assert_nonnull(manifest);
        streams[i] =
            snapshot_stream_new(reader, "medic", manifest_find(manifest, "medic")->place, &error);
        g_assert_no_error(error);
    }
    merging->merge = merge_new(streams, n);
}

static void
merging_clear(struct merging *merging)
{
    merge_free(merging->merge);
    g_ptr_array_unref(merging->readers);
}

static struct snapshot_item
next(struct merging *merging)
{
    g_autoptr(GError) error = NULL;
    struct snapshot_item item;
    merge_next(merging->merge, &item, &error);
    g_assert_no_error(error);
    return item;
}

/* ---- documents ---- */

static struct model_document *
put(struct model_store *model, struct model_database *database, const char *id, const char *rev)
{
    struct model_document *document = model_document_new(id, model_next(model));
    struct model_leaf *leaf = model_leaf_new();
    leaf->generation = 1;
    g_ptr_array_add(leaf->path, g_strdup(rev));
    leaf->body = g_strdup("1");
    g_ptr_array_add(document->leaves, leaf);
    model_put(database, document);
    return document;
}

static void
attach(struct model_document *document, const char *name, guint32 seed, gsize size, guint born)
{
    model_leaf_attach(document->leaves->pdata[0], name, seed, size, born);
}

/* A further revision of the document's first leaf, which keeps its attachments. */
static struct model_document *
edit(struct model_store *model, struct model_database *database, const char *id, const char *rev,
     gboolean forget)
{
    const struct model_document *before = g_hash_table_lookup(database->documents, id);
    struct model_document *document = model_document_copy(before, model_next(model));
    struct model_leaf *leaf = document->leaves->pdata[0];
    leaf->generation++;
    if (forget)
        g_ptr_array_set_size(leaf->path, 0);
    g_ptr_array_insert(leaf->path, 0, g_strdup(rev));
    model_put(database, document);
    return document;
}

static gboolean
read_attachment(void *context, guint which, GError **error)
{
    return merge_attachment(context, which, error);
}

static gboolean
read_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    return merge_data(context, data, size, got, error);
}

/* The next item is that document's only leaf, with all attachments' bytes. */
static void
expect_document(struct merging *merging, struct model_database *database, const char *id)
{
    struct model_reader reader = {read_attachment, read_data, merging->merge};
    struct snapshot_item item = next(merging);
    g_assert_cmpint(item.kind, ==, SNAPSHOT_LEAF);
    g_assert_true(slice_is(item.id, id));
    model_compare_leaf(&reader, g_hash_table_lookup(database->documents, id), item.leaf, FALSE);
}

/* ---- tests ---- */

static void
the_newest_snapshot_that_has_an_id_wins(void)
{
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    put(model, database, "a", "a1");
    put(model, database, "b", "b1");
    put(model, database, "d", "d1");
    model_snapshot(model, &database, 1);
    put(model, database, "b", "b2");
    put(model, database, "c", "c2");
    model_snapshot(model, &database, 1);
    put(model, database, "b", "b3");
    put(model, database, "_design/a", "x3");
    model_snapshot(model, &database, 1);
    begin(&merging, model, 3, 1);
    static const char *const ids[] = {"a", "b", "c", "d", "_design/a"};
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
        expect_document(&merging, database, ids[i]);
    g_assert_cmpint(next(&merging).kind, ==, SNAPSHOT_END);
    g_assert_cmpint(next(&merging).kind, ==, SNAPSHOT_END);
    merging_clear(&merging);
    model_database_free(database);
}

static void
an_id_that_is_gone_hides_older_leaves_and_stays_in_the_stream(void)
{
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    put(model, database, "a", "a1");
    put(model, database, "b", "b1");
    model_snapshot(model, &database, 1);
    model_remove(database, "a", TRUE);
    model_remove(database, "b", FALSE);
    model_snapshot(model, &database, 1);
    put(model, database, "b", "b3");
    model_snapshot(model, &database, 1);
    begin(&merging, model, 3, 1);
    struct snapshot_item item = next(&merging);
    g_assert_cmpint(item.kind, ==, SNAPSHOT_GONE);
    g_assert_true(slice_is(item.id, "a"));
    g_assert_true(item.purged);
    expect_document(&merging, database, "b");
    g_assert_cmpint(next(&merging).kind, ==, SNAPSHOT_END);
    merging_clear(&merging);
    model_database_free(database);
}

/* Edited in every snapshot, attachments of each: those read as stubs come from wherever they are,
 * however large. */
static void
stubs_get_their_bytes_from_older_snapshots(gconstpointer data)
{
    gsize size = GPOINTER_TO_SIZE(data);
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    attach(put(model, database, "a", "a1"), "one", 1, size, 1);
    attach(put(model, database, "b", "b1"), "one", 11, size, 1);
    attach(put(model, database, "c", "c1"), "one", 21, size, 1);
    model_snapshot(model, &database, 1);
    attach(edit(model, database, "a", "a2", FALSE), "two", 2, size, 2);
    attach(edit(model, database, "b", "b2", FALSE), "two", 12, 0, 2);
    model_snapshot(model, &database, 1);
    attach(edit(model, database, "a", "a3", FALSE), "three", 3, size, 3);
    edit(model, database, "c", "c3", FALSE);
    model_snapshot(model, &database, 1);
    begin(&merging, model, 3, 1);
    expect_document(&merging, database, "a");
    expect_document(&merging, database, "b");
    expect_document(&merging, database, "c");
    g_assert_cmpint(next(&merging).kind, ==, SNAPSHOT_END);
    merging_clear(&merging);
    model_database_free(database);
}

/* Two attachments of the same name, digest and length can only differ in a test: the nearest one is
 * taken. */
static void
the_bytes_of_an_ancestor_are_preferred(void)
{
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    struct model_document *document = put(model, database, "a", "other");
    attach(document, "one", 666, SMALL_SIZE, 1);
    g_array_index(((struct model_leaf *)document->leaves->pdata[0])->attachments,
                  struct model_attachment, 0)
        .digest = 7;
    struct model_leaf *leaf = model_leaf_new();
    leaf->generation = 1;
    leaf->body = g_strdup("2");
    g_ptr_array_add(leaf->path, g_strdup("mine"));
    model_leaf_attach(leaf, "one", 7, SMALL_SIZE, 1);
    g_ptr_array_add(document->leaves, leaf);
    model_snapshot(model, &database, 1);
    document = model_document_copy(document, model_next(model));
    leaf = document->leaves->pdata[1];
    leaf->generation++;
    g_ptr_array_insert(leaf->path, 0, g_strdup("next"));
    g_ptr_array_remove_index(document->leaves, 0);
    model_put(database, document);
    model_snapshot(model, &database, 1);
    begin(&merging, model, 2, 1);
    expect_document(&merging, database, "a");
    merging_clear(&merging);
    model_database_free(database);
}

static void
a_path_that_revs_limit_cut_does_not_lose_attachments(void)
{
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    attach(put(model, database, "a", "a1"), "one", 1, SMALL_SIZE, 1);
    model_snapshot(model, &database, 1);
    edit(model, database, "a", "a2", TRUE);
    model_snapshot(model, &database, 1);
    begin(&merging, model, 2, 1);
    expect_document(&merging, database, "a");
    merging_clear(&merging);
    model_database_free(database);
}

static void
what_no_snapshot_holds_stays_a_stub(void)
{
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    attach(put(model, database, "a", "a1"), "one", 1, SMALL_SIZE, 1);
    model_snapshot(model, &database, 1);
    attach(edit(model, database, "a", "a2", FALSE), "two", 2, SMALL_SIZE, 2);
    model_snapshot(model, &database, 1);
    edit(model, database, "a", "a3", FALSE);
    model_snapshot(model, &database, 1);
    begin(&merging, model, 3, 2);
    struct snapshot_item item = next(&merging);
    g_assert_cmpuint(item.leaf->n_attachments, ==, 2);
    g_assert_false(item.leaf->attachments[0].here);
    g_assert_true(item.leaf->attachments[1].here);
    merging_clear(&merging);
    model_database_free(database);
}

/* An attachment of the same name and digest from before the document vanished is no ancestor's. */
static void
bytes_are_not_sought_beyond_where_the_id_was_gone(void)
{
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    attach(put(model, database, "a", "a1"), "one", 1, SMALL_SIZE, 1);
    model_snapshot(model, &database, 1);
    model_remove(database, "a", TRUE);
    model_snapshot(model, &database, 1);
    attach(put(model, database, "a", "b1"), "one", 1, SMALL_SIZE, 1); /* as a stub */
    model_snapshot(model, &database, 1);
    begin(&merging, model, 3, 1);
    struct snapshot_item item = next(&merging);
    g_assert_false(item.leaf->attachments[0].here);
    merging_clear(&merging);
    model_database_free(database);
}

/* Joins snapshots `newest` to `oldest` into one that takes their place in a merge: for retention
 * and for passes. */
static void
write_merged(struct model_store *model, guint newest, guint oldest, struct catalogue *catalogue,
             int *folder_fd, char **sums)
{
    static const struct snapshot_database_end nothing = {0};
    g_autoptr(GError) error = NULL;
    struct merging merging;
    begin(&merging, model, newest, oldest);
    catalogue->id = g_strdup("ffff");
    catalogue->started = g_strdup("2026-01-01T00:00:00Z");
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(model->store, &model->keys, catalogue, NULL, 0, &error);
    g_assert_no_error(error);
    snapshot_writer_database_begin(writer, "medic", slice_of("{\"base\":\"parent\"}"),
                                   slice_of("{}"), &error);
    g_assert_no_error(error);
    merge_write(merging.merge, writer, TRUE, &error);
    g_assert_no_error(error);
    snapshot_writer_database_end(writer, &nothing, &error);
    g_assert_no_error(error);
    snapshot_writer_finish_temporary(writer, folder_fd, sums, &error);
    g_assert_no_error(error);
    merging_clear(&merging);
}

/* What a merge gives, in one text: ids, leaves with their marks, and the sums of attachments'
 * bytes. */
static char *
describe(struct merging *merging)
{
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    struct snapshot_item item;
    while ((item = next(merging)).kind != SNAPSHOT_END) {
        if (item.kind == SNAPSHOT_GONE) {
            g_string_append_printf(text, "gone " SLICE_FORMAT " %d\n", SLICE_ARGS(item.id),
                                   item.purged);
            continue;
        }
        leaf_append_marked(item.leaf, text);
        for (guint i = 0; i < item.leaf->n_attachments; i++) {
            guint8 bytes[3000];
            guint64 sum = 0;
            if (!item.leaf->attachments[i].here)
                continue;
            merge_attachment(merging->merge, i, &error);
            g_assert_no_error(error);
            for (gsize got = 1; got > 0;) {
                merge_data(merging->merge, bytes, sizeof bytes, &got, &error);
                g_assert_no_error(error);
                for (gsize k = 0; k < got; k++)
                    sum = sum * 31 + bytes[k];
            }
            g_string_append_printf(text, " %" G_GUINT64_FORMAT, sum);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

/* merge(6, 5, merge(4, 3, 2), 1) is merge(6 … 1), gone ids and all. */
static void
neighbours_can_be_merged_first(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(GPOINTER_TO_UINT(data));
    struct model_database *database = model_database_new("medic");
    for (guint i = 0; i < 6; i++) {
        for (guint k = 0; k < (i == 0 ? 100 : 25); k++)
            model_change_one(rand, database, 50, model_next(model));
        model_snapshot(model, &database, 1);
    }
    struct merging whole, upper, lower;
    begin(&whole, model, 6, 1);
    g_autofree char *expected = describe(&whole);
    merging_clear(&whole);

    AUTO(catalogue) *catalogue = catalogue_new();
    AUTO_FD int folder_fd = -1;
    g_autofree char *sums = NULL;
    write_merged(model, 4, 2, catalogue, &folder_fd, &sums);
    AUTO(snapshot_reader) *reader = snapshot_reader_open_folder(
        folder_fd, "merged", sums, catalogue->manifest, &model->keys, &error);
    g_assert_no_error(error);
    AUTO(manifest) *manifest = snapshot_reader_manifest(reader, NULL, NULL, &error);
    g_assert_nonnull(manifest);
    g_assert_no_error(error);

    begin(&upper, model, 6, 5);
    begin(&lower, model, 1, 1);
    struct snapshot_stream *streams[4];
    const guint order[] = {6, 5, 0, 1};
    GPtrArray *readers[] = {upper.readers, upper.readers, NULL, lower.readers};
    const guint index[] = {0, 1, 0, 0};
    for (guint i = 0; i < 4; i++) {
        struct snapshot_reader *from = order[i] == 0 ? reader : readers[i]->pdata[index[i]];
        AUTO(manifest) *other = snapshot_reader_manifest(
            from, NULL, NULL, &error); /* the merged one's is at its own place */
        g_assert_no_error(error);
        streams[i] =
            snapshot_stream_new(from, "medic", manifest_find(other, "medic")->place, &error);
        g_assert_no_error(error);
    }
    struct merging parts = {NULL, merge_new(streams, 4)};
    g_autofree char *found = describe(&parts);
    g_assert_cmpstr(found, ==, expected);
    merge_free(parts.merge);
    merging_clear(&upper);
    merging_clear(&lower);
    model_database_free(database);
}

/* In a process of its own: the request stays. */
static void
it_ends_when_asked_to_stop(void)
{
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return;
    }
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct merging merging;
    g_autoptr(GError) error = NULL;
    put(model, database, "a", "a1");
    put(model, database, "b", "b1");
    model_snapshot(model, &database, 1);
    begin(&merging, model, 1, 1);
    expect_document(&merging, database, "a");
    stop_watch();
    raise(SIGTERM);
    struct snapshot_item item;
    g_assert_false(merge_next(merging.merge, &item, &error));
    g_assert_error(error, FAIL, FAIL_LATER);
    merging_clear(&merging);
    model_database_free(database);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/merge/the newest snapshot that has an id wins",
                    the_newest_snapshot_that_has_an_id_wins);
    g_test_add_func("/merge/an id that is gone hides older leaves and stays in the stream",
                    an_id_that_is_gone_hides_older_leaves_and_stays_in_the_stream);
    g_test_add_data_func("/merge/stubs get their bytes from older snapshots, small",
                         GSIZE_TO_POINTER(SMALL_SIZE), stubs_get_their_bytes_from_older_snapshots);
    g_test_add_data_func("/merge/stubs get their bytes from older snapshots, large",
                         GSIZE_TO_POINTER(LARGE_SIZE), stubs_get_their_bytes_from_older_snapshots);
    g_test_add_func("/merge/the bytes of an ancestor are preferred",
                    the_bytes_of_an_ancestor_are_preferred);
    g_test_add_func("/merge/a path that _revs_limit cut does not lose attachments",
                    a_path_that_revs_limit_cut_does_not_lose_attachments);
    g_test_add_func("/merge/what no snapshot holds stays a stub",
                    what_no_snapshot_holds_stays_a_stub);
    g_test_add_func("/merge/bytes are not sought beyond where the id was gone",
                    bytes_are_not_sought_beyond_where_the_id_was_gone);
    for (guint seed = 1; seed <= 3; seed++) {
        g_autofree char *name = g_strdup_printf("/merge/neighbours can be merged first/%u", seed);
        g_test_add_data_func(name, GUINT_TO_POINTER(seed), neighbours_can_be_merged_first);
    }
    g_test_add_func("/merge/it ends when asked to stop", it_ends_when_asked_to_stop);
    return g_test_run();
}
