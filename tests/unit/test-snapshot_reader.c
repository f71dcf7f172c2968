/* snapshot_reader and snapshot_stream: what the writer wrote comes back in order; anything else is
 * refused by name. */
#include "lib/archive/snapshot_stream.h"

#include "lib/base/fail.h"
#include "tests/unit/archive_model.h"

/* ---- reading what was written ---- */

struct opened {
    struct snapshot_reader *reader;
    struct manifest *manifest;
    struct snapshot_stream *stream;
};

static void
open_database(struct opened *opened, struct model_store *model, const char *id, const char *name)
{
    g_autoptr(GError) error = NULL;
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    const struct snapshot *snapshot = store_find(model->store, id, &error);
    g_assert_no_error(error);
    opened->reader = snapshot_reader_open(model->store, snapshot, &model->keys, &error);
    g_assert_no_error(error);
    opened->manifest = snapshot_reader_manifest(opened->reader, NULL, NULL, &error);
    g_assert_no_error(error);
    const struct manifest_database *database = manifest_find(opened->manifest, name);
    opened->stream = snapshot_stream_new(opened->reader, name, database->place, &error);
    g_assert_no_error(error);
}

static void
opened_clear(struct opened *opened)
{
    snapshot_stream_free(opened->stream);
    manifest_free(opened->manifest);
    snapshot_reader_free(opened->reader);
}

static gboolean
read_attachment(void *context, guint which, GError **error)
{
    return snapshot_stream_attachment(context, which, error);
}

static gboolean
read_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    return snapshot_stream_data(context, data, size, got, error);
}

static struct snapshot_item
next(struct snapshot_stream *stream)
{
    g_autoptr(GError) error = NULL;
    struct snapshot_item item;
    snapshot_stream_next(stream, &item, &error);
    g_assert_no_error(error);
    return item;
}

/* All leaves of the model are there, in the order of ids, and nothing else. */
static void
expect_leaves(struct snapshot_stream *stream, struct model_database *database, gboolean skip)
{
    struct model_reader reader = {read_attachment, read_data, stream};
    g_autoptr(GString) last = g_string_new(NULL);
    guint leaves = 0, expected = 0;
    for (;;) {
        struct snapshot_item item = next(stream);
        if (item.kind == SNAPSHOT_END)
            break;
        g_assert_cmpint(item.kind, ==, SNAPSHOT_LEAF);
        g_assert_true(last->len == 0 ||
                      row_compare_ids((struct slice){last->str, last->len}, item.id) <= 0);
        g_string_truncate(last, 0);
        g_string_append_len(last, item.id.data, (gssize)item.id.size);
        model_compare_leaf(&reader, g_hash_table_lookup(database->documents, last->str), item.leaf,
                           skip && leaves % 2 == 0);
        leaves++;
    }
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, database->documents);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        expected += ((struct model_document *)value)->leaves->len;
    g_assert_cmpuint(leaves, ==, expected);
    g_assert_cmpint(next(stream).kind, ==, SNAPSHOT_END);
}

static void
a_database_comes_back_in_the_order_of_ids(void)
{
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    struct model_database *database = model_database_new("medic");
    for (guint i = 0; i < 300; i++)
        model_change_one(rand, database, 120, 1);
    model_snapshot(model, &database, 1);
    for (guint skip = 0; skip < 2; skip++) {
        struct opened opened;
        open_database(&opened, model, model->last, "medic");
        g_assert_true(snapshot_stream_is_fresh(opened.stream));
        expect_leaves(opened.stream, database, skip == 1);
        opened_clear(&opened);
    }
    model_database_free(database);
}

/* A document whose leaves alternate between those with attachments and those without, so many that
 * they take several batches. */
static struct model_document *
document_of_many_leaves(GRand *rand, const char *id, guint n, gsize body_size)
{
    struct model_document *document = model_document_new(id, 1);
    for (guint i = 0; i < n; i++) {
        struct model_leaf *leaf = model_first_leaf(rand, i);
        g_free(leaf->body);
        g_autofree char *filling = g_strnfill(body_size, 'x');
        leaf->body = g_strdup_printf("\"%s\"", filling);
        if (i % 3 == 0)
            model_leaf_attach(leaf, "a", g_rand_int(rand), 2000, 1);
        g_ptr_array_add(document->leaves, leaf);
    }
    return document;
}

