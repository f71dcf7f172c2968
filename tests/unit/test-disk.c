/* disk: what sysfs tells of a block device, in trees as kernels show them; and where it is mounted.
 */
#include "replicator/drive/prepare/disk.h"

#include "lib/base/fail.h"
#include "replicator/drive/prepare/mounts.h"
#include "tests/unit/scratch.h"

#include <sys/sysmacros.h>

#define DISK "devices/pci0000:00/usb2/2-1/host6/block/sdb"

/* A stick with two partitions, on USB but not `removable`, as large ones are. */
static struct scratch *
stick(void)
{
    struct scratch *scratch = scratch_new();
    g_assert_cmpint(
        scratch_shell(
            scratch, NULL,
            "mkdir -p bus/usb " DISK "/device " DISK "/holders " DISK "/sdb1/holders " DISK
            "/sdb2/holders; ln -s ../../../../bus/usb devices/pci0000:00/usb2/2-1/subsystem;"
            "cd " DISK "; echo 8:16 >dev; echo 62500000 >size; echo 0 >removable; echo 0 >ro;"
            "printf 'SanDisk \\n' >device/vendor; printf 'Ultra           \\n' >device/model;"
            "printf 'MAJOR=8\\nMINOR=16\\nDEVNAME=sdb\\n' >uevent;"
            "for i in 1 2; do echo 8:$((16 + i)) >sdb$i/dev; echo 2048 >sdb$i/size;"
            "echo $i >sdb$i/partition; echo 0 >sdb$i/ro; done; echo 1 >sdb2/ro"),
        ==, 0);
    return scratch;
}

static struct disk *
at(const struct scratch *scratch, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(scratch->path, DISK, name, NULL);
    struct disk *disk = disk_at(folder, &error);
    g_assert_no_error(error);
    return disk;
}

static void
test_whole(void)
{
    AUTO(scratch) *scratch = stick();
    AUTO(disk) *disk = at(scratch, NULL);
    g_assert_cmpstr(disk->path, ==, "/dev/sdb");
    g_assert_cmpuint(disk->number, ==, makedev(8, 16));
    g_assert_cmpuint(disk->size, ==, 32000000000);
    g_assert_cmpuint(disk->partition, ==, 0);
    g_assert_cmpstr(disk->whole, ==, disk->folder);
    g_assert_false(disk->read_only);
    g_autofree char *described = disk_describe(disk);
    g_assert_cmpstr(described, ==, "32.0\u00a0GB, SanDisk Ultra");
}

static void
test_partition(void)
{
    AUTO(scratch) *scratch = stick();
    AUTO(disk) *disk = at(scratch, "sdb2");
    g_assert_cmpstr(disk->path, ==, "/dev/sdb2");
    g_assert_cmpuint(disk->partition, ==, 2);
    g_assert_true(g_str_has_suffix(disk->whole, "/sdb"));
    g_assert_cmpstr(disk->model, ==, "SanDisk Ultra");
    g_assert_true(disk->read_only);
    AUTO(disk) *whole = at(scratch, NULL);
    g_autoptr(GPtrArray) partitions = disk_partitions(whole);
    g_assert_cmpuint(partitions->len, ==, 2);
    g_assert_cmpstr(((struct disk *)partitions->pdata[0])->path, ==, "/dev/sdb1");
    g_assert_cmpstr(((struct disk *)partitions->pdata[1])->path, ==, "/dev/sdb2");
}

static gboolean
is_drive(const struct scratch *scratch, const char *name, const char *const *patterns)
{
    AUTO(disk) *disk = at(scratch, name);
    g_autoptr(GError) error = NULL;
    gboolean fits = disk_check_kind(disk, patterns, &error);
    g_assert_true(fits == (error == NULL));
    if (!fits)
        g_assert_cmpint(fail_exit_code(error), ==, FAIL_USAGE);
    return fits;
}

