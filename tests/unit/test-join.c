/* join: whatever neighbours are merged, the chain at each snapshot that is left gives what it gave
 * before. */
#include "lib/archive/join.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/store/removal.h"
#include "tests/unit/archive_model.h"

#include <fcntl.h>

#define N_SNAPSHOTS 12
#define N_IDS 40
#define SMALL 1 /* bytes of memory: as many passes as can be */

static const char *const names[] = {"medic", "users/\xc3\xa9"};

/* ---- what a chain gives ---- */

/* How a snapshot's manifest has a database, as text. */
static char *
told(struct model_store *model, const char *id, const char *name)
{
    g_autoptr(GError) error = NULL;
    AUTO(chain) *chain = chain_open(model->store, model_find(model, id), &model->keys, 0, &error);
    g_assert_no_error(error);
    const struct manifest_database *database = manifest_find(chain_manifest(chain), name);
    if (database == NULL)
        return g_strdup("(not there)");
    AUTO(chain_database) *texts = chain_database_look(chain, name, NULL);
    g_autoptr(GString) unread = g_string_new(NULL);
    for (guint i = 0; i < chain_manifest(chain)->unread->len; i++) {
        const struct manifest_unread *one = chain_manifest(chain)->unread->pdata[i];
        if (g_str_equal(one->database, name))
            g_string_append_printf(unread, " %s %s %s;", one->id, one->rev, one->reason);
    }
    return g_strdup_printf("%s at %s since %s: %s %d %u%s %s", database->status, database->at,
                           chain_stands_since(chain, name), database->reason, database->unfinished,
                           (guint)database->unread, unread->str,
                           texts != NULL ? strstr(texts->db_json->str, "\"snapshot\"") : "");
}

static void
expect_state(struct model_store *model, const char *id, gsize memory, const char *name,
             GHashTable *state)
{
    g_autoptr(GError) error = NULL;
    AUTO(chain) *chain =
        chain_open(model->store, model_find(model, id), &model->keys, memory, &error);
    g_assert_no_error(error);
    if (state == NULL) {
        g_assert_null(chain_stands_at(chain, name));
        return;
    }
    AUTO(chain_database) *database = chain_database_open(chain, name, &error);
    g_assert_no_error(error);
    struct model_reader reader = model_chain_reader(database);
    guint leaves = 0, expected = 0;
    for (gboolean end = FALSE;;) {
        const struct leaf *leaf;
        chain_next(database, &leaf, &end, &error);
        g_assert_no_error(error);
        if (end)
            break;
        g_autofree char *document = slice_dup(leaf->id);
        g_assert_nonnull(g_hash_table_lookup(state, document));
        model_compare_leaf(&reader, g_hash_table_lookup(state, document), leaf, leaves++ % 3 == 0);
    }
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, state);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        expected += ((struct model_document *)value)->leaves->len;
    g_assert_cmpuint(leaves, ==, expected);
}

/* ---- random histories ---- */

struct history {
    GPtrArray *ids; /* of the snapshots that are left */
    GHashTable *states[N_SNAPSHOTS][2];
    char *told[N_SNAPSHOTS][2];
};

/* A snapshot in which the second database could not be read, though it may have changed. */
static void
snapshot_failing(struct model_store *model, struct model_database **databases)
{
    g_autoptr(GError) error = NULL;
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer = snapshot_writer_begin(
        model->store, &model->keys, catalogue, "9d0f58bcd4a24b2b9d0f58bcd4a24b2b", 0, &error);
    g_assert_no_error(error);
    snapshot_writer_server(writer, slice_of("{\"couchdb\":{}}"), &error);
    model_write_database(model, writer, databases[0], catalogue->id);
    snapshot_writer_database_passed(writer, databases[1]->name, "failed", databases[1]->at,
                                    "shard 00000000 is on strike", NULL);
    snapshot_writer_seal(writer, catalogue->started, NULL, NULL, &error);
    g_assert_no_error(error);
    g_free(model->last);
    model->last = g_strdup(catalogue->id);
}

