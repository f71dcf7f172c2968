/*
 * archive_model: for tests, a server in miniature. Random changes are made to a small model of
 * databases (edits, conflicts, tombstones, ids that vanish, attachments kept over edits) and
 * written as a chain of snapshots; what a reader gives is then compared with the model as it was.
 *
 * Documents are never changed but replaced, so that a state is a table of references.
 */
#pragma once

#include "lib/archive/chain.h"
#include "lib/archive/snapshot_writer.h"
#include "lib/couch/row.h"
#include "lib/json/json.h"
#include "tests/unit/scratch.h"

#include <stdio.h>

#define MODEL_REVS_LIMIT 3 /* so small that ancestors are soon forgotten */
#define MODEL_CREATED "2026-11-22T08:00:00Z"

/* ---- documents ---- */

struct model_attachment {
    char *name;
    guint32 seed;   /* of its bytes */
    guint32 digest; /* its seed too, unless a test lies */
    gsize size;
    guint born; /* the snapshot that has its bytes, counted from 1 */
};

struct model_leaf {
    guint generation;
    GPtrArray *path; /* revision hashes, newest first, as many as _revs_limit keeps */
    gboolean deleted;
    char *body;
    GArray *attachments; /* struct model_attachment */
};

struct model_document {
    gint references;
    char *id;
    guint changed;     /* the snapshot that it last changed before */
    GPtrArray *leaves; /* struct model_leaf */
};

static inline void
model_attachment_clear(gpointer data)
{
    g_free(((struct model_attachment *)data)->name);
}

static inline void
model_leaf_free(gpointer data)
{
    struct model_leaf *leaf = data;
    g_ptr_array_unref(leaf->path);
    g_array_unref(leaf->attachments);
    g_free(leaf->body);
    g_free(leaf);
}

static inline struct model_leaf *
model_leaf_new(void)
{
    struct model_leaf *leaf = g_new0(struct model_leaf, 1);
    leaf->path = g_ptr_array_new_with_free_func(g_free);
    leaf->attachments = g_array_new(FALSE, FALSE, sizeof(struct model_attachment));
    g_array_set_clear_func(leaf->attachments, model_attachment_clear);
    return leaf;
}

static inline void
model_leaf_attach(struct model_leaf *leaf, const char *name, guint32 seed, gsize size, guint born)
{
    struct model_attachment attachment = {g_strdup(name), seed, seed, size, born};
    g_array_append_val(leaf->attachments, attachment);
}

static inline struct model_leaf *
model_leaf_copy(const struct model_leaf *leaf)
{
    struct model_leaf *copy = model_leaf_new();
    for (guint i = 0; i < leaf->path->len; i++)
        g_ptr_array_add(copy->path, g_strdup(leaf->path->pdata[i]));
    for (guint i = 0; i < leaf->attachments->len; i++) {
        const struct model_attachment *a =
            &g_array_index(leaf->attachments, struct model_attachment, i);
        model_leaf_attach(copy, a->name, a->seed, a->size, a->born);
        g_array_index(copy->attachments, struct model_attachment, i).digest = a->digest;
    }
    copy->generation = leaf->generation;
    copy->deleted = leaf->deleted;
    copy->body = g_strdup(leaf->body);
    return copy;
}

static inline struct model_document *
model_document_new(const char *id, guint changed)
{
    struct model_document *document = g_new0(struct model_document, 1);
    document->references = 1;
    document->id = g_strdup(id);
    document->changed = changed;
    document->leaves = g_ptr_array_new_with_free_func(model_leaf_free);
    return document;
}

static inline void
model_document_unref(gpointer data)
{
    struct model_document *document = data;
    if (--document->references > 0)
        return;
    g_ptr_array_unref(document->leaves);
    g_free(document->id);
    g_free(document);
}

static inline struct model_document *
model_document_copy(const struct model_document *document, guint changed)
{
    struct model_document *copy = model_document_new(document->id, changed);
    for (guint i = 0; i < document->leaves->len; i++)
        g_ptr_array_add(copy->leaves, model_leaf_copy(document->leaves->pdata[i]));
    return copy;
}

static inline char *
model_leaf_rev(const struct model_leaf *leaf)
{
    return g_strdup_printf("%u-%s", leaf->generation, (char *)leaf->path->pdata[0]);
}

