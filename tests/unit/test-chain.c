/* chain: whatever was done before a snapshot, the chain at it gives the state as it was, leaf by
 * leaf. */
#include "lib/archive/chain.h"

#include "lib/archive/snapshot_reader.h"
#include "lib/base/fail.h"
#include "tests/unit/archive_model.h"

#include <grp.h>
#include <pwd.h>

#include <sys/resource.h>
#include <sys/stat.h>

#define SMALL 1 /* bytes of memory: as many passes as can be */

/* Reads the database to its end and finds each leaf of the state once. */
static void
expect_state(struct chain *chain, const char *name, GHashTable *state)
{
    g_autoptr(GError) error = NULL;
    AUTO(chain_database) *database = chain_database_open(chain, name, &error);
    g_assert_no_error(error);
    struct model_reader reader = model_chain_reader(database);
    g_autoptr(GString) last = g_string_new(NULL);
    guint documents = 0, leaves = 0, expected = 0;
    for (;;) {
        const struct leaf *leaf;
        gboolean end = FALSE;
        chain_next(database, &leaf, &end, &error);
        g_assert_no_error(error);
        if (end)
            break;
        struct slice before = {last->str, last->len};
        if (last->len == 0 || slice_compare(before, leaf->id) != 0) {
            g_assert_true(last->len == 0 || row_compare_ids(before, leaf->id) < 0);
            g_string_truncate(last, 0);
            g_string_append_len(last, leaf->id.data, (gssize)leaf->id.size);
            documents++;
        }
        const struct model_document *document = g_hash_table_lookup(state, last->str);
        g_assert_nonnull(document);
        model_compare_leaf(&reader, document, leaf, leaves++ % 3 == 0);
    }
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, state);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        expected += ((struct model_document *)value)->leaves->len;
    g_assert_cmpuint(documents, ==, g_hash_table_size(state));
    g_assert_cmpuint(leaves, ==, expected);
}

static void
expect_chain(struct model_store *model, const char *id, gsize memory, const char *name,
             GHashTable *state)
{
    g_autoptr(GError) error = NULL;
    AUTO(chain) *chain =
        chain_open(model->store, model_find(model, id), &model->keys, memory, &error);
    g_assert_no_error(error);
    if (state != NULL) {
        expect_state(chain, name, state);
        return;
    }
    AUTO(chain_database) *database = chain_database_open(chain, name, &error);
    g_assert_null(database);
    g_assert_error(error, FAIL, FAIL_FAILED);
}

/* ---- random histories ---- */

#define N_SNAPSHOTS 14
#define N_IDS 60

struct history {
    char *ids[N_SNAPSHOTS];
    GHashTable *states[N_SNAPSHOTS][2];
};

/* Two databases; the second one is dropped and made anew now and then, and often unchanged. */
static void
write_history(struct model_store *model, guint32 seed, struct history *history)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    struct model_database *databases[2] = {model_database_new("medic"),
                                           model_database_new("users/\xc3\xa9")};
    for (guint i = 0; i < N_SNAPSHOTS; i++) {
        gint changes = i == 0 ? N_IDS * 2 : g_rand_int_range(rand, 0, N_IDS / 2);
        while (changes-- > 0)
            model_change_one(rand, databases[0], N_IDS, model_next(model));
        gint what = g_rand_int_range(rand, 0, 6);
        if (what == 0 && databases[1] != NULL) {
            model_database_free(databases[1]);
            databases[1] = NULL;
        } else if (databases[1] == NULL && what < 4) {
            databases[1] = model_database_new("users/\xc3\xa9");
        }
        for (gint k = 0; k < 5 && databases[1] != NULL && what < 4; k++)
            model_change_one(rand, databases[1], N_IDS, model_next(model));
        databases[0]->fresh |= g_rand_int_range(rand, 0, 6) == 0;
        model_snapshot(model, databases, 2);
        history->ids[i] = g_strdup(model->last);
        for (guint k = 0; k < 2; k++)
            history->states[i][k] = databases[k] != NULL ? model_state(databases[k]) : NULL;
    }
    for (guint k = 0; k < 2; k++)
        if (databases[k] != NULL)
            model_database_free(databases[k]);
}

static void
history_clear(struct history *history)
{
    for (guint i = 0; i < N_SNAPSHOTS; i++) {
        g_free(history->ids[i]);
        for (guint k = 0; k < 2; k++)
            g_clear_pointer(&history->states[i][k], g_hash_table_unref);
    }
}