/* The second database is dropped and made anew now and then, often unchanged, sometimes failing. */
static void
write_history(struct model_store *model, GRand *rand, struct history *history)
{
    struct model_database *databases[2] = {model_database_new(names[0]),
                                           model_database_new(names[1])};
    g_autoptr(GHashTable) second = NULL;
    for (guint i = 0; i < N_SNAPSHOTS; i++) {
        gint changes = i == 0 ? N_IDS * 2 : g_rand_int_range(rand, 0, N_IDS / 2);
        while (changes-- > 0)
            model_change_one(rand, databases[0], N_IDS, model_next(model));
        gint what = g_rand_int_range(rand, 0, 8);
        if (what == 0 && databases[1] != NULL)
            g_clear_pointer(&databases[1], model_database_free);
        else if (databases[1] == NULL && what < 5)
            databases[1] = model_database_new(names[1]);
        gboolean fails = what > 5 && databases[1] != NULL && databases[1]->at != NULL;
        for (gint k = 0; k < 5 && databases[1] != NULL && what < 5; k++)
            model_change_one(rand, databases[1], N_IDS, model_next(model));
        databases[0]->fresh |= g_rand_int_range(rand, 0, 8) == 0;
        if (fails)
            snapshot_failing(model, databases);
        else
            model_snapshot(model, databases, 2);
        if (!fails) {
            g_clear_pointer(&second, g_hash_table_unref);
            second = databases[1] != NULL ? model_state(databases[1]) : NULL;
        }
        g_ptr_array_add(history->ids, g_strdup(model->last));
        history->states[i][0] = model_state(databases[0]);
        history->states[i][1] = second != NULL ? g_hash_table_ref(second) : NULL;
    }
    for (guint k = 0; k < 2; k++)
        g_clear_pointer(&databases[k], model_database_free);
}

static void
history_clear(struct history *history)
{
    g_ptr_array_unref(history->ids);
    for (guint i = 0; i < N_SNAPSHOTS; i++)
        for (guint k = 0; k < 2; k++) {
            g_free(history->told[i][k]);
            g_clear_pointer(&history->states[i][k], g_hash_table_unref);
        }
}

static void
tell_all(struct model_store *model, struct history *history)
{
    for (guint i = 0; i < N_SNAPSHOTS; i++)
        for (guint k = 0; k < 2; k++)
            history->told[i][k] = told(model, history->ids->pdata[i], names[k]);
}

/* Ids are taken out of the list as their snapshots go, so a state is found by the id's number. */
static void
compare_all(struct model_store *model, const struct history *history, gsize memory)
{
    for (guint n = 0; n < history->ids->len; n++) {
        const char *id = history->ids->pdata[n];
        g_autofree char *digits = g_strndup(id, 4);
        guint64 i = g_ascii_strtoull(digits, NULL, 16) - 1;
        for (guint k = 0; k < 2; k++) {
            g_autofree char *now = told(model, id, names[k]);
            g_assert_cmpstr(now, ==, history->told[i][k]);
            expect_state(model, id, memory, names[k], history->states[i][k]);
        }
    }
}

static void
merge_some(struct model_store *model, GRand *rand, struct history *history)
{
    g_autoptr(GError) error = NULL;
    guint64 freed = 0;
    guint newest = (guint)g_rand_int_range(rand, 1, (gint)history->ids->len);
    guint oldest = (guint)g_rand_int_range(rand, 0, (gint)newest);
    join_snapshots(model->store, model_find(model, history->ids->pdata[newest]),
                   model_find(model, history->ids->pdata[oldest]), &model->keys, NULL, &error);
    g_assert_no_error(error);
    for (guint i = oldest; i < newest; i++)
        g_assert_null(store_find(model->store, history->ids->pdata[i], NULL)); /* hidden */
    g_ptr_array_remove_range(history->ids, oldest, newest - oldest);
    compare_all(model, history, 0);
    removal_originals(model->store, &model->keys, NULL, &freed, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(freed, >, 0);
    g_assert_cmpuint(model->store->snapshots->len, ==, history->ids->len);
    compare_all(model, history, SMALL);
}

static void
the_state_at_each_snapshot_left_is_as_it_was(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(GPOINTER_TO_UINT(data));
    AUTO(model_store) *model = model_store_new();
    struct history history = {.ids = g_ptr_array_new_with_free_func(g_free)};
    write_history(model, rand, &history);
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    tell_all(model, &history);
    while (history.ids->len > 1)
        merge_some(model, rand, &history);
    history_clear(&history);
}

/* ---- one at a time ---- */

static void
write_four(struct model_store *model)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(8);
    struct model_database *database = model_database_new("medic");
    for (guint i = 0; i < 4; i++) {
        for (guint k = 0; k < 5; k++)
            model_change_one(rand, database, 20, model_next(model));
        model_snapshot(model, &database, 1);
    }
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    model_database_free(database);
}

static void
damage(struct model_store *model, const char *id)
{
    const struct snapshot *snapshot = model_find(model, id);
    g_autofree char *part = g_strdup_printf("%s/data.000", snapshot->folder);
    guint8 byte;
    int fd = openat(model->store->snapshots_fd, part, O_RDWR);
    g_assert_cmpint(pread(fd, &byte, 1, 900), ==, 1);
    byte ^= 1;
    g_assert_cmpint(pwrite(fd, &byte, 1, 900), ==, 1);
    close(fd);
}