/* The document as CouchDB would give it; `here` says which attachments follow, NULL all. */
static inline char *
model_leaf_json(const struct model_document *document, const struct model_leaf *leaf,
                const gboolean *here)
{
    GString *json = g_string_new("{\"_id\":");
    g_autofree char *rev = model_leaf_rev(leaf);
    json_append_string(json, slice_of(document->id));
    g_string_append_printf(json, ",\"_rev\":\"%s\",\"_revisions\":{\"start\":%u,\"ids\":[", rev,
                           leaf->generation);
    for (guint i = 0; i < leaf->path->len; i++)
        g_string_append_printf(json, "%s\"%s\"", i == 0 ? "" : ",", (char *)leaf->path->pdata[i]);
    g_string_append(json, "]}");
    if (leaf->deleted)
        g_string_append(json, ",\"_deleted\":true");
    for (guint i = 0; i < leaf->attachments->len; i++) {
        const struct model_attachment *a =
            &g_array_index(leaf->attachments, struct model_attachment, i);
        g_string_append(json, i == 0 ? ",\"_attachments\":{" : ",");
        json_append_string(json, slice_of(a->name));
        g_string_append_printf(json,
                               ":{\"content_type\":\"text/plain\",\"revpos\":1,\"digest\":"
                               "\"md5-%08x\",\"length\":%" G_GSIZE_FORMAT ",%s:true}",
                               a->digest, a->size,
                               here == NULL || here[i] ? "\"follows\"" : "\"stub\"");
    }
    g_string_append_printf(json, "%s,\"body\":%s}", leaf->attachments->len > 0 ? "}" : "",
                           leaf->body);
    return g_string_free(json, FALSE);
}

/* The bytes from `offset` on: cheap to make, different for each seed. */
static inline void
model_bytes(guint32 seed, gsize offset, guint8 *bytes, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        guint32 x = (seed + (guint32)((offset + i) / 3)) * 2654435761u;
        bytes[i] = (guint8)(x >> (8 * ((offset + i) % 3)));
    }
}

/* ---- databases ---- */

struct model_database {
    char *name;
    GHashTable *documents; /* id → struct model_document */
    GHashTable *gone;      /* ids that left since the last snapshot; value 1 vanished, 2 purged */
    gboolean fresh;        /* the next snapshot begins anew */
    char *at;              /* id of the snapshot that read it last */
};

static inline struct model_database *
model_database_new(const char *name)
{
    struct model_database *database = g_new0(struct model_database, 1);
    database->name = g_strdup(name);
    database->documents =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, model_document_unref);
    database->gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    database->fresh = TRUE;
    return database;
}

static inline void
model_database_free(gpointer data)
{
    struct model_database *database = data;
    g_hash_table_unref(database->documents);
    g_hash_table_unref(database->gone);
    g_free(database->name);
    g_free(database->at);
    g_free(database);
}

static inline void
model_put(struct model_database *database, struct model_document *document)
{
    g_hash_table_remove(database->gone, document->id);
    g_hash_table_replace(database->documents, document->id, document);
}

static inline void
model_remove(struct model_database *database, const char *id, gboolean purged)
{
    g_hash_table_replace(database->gone, g_strdup(id), GINT_TO_POINTER(purged ? 2 : 1));
    g_hash_table_remove(database->documents, id);
}

/* What it holds now, to compare with later. */
static inline GHashTable *
model_state(const struct model_database *database)
{
    GHashTable *state = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, model_document_unref);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, database->documents);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct model_document *document = value;
        document->references++;
        g_hash_table_insert(state, document->id, document);
    }
    return state;
}

static inline struct model_leaf *
model_first_leaf(GRand *rand, guint n)
{
    struct model_leaf *leaf = model_leaf_new();
    leaf->generation = 1;
    g_ptr_array_add(leaf->path, g_strdup_printf("%08x%04x", g_rand_int(rand), n));
    leaf->body = g_strdup_printf("\"%08x\"", g_rand_int(rand));
    return leaf;
}

/* ---- random changes ---- */

static inline gsize
model_random_size(GRand *rand)
{
    static const gsize sizes[] = {0, 1, 100, 5000, 70000, 300000};
    return sizes[g_rand_int_range(rand, 0, G_N_ELEMENTS(sizes))];
}

