/* look: an empty folder is told from one that holds something of somebody. */
#include "replicator/drive/prepare/look.h"

#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

static void
assert_found(const char *command, const char *wanted)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *found = NULL;
    g_assert_cmpint(scratch_shell(scratch, NULL, command), ==, 0);
    g_assert_true(look_into_folder(scratch->fd, "/dev/sdx", &found, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(found, ==, wanted);
}

static void
test_empty(void)
{
    assert_found("true", NULL);
    assert_found(
        "mkdir lost+found LOST.DIR .Trashes .fseventsd .Spotlight-V100 .Trash-1000"
        " 'System Volume Information' '$recycle.bin' RECYCLER;"
        "touch .Trash-1000/x 'System Volume Information/IndexerVolumeGuid' ._ ._x .DS_Store",
        NULL);
}

static void
test_not_empty(void)
{
    assert_found("touch x", "x");
    assert_found("touch .hidden", ".hidden");
    assert_found("touch autorun.inf", "autorun.inf");
    assert_found("ln -s nowhere x", "x");
    assert_found("mkdir lost+found; touch lost+found/#12", "lost+found");
    assert_found("mkdir -p LOST.DIR/1", "LOST.DIR");
    assert_found("touch lost+found", "lost+found"); /* a file of that name is somebody's */
    assert_found("mkdir -p x/lost+found", "x");
}

static void
test_store(void)
{
    assert_found("touch a README.txt z; mkdir lifeboat", LOOK_STORE);
}

static void
test_types(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *found = NULL;
    g_assert_true(look_type_fits("ext4") && look_type_fits("vfat") && look_type_fits("ntfs"));
    g_assert_false(look_type_fits("xfs") || look_type_fits("crypto_LUKS"));
    g_assert_false(look_into("/dev/null", "iso9660", &found, &error));
    g_assert_error(error, FAIL, FAIL_FAILED);
    g_assert_nonnull(strstr(error->message, "iso9660"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/look/what systems leave is nobody's", test_empty);
    g_test_add_func("/look/anything else is somebody's", test_not_empty);
    g_test_add_func("/look/a store is told before all else", test_store);
    g_test_add_func("/look/only some file systems are for drives", test_types);
    return g_test_run();
}
