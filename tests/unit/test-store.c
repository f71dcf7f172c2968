/* store: what counts in a store and what does not, whatever lies on the medium. */
#include "lib/store/store.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/store/parts.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>

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

/* An entry of the next snapshot; its id may be another's. */
static struct catalogue *
entry(struct fixture *fixture, const char *id, const char *parent, const char *kind,
      const char *started)
{
    struct catalogue *catalogue = catalogue_new();
    catalogue->id = id != NULL ? g_strdup(id) : g_uuid_string_random();
    catalogue->parent = g_strdup(parent);
    catalogue->store = g_strdup(fixture->store->id);
    catalogue->site = g_strdup("clinic");
    catalogue->node = g_strdup("a");
    catalogue->kind = g_strdup(kind);
    catalogue->number = store_next_number(fixture->store);
    catalogue->started = g_strdup(started);
    catalogue->finished = g_strdup(started);
    catalogue->complete = TRUE;
    catalogue->bytes_stored = 4;
    return catalogue;
}

/* Seals a snapshot with one small part. */
static void
seal_entry(struct fixture *fixture, struct catalogue *catalogue)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = NULL;
    AUTO_FD int fd =
        store_make_snapshot(fixture->store, catalogue->id, catalogue->started, &folder, &error);
    g_assert_no_error(error);
    AUTO(parts_writer) *parts = parts_writer_new(fd, PARTS_SIZE);
    g_assert_true(parts_writer_add(parts, "data", 4, NULL) && parts_writer_finish(parts, NULL));
    g_autofree char *sums = parts_writer_sums(parts);
    g_assert_true(store_seal(fixture->store, fd, sums, catalogue, fixture->keys, &error));
    g_assert_true(store_refresh(fixture->store, fixture->keys, &error));
}

