/* mounter: what it refuses, by numbers that are no drive's. */
#include "replicator/mounter/mounter.h"

#include "replicator/drive/sysfs.h"
#include "tests/unit/scratch.h"

#include <sys/sysmacros.h>

static void
keep_error(void *context, const struct message_reply *reply)
{
    *(int *)context = reply->error;
}

static void
has_died(void *context)
{
    (void)context;
    g_assert_not_reached();
}

static int
asked_to_mount(dev_t device)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autofree char *base = g_build_filename(scratch->path, "drives", NULL);
    const struct mounter_options options = {
        .base = base, .hooks = scratch->path, .account = {geteuid(), getegid()}};
    g_autoptr(GError) error = NULL;
    int told = -1;
    struct event_base *events = event_base_new();
    AUTO(mounter) *mounter = mounter_start(&options, &error);
    g_assert_no_error(error);
    mounter_attach(mounter, events, has_died, NULL);
    const struct mounter_mount mount = {.device = device, .type = MESSAGE_EXT4};
    mounter_mount(mounter, &mount, keep_error, &told);
    while (told < 0)
        event_base_loop(events, EVLOOP_ONCE);
    mounter_detach(mounter);
    event_base_free(events);
    return told;
}

static void
test_a_device_that_is_gone_is_told_from_a_kernel_without_a_driver(void)
{
    g_assert_cmpint(asked_to_mount(makedev(4095, 77)), ==, ENXIO);
}

static void
test_a_disk_that_is_no_drive_is_refused_as_that(void)
{
    dev_t disk = makedev(7, 0);
    g_autofree char *node = sysfs_node(disk);
    if (node == NULL)
        g_test_skip("there is no loop device, which is no drive");
    else
        g_assert_cmpint(asked_to_mount(disk), ==, MESSAGE_NO_DRIVE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mounter/a device that is gone is told from a kernel without a driver",
                    test_a_device_that_is_gone_is_told_from_a_kernel_without_a_driver);
    g_test_add_func("/mounter/a disk that is no drive is refused as that",
                    test_a_disk_that_is_no_drive_is_refused_as_that);
    return g_test_run();
}
