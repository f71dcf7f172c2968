#include "replicator/drive/prepare/prepare.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "replicator/drive/prepare/capacity.h"
#include "replicator/drive/prepare/find.h"
#include "replicator/drive/prepare/format.h"
#include "replicator/drive/prepare/look.h"
#include "replicator/drive/prepare/settle.h"
#include "replicator/drive/prepare/signature.h"
#include "replicator/drive/prepare/vacancy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define SEQUENCE_MAX 64 /* bytes */

static void tell(const struct prepare *prepare, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
tell(const struct prepare *prepare, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    prepare->tell(prepare->context, sentence);
}

static gboolean
check_disk(const struct prepare *prepare, const struct disk *disk, GError **error)
{
    if (!disk_check_unused(disk, DISK_NOT_OURS, error) ||
        !disk_check_kind(disk, prepare->patterns, error) ||
        (prepare->format != NULL && !disk_check_unused(disk, DISK_IDLE, error)))
        return FALSE;
    if (disk->size == 0)
        return fail_set(error, FAIL_FAILED, "'%s' has no medium in it", disk->path);
    if (disk->read_only)
        return fail_set(error, FAIL_FAILED,
                        "'%s' cannot be written to\nhint: some drives and card adapters have a "
                        "switch for that; others become so when they are worn out",
                        disk->path);
    return TRUE;
}

static char *
use_existing(const struct prepare *prepare, const struct disk *disk, GError **error)
{
    g_autofree char *told = NULL;
    AUTO(disk) *chosen = find_filesystem(disk, &told, error);
    if (chosen == NULL)
        return NULL;
    g_autofree char *described = disk_describe(chosen);
    tell(prepare, "%s (%s) holds %s, which is used as it is", chosen->path, described, told);
    return g_steal_pointer(&chosen->path);
}

/* ---- with a format ---- */

/* Counts up when the disk, or the card in a reader, is another one; NULL before Linux 5.15. */
static char *
sequence_of(const struct disk *disk)
{
    g_autofree char *path = g_build_filename(disk->whole, "diskseq", NULL);
    return file_read_named(path, SEQUENCE_MAX, NULL, NULL);
}

/* Nothing else may use it from here on, and no partition of it. */
static int
claim(const struct disk *disk, GError **error)
{
    int fd = open(disk->path, O_RDWR | O_EXCL | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        fail_errno(error, errno, errno == EBUSY ? "'%s' is in use" : "cannot write to '%s'",
                   disk->path);
    return fd;
}

static gboolean
check_capacity(const struct prepare *prepare, const struct disk *disk, int fd, GError **error)
{
    g_autofree char *size = g_format_size(disk->size);
    tell(prepare, "checking that %s holds %s", disk->path, size);
    return capacity_check_device(fd, disk->size, disk->path, prepare->count, prepare->context,
                                 error);
}

/* Removes every mark of what was there; the kernel then shows no partitions any more. */
static gboolean
wipe(const struct disk *disk, int claimed, GError **error)
{
    AUTO_FD int fd = open(disk->path, O_RDWR | O_CLOEXEC); /* libblkid's reads are not aligned */
    if (fd < 0)
        return fail_errno(error, errno, "cannot write to '%s'", disk->path);
    if (!signature_wipe(fd, disk->path, error))
        return FALSE;
    if (disk->partition == 0)
        ioctl(claimed, BLKRRPART); /* not every disk can have partitions */
    return TRUE;
}

static gboolean
wait_for_udev(const struct disk *disk, GError **error)
{
    g_autoptr(GPtrArray) signatures = signature_list(disk->path, error);
    if (signatures == NULL)
        return FALSE;
    const struct signature *made = signature_filesystem(signatures);
    if (made == NULL || made->uuid == NULL)
        return fail_set(error, FAIL_FAILED, "'%s' does not hold the file system made on it",
                        disk->path);
    return settle_wait(disk, made->uuid, error);
}

static gboolean
erase(const struct prepare *prepare, const struct disk *disk, GError **error)
{
    AUTO_FD int claimed = claim(disk, error);
    return claimed >= 0 && check_capacity(prepare, disk, claimed, error) &&
           wipe(disk, claimed, error);
}

static char *
make_new(const struct prepare *prepare, struct disk *disk, GError **error)
{
    /* As long as it is open, no other disk gets its name. */
    AUTO_FD int open_disk = open(disk->path, O_RDONLY | O_CLOEXEC);
    if (open_disk < 0) {
        fail_errno(error, errno, "cannot open '%s'", disk->path);
        return NULL;
    }
    const char *name = format_name(prepare->format);
    g_autofree char *before = sequence_of(disk);
    if (!format_check_tool(prepare->format, error) || !look_kernel_has(name, error) ||
        !vacancy_check(disk, error) || !prepare->agree(prepare->context, disk, error))
        return NULL;
    g_autofree char *after = sequence_of(disk);
    if (g_strcmp0(before, after) != 0) {
        fail_set(error, FAIL_FAILED, "what is in '%s' has been changed meanwhile", disk->path);
        return NULL;
    }
    if (!erase(prepare, disk, error))
        return NULL;
    tell(prepare, "making %s '%s' on %s", name, prepare->label, disk->path);
    if (!format_make(prepare->format, disk->path, prepare->label, prepare->user, prepare->group,
                     error) ||
        !wait_for_udev(disk, error))
        return NULL;
    return g_steal_pointer(&disk->path);
}

char *
prepare_device(const struct prepare *prepare, GError **error)
{
    AUTO(disk) *disk = disk_open(prepare->device, error);
    if (disk == NULL || !check_disk(prepare, disk, error))
        return NULL;
    return prepare->format != NULL ? make_new(prepare, disk, error)
                                   : use_existing(prepare, disk, error);
}