static void
a_document_may_span_batches(void)
{
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    struct model_database *database = model_database_new("medic");
    struct opened opened;
    model_put(database, document_of_many_leaves(rand, "a", 2000, 5000));
    model_put(database, document_of_many_leaves(rand, "b", 3, 10));
    model_put(database, document_of_many_leaves(rand, "_design/c", 900, 6000));
    model_snapshot(model, &database, 1);
    open_database(&opened, model, model->last, "medic");
    expect_leaves(opened.stream, database, TRUE);
    opened_clear(&opened);
    model_database_free(database);
}

static void
a_large_attachment_streams_between_small_leaves(void)
{
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    struct model_database *database = model_database_new("medic");
    struct opened opened;
    struct model_document *document = document_of_many_leaves(rand, "m", 4, 10);
    model_leaf_attach(document->leaves->pdata[1], "big", 77, 9 * 1024 * 1024, 1);
    model_leaf_attach(document->leaves->pdata[1], "empty", 78, 0, 1);
    model_put(database, document);
    model_put(database, document_of_many_leaves(rand, "a", 4, 10));
    model_put(database, document_of_many_leaves(rand, "z", 4, 10));
    model_snapshot(model, &database, 1);
    for (guint skip = 0; skip < 2; skip++) {
        open_database(&opened, model, model->last, "medic");
        expect_leaves(opened.stream, database, skip == 1);
        opened_clear(&opened);
    }
    model_database_free(database);
}

static void
ids_that_are_gone_stand_in_their_order(void)
{
    static const char *const ids[] = {"b", "c\"\\\n", "d", "_design/z"};
    static const enum snapshot_item_kind kinds[] = {SNAPSHOT_LEAF, SNAPSHOT_GONE, SNAPSHOT_LEAF,
                                                    SNAPSHOT_GONE};
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(4);
    struct model_database *database = model_database_new("medic");
    struct opened opened;
    for (guint i = 0; i < 4; i++)
        model_put(database, document_of_many_leaves(rand, ids[i], 1, 10));
    model_snapshot(model, &database, 1);
    for (guint i = 0; i < 4; i++) {
        if (kinds[i] == SNAPSHOT_GONE) {
            model_remove(database, ids[i], i == 1);
        } else {
            struct model_document *document = document_of_many_leaves(rand, ids[i], 1, 20);
            document->changed = model_next(model);
            model_put(database, document);
        }
    }
    model_snapshot(model, &database, 1);
    open_database(&opened, model, model->last, "medic");
    g_assert_false(snapshot_stream_is_fresh(opened.stream));
    for (guint i = 0; i < 4; i++) {
        struct snapshot_item item = next(opened.stream);
        g_assert_cmpint(item.kind, ==, kinds[i]);
        g_assert_true(slice_is(item.id, ids[i]));
        g_assert_cmpint(item.purged, ==, i == 1);
    }
    g_assert_cmpint(next(opened.stream).kind, ==, SNAPSHOT_END);
    opened_clear(&opened);
    model_database_free(database);
}

static void
one_can_come_back_to_an_attachment(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    struct model_database *database = model_database_new("medic");
    struct opened opened;
    struct model_document *document = document_of_many_leaves(rand, "m", 1, 10);
    model_leaf_attach(document->leaves->pdata[0], "second", 99, 300000, 1);
    model_put(database, document);
    model_put(database, document_of_many_leaves(rand, "a", 40, 1000));
    model_put(database, document_of_many_leaves(rand, "z", 40, 1000));
    model_snapshot(model, &database, 1);
    open_database(&opened, model, model->last, "medic");
    struct snapshot_item item;
    do
        item = next(opened.stream);
    while (!slice_is(item.id, "m"));
    struct snapshot_bytes bytes;
    snapshot_stream_bytes(opened.stream, 1, &bytes);
    while (next(opened.stream).kind != SNAPSHOT_END)
        ;
    AUTO(snapshot_entries) *entries = snapshot_bytes_open(&bytes, &error);
    g_assert_no_error(error);
    g_autoptr(GString) found = g_string_new(NULL);
    snapshot_entries_text(entries, found, &error);
    g_assert_no_error(error);
    g_autofree guint8 *expected = g_malloc(300000);
    model_bytes(99, 0, expected, 300000);
    g_assert_cmpmem(found->str, (int)found->len, expected, 300000);
    snapshot_bytes_clear(&bytes);
    opened_clear(&opened);
    model_database_free(database);
}

/* ---- what no writer writes ---- */

struct entry {
    const char *name, *text;
};

static const struct entry db_json = {"db/m/db.json", "{\"base\":\"fresh\"}"};
static const struct entry local_json = {"db/m/local.json", "{}"};
static const struct entry end_json = {"db/m/end.json", "{}"};

