/* dirty: the flags in images that the real tools made, set by hand, and cleared by the checkers. */
#include "replicator/mounter/dirty.h"

#include "lib/base/tool.h"
#include "replicator/mounter/check.h"
#include "tests/unit/scratch.h"

#define TOOLS "PATH=$PATH:/sbin:/usr/sbin; "

static const struct sample {
    const char *make;
    enum message_type type;
    guint offset;
    guint8 clean, dirty;
    enum message_state state;
} samples[] = {
    {"mkfs.vfat -F 12 -C image 8192", MESSAGE_VFAT, 0x25, 0, 1, MESSAGE_NOT_UNMOUNTED},
    {"mkfs.vfat -F 16 -C image 65536", MESSAGE_VFAT, 0x25, 0, 1, MESSAGE_NOT_UNMOUNTED},
    {"mkfs.vfat -F 32 -C image 65536", MESSAGE_VFAT, 0x41, 0, 1, MESSAGE_NOT_UNMOUNTED},
    {"truncate -s 64M image; mkfs.exfat image", MESSAGE_EXFAT, 106, 0, 2, MESSAGE_NOT_UNMOUNTED},
    {"truncate -s 64M image; mkfs.ext4 -qF -O ^metadata_csum image", MESSAGE_EXT4, 1082, 1, 3,
     MESSAGE_HAS_ERRORS},
    {"truncate -s 64M image; mkfs.ext4 -qF -O ^metadata_csum image", MESSAGE_EXT4, 1082, 1, 2,
     MESSAGE_HAS_ERRORS},
    {"truncate -s 64M image; mkfs.ext2 -qF image", MESSAGE_EXT4, 1082, 1, 0, MESSAGE_NOT_UNMOUNTED},
};

/* Its image, open; -1: the tool that makes it is not here. */
static int
made(struct scratch *scratch, const struct sample *sample)
{
    g_autofree char *line = g_strconcat(TOOLS, sample->make, NULL);
    g_autofree char *path = tool_find(check_tool(sample->type)->name);
    if (path == NULL || scratch_shell(scratch, NULL, line) != 0) {
        g_test_skip("a tool that makes or checks a file system is not installed");
        return -1;
    }
    return openat(scratch->fd, "image", O_RDWR | O_CLOEXEC);
}

static void
try_each(void (*try)(struct scratch *scratch, int fd, const struct sample *sample))
{
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++) {
        AUTO(scratch) *scratch = scratch_new();
        AUTO_FD int fd = made(scratch, &samples[i]);
        if (fd >= 0)
            try(scratch, fd, &samples[i]);
    }
}

static void
set(int fd, guint offset, guint8 value)
{
    g_assert_cmpint(pwrite(fd, &value, 1, (off_t)offset), ==, 1);
}

static void
assert_told(struct scratch *scratch, int fd, const struct sample *sample)
{
    guint8 there;
    (void)scratch;
    g_assert_cmpint(pread(fd, &there, 1, (off_t)sample->offset), ==, 1);
    g_assert_cmpuint(there, ==, sample->clean);
    g_assert_cmpuint(dirty_state(fd, sample->type), ==, MESSAGE_CLEAN);
    set(fd, sample->offset, sample->dirty);
    g_assert_cmpuint(dirty_state(fd, sample->type), ==, sample->state);
}

static void
test_what_was_not_unmounted_is_told(void)
{
    try_each(assert_told);
}

static void
assert_mended(struct scratch *scratch, int fd, const struct sample *sample)
{
    const struct check_tool *tool = check_tool(sample->type);
    g_autofree char *line = g_strdup_printf(TOOLS "%s %s ./image", tool->name, tool->option);
    set(fd, sample->offset, sample->dirty);
    scratch_shell(scratch, NULL, line);
    g_assert_cmpuint(dirty_state(fd, sample->type), ==, MESSAGE_CLEAN);
}

static void
test_its_checker_clears_it(void)
{
    try_each(assert_mended);
}

static void
test_what_cannot_be_read_is_left_to_the_mount(void)
{
    AUTO(scratch) *scratch = scratch_new();
    scratch_write(scratch, "short", "\xff\xff", 2);
    AUTO_FD int fd = openat(scratch->fd, "short", O_RDONLY | O_CLOEXEC);
    for (enum message_type type = 0; type < MESSAGE_TYPES; type++)
        g_assert_cmpuint(dirty_state(fd, type), ==, MESSAGE_CLEAN);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty/what was not unmounted is told", test_what_was_not_unmounted_is_told);
    g_test_add_func("/dirty/its checker clears it", test_its_checker_clears_it);
    g_test_add_func("/dirty/what cannot be read is left to the mount",
                    test_what_cannot_be_read_is_left_to_the_mount);
    return g_test_run();
}