/* Gives the snapshot's id, which `parent` of the next may name. */
static char *
seal(struct fixture *fixture, const char *parent, const char *started)
{
    AUTO(catalogue) *catalogue =
        entry(fixture, NULL, parent, parent != NULL ? "increment" : "full", started);
    seal_entry(fixture, catalogue);
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

static void
the_rest_that_has_an_entry_but_no_signature_is_told_apart(struct fixture *fixture,
                                                          gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    AUTO_FD int fd = store_open_snapshot(fixture->store, only_one(fixture), NULL);
    g_assert_cmpint(unlinkat(fd, "snapshot.json.minisig", 0), ==, 0);
    g_assert_cmpint(only_one(fixture)->trust, ==, SNAPSHOT_UNSIGNED);
    g_assert_nonnull(strstr(only_one(fixture)->problem, "signature is missing"));
    g_assert_true(store_remove_unsealed(fixture->store, NULL));
    g_assert_cmpuint(fixture->store->snapshots->len, ==, 0);
}

static void
what_is_no_file_is_not_waited_for(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *folder = NULL;
    AUTO_FD int fd = store_make_snapshot(fixture->store, "ffff", CREATED, &folder, NULL);
    g_assert_cmpint(mkfifoat(fd, "snapshot.json.minisig", 0644), ==, 0);
    g_assert_cmpint(only_one(fixture)->trust, ==, SNAPSHOT_DAMAGED);
    g_assert_nonnull(strstr(only_one(fixture)->problem, "is no regular file"));
}

static void
a_circle_of_parents_is_cut(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *late = g_uuid_string_random();
    g_autofree char *middle = g_uuid_string_random();
    AUTO(catalogue) *first = entry(fixture, NULL, late, "increment", CREATED);
    AUTO(catalogue) *second = entry(fixture, middle, first->id, "increment", CREATED);
    AUTO(catalogue) *third = entry(fixture, late, middle, "increment", CREATED);
    seal_entry(fixture, first);
    seal_entry(fixture, second);
    seal_entry(fixture, third);
    for (guint i = 0; i < 3; i++) {
        const struct snapshot *at = fixture->store->snapshots->pdata[i];
        g_assert_false(at->rooted);
        for (guint steps = 0; at != NULL; at = at->parent)
            g_assert_cmpuint(steps++, <, 3);
    }
    g_assert_null(store_tip(fixture->store, FALSE));
}

static void
another_store_s_snapshot_does_not_count(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    AUTO(catalogue) *strange = entry(fixture, NULL, NULL, "full", "2027-01-01T00:00:00Z");
    g_free(strange->store);
    strange->store = g_uuid_string_random();
    strange->number = 99;
    seal_entry(fixture, strange);
    const struct snapshot *other = fixture->store->snapshots->pdata[1];
    g_assert_cmpint(other->trust, ==, SNAPSHOT_ELSEWHERE);
    g_assert_nonnull(strstr(other->problem, "belongs to another store"));
    g_assert_cmpstr(store_tip(fixture->store, FALSE)->catalogue->id, ==, id);
    g_assert_cmpuint(store_next_number(fixture->store), ==, 2);
}

static void
another_site_s_snapshot_does_not_count(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    AUTO(catalogue) *strange = entry(fixture, NULL, NULL, "full", CREATED);
    g_free(strange->site);
    strange->site = g_strdup("hospital");
    seal_entry(fixture, strange);
    g_assert_cmpint(only_one(fixture)->trust, ==, SNAPSHOT_ELSEWHERE);
    g_assert_nonnull(strstr(only_one(fixture)->problem, "site 'hospital'"));
}

static void
a_store_copied_whole_counts_at_its_new_place(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_autofree char *copy = g_build_filename(fixture->scratch->path, "copy", NULL);
    g_autofree char *command = g_strdup_printf("cp -r '%s' '%s'", fixture->path, copy);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    AUTO(store) *store = store_open_for_writing(copy, fixture->keys, CREATED, NULL);
    g_assert_cmpstr(store_tip(store, TRUE)->catalogue->id, ==, id);
}

static void
a_store_that_lost_its_store_json_goes_on_as_the_same(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_cmpint(unlinkat(fixture->store->fd, "store.json", 0), ==, 0);
    AUTO(store) *store = store_open_for_writing(fixture->path, fixture->keys, CREATED, NULL);
    g_assert_cmpstr(store->id, ==, fixture->store->id);
    g_assert_cmpstr(store_tip(store, TRUE)->catalogue->id, ==, id);
}

/* As FAT shows a file that was renamed and not written out again when the power failed. */
static void
make_empty(int folder_fd, const char *name)
{
    AUTO_FD int fd = openat(folder_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
}

static void
an_empty_store_json_is_one_that_is_missing(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    make_empty(fixture->store->fd, "store.json");
    AUTO(store) *fresh = store_open_for_writing(fixture->path, fixture->keys, CREATED, NULL);
    g_assert_true(g_uuid_string_is_valid(fresh->id));
    g_assert_cmpstr(fresh->id, !=, fixture->store->id); /* nothing told it */
    g_free(fixture->store->id);
    fixture->store->id = g_strdup(fresh->id);
    g_autofree char *id = seal(fixture, NULL, CREATED);
    make_empty(fixture->store->fd, "store.json");
    AUTO(store) *reader = store_open(fixture->path, fixture->keys, NULL);
    g_assert_cmpstr(reader->id, ==, fresh->id);
    AUTO(store) *store = store_open_for_writing(fixture->path, fixture->keys, CREATED, NULL);
    g_assert_cmpstr(store->id, ==, fresh->id);
    g_assert_cmpstr(store_tip(store, TRUE)->catalogue->id, ==, id);
    g_assert_false(file_is_unwritten(store->fd, "store.json"));
}

static void
an_empty_signature_is_one_that_is_missing(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_free(seal(fixture, NULL, CREATED));
    AUTO_FD int fd = store_open_snapshot(fixture->store, only_one(fixture), NULL);
    make_empty(fd, "snapshot.json.minisig");
    g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    g_assert_cmpint(only_one(fixture)->trust, ==, SNAPSHOT_UNSIGNED);
    g_assert_true(store_remove_unsealed(fixture->store, NULL));
    g_assert_cmpuint(fixture->store->snapshots->len, ==, 0);
}

/* ---- merged ones ---- */

static void
a_merged_snapshot_wins_over_its_originals(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *full = seal(fixture, NULL, "2026-11-22T08:01:00Z");
    g_autofree char *one = seal(fixture, full, "2026-11-22T08:02:00Z");
    g_autofree char *two = seal(fixture, one, "2026-11-22T08:03:00Z");
    g_autofree char *last = seal(fixture, two, "2026-11-22T08:04:00Z");
    /* its folder comes before the one that it replaces */
    AUTO(catalogue) *merged = entry(fixture, two, full, "merged", "2026-11-22T08:00:00Z");
    merged->number = 3;
    seal_entry(fixture, merged);
    const struct snapshot *found = store_find(fixture->store, two, NULL);
    g_assert_cmpstr(found->catalogue->kind, ==, "merged");
    const struct snapshot *tip = store_tip(fixture->store, TRUE);
    g_assert_cmpstr(tip->catalogue->id, ==, last);
    g_assert_true(tip->parent == found);
    g_assert_cmpuint(tip->depth, ==, 2);
    g_assert_null(store_find(fixture->store, one, NULL)); /* hidden */
    guint replaced = 0;
    for (guint i = 0; i < fixture->store->snapshots->len; i++)
        replaced += ((struct snapshot *)fixture->store->snapshots->pdata[i])->replaced;
    g_assert_cmpuint(replaced, ==, 2);
}

/* Whichever of their folders comes first. */
static void
of_two_merged_snapshots_the_one_that_joins_more_wins(struct fixture *fixture, gconstpointer data)
{
    static const char *const times[][2] = {{"2026-11-22T08:00:01Z", "2026-11-22T08:00:02Z"},
                                           {"2026-11-22T08:00:02Z", "2026-11-22T08:00:01Z"}};
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *full = seal(fixture, NULL, "2026-11-22T08:01:00Z");
        g_autofree char *one = seal(fixture, full, "2026-11-22T08:02:00Z");
        g_autofree char *two = seal(fixture, one, "2026-11-22T08:03:00Z");
        AUTO(catalogue) *some = entry(fixture, two, full, "merged", times[i][0]);
        AUTO(catalogue) *more = entry(fixture, two, NULL, "merged", times[i][1]);
        some->number = more->number = store_find(fixture->store, two, NULL)->catalogue->number;
        seal_entry(fixture, some);
        seal_entry(fixture, more);
        g_assert_null(store_find(fixture->store, two, NULL)->parent);
        g_assert_null(store_find(fixture->store, full, NULL));
        g_assert_null(store_find(fixture->store, one, NULL));
        for (guint k = fixture->store->snapshots->len; k-- > 0;)
            file_remove_tree(fixture->store->snapshots_fd,
                             ((struct snapshot *)fixture->store->snapshots->pdata[k])->folder,
                             NULL);
        g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    }
}

static void
a_merged_snapshot_wins_while_its_originals_are_being_deleted(struct fixture *fixture,
                                                             gconstpointer data)
{
    (void)data;
    g_autofree char *full = seal(fixture, NULL, "2026-11-22T08:01:00Z");
    g_autofree char *one = seal(fixture, full, "2026-11-22T08:02:00Z");
    g_autofree char *last = seal(fixture, one, "2026-11-22T08:03:00Z");
    AUTO(catalogue) *merged = entry(fixture, one, NULL, "merged", "2026-11-22T08:00:00Z");
    merged->number = 2;
    seal_entry(fixture, merged);
    for (guint i = 0; i < fixture->store->snapshots->len; i++) {
        const struct snapshot *snapshot = fixture->store->snapshots->pdata[i];
        if (g_str_equal(snapshot->catalogue->id, full))
            g_assert_true(file_remove_tree(fixture->store->snapshots_fd, snapshot->folder, NULL));
    }
    g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    g_assert_cmpstr(store_tip(fixture->store, TRUE)->catalogue->id, ==, last);
    g_assert_null(store_orphan(fixture->store));
}

static void
the_originals_stand_again_when_the_merged_snapshot_is_damaged(struct fixture *fixture,
                                                              gconstpointer data)
{
    (void)data;
    g_autofree char *full = seal(fixture, NULL, "2026-11-22T08:01:00Z");
    g_autofree char *one = seal(fixture, full, "2026-11-22T08:02:00Z");
    AUTO(catalogue) *merged = entry(fixture, one, NULL, "merged", "2026-11-22T08:03:00Z");
    merged->number = 2;
    seal_entry(fixture, merged);
    AUTO_FD int fd =
        store_open_snapshot(fixture->store, store_find(fixture->store, one, NULL), NULL);
    g_assert_true(file_replace(fd, "data.000", "dat", 3, 0644, NULL));
    g_assert_true(store_refresh(fixture->store, fixture->keys, NULL));
    const struct snapshot *tip = store_tip(fixture->store, TRUE);
    g_assert_cmpstr(tip->catalogue->id, ==, one);
    g_assert_cmpstr(tip->catalogue->kind, ==, "increment");
    g_assert_nonnull(store_find(fixture->store, full, NULL));
}

/* ---- other signers ---- */

static void
a_stranger_s_store_is_not_written_to(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_assert_nonnull(id);
    g_autoptr(GError) error = NULL;
    AUTO(keys) *others = make_keys(fixture->scratch, "others", "clinic", "a");
    g_autofree char *before = file_read(fixture->store->fd, "signers/a.pub", 4096, NULL, NULL);
    g_assert_null(store_open_for_writing(fixture->path, others, CREATED, &error));
    g_assert_error(error, FAIL, FAIL_DAMAGED);
    g_assert_nonnull(strstr(error->message, "signers/a.pub"));
    g_assert_nonnull(strstr(error->message, "/others/trusted/"));
    g_autofree char *after = file_read(fixture->store->fd, "signers/a.pub", 4096, NULL, NULL);
    g_assert_cmpstr(before, ==, after);
}

static void
an_accepted_signer_s_store_is_gone_on_with_and_his_key_stays(struct fixture *fixture,
                                                             gconstpointer data)
{
    (void)data;
    g_autofree char *id = seal(fixture, NULL, CREATED);
    g_autoptr(GError) error = NULL;
    AUTO(keys) *others = make_keys(fixture->scratch, "others", "clinic", "a");
    others->trusted[others->n_trusted++] = fixture->keys->trusted[0];
    AUTO(store) *store = store_open_for_writing(fixture->path, others, CREATED, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(store_tip(store, TRUE)->catalogue->id, ==, id);
    struct minisign_public public;
    g_autofree char *his = file_read(store->fd, "signers/a.pub", 4096, NULL, NULL);
    g_assert_true(minisign_public_parse(his, &public, NULL));
    g_assert_cmpmem(public.id, MINISIGN_KEY_ID, fixture->keys->trusted[0].id, MINISIGN_KEY_ID);
    g_autofree char *key = hash_hex(others->trusted[0].id, MINISIGN_KEY_ID);
    g_autofree char *path = g_strdup_printf("signers/a-%s.pub", key);
    g_autofree char *ours = file_read(store->fd, path, 4096, NULL, NULL);
    g_assert_true(minisign_public_parse(ours, &public, NULL));
    g_assert_cmpmem(public.id, MINISIGN_KEY_ID, others->trusted[0].id, MINISIGN_KEY_ID);
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
    CASE("the-rest-that-has-an-entry-but-no-signature-is-told-apart",
         the_rest_that_has_an_entry_but_no_signature_is_told_apart);
    CASE("what-is-no-file-is-not-waited-for", what_is_no_file_is_not_waited_for);
    CASE("a-circle-of-parents-is-cut", a_circle_of_parents_is_cut);
    CASE("another-store-s-snapshot-does-not-count", another_store_s_snapshot_does_not_count);
    CASE("another-site-s-snapshot-does-not-count", another_site_s_snapshot_does_not_count);
    CASE("a-store-copied-whole-counts-at-its-new-place",
         a_store_copied_whole_counts_at_its_new_place);
    CASE("a-store-that-lost-its-store-json-goes-on-as-the-same",
         a_store_that_lost_its_store_json_goes_on_as_the_same);
    CASE("an-empty-store-json-is-one-that-is-missing", an_empty_store_json_is_one_that_is_missing);
    CASE("an-empty-signature-is-one-that-is-missing", an_empty_signature_is_one_that_is_missing);
    CASE("a-merged-snapshot-wins-over-its-originals", a_merged_snapshot_wins_over_its_originals);
    CASE("of-two-merged-snapshots-the-one-that-joins-more-wins",
         of_two_merged_snapshots_the_one_that_joins_more_wins);
    CASE("a-merged-snapshot-wins-while-its-originals-are-being-deleted",
         a_merged_snapshot_wins_while_its_originals_are_being_deleted);
    CASE("the-originals-stand-again-when-the-merged-snapshot-is-damaged",
         the_originals_stand_again_when_the_merged_snapshot_is_damaged);
    CASE("a-stranger-s-store-is-not-written-to", a_stranger_s_store_is_not_written_to);
    CASE("an-accepted-signer-s-store-is-gone-on-with-and-his-key-stays",
         an_accepted_signer_s_store_is_gone_on_with_and_his_key_stays);
    return g_test_run();
}