static void
test_kind(void)
{
    AUTO(scratch) *scratch = stick();
    const char *const none[] = {NULL}, *const parts[] = {"/dev/sdx", "/dev/sdb[12]", NULL};
    g_assert_true(is_drive(scratch, NULL, none)); /* by USB */
    g_assert_true(is_drive(scratch, "sdb1", none));
    scratch_shell(scratch, NULL, "rm devices/pci0000:00/usb2/2-1/subsystem");
    g_assert_false(is_drive(scratch, NULL, none));
    g_assert_false(is_drive(scratch, "sdb1", none));
    g_assert_false(is_drive(scratch, NULL, parts));
    g_assert_true(is_drive(scratch, "sdb1", parts));
    scratch_shell(scratch, NULL, "echo 1 >" DISK "/removable");
    g_assert_true(is_drive(scratch, NULL, none));
    g_assert_true(is_drive(scratch, "sdb1", none));
}

static void
test_holders(void)
{
    AUTO(scratch) *scratch = stick();
    AUTO(disk) *whole = at(scratch, NULL);
    AUTO(disk) *second = at(scratch, "sdb2");
    g_autoptr(GError) error = NULL;
    g_assert_true(disk_check_unused(whole, DISK_IDLE, &error));
    scratch_shell(scratch, NULL, "mkdir " DISK "/sdb1/holders/md0");
    g_assert_false(disk_check_unused(whole, DISK_NOT_OURS, &error));
    g_assert_cmpstr(error->message, ==, "'/dev/sdb1' is in use: 'md0' is built on it");
    g_clear_error(&error);
    scratch_shell(scratch, NULL,
                  "rmdir " DISK "/sdb1/holders/md0; mkdir -p " DISK
                  "/holders/dm-0/dm; echo crypt >" DISK "/holders/dm-0/dm/name");
    g_assert_false(disk_check_unused(second, DISK_NOT_OURS, &error));
    g_assert_cmpstr(error->message, ==, "'/dev/sdb' is in use: 'crypt' is built on it");
}

static void
test_nothing(void)
{
    AUTO(scratch) *scratch = scratch_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(disk_at(scratch->path, &error));
    g_assert_error(error, FAIL, FAIL_FAILED);
    g_clear_error(&error);
    g_assert_null(disk_open("/dev/null", &error));
    g_assert_error(error, FAIL, FAIL_USAGE);
    g_clear_error(&error);
    g_assert_null(disk_open("/dev/there/is/none", &error));
    g_assert_nonnull(strstr(error->message, "hint: `lsblk`"));
}

/* ---- mounts ---- */

static dev_t
number_of_source(const char *source)
{
    return strcmp(source, "/dev/my disk") == 0 ? makedev(8, 33) : 0;
}

static char *
places(dev_t number)
{
    static const char table[] =
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 8:17 / /media/with\\040space rw - vfat /dev/sdb1 rw\n"
        "31 22 8:17 /sub /srv/sub rw master:3 propagate_from:2 - vfat /dev/sdb1 rw\n"
        "32 22 0:44 /@ /mnt/btrfs rw shared:5 - btrfs /dev/my\\040disk rw\n"
        "33 22 0:45 / /proc rw - proc proc rw\n"
        "34 22 cut\n"
        "35 22 0:46 / /short rw -\n";
    g_autoptr(GPtrArray) list = mounts_in(table, number, number_of_source);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(text, "%s;", (char *)list->pdata[i]);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
test_mounts(void)
{
    g_autofree char *first = places(makedev(8, 1)), *stick_places = places(makedev(8, 17));
    g_autofree char *btrfs = places(makedev(8, 33)), *none = places(makedev(8, 18));
    g_assert_cmpstr(first, ==, "/;");
    g_assert_cmpstr(stick_places, ==, "/media/with space;/srv/sub;");
    g_assert_cmpstr(btrfs, ==, "/mnt/btrfs;");
    g_assert_cmpstr(none, ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/disk/a whole disk tells size and model", test_whole);
    g_test_add_func("/disk/a partition belongs to its disk", test_partition);
    g_test_add_func("/disk/a drive is on USB, removable, or listed", test_kind);
    g_test_add_func("/disk/what something is built on is in use, all of it", test_holders);
    g_test_add_func("/disk/what is no block device is told", test_nothing);
    g_test_add_func("/disk/mounts are found by number and by source", test_mounts);
    return g_test_run();
}