static void
a_damaged_one_is_named_and_nothing_is_merged(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    write_four(model);
    damage(model, "0002");
    join_snapshots(model->store, model_find(model, "0004"), model_find(model, "0002"), &model->keys,
                   NULL, &error);
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, "-0002"));
    store_refresh(model->store, &model->keys, NULL);
    g_assert_cmpuint(model->store->snapshots->len, ==, 4);
    g_assert_cmpstr(model_find(model, "0004")->catalogue->kind, ==, "increment");
}

static void
what_lies_below_the_range_is_not_read(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    write_four(model);
    damage(model, "0001");
    join_snapshots(model->store, model_find(model, "0004"), model_find(model, "0002"), &model->keys,
                   NULL, &error);
    g_assert_no_error(error);
    const struct catalogue *merged = model_find(model, "0004")->catalogue;
    g_assert_cmpstr(merged->kind, ==, "merged");
    g_assert_cmpstr(merged->parent, ==, "00010000-0000-4000-8000-000000000000");
    g_assert_cmpstr(merged->started, ==, "2026-11-22T00:00:04Z");
    g_assert_cmpuint(merged->number, ==, 4);
    g_assert_true(merged->complete);
}

static void
a_damaged_merged_one_leaves_its_originals(void)
{
    g_autoptr(GError) error = NULL;
    guint64 freed = 0;
    AUTO(model_store) *model = model_store_new();
    write_four(model);
    join_snapshots(model->store, model_find(model, "0004"), model_find(model, "0002"), &model->keys,
                   NULL, &error);
    g_assert_no_error(error);
    damage(model, "0004");
    store_refresh(model->store, &model->keys, &error);
    removal_originals(model->store, &model->keys, NULL, &freed, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(freed, ==, 0);
    g_assert_cmpuint(model->store->snapshots->len, ==, 5);
    g_assert_cmpstr(model_find(model, "0004")->catalogue->kind, ==, "increment");
    g_assert_true(store_tip(model->store, TRUE) == model_find(model, "0004"));
}

/* As far as they are there, what is left of them is a whole chain of its own. */
static void
an_interrupted_removal_of_originals_is_finished(void)
{
    g_autoptr(GError) error = NULL;
    guint64 freed = 0;
    AUTO(model_store) *model = model_store_new();
    write_four(model);
    g_autofree char *third = g_strdup(model_find(model, "0003")->folder);
    g_autofree char *fourth = g_strdup(model_find(model, "0004")->folder);
    join_snapshots(model->store, model_find(model, "0004"), model_find(model, "0002"), &model->keys,
                   NULL, &error);
    g_assert_no_error(error);
    removal_delete(model->store, third, &error); /* the first to go */
    g_assert_no_error(error);
    g_autofree char *hidden = g_strconcat(".", fourth, NULL);
    renameat(model->store->snapshots_fd, fourth, model->store->snapshots_fd, hidden);
    store_refresh(model->store, &model->keys, &error);
    g_assert_cmpuint(model->store->snapshots->len, ==, 3); /* 1, 2 and the merged one */
    g_assert_null(store_orphan(model->store));
    store_remove_unsealed(model->store, &error);
    removal_originals(model->store, &model->keys, NULL, &freed, &error);
    g_assert_no_error(error);
    g_assert_cmpint(faccessat(model->store->snapshots_fd, hidden, F_OK, 0), !=, 0);
    g_assert_true(store_tip(model->store, TRUE) == model_find(model, "0004"));
    g_assert_true(model_find(model, "0004")->parent == model_find(model, "0001"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint seed = 1; seed <= 6; seed++) {
        g_autofree char *name =
            g_strdup_printf("/join/the state at each snapshot left is as it was/%u", seed);
        g_test_add_data_func(name, GUINT_TO_POINTER(seed),
                             the_state_at_each_snapshot_left_is_as_it_was);
    }
    g_test_add_func("/join/a damaged one is named and nothing is merged",
                    a_damaged_one_is_named_and_nothing_is_merged);
    g_test_add_func("/join/what lies below the range is not read",
                    what_lies_below_the_range_is_not_read);
    g_test_add_func("/join/a damaged merged one leaves its originals",
                    a_damaged_merged_one_leaves_its_originals);
    g_test_add_func("/join/an interrupted removal of originals is finished",
                    an_interrupted_removal_of_originals_is_finished);
    return g_test_run();
}
