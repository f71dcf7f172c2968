#include "replicator/drive/prepare/vacancy.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "replicator/drive/prepare/look.h"
#include "replicator/drive/prepare/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* `disk` is what the operator named, `part` that or a partition of it. */
static gboolean
check_filesystem(const struct disk *disk, const struct disk *part,
                 const struct signature *signature, GError **error)
{
    g_autofree char *found = NULL;
    if (!look_into(part->path, signature->type, &found, error))
        return FALSE;
    if (found == NULL)
        return TRUE;
    if (strcmp(found, LOOK_STORE) == 0) {
        fail_set(error, FAIL_FAILED, "'%s' holds a store of Lifeboat: backups of a server",
                 part->path);
        g_autofree char *hint =
            g_strdup_printf("to use it as it is: lifeboat drive add %s", part->path);
        fail_add_hint(error, hint);
        return FALSE;
    }
    g_autofree char *name = log_escape(found);
    g_autofree char *told = signature_describe(signature);
    return fail_set(error, FAIL_FAILED, "'%s' is not empty: %s%s%s holds '%s'", disk->path, told,
                    part == disk ? "" : " in ", part == disk ? "" : part->path, name);
}

/* What says nothing of itself is either nothing, or hidden. */
static gboolean
check_silence(const struct disk *part, GError **error)
{
    g_autoptr(GError) failure = NULL;
    AUTO_FD int fd = open(part->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open '%s'", part->path);
    if (signature_is_random(fd, part->path, &failure)) {
        fail_set(error, FAIL_FAILED, "'%s' looks encrypted", part->path);
        g_autofree char *hint =
            g_strdup_printf("whoever is sure that nothing on it is needed makes it blank: dd "
                            "if=/dev/zero of=%s bs=1M count=1",
                            part->path);
        fail_add_hint(error, hint);
        return FALSE;
    }
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
check_part(const struct disk *disk, const struct disk *part, GError **error)
{
    g_autoptr(GPtrArray) signatures = signature_list(part->path, error);
    if (signatures == NULL)
        return FALSE;
    guint filesystems = 0;
    for (guint i = 0; i < signatures->len; i++) {
        const struct signature *signature = signatures->pdata[i];
        if (signature->kind == SIGNATURE_TABLE)
            continue;
        g_autofree char *told = signature_describe(signature);
        if (signature->kind == SIGNATURE_OTHER || ++filesystems > 1)
            return fail_set(error, FAIL_FAILED, "'%s' holds %s, which cannot be looked into",
                            part->path, told);
        if (!check_filesystem(disk, part, signature, error))
            return FALSE;
    }
    return signatures->len > 0 || check_silence(part, error);
}

/* Those partitions that the table names and the kernel does not show cannot be looked into. */
static gboolean
check_table(const struct disk *disk, const GPtrArray *partitions, GError **error)
{
    g_autoptr(GHashTable) types = signature_partition_types(disk->path, error);
    if (types == NULL)
        return FALSE;
    for (guint i = 0; i < partitions->len; i++)
        g_hash_table_remove(
            types, GUINT_TO_POINTER(((const struct disk *)partitions->pdata[i])->partition));
    GHashTableIter iteration;
    gpointer number;
    g_hash_table_iter_init(&iteration, types);
    if (!g_hash_table_iter_next(&iteration, &number, NULL))
        return TRUE;
    return fail_set(error, FAIL_FAILED,
                    "'%s' has a partition %u that this system does not show, and that cannot be "
                    "looked into",
                    disk->path, GPOINTER_TO_UINT(number));
}

static gboolean
check_all(const struct disk *disk, GError **error)
{
    if (!check_part(disk, disk, error))
        return FALSE;
    if (disk->partition > 0)
        return TRUE;
    g_autoptr(GPtrArray) partitions = disk_partitions(disk);
    for (guint i = 0; i < partitions->len; i++)
        if (!check_part(disk, partitions->pdata[i], error))
            return FALSE;
    return check_table(disk, partitions, error);
}

gboolean
vacancy_check(const struct disk *disk, GError **error)
{
    GError *failure = NULL;
    if (check_all(disk, &failure))
        return TRUE;
    g_autofree char *hint = g_strdup_printf(
        "whoever is sure that nothing on it is needed: wipefs --all %s", disk->path);
    fail_add_hint(&failure, hint); /* unless there is a better one */
    g_propagate_error(error, failure);
    return FALSE;
}