/* A new revision of a leaf, which keeps some of its attachments and may get another. */
static inline void
model_edit(GRand *rand, struct model_leaf *leaf, guint number)
{
    g_ptr_array_insert(leaf->path, 0, g_strdup_printf("%08x", g_rand_int(rand)));
    leaf->generation++;
    if (leaf->path->len > MODEL_REVS_LIMIT)
        g_free(g_ptr_array_steal_index(leaf->path, leaf->path->len - 1));
    g_free(leaf->body);
    leaf->body = g_strdup_printf("{\"v\":%u,\"n\":123456789012345678901234567890,\"z\":-0.0}",
                                 g_rand_int(rand));
    leaf->deleted = g_rand_int_range(rand, 0, 8) == 0;
    for (guint i = leaf->attachments->len; i-- > 0;)
        if (leaf->deleted || g_rand_int_range(rand, 0, 4) == 0)
            g_array_remove_index(leaf->attachments, i);
    if (!leaf->deleted && g_rand_int_range(rand, 0, 3) == 0) {
        guint32 seed = g_rand_int(rand);
        g_autofree char *name = g_strdup_printf("a %u\"\xc3\xa9.jpg", seed % 7);
        gboolean known = FALSE;
        for (guint i = 0; i < leaf->attachments->len; i++)
            known |= g_str_equal(g_array_index(leaf->attachments, struct model_attachment, i).name,
                                 name);
        if (!known)
            model_leaf_attach(leaf, name, seed, model_random_size(rand), number);
    }
}

static inline void
model_change_one(GRand *rand, struct model_database *database, guint n_ids, guint number)
{
    guint which = (guint)g_rand_int_range(rand, 0, (gint)n_ids);
    g_autofree char *id = g_strdup_printf(which % 13 == 12 ? "_design/%03u"
                                          : which % 7 == 3 ? "\xe6\x97\xa5%03u/\"x"
                                          : which % 7 == 5 ? "Z%03u"
                                                           : "doc-%03u",
                                          which);
    const struct model_document *before = g_hash_table_lookup(database->documents, id);
    if (before != NULL && g_rand_int_range(rand, 0, 10) == 0) {
        model_remove(database, id, g_rand_boolean(rand));
        return;
    }
    struct model_document *after =
        before != NULL ? model_document_copy(before, number) : model_document_new(id, number);
    if (after->leaves->len == 0 || g_rand_int_range(rand, 0, 6) == 0)
        g_ptr_array_add(after->leaves, model_first_leaf(rand, after->leaves->len));
    guint leaf = (guint)g_rand_int_range(rand, 0, (gint)after->leaves->len);
    model_edit(rand, after->leaves->pdata[leaf], number);
    model_put(database, after);
}

/* ---- writing ---- */

struct model_store {
    struct scratch *scratch;
    struct age_identity identity;
    guint8 recipient[1][AGE_KEY_SIZE];
    struct minisign_public trusted;
    struct keys keys;
    struct store *store;
    guint number; /* snapshots so far */
    char *last;   /* id of the newest */
};

static inline struct model_store *
model_store_new(void)
{
    g_autoptr(GError) error = NULL;
    struct model_store *model = g_new0(struct model_store, 1);
    model->scratch = scratch_new();
    age_identity_generate(&model->identity);
    memcpy(model->recipient[0], model->identity.public, AGE_KEY_SIZE);
    struct minisign_secret *signing = minisign_secret_generate();
    minisign_secret_public(signing, &model->trusted);
    model->keys = (struct keys){.site = g_strdup("model"),
                                .node = g_strdup("a"),
                                .identities = &model->identity,
                                .n_identities = 1,
                                .recipients = model->recipient,
                                .n_recipients = 1,
                                .signing = signing,
                                .trusted = &model->trusted,
                                .n_trusted = 1};
    model->store =
        store_open_for_writing(model->scratch->path, &model->keys, MODEL_CREATED, &error);
    g_assert_no_error(error);
    return model;
}

static inline void
model_store_free(struct model_store *model)
{
    if (model == NULL)
        return;
    store_free(model->store);
    minisign_secret_free(model->keys.signing);
    g_free(model->keys.site);
    g_free(model->keys.node);
    g_free(model->last);
    scratch_free(model->scratch);
    g_free(model);
}
AUTO_DEFINE(model_store)

