/* signature: what libblkid finds in images that the real tools made, and what hides. */
#include "replicator/drive/prepare/signature.h"

#include "lib/base/fail.h"
#include "tests/unit/scratch.h"

#define IMAGE "truncate -s 32M image; PATH=$PATH:/sbin:/usr/sbin; "

static char *
image(const struct scratch *scratch)
{
    return g_build_filename(scratch->path, "image", NULL);
}

/* `ext4 'blue';` … as kinds and descriptions; caller frees. */
static char *
found(const struct scratch *scratch)
{
    static const char *const kinds[] = {"file system", "table", "other"};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = image(scratch);
    g_autoptr(GPtrArray) list = signature_list(path, &error);
    g_assert_no_error(error);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const struct signature *signature = list->pdata[i];
        g_autofree char *described = signature_describe(signature);
        g_string_append_printf(text, "%s %s;", kinds[signature->kind], described);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
assert_found(const char *tool, const char *command, const char *wanted)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *path = g_strdup_printf("PATH=$PATH:/sbin:/usr/sbin; command -v %s", tool);
    if (scratch_shell(scratch, NULL, path) != 0) {
        g_test_skip("a tool that makes what is looked for is not installed");
        return;
    }
    g_autofree char *line = g_strconcat(IMAGE, command, NULL);
    g_assert_cmpint(scratch_shell(scratch, NULL, line), ==, 0);
    g_autofree char *text = found(scratch);
    g_assert_cmpstr(text, ==, wanted);
}

static void
test_found(void)
{
    assert_found("true", "true", "");
    assert_found("mkfs.ext4", "mkfs.ext4 -qF -L blue image", "file system ext4 'blue';");
    assert_found("mkfs.vfat", "mkfs.vfat -n BLUE image", "file system vfat 'BLUE';");
    assert_found("mkfs.exfat", "mkfs.exfat -L Blau image", "file system exfat 'Blau';table dos;");
    assert_found("mkswap", "mkswap image", "other swap;");
    assert_found("sfdisk", "echo 2048,,c | sfdisk -q image", "table dos;");
}

static void
test_table(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = image(scratch);
    if (scratch_shell(scratch, NULL, "PATH=$PATH:/sbin:/usr/sbin; command -v sfdisk") != 0) {
        g_test_skip("sfdisk is not installed");
        return;
    }
    g_assert_cmpint(
        scratch_shell(scratch, NULL, IMAGE "printf '2048,2048,ef\\n8192,,7\\n' | sfdisk -q image"),
        ==, 0);
    g_autoptr(GHashTable) types = signature_partition_types(path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_hash_table_size(types), ==, 2);
    g_assert_cmpstr(g_hash_table_lookup(types, GUINT_TO_POINTER(1)), ==, "0xef");
    g_assert_cmpstr(g_hash_table_lookup(types, GUINT_TO_POINTER(2)), ==, "0x7");
    g_assert_cmpint(scratch_shell(scratch, NULL, "truncate -s 0 image; truncate -s 32M image"), ==,
                    0);
    g_autoptr(GHashTable) blank = signature_partition_types(path, &error);
    g_assert_cmpuint(g_hash_table_size(blank), ==, 0);
}

/* A table with its copy at the end, and a file system under it. */
static void
test_wiped(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = image(scratch);
    if (scratch_shell(scratch, NULL, "PATH=$PATH:/sbin:/usr/sbin; command -v sfdisk mkfs.vfat") !=
        0) {
        g_test_skip("sfdisk or mkfs.vfat is not installed");
        return;
    }
    g_assert_cmpint(scratch_shell(scratch, NULL,
                                  IMAGE "mkfs.ext4 -qF image; mkswap -q image;"
                                        "echo 'label: gpt' | sfdisk -q --wipe never image"),
                    ==, 0);
    g_autofree char *before = found(scratch);
    g_assert_nonnull(strstr(before, "table gpt;"));
    AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_true(signature_wipe(fd, path, &error));
    g_assert_no_error(error);
    g_autofree char *after = found(scratch);
    g_assert_cmpstr(after, ==, "");
}

static const char *
only_of(enum signature_kind first, enum signature_kind second)
{
    struct signature one = {.kind = first, .type = (char *)"one"};
    struct signature other = {.kind = second, .type = (char *)"other"};
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_ptr_array_add(list, &one);
    g_ptr_array_add(list, &other);
    const struct signature *only = signature_filesystem(list);
    return only != NULL ? only->type : NULL;
}

static void
test_only(void)
{
    g_assert_cmpstr(only_of(SIGNATURE_FILESYSTEM, SIGNATURE_TABLE), ==, "one");
    g_assert_cmpstr(only_of(SIGNATURE_TABLE, SIGNATURE_FILESYSTEM), ==, "other");
    g_assert_null(only_of(SIGNATURE_FILESYSTEM, SIGNATURE_FILESYSTEM));
    g_assert_null(only_of(SIGNATURE_FILESYSTEM, SIGNATURE_OTHER));
    g_assert_null(only_of(SIGNATURE_OTHER, SIGNATURE_FILESYSTEM));
    g_assert_null(only_of(SIGNATURE_TABLE, SIGNATURE_TABLE));
}

static void
test_random(void)
{
    const gsize size = 64 * 1024;
    g_autofree guint8 *data = g_malloc0(size);
    g_assert_false(signature_bytes_are_random(data, size));
    g_autoptr(GRand) generator = g_rand_new_with_seed(1);
    for (gsize i = 0; i < size; i++)
        data[i] = (guint8)g_rand_int(generator);
    g_assert_true(signature_bytes_are_random(data, size));
    for (gsize i = 0; i < size / 16; i++) /* one byte in 16 is of a known kind */
        data[i * 16] = 0;
    g_assert_false(signature_bytes_are_random(data, size));
}

static void
test_unreadable(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(signature_list("/dev/there/is/none", &error));
    g_assert_error(error, FAIL, FAIL_FAILED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/signature/what the tools make is recognised", test_found);
    g_test_add_func("/signature/a table tells the types of its partitions", test_table);
    g_test_add_func("/signature/wiped, nothing is recognised any more", test_wiped);
    g_test_add_func("/signature/a file system counts where there is nothing else but tables",
                    test_only);
    g_test_add_func("/signature/what is encrypted looks random, and nothing else", test_random);
    g_test_add_func("/signature/what cannot be read is an error", test_unreadable);
    return g_test_run();
}