static void
the_state_at_each_snapshot_is_as_it_was(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    struct history history = {0};
    write_history(model, GPOINTER_TO_UINT(data), &history);
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < N_SNAPSHOTS; i++) {
        expect_chain(model, history.ids[i], 0, "medic", history.states[i][0]);
        expect_chain(model, history.ids[i], SMALL, "medic", history.states[i][0]);
        expect_chain(model, history.ids[i], 0, "users/\xc3\xa9", history.states[i][1]);
        expect_chain(model, history.ids[i], SMALL, "users/\xc3\xa9", history.states[i][1]);
    }
    history_clear(&history);
}

/* ---- long chains ---- */

#define LONG 300
#define FEW_DESCRIPTORS 150

static struct model_database *
write_long_chain(struct model_store *model, GHashTable **middle, char **middle_id)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(42);
    struct model_database *database = model_database_new("medic");
    for (guint i = 0; i < LONG; i++) {
        for (guint k = 0; k < (i == 0 ? 200 : 3); k++)
            model_change_one(rand, database, N_IDS, model_next(model));
        model_snapshot(model, &database, 1);
        if (i == LONG / 2) {
            *middle = model_state(database);
            *middle_id = g_strdup(model->last);
        }
    }
    return database;
}

static guint
folders_of_passes(const char *path)
{
    guint n = 0;
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;)
        n += g_str_has_prefix(name, "lifeboat-merge-");
    return n;
}

static void
a_chain_of_hundreds_is_merged_in_passes_with_few_descriptors(void)
{
    static const gsize memories[] = {0, 8 * 1024 * 1024, SMALL};
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GHashTable) middle = NULL;
    g_autofree char *middle_id = NULL;
    struct model_database *database = write_long_chain(model, &middle, &middle_id);
    g_autoptr(GHashTable) state = model_state(database);
    struct rlimit before, few;
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    g_setenv("TMPDIR", model->scratch->path, TRUE);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = FEW_DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &few);
    for (gsize i = 0; i < G_N_ELEMENTS(memories); i++)
        expect_chain(model, model->last, memories[i], "medic", state);
    expect_chain(model, middle_id, 0, "medic", middle);
    setrlimit(RLIMIT_NOFILE, &before);
    g_assert_cmpuint(folders_of_passes(model->scratch->path), ==, 0);
    g_unsetenv("TMPDIR");
    model_database_free(database);
}

/* A folder that nobody holds and that is old enough is a killed process's. */
static void
what_a_killed_process_left_is_removed(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    struct model_database *database = model_database_new("medic");
    const struct timespec long_ago[2] = {{1000, 0}, {1000, 0}};
    for (guint i = 0; i < 4; i++) {
        model_change_one(rand, database, 3, model_next(model));
        model_snapshot(model, &database, 1);
    }
    store_refresh(model->store, &model->keys, &error);
    g_autoptr(GHashTable) state = model_state(database);
    g_setenv("TMPDIR", model->scratch->path, TRUE);
    mkdirat(model->scratch->fd, "lifeboat-merge-AAAAAA", 0700);
    mkdirat(model->scratch->fd, "lifeboat-merge-BBBBBB", 0700);
    utimensat(model->scratch->fd, "lifeboat-merge-AAAAAA", long_ago, 0);
    expect_chain(model, model->last, SMALL, "medic", state);
    g_assert_cmpint(faccessat(model->scratch->fd, "lifeboat-merge-AAAAAA", F_OK, 0), !=, 0);
    g_assert_cmpint(faccessat(model->scratch->fd, "lifeboat-merge-BBBBBB", F_OK, 0), ==, 0);
    g_unsetenv("TMPDIR");
    model_database_free(database);
}

/* ---- what cannot be read ---- */

static void
write_three(struct model_store *model, struct model_database *database)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(8);
    for (guint i = 0; i < 3; i++) {
        for (guint k = 0; k < 5; k++)
            model_change_one(rand, database, 20, model_next(model));
        model_snapshot(model, &database, 1);
    }
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
}

static void
a_missing_snapshot_is_named(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    write_three(model, database);
    const struct snapshot *second = model_find(model, "0002");
    file_remove_tree(model->store->snapshots_fd, second->folder, &error);
    store_refresh(model->store, &model->keys, &error);
    g_assert_no_error(error);
    AUTO(chain) *chain =
        chain_open(model->store, model_find(model, "0003"), &model->keys, 0, &error);
    g_assert_null(chain);
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, "00020000-0000-4000-8000-000000000000"));
    model_database_free(database);
}