#define DOC(id) "{\"_id\":\"" id "\",\"_rev\":\"1-a\"}"
#define DOCS(docs) "{\"new_edits\":false,\"docs\":[" docs "]}"
#define WITH_ATTACHMENT(mark)                                                                      \
    "{\"_id\":\"a\",\"_rev\":\"1-a\",\"_attachments\":{\"x\":{\"length\":3,\"digest\":\"md5-"      \
    "x\"," mark ":true}}}"

/* Writes those entries as an archive and reads the database to its end or to an error. */
static void
read_entries(const struct entry *const *list, GError **error)
{
    g_autoptr(GError) mishap = NULL;
    AUTO(scratch) *scratch = scratch_new();
    struct age_identity identity;
    guint8 recipient[1][AGE_KEY_SIZE];
    age_identity_generate(&identity);
    memcpy(recipient[0], identity.public, AGE_KEY_SIZE);
    const struct keys keys = {
        .identities = &identity, .n_identities = 1, .recipients = recipient, .n_recipients = 1};
    AUTO(pack_writer) *writer = pack_writer_new(scratch->fd, &keys, PARTS_SIZE, &mishap);
    g_assert_no_error(mishap);
    for (; *list != NULL; list++) {
        gsize size = strlen((*list)->text);
        pack_writer_entry(writer, (*list)->name, size, TRUE, 0, NULL, &mishap);
        g_assert_no_error(mishap);
        pack_writer_data(writer, (*list)->text, size, &mishap);
        pack_writer_entry_end(writer, NULL, &mishap);
        g_assert_no_error(mishap);
    }
    pack_writer_finish(writer, &mishap);
    g_assert_no_error(mishap);
    g_autofree char *sums = parts_writer_sums(pack_writer_parts(writer));
    AUTO(snapshot_reader) *reader =
        snapshot_reader_open_folder(scratch->fd, "FOLDER", sums, 0, &keys, &mishap);
    g_assert_no_error(mishap);
    AUTO(snapshot_stream) *stream = snapshot_stream_new(reader, "m", 0, error);
    struct snapshot_item item = {.kind = SNAPSHOT_LEAF};
    while (stream != NULL && item.kind != SNAPSHOT_END) {
        if (!snapshot_stream_next(stream, &item, error))
            return;
        for (guint i = 0; item.leaf != NULL && i < item.leaf->n_attachments; i++)
            if (item.leaf->attachments[i].here && !snapshot_stream_attachment(stream, i, error))
                return;
    }
}

static void
a_well_formed_archive_by_hand_is_read(void)
{
    g_autoptr(GError) error = NULL;
    const struct entry gone = {"db/m/gone-000001.json",
                               "{\"gone\":[{\"id\":\"0\",\"how\":\"purged\"}]}"};
    const struct entry docs = {"db/m/docs-000001.json", DOCS(DOC("a") "," DOC("b")) " \n"};
    const struct entry leaf = {"db/m/leaf/000001-1/doc.json", WITH_ATTACHMENT("\"follows\"")};
    const struct entry bytes = {"db/m/leaf/000001-1/1", "abc"};
    const struct entry *const list[] = {&db_json, &local_json, &gone,     &docs,
                                        &leaf,    &bytes,      &end_json, NULL};
    read_entries(list, &error);
    g_assert_no_error(error);
}

struct malformed {
    const char *what, *message; /* a part of it */
    struct entry entries[6];
};