static inline struct catalogue *
model_catalogue(struct model_store *model)
{
    struct catalogue *catalogue = catalogue_new();
    model->number++;
    catalogue->number = model->number;
    catalogue->id = g_strdup_printf("%04x0000-0000-4000-8000-000000000000", model->number);
    catalogue->parent = g_strdup(model->last);
    catalogue->store = g_strdup(model->store->id);
    catalogue->site = g_strdup("model");
    catalogue->node = g_strdup("a");
    catalogue->kind = g_strdup(model->last == NULL ? "full" : "increment");
    catalogue->started = g_strdup_printf("2026-11-22T%02u:%02u:%02uZ", model->number / 3600,
                                         model->number / 60 % 60, model->number % 60);
    catalogue->complete = TRUE;
    catalogue->lifeboat = g_strdup("0");
    catalogue->couchdb = g_strdup("0");
    return catalogue;
}

static inline void
model_write_leaf(struct snapshot_writer *writer, const struct model_document *document,
                 const struct model_leaf *model, guint born_since)
{
    g_autoptr(GError) error = NULL;
    struct leaf leaf = {0};
    g_autofree gboolean *here = g_new0(gboolean, model->attachments->len + 1);
    for (guint i = 0; i < model->attachments->len; i++)
        here[i] = g_array_index(model->attachments, struct model_attachment, i).born >= born_since;
    g_autofree char *json = model_leaf_json(document, model, here);
    json_check(slice_of(json), &error);
    g_assert_no_error(error);
    leaf_parse(&leaf, slice_of(json), &error);
    g_assert_no_error(error);
    snapshot_writer_leaf(writer, &leaf, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < model->attachments->len; i++) {
        const struct model_attachment *a =
            &g_array_index(model->attachments, struct model_attachment, i);
        for (gsize at = 0; here[i] && at < a->size; at += 65536) {
            guint8 bytes[65536];
            gsize size = MIN(sizeof bytes, a->size - at);
            model_bytes(a->seed, at, bytes, size);
            snapshot_writer_bytes(writer, bytes, size, &error);
            g_assert_no_error(error);
        }
    }
    snapshot_writer_leaf_end(writer, &error);
    g_assert_no_error(error);
    leaf_clear(&leaf);
}

static inline gint
model_by_id(gconstpointer a, gconstpointer b)
{
    const char *const *left = a, *const *right = b;
    return row_compare_ids(slice_of(*left), slice_of(*right));
}

/* The ids that this snapshot has of the database, in order. */
static inline GPtrArray *
model_changed_ids(const struct model_database *database, guint number)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, database->documents);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (database->fresh || ((struct model_document *)value)->changed == number)
            g_ptr_array_add(ids, g_strdup(key));
    g_hash_table_iter_init(&iter, database->gone);
    while (!database->fresh && g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(ids, g_strdup(key));
    g_ptr_array_sort(ids, model_by_id);
    return ids;
}

/* Writes what changed; a database without changes is passed as unchanged. */
static inline void
model_write_database(struct model_store *model, struct snapshot_writer *writer,
                     struct model_database *database, const char *id)
{
    static const struct snapshot_database_end end = {.last_seq = "\"5-x\"", .quiet = TRUE};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) ids = model_changed_ids(database, model->number);
    if (ids->len == 0 && !database->fresh) {
        snapshot_writer_database_passed(writer, database->name, "unchanged", database->at, NULL,
                                        NULL);
        return;
    }
    g_autofree char *db_json = g_strdup_printf("{\"base\":\"%s\",\"snapshot\":%u}",
                                               database->fresh ? "fresh" : "parent", model->number);
    snapshot_writer_database_begin(writer, database->name, slice_of(db_json), slice_of("{}"),
                                   &error);
    g_assert_no_error(error);
    for (guint i = 0; i < ids->len; i++) {
        gpointer how = g_hash_table_lookup(database->gone, ids->pdata[i]);
        const struct model_document *document =
            g_hash_table_lookup(database->documents, ids->pdata[i]);
        if (document == NULL)
            snapshot_writer_gone(writer, slice_of(ids->pdata[i]), GPOINTER_TO_INT(how) == 2,
                                 &error);
        g_assert_no_error(error);
        for (guint k = 0; document != NULL && k < document->leaves->len; k++)
            model_write_leaf(writer, document, document->leaves->pdata[k],
                             database->fresh ? 0 : model->number);
    }
    snapshot_writer_database_end(writer, &end, &error);
    g_assert_no_error(error);
    g_hash_table_remove_all(database->gone);
    database->fresh = FALSE;
    g_free(database->at);
    database->at = g_strdup(id);
}