static void
another_key_is_told_as_such(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    struct model_database *database = model_database_new("medic");
    struct age_identity other;
    write_three(model, database);
    age_identity_generate(&other);
    const struct keys keys = {.identities = &other, .n_identities = 1};
    AUTO(chain) *chain = chain_open(model->store, model_find(model, "0003"), &keys, 0, &error);
    g_assert_null(chain);
    g_assert_error(error, FAIL, FAIL_KEY);
    model_database_free(database);
}

/* ---- databases that come and go ---- */

/* A snapshot in which the database has that status, without entries. */
static void
snapshot_passing(struct model_store *model, const char *name, const char *status, const char *at)
{
    g_autoptr(GError) error = NULL;
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(model->store, &model->keys, catalogue, NULL, 0, &error);
    g_assert_no_error(error);
    snapshot_writer_database_passed(writer, name, status, at, "shard 00000000 is on strike", NULL);
    snapshot_writer_seal(writer, catalogue->started, NULL, NULL, &error);
    g_assert_no_error(error);
    g_free(model->last);
    model->last = g_strdup(catalogue->id);
}

static void
a_failed_database_goes_on_from_where_it_was(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(9);
    struct model_database *database = model_database_new("medic");
    write_three(model, database);
    snapshot_passing(model, "medic", data, NULL);
    g_autofree char *failed = g_strdup(model->last);
    for (guint k = 0; k < 5; k++)
        model_change_one(rand, database, 20, model_next(model));
    model_snapshot(model, &database, 1);
    store_refresh(model->store, &model->keys, &error);
    g_autoptr(GHashTable) state = model_state(database);
    expect_chain(model, model->last, 0, "medic", state);
    expect_chain(model, failed, 0, "medic", NULL);
    model_database_free(database);
}

