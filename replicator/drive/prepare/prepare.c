#include "replicator/drive/prepare/prepare.h"

#include "lib/base/fail.h"
#include "replicator/drive/prepare/find.h"

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
    if (!disk_check_kind(disk, prepare->patterns, error) ||
        !disk_check_unused(disk, prepare->format != NULL ? DISK_IDLE : DISK_NOT_OURS, error))
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

char *
prepare_device(const struct prepare *prepare, GError **error)
{
    AUTO(disk) *disk = disk_open(prepare->device, error);
    if (disk == NULL || !check_disk(prepare, disk, error))
        return NULL;
    return use_existing(prepare, disk, error);
}
