/* store: what counts in a store and what does not, whatever lies on the medium. */
#include "lib/archive/store.h"

#include "lib/archive/parts.h"
#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

#define CREATED "2026-11-22T08:15:00Z"

struct fixture {
    struct scratch *scratch;
    char *path; /* of the store */
    struct keys *keys;
    struct store *store;
};

static struct keys *
make_keys(const struct scratch *scratch, const char *name, const char *site, const char *node)
{
    struct keys_sheet *sheet = g_new0(struct keys_sheet, 1);
    g_autofree char *folder = g_build_filename(scratch->path, name, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(keys_init(folder, site, node, sheet, &error));
    keys_sheet_free(sheet);
    struct keys *keys = keys_open(folder, &error);
    g_assert_no_error(error);
    return keys;
}

static void
set_up(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    fixture->scratch = scratch_new();
    fixture->path = g_build_filename(fixture->scratch->path, "drive", NULL);
    g_assert_cmpint(g_mkdir_with_parents(fixture->path, 0755), ==, 0);
    fixture->keys = make_keys(fixture->scratch, "keys", "clinic", "a");
    fixture->store = store_open_for_writing(fixture->path, fixture->keys, CREATED, &error);
    g_assert_no_error(error);
}

static void
tear_down(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    store_free(fixture->store);
    keys_free(fixture->keys);
    g_free(fixture->path);
    scratch_free(fixture->scratch);
}

/* Seals a snapshot with one small part; gives its id, which `parent` of the next may name. */
static char *
seal(struct fixture *fixture, const char *parent, const char *started)
{
    g_autoptr(GError) error = NULL;
    AUTO(catalogue) *catalogue = catalogue_new();
    g_autofree char *folder = NULL;
    catalogue->id = g_uuid_string_random();
    catalogue->parent = g_strdup(parent);
    catalogue->node = g_strdup("a");
    catalogue->kind = g_strdup(parent != NULL ? "increment" : "full");
    catalogue->number = store_next_number(fixture->store);
    catalogue->started = g_strdup(started);
    catalogue->finished = g_strdup(started);
    catalogue->complete = TRUE;
    catalogue->bytes_stored = 4;
    AUTO_FD int fd = store_make_snapshot(fixture->store, catalogue->id, started, &folder, &error);
    g_assert_no_error(error);
    AUTO(parts_writer) *parts = parts_writer_new(fd, PARTS_SIZE);
    g_assert_true(parts_writer_add(parts, "data", 4, NULL) && parts_writer_finish(parts, NULL));
    g_autofree char *sums = parts_writer_sums(parts);
    g_assert_true(store_seal(fixture->store, fd, sums, catalogue, fixture->keys, &error));
    g_assert_true(store_refresh(fixture->store, fixture->keys, &error));
    return g_strdup(catalogue->id);
}

static struct snapshot *
only_one(struct fixture *fixture)
{
    g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    g_assert_cmpuint(fixture->store->snapshots->len, ==, 1);
    return fixture->store->snapshots->pdata[0];
}

/* Replaces a file of the only snapshot. */
static void
overwrite(struct fixture *fixture, const char *name, const char *text)
{
    const struct snapshot *snapshot = fixture->store->snapshots->pdata[0];
    AUTO_FD int fd = store_open_snapshot(fixture->store, snapshot, NULL);
    g_assert_true(file_replace(fd, name, text, strlen(text), 0644, NULL));
}

/* ---- tests ---- */

static void
a_sealed_snapshot_is_trusted_and_the_tip(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    const struct snapshot *snapshot = only_one(fixture);
    g_assert_cmpint(snapshot->trust, ==, SNAPSHOT_TRUSTED);
    g_assert_cmpstr(store_tip(fixture->store, TRUE)->catalogue->id, ==, id);
    g_assert_null(store_find(fixture->store, "zzzz", NULL));
    id[6] = '\0';
    g_assert_true(store_find(fixture->store, id, NULL) == snapshot);
}

static void
the_tip_is_the_newest_by_number_though_clocks_go_back(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *first = seal(fixture, NULL, "2026-11-22T08:15:00Z");
    g_autofree char *second = seal(fixture, first, "1970-01-01T00:00:00Z");
    g_assert_cmpstr(store_tip(fixture->store, TRUE)->catalogue->id, ==, second);
    g_assert_cmpuint(store_tip(fixture->store, TRUE)->depth, ==, 1);
}

static void
without_its_parent_a_snapshot_is_an_orphan(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *first = seal(fixture, NULL, "2026-11-22T08:15:00Z");
    g_autofree char *second = seal(fixture, first, "2026-11-22T08:16:00Z");
    g_autofree char *third = seal(fixture, second, "2026-11-22T08:17:00Z");
    const struct snapshot *lost = store_find(fixture->store, second, NULL);
    g_assert_true(file_remove_tree(fixture->store->snapshots_fd, lost->folder, NULL));
    g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    g_assert_cmpstr(store_tip(fixture->store, TRUE)->catalogue->id, ==, first);
    g_assert_cmpstr(store_orphan(fixture->store)->catalogue->id, ==, third);
    g_assert_cmpuint(store_next_number(fixture->store), ==, 4);
}

static void
an_unsealed_folder_does_not_count_and_is_removed(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    g_autofree char *folder = NULL;
    AUTO_FD int fd = store_make_snapshot(fixture->store, "ffff", CREATED, &folder, NULL);
    g_assert_true(file_replace(fd, "data.000", "x", 1, 0644, NULL));
    g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    g_assert_cmpuint(fixture->store->snapshots->len, ==, 2);
    g_assert_true(store_remove_unsealed(fixture->store, NULL));
    g_assert_cmpstr(only_one(fixture)->catalogue->id, ==, id);
}

static void
a_changed_catalogue_is_damaged(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    g_autoptr(GString) text = catalogue_write(only_one(fixture)->catalogue);
    g_string_replace(text, "\"documents\":0", "\"documents\":1", 1);
    overwrite(fixture, "snapshot.json", text->str);
    g_assert_cmpint(only_one(fixture)->trust, ==, SNAPSHOT_DAMAGED);
    g_assert_null(store_tip(fixture->store, FALSE));
}

static void
a_changed_list_of_hashes_is_found_out(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    g_autoptr(GError) error = NULL;
    overwrite(fixture, "SHA256SUMS", "");
    const struct snapshot *snapshot = only_one(fixture);
    AUTO_FD int fd = store_open_snapshot(fixture->store, snapshot, NULL);
    g_assert_null(store_read_sums(fd, snapshot, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
}

static void
a_part_cut_short_shows_at_once(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    overwrite(fixture, "data.000", "dat");
    g_assert_cmpint(only_one(fixture)->trust, ==, SNAPSHOT_DAMAGED);
    g_assert_nonnull(strstr(only_one(fixture)->problem, "3 bytes, not 4"));
}

static void
a_flipped_bit_is_found_by_looking_for_it(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    overwrite(fixture, "data.000", "dat`");
    struct snapshot *snapshot = only_one(fixture);
    g_assert_cmpint(snapshot->trust, ==, SNAPSHOT_TRUSTED);
    g_autoptr(GError) error = NULL;
    g_assert_false(store_check_chain(fixture->store, snapshot, NULL, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_true(store_is_lost(snapshot));
    g_assert_null(store_tip(fixture->store, FALSE));
}

static void
a_stranger_s_snapshots_are_foreign(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    AUTO(keys) *others = make_keys(fixture->scratch, "others", "clinic", "b");
    AUTO(store) *seen = store_open(fixture->path, others, NULL);
    const struct snapshot *snapshot = seen->snapshots->pdata[0];
    g_assert_cmpint(snapshot->trust, ==, SNAPSHOT_FOREIGN);
    g_assert_null(store_tip(seen, FALSE));
}

static void
another_site_s_store_is_left_alone(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    AUTO(keys) *others = make_keys(fixture->scratch, "others", "hospital", "a");
    g_assert_null(store_open_for_writing(fixture->path, others, CREATED, &error));
    g_assert_nonnull(strstr(error->message, "belongs to site 'clinic', not to 'hospital'"));
}

static void
a_folder_without_a_store_is_told(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_assert_null(store_open(fixture->scratch->path, NULL, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, "there is no store in"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name, function)                                                                       \
    g_test_add("/store/" name, struct fixture, NULL, set_up, function, tear_down)
    CASE("a-sealed-snapshot-is-trusted-and-the-tip", a_sealed_snapshot_is_trusted_and_the_tip);
    CASE("the-tip-is-the-newest-by-number-though-clocks-go-back",
         the_tip_is_the_newest_by_number_though_clocks_go_back);
    CASE("without-its-parent-a-snapshot-is-an-orphan", without_its_parent_a_snapshot_is_an_orphan);
    CASE("an-unsealed-folder-does-not-count-and-is-removed",
         an_unsealed_folder_does_not_count_and_is_removed);
    CASE("a-changed-catalogue-is-damaged", a_changed_catalogue_is_damaged);
    CASE("a-changed-list-of-hashes-is-found-out", a_changed_list_of_hashes_is_found_out);
    CASE("a-part-cut-short-shows-at-once", a_part_cut_short_shows_at_once);
    CASE("a-flipped-bit-is-found-by-looking-for-it", a_flipped_bit_is_found_by_looking_for_it);
    CASE("a-stranger-s-snapshots-are-foreign", a_stranger_s_snapshots_are_foreign);
    CASE("another-site-s-store-is-left-alone", another_site_s_store_is_left_alone);
    CASE("a-folder-without-a-store-is-told", a_folder_without_a_store_is_told);
    return g_test_run();
}