/* Twice, so that one that passed it stands between; what a link in between began of it is void. */
static void
a_database_that_was_passed_stands_where_it_last_was_read(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(12);
    struct model_database *database = model_database_new("medic");
    write_three(model, database);
    g_autoptr(GHashTable) state = model_state(database);
    g_autofree char *at = g_strdup(database->at);
    snapshot_passing(model, "medic", data, at);
    for (guint k = 0; k < 5; k++)
        model_change_one(rand, database, 20, model_next(model));
    model_snapshot(model, &database, 1);
    snapshot_passing(model, "medic", data, at);
    store_refresh(model->store, &model->keys, &error);
    expect_chain(model, model->last, 0, "medic", state);
    AUTO(chain) *chain =
        chain_open(model->store, model_find(model, model->last), &model->keys, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(chain_stands_at(chain, "medic")->catalogue->id, ==, at);
    g_assert_null(chain_stands_at(chain, "other"));
    model_database_free(database);
}

static void
seal_and_read(struct model_store *model, struct snapshot_writer *writer,
              struct catalogue *catalogue, struct manifest **manifest)
{
    g_autoptr(GError) error = NULL;
    snapshot_writer_seal(writer, catalogue->started, NULL, NULL, &error);
    g_assert_no_error(error);
    store_refresh(model->store, &model->keys, &error);
    AUTO(snapshot_reader) *reader =
        snapshot_reader_open(model->store, model_find(model, catalogue->id), &model->keys, &error);
    g_assert_no_error(error);
    *manifest = snapshot_reader_manifest(reader, NULL, NULL, &error);
    g_assert_no_error(error);
}

/* Two databases with three documents unread each; the first is given up, the second ended. */
static struct manifest *
manifest_with_unread(struct model_store *model)
{
    static const struct snapshot_database_end end = {.unfinished = TRUE};
    g_autoptr(GError) error = NULL;
    struct manifest *manifest;
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(model->store, &model->keys, catalogue, NULL, 0, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < 2; i++) {
        snapshot_writer_database_begin(writer, i == 0 ? "a" : "b", slice_of("{}"), slice_of("{}"),
                                       &error);
        g_assert_no_error(error);
        snapshot_writer_unread(writer, slice_of("x"), slice_of("1-a"), "torn");
        snapshot_writer_unread(writer, slice_of("y"), slice_of(""), "torn");
        snapshot_writer_unread(writer, slice_of("_design/z"), slice_of(""), "torn");
        if (i == 0)
            snapshot_writer_database_abandon(writer, &error);
        else
            snapshot_writer_database_end(writer, &end, &error);
        g_assert_no_error(error);
        if (i == 0)
            snapshot_writer_database_passed(writer, "a", "failed", NULL, "torn", NULL);
    }
    seal_and_read(model, writer, catalogue, &manifest);
    g_assert_cmpuint(catalogue->counts.unread, ==, 3);
    g_assert_cmpuint(catalogue->counts.failed, ==, 1);
    g_assert_cmpuint(manifest->unread->len, ==, 3);
    g_assert_cmpuint(manifest_find(manifest, "a")->unread, ==, 0);
    g_assert_cmpuint(manifest_find(manifest, "b")->unread, ==, 3);
    return manifest;
}

static void
what_was_unread_is_named_again_until_it_is_read(void)
{
    static const struct snapshot_database_end end = {0};
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    AUTO(manifest) *before = manifest_with_unread(model);
    AUTO(manifest) *after = NULL;
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(model->store, &model->keys, catalogue, NULL, 0, &error);
    g_assert_no_error(error);
    snapshot_writer_database_passed(writer, "a", "unchanged", NULL, NULL, before);
    snapshot_writer_database_begin(writer, "b", slice_of("{}"), slice_of("{}"), &error);
    snapshot_writer_still_unread(writer, before, slice_of("x"), TRUE, 0);
    snapshot_writer_still_unread(writer, NULL, slice_of("x"), TRUE, 0);
    snapshot_writer_database_abandon(writer, &error);
    snapshot_writer_database_begin(writer, "b", slice_of("{}"), slice_of("{}"), &error);
    snapshot_writer_still_unread(writer, before, slice_of("x"), TRUE, 0);
    snapshot_writer_still_unread(writer, before, slice_of("_design/z"), FALSE, 7);
    snapshot_writer_database_end(writer, &end, &error);
    g_assert_no_error(error);
    seal_and_read(model, writer, catalogue, &after);
    g_assert_cmpuint(after->unread->len, ==, 5);
    for (guint i = 0; i < after->unread->len; i++)
        g_assert_cmpstr(((struct manifest_unread *)after->unread->pdata[i])->database, ==, "b");
    g_assert_cmpuint(manifest_find(after, "b")->unread, ==, 7);
    g_assert_false(manifest_find(after, "b")->unfinished);
    g_assert_true(manifest_find(before, "b")->unfinished);
}

static void
a_database_passed_keeps_what_is_told_of_its_state(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    AUTO(manifest) *before = manifest_with_unread(model);
    AUTO(manifest) *after = NULL;
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(model->store, &model->keys, catalogue, NULL, 0, &error);
    g_assert_no_error(error);
    snapshot_writer_database_passed(writer, "b", "failed", manifest_find(before, "b")->at, "torn",
                                    before);
    seal_and_read(model, writer, catalogue, &after);
    const struct manifest_database *database = manifest_find(after, "b");
    g_assert_true(database->unfinished);
    g_assert_cmpuint(database->unread, ==, 3);
    g_assert_cmpuint(after->unread->len, ==, 3);
    g_assert_cmpstr(((struct manifest_unread *)after->unread->pdata[0])->rev, ==, "1-a");
    g_assert_cmpstr(((struct manifest_unread *)after->unread->pdata[0])->reason, ==, "torn");
}

static void
nothing_older_than_a_fresh_base_counts(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    struct model_database *database = model_database_new("medic");
    write_three(model, database);
    g_hash_table_remove_all(database->documents);
    database->fresh = TRUE;
    for (guint i = 0; i < 2; i++) {
        for (guint k = 0; k < 3; k++)
            model_change_one(rand, database, 500, model_next(model));
        model_snapshot(model, &database, 1);
    }
    store_refresh(model->store, &model->keys, &error);
    g_autoptr(GHashTable) state = model_state(database);
    expect_chain(model, model->last, 0, "medic", state);
    model_database_free(database);
}

/* Even if a later snapshot should say that it is based on its parent. */
static void
a_database_that_a_manifest_lacks_begins_anew(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(10);
    struct model_database *database = model_database_new("medic");
    write_three(model, database);
    snapshot_passing(model, "another", "excluded", NULL);
    g_hash_table_remove_all(database->documents);
    for (guint k = 0; k < 3; k++)
        model_change_one(rand, database, 500, model_next(model));
    model_snapshot(model, &database, 1);
    store_refresh(model->store, &model->keys, &error);
    g_autoptr(GHashTable) state = model_state(database);
    g_assert_cmpuint(g_hash_table_size(state), ==, 3);
    expect_chain(model, model->last, 0, "medic", state);
    model_database_free(database);
}

/* ---- the server ---- */

static gboolean
take_begin(void *context, const struct chain_file *file, GError **error)
{
    (void)error;
    g_string_append_printf(context, "%s %o %u %u %s %s %u:", file->path, file->mode, file->uid,
                           file->gid, file->user, file->group, (guint)file->size);
    return TRUE;
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    (void)error;
    g_string_append_len(context, data, (gssize)size);
    return TRUE;
}

static gboolean
take_end(void *context, GError **error)
{
    (void)error;
    g_string_append_c(context, '\n');
    return TRUE;
}

static void
the_servers_settings_and_files_come_back(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(model_store) *model = model_store_new();
    g_autofree char *path = g_build_filename(model->scratch->path, "dot.env", NULL);
    scratch_write(model->scratch, "dot.env", "SECRET=1", 8);
    fchmodat(model->scratch->fd, "dot.env", 0640, 0);
    AUTO(catalogue) *catalogue = model_catalogue(model);
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(model->store, &model->keys, catalogue, NULL, 0, &error);
    snapshot_writer_server(writer, slice_of("{\"couchdb\":{\"uuid\":\"x\"}}"), &error);
    snapshot_writer_file(writer, path, &error);
    snapshot_writer_seal(writer, catalogue->started, NULL, NULL, &error);
    g_assert_no_error(error);
    store_refresh(model->store, &model->keys, &error);
    AUTO(chain) *chain =
        chain_open(model->store, model_find(model, "0001"), &model->keys, 0, &error);
    g_assert_no_error(error);
    g_autoptr(GString) config = chain_server_config(chain, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->str, ==, "{\"couchdb\":{\"uuid\":\"x\"}}");
    g_autoptr(GString) found = g_string_new(NULL);
    const struct chain_files files = {take_begin, take_bytes, take_end, found};
    chain_server_files(chain, &files, &error);
    g_assert_no_error(error);
    const struct passwd *user = getpwuid(geteuid());
    const struct group *group = getgrgid(getegid());
    g_autofree char *expected =
        g_strdup_printf("%s 640 %u %u %s %s 8:SECRET=1\n", path, geteuid(), getegid(),
                        user != NULL ? user->pw_name : "", group != NULL ? group->gr_name : "");
    g_assert_cmpstr(found->str, ==, expected);
    g_assert_cmpuint(chain_largest(chain), >=, config->len);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint seed = 1; seed <= 5; seed++) {
        g_autofree char *name =
            g_strdup_printf("/chain/the state at each snapshot is as it was/%u", seed);
        g_test_add_data_func(name, GUINT_TO_POINTER(seed), the_state_at_each_snapshot_is_as_it_was);
    }
    g_test_add_func("/chain/a chain of hundreds is merged in passes with few descriptors",
                    a_chain_of_hundreds_is_merged_in_passes_with_few_descriptors);
    g_test_add_func("/chain/what a killed process left is removed",
                    what_a_killed_process_left_is_removed);
    g_test_add_func("/chain/a missing snapshot is named", a_missing_snapshot_is_named);
    g_test_add_func("/chain/another key is told as such", another_key_is_told_as_such);
    g_test_add_data_func("/chain/a failed database goes on from where it was", "failed",
                         a_failed_database_goes_on_from_where_it_was);
    g_test_add_data_func("/chain/an excluded database goes on from where it was", "excluded",
                         a_failed_database_goes_on_from_where_it_was);
    static const char *const passed[] = {"failed", "excluded", "pending"};
    for (guint i = 0; i < G_N_ELEMENTS(passed); i++) {
        g_autofree char *name = g_strdup_printf(
            "/chain/a database that was passed stands where it last was read/%s", passed[i]);
        g_test_add_data_func(name, passed[i],
                             a_database_that_was_passed_stands_where_it_last_was_read);
    }
    g_test_add_func("/chain/what was unread is named again until it is read",
                    what_was_unread_is_named_again_until_it_is_read);
    g_test_add_func("/chain/a database passed keeps what is told of its state",
                    a_database_passed_keeps_what_is_told_of_its_state);
    g_test_add_func("/chain/nothing older than a fresh base counts",
                    nothing_older_than_a_fresh_base_counts);
    g_test_add_func("/chain/a database that a manifest lacks begins anew",
                    a_database_that_a_manifest_lacks_begins_anew);
    g_test_add_func("/chain/the server's settings and files come back",
                    the_servers_settings_and_files_come_back);
    return g_test_run();
}