/* Changes made before the next snapshot are numbered so. */
static inline guint
model_next(const struct model_store *model)
{
    return model->number + 1;
}

/* Writes and seals a snapshot of the databases, whose names ascend; NULL ones are not in its
 * manifest. */
static inline void
model_snapshot(struct model_store *model, struct model_database **databases, guint n)
{
    g_autoptr(GError) error = NULL;
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer = snapshot_writer_begin(
        model->store, &model->keys, catalogue, "9d0f58bcd4a24b2b9d0f58bcd4a24b2b", 0, &error);
    g_assert_no_error(error);
    snapshot_writer_server(writer, slice_of("{\"couchdb\":{}}"), &error);
    g_assert_no_error(error);
    for (guint i = 0; i < n; i++)
        if (databases[i] != NULL)
            model_write_database(model, writer, databases[i], catalogue->id);
    snapshot_writer_seal(writer, catalogue->started, NULL, NULL, &error);
    g_assert_no_error(error);
    g_free(model->last);
    model->last = g_strdup(catalogue->id);
}

/* The snapshot of an id or folder, which must be there. */
static inline struct snapshot *
model_find(const struct model_store *model, const char *id)
{
    g_autoptr(GError) error = NULL;
    struct snapshot *snapshot = store_find(model->store, id, &error);
    g_assert_no_error(error);
    return snapshot;
}

/* ---- comparing ---- */

/* A stream of leaves as the reader under test gives it. */
struct model_reader {
    gboolean (*attachment)(void *context, guint which, GError **error);
    gboolean (*data)(void *context, void *data, gsize size, gsize *got, GError **error);
    void *context;
};

static inline gboolean
model_chain_attachment(void *database, guint which, GError **error)
{
    return chain_attachment(database, which, error);
}

static inline gboolean
model_chain_data(void *database, void *data, gsize size, gsize *got, GError **error)
{
    return chain_data(database, data, size, got, error);
}

static inline struct model_reader
model_chain_reader(struct chain_database *database)
{
    return (struct model_reader){model_chain_attachment, model_chain_data, database};
}

static inline const struct model_leaf *
model_find_leaf(const struct model_document *document, struct slice rev)
{
    for (guint i = 0; document != NULL && i < document->leaves->len; i++) {
        g_autofree char *other = model_leaf_rev(document->leaves->pdata[i]);
        if (slice_is(rev, other))
            return document->leaves->pdata[i];
    }
    return NULL;
}

static inline void
model_compare_bytes(const struct model_reader *reader, const struct model_attachment *a)
{
    g_autoptr(GError) error = NULL;
    gsize at = 0;
    for (gsize got = 1; got > 0; at += got) {
        guint8 found[5000], expected[5000];
        reader->data(reader->context, found, sizeof found, &got, &error);
        g_assert_no_error(error);
        model_bytes(a->seed, at, expected, got);
        g_assert_true(memcmp(found, expected, got) == 0);
    }
    g_assert_cmpuint(at, ==, a->size);
}

/*
 * Compares a leaf with the model's and its attachments by their bytes; with `skip`, every other
 * attachment is not read.
 */
static inline void
model_compare_leaf(const struct model_reader *reader, const struct model_document *document,
                   const struct leaf *leaf, gboolean skip)
{
    g_autoptr(GError) error = NULL;
    const struct model_leaf *model = model_find_leaf(document, leaf->rev);
    g_assert_nonnull(model);
    g_autofree char *expected = model_leaf_json(document, model, NULL);
    g_autoptr(GString) found = g_string_new(NULL);
    leaf_append_marked(leaf, found);
    g_assert_cmpstr(found->str, ==, expected);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        g_assert_true(leaf->attachments[i].here);
        if (skip && i % 2 == 0)
            continue;
        reader->attachment(reader->context, i, &error);
        g_assert_no_error(error);
        model_compare_bytes(reader, &g_array_index(model->attachments, struct model_attachment, i));
    }
}
