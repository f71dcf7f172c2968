/* The register of drives: what it remembers, and whom it finds. */
#include "replicator/drive/register.h"

#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

#define BLUE "1a2b3c4d-0000-4000-8000-000000000001"
#define RED "1a2bffff-0000-4000-8000-000000000002"

static struct drives *
open_in(const char *folder)
{
    g_autoptr(GError) error = NULL;
    struct drives *drives = drives_open(folder, &error);
    g_assert_no_error(error);
    return drives;
}

static void
test_what_was_added_is_there_after_a_restart(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    {
        AUTO(drives) *drives = open_in(scratch->path);
        g_assert_cmpuint(drives->all->len, ==, 0);
        struct drive *blue = drives_add(drives, BLUE, "AAAA-1111", "blue \"one\"", 77);
        blue->in_use = TRUE;
        drives_add(drives, RED, "uuid-2", "red", 78);
        g_assert_true(drives_write(drives, &error));
    }
    AUTO(drives) *drives = open_in(scratch->path);
    g_assert_cmpuint(drives->all->len, ==, 2);
    const struct drive *blue = drives_by_filesystem(drives, "AAAA-1111");
    g_assert_cmpstr(blue->store, ==, BLUE);
    g_assert_cmpstr(blue->label, ==, "blue \"one\"");
    g_assert_cmpint(blue->added, ==, 77);
    g_assert_true(blue->in_use);
    g_assert_null(drives_by_filesystem(drives, "aaaa-1111"));
    g_assert_true(drives_by_store(drives, BLUE) == blue);
    g_assert_null(drives_by_store(drives, "1a2b3c4d"));
}

static void
test_a_store_that_is_added_again_is_one_drive(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(drives) *drives = open_in(scratch->path);
    struct drive *first = drives_add(drives, BLUE, "old", "blue", 1);
    struct drive *again = drives_add(drives, BLUE, "new", "azure", 2);
    g_assert_true(first == again);
    g_assert_cmpuint(drives->all->len, ==, 1);
    g_assert_cmpstr(again->filesystem, ==, "new");
    g_assert_cmpstr(again->label, ==, "azure");
    g_assert_cmpint(again->added, ==, 1);
    drives_remove(drives, again);
    g_assert_cmpuint(drives->all->len, ==, 0);
}

static void
assert_not_found(const struct drives *drives, const char *name, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(drives_find(drives, name, &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_assert_nonnull(strstr(error->message, says));
}

static void
test_one_drive_is_found_by_what_is_its_alone(void)
{
    AUTO(scratch) *scratch = scratch_new();
    AUTO(drives) *drives = open_in(scratch->path);
    assert_not_found(drives, "blue", "none was added yet");
    struct drive *blue = drives_add(drives, BLUE, "1", "blue", 1);
    struct drive *red = drives_add(drives, RED, "2", "red", 1);
    g_assert_true(drives_find(drives, "1a2b3", NULL) == blue);
    g_assert_true(drives_find(drives, RED, NULL) == red);
    g_assert_true(drives_find(drives, "red", NULL) == red);
    assert_not_found(drives, "1a2b", "may be '1a2b3c4d' (blue), '1a2bffff' (red)");
    assert_not_found(drives, "1a2", "there are '1a2b3c4d' (blue), '1a2bffff' (red)");
    assert_not_found(drives, "", "no drive is ''");
}

static void
test_a_damaged_register_is_an_error_and_not_an_empty_one(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"drives\":7}",
        "{\"drives\":[7]}",
        "{\"drives\":[{}]}",
        "{\"drives\":[{\"store\":\"1a2b\",\"filesystem\":\"1\",\"label\":\"x\"}]}"};
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch->path, "drives.json", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
        g_assert_null(drives_open(scratch->path, &error));
        g_assert_nonnull(strstr(error->message, "drives.json"));
        g_assert_nonnull(strstr(error->message, "lifeboat drive add"));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/register/what was added is there after a restart",
                    test_what_was_added_is_there_after_a_restart);
    g_test_add_func("/register/a store that is added again is one drive",
                    test_a_store_that_is_added_again_is_one_drive);
    g_test_add_func("/register/one drive is found by what is its alone",
                    test_one_drive_is_found_by_what_is_its_alone);
    g_test_add_func("/register/a damaged register is an error and not an empty one",
                    test_a_damaged_register_is_an_error_and_not_an_empty_one);
    return g_test_run();
}
