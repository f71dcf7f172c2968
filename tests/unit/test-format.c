/* format: labels that a file system takes, and the tools doing what they were told. */
#include "replicator/drive/prepare/format.h"

#include "lib/base/fail.h"
#include "replicator/drive/prepare/signature.h"
#include "tests/unit/scratch.h"

static gboolean
takes(const char *name, const char *label)
{
    g_autoptr(GError) error = NULL;
    const struct format *format = format_find(name, NULL);
    gboolean fine = format_check_label(format, label, &error);
    g_assert_true(fine == (error == NULL));
    if (!fine)
        g_assert_cmpint(fail_exit_code(error), ==, FAIL_USAGE);
    return fine;
}

static void
test_labels(void)
{
    g_assert_true(takes("ext4", "exactly 16 bytes"));
    g_assert_false(takes("ext4", "these are 17 byte"));
    g_assert_true(takes("ext4", "Müllerstraße-1")); /* two of them take two bytes */
    g_assert_true(takes("vfat", "Blue Drive1"));
    g_assert_false(takes("vfat", "Blue Drive12"));
    g_assert_false(takes("vfat", "Müller"));
    g_assert_false(takes("vfat", "a/b"));
    g_assert_true(takes("exfat", "Müllerstraß"));
    g_assert_false(takes("exfat", "Müllerstraße"));
    g_assert_false(takes("exfat", "123456789 \xf0\x9f\x9a\x91")); /* two units */
    g_assert_false(takes("exfat", "\xff"));
}

static void
test_unknown(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(format_find("ntfs", &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
}

static void
test_made(void)
{
    static const char *const wanted[][2] = {
        {"ext4", "ext4 'My drive'"}, {"exfat", "exfat 'My drive'"}, {"vfat", "vfat 'MY DRIVE'"}};
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *path = g_build_filename(scratch->path, "image", NULL);
    g_autofree char *printed = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autoptr(GError) error = NULL;
        const struct format *format = format_find(wanted[i][0], NULL);
        if (!format_check_tool(format, NULL)) {
            g_test_skip("a tool that makes file systems is not installed");
            continue;
        }
        scratch_shell(scratch, NULL, "rm -f image; truncate -s 64M image");
        g_assert_true(format_make(format, path, "My drive", 1234, 5678, &error));
        g_assert_no_error(error);
        g_autoptr(GPtrArray) list = signature_list(path, &error);
        g_assert_nonnull(signature_filesystem(list));
        g_autofree char *described = signature_describe(signature_filesystem(list));
        g_assert_cmpstr(described, ==, wanted[i][1]);
    }
    scratch_shell(scratch, NULL, "rm -f image; truncate -s 64M image");
    g_assert_true(format_make(format_find("ext4", NULL), path, "x", 1234, 5678, NULL));
    scratch_shell(scratch, &printed,
                  "PATH=$PATH:/sbin:/usr/sbin; debugfs -R 'stat <2>' image; dumpe2fs -h image");
    g_assert_nonnull(strstr(printed, "User:  1234   Group:  5678"));
    g_assert_nonnull(strstr(printed, "Reserved block count:     0\n"));
}

static void
test_fails(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(scratch) *scratch = scratch_new();
    scratch_write(scratch, "tiny", "x", 1);
    g_autofree char *path = g_build_filename(scratch->path, "tiny", NULL);
    g_assert_false(format_make(format_find("ext4", NULL), path, "x", 0, 0, &error));
    g_assert_true(g_str_has_prefix(error->message, "'mkfs.ext4' cannot make ext4 on '"));
    g_assert_nonnull(strstr(error->message, "': mkfs.ext4: ")); /* in its own words */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/format/labels have the limits of their file system", test_labels);
    g_test_add_func("/format/another file system is a usage error", test_unknown);
    g_test_add_func("/format/the file system is the one that was asked for", test_made);
    g_test_add_func("/format/what the tool complains of is shown", test_fails);
    return g_test_run();
}