static const struct malformed malformed[] = {
    {"no local.json",
     "local.json",
     {{"db/m/db.json", "{\"base\":\"fresh\"}"}, {"db/m/end.json", "{}"}}},
    {"another database", "db/m/db.json", {{"db/n/db.json", "{\"base\":\"fresh\"}"}}},
    {"a base that there is not", "base", {{"db/m/db.json", "{\"base\":\"moon\"}"}}},
    {"db.json that is no JSON", "db/m/db.json", {{"db/m/db.json", "{\"base\":"}}},
    {"no end", "(end)", {{"+", NULL}, {"db/m/docs-000001.json", DOCS(DOC("a"))}}},
    {"a batch that is missing",
     "docs-000002",
     {{"+", NULL}, {"db/m/docs-000002.json", DOCS(DOC("a"))}, {"db/m/end.json", "{}"}}},
    {"lists in another order",
     "gone-000001",
     {{"+", NULL},
      {"db/m/docs-000001.json", DOCS(DOC("a"))},
      {"db/m/gone-000001.json", "{\"gone\":[]}"},
      {"db/m/end.json", "{}"}}},
    {"ids that do not ascend",
     "comes behind 'b'",
     {{"+", NULL},
      {"db/m/docs-000001.json", DOCS(DOC("b") "," DOC("a"))},
      {"db/m/end.json", "{}"}}},
    {"ids that do not ascend from batch to batch",
     "comes behind 'b'",
     {{"+", NULL},
      {"db/m/docs-000001.json", DOCS(DOC("b"))},
      {"db/m/docs-000002.json", DOCS(DOC("a"))},
      {"db/m/end.json", "{}"}}},
    {"an id both gone and there",
     "comes again",
     {{"+", NULL},
      {"db/m/gone-000001.json", "{\"gone\":[{\"id\":\"a\",\"how\":\"purged\"}]}"},
      {"db/m/docs-000001.json", DOCS(DOC("a"))},
      {"db/m/end.json", "{}"}}},
    {"documents that are no JSON",
     "docs-000001",
     {{"+", NULL}, {"db/m/docs-000001.json", DOCS("{\"_id\":01}")}, {"db/m/end.json", "{}"}}},
    {"documents that are cut short",
     "docs-000001",
     {{"+", NULL}, {"db/m/docs-000001.json", "{\"docs\":[" DOC("a")}, {"db/m/end.json", "{}"}}},
    {"something behind the documents",
     "follows the list",
     {{"+", NULL}, {"db/m/docs-000001.json", DOCS(DOC("a")) "x"}, {"db/m/end.json", "{}"}}},
    {"a document without an id",
     "no _id",
     {{"+", NULL}, {"db/m/docs-000001.json", DOCS("{\"_rev\":\"1-a\"}")}, {"db/m/end.json", "{}"}}},
    {"attachments in the wrong place",
     "has attachments",
     {{"+", NULL},
      {"db/m/docs-000001.json", DOCS(WITH_ATTACHMENT("\"stub\""))},
      {"db/m/end.json", "{}"}}},
    {"an id that is gone and unnamed",
     "gone-000001",
     {{"+", NULL}, {"db/m/gone-000001.json", "{\"gone\":[{\"id\":7}]}"}, {"db/m/end.json", "{}"}}},
    {"a leaf without its attachment",
     "000001-1/1",
     {{"+", NULL},
      {"db/m/leaf/000001-1/doc.json", WITH_ATTACHMENT("\"follows\"")},
      {"db/m/end.json", "{}"}}},
    {"an attachment of another size",
     "size",
     {{"+", NULL},
      {"db/m/leaf/000001-1/doc.json", WITH_ATTACHMENT("\"follows\"")},
      {"db/m/leaf/000001-1/1", "abcd"},
      {"db/m/end.json", "{}"}}},
    {"more attachments than the leaf has",
     "000001-1/2",
     {{"+", NULL},
      {"db/m/leaf/000001-1/doc.json", WITH_ATTACHMENT("\"follows\"")},
      {"db/m/leaf/000001-1/1", "abc"},
      {"db/m/leaf/000001-1/2", "abc"},
      {"db/m/end.json", "{}"}}},
};

/* "+" stands for the two entries that every database begins with. */
static void
a_malformed_archive_is_refused_by_name(gconstpointer data)
{
    const struct malformed *one = data;
    const struct entry *list[9];
    g_autoptr(GError) error = NULL;
    guint n = 0;
    for (guint i = 0; i < G_N_ELEMENTS(one->entries) && one->entries[i].name != NULL; i++) {
        if (one->entries[i].text != NULL) {
            list[n++] = &one->entries[i];
        } else {
            list[n++] = &db_json;
            list[n++] = &local_json;
        }
    }
    list[n] = NULL;
    read_entries(list, &error);
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, one->message));
    g_assert_nonnull(strstr(error->message, "FOLDER"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/snapshot_reader/a database comes back in the order of ids",
                    a_database_comes_back_in_the_order_of_ids);
    g_test_add_func("/snapshot_reader/a document may span batches", a_document_may_span_batches);
    g_test_add_func("/snapshot_reader/a large attachment streams between small leaves",
                    a_large_attachment_streams_between_small_leaves);
    g_test_add_func("/snapshot_reader/ids that are gone stand in their order",
                    ids_that_are_gone_stand_in_their_order);
    g_test_add_func("/snapshot_reader/one can come back to an attachment",
                    one_can_come_back_to_an_attachment);
    g_test_add_func("/snapshot_reader/a well-formed archive by hand is read",
                    a_well_formed_archive_by_hand_is_read);
    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++) {
        g_autofree char *name =
            g_strdup_printf("/snapshot_reader/refused by name: %s", malformed[i].what);
        g_test_add_data_func(name, &malformed[i], a_malformed_archive_is_refused_by_name);
    }
    return g_test_run();
}
