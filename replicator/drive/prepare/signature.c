#include "replicator/drive/prepare/signature.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BEGINNING (64 * 1024) /* bytes; a VeraCrypt volume has its salt and headers there */
#define BYTE_VALUES 256
#define WIPES_MAX 100 /* signatures; a device on which they stay would never end */

struct probe {
    blkid_probe handle;
    int fd;
};

static void
probe_free(struct probe *probe)
{
    if (probe == NULL)
        return;
    if (probe->handle != NULL)
        blkid_free_probe(probe->handle);
    fd_auto_close(&probe->fd);
    g_free(probe);
}
AUTO_DEFINE(probe)

/* Takes the descriptor. */
static struct probe *
probe_new(int fd, const char *path, GError **error)
{
    AUTO(probe) *probe = g_new0(struct probe, 1);
    probe->fd = fd;
    if (fd < 0) {
        fail_errno(error, errno, "cannot open '%s'", path);
        return NULL;
    }
    probe->handle = blkid_new_probe();
    if (probe->handle == NULL || blkid_probe_set_device(probe->handle, fd, 0, 0) != 0 ||
        blkid_probe_enable_superblocks(probe->handle, 1) != 0 ||
        blkid_probe_set_superblocks_flags(probe->handle,
                                          BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                              BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
                                              BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM) != 0 ||
        blkid_probe_enable_partitions(probe->handle, 1) != 0 ||
        blkid_probe_set_partitions_flags(probe->handle,
                                         BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT) != 0) {
        fail_set(error, FAIL_FAILED, "cannot look at '%s' with libblkid", path);
        return NULL;
    }
    return g_steal_pointer(&probe);
}

static char *
value_of(const struct probe *probe, const char *name)
{
    const char *value;
    return blkid_probe_lookup_value(probe->handle, name, &value, NULL) == 0 ? g_strdup(value)
                                                                            : NULL;
}

void
signature_free(struct signature *signature)
{
    if (signature == NULL)
        return;
    g_free(signature->type);
    g_free(signature->label);
    g_free(signature->uuid);
    g_free(signature);
}

static void
free_element(gpointer signature)
{
    signature_free(signature);
}

/* What the last step of the probe has found. */
static struct signature *
take(const struct probe *probe)
{
    struct signature *signature = g_new0(struct signature, 1);
    g_autofree char *usage = value_of(probe, "USAGE");
    signature->type = value_of(probe, "TYPE");
    signature->label = value_of(probe, "LABEL");
    signature->uuid = value_of(probe, "UUID");
    signature->kind = g_strcmp0(usage, "filesystem") == 0 ? SIGNATURE_FILESYSTEM : SIGNATURE_OTHER;
    if (signature->type == NULL) {
        signature->kind = SIGNATURE_TABLE;
        signature->type = value_of(probe, "PTTYPE");
    }
    if (signature->type == NULL) {
        signature->kind = SIGNATURE_OTHER;
        signature->type = g_strdup("something unknown");
    }
    return signature;
}

GPtrArray *
signature_list(const char *path, GError **error)
{
    AUTO(probe) *probe = probe_new(open(path, O_RDONLY | O_CLOEXEC), path, error);
    if (probe == NULL)
        return NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_element);
    int found;
    while ((found = blkid_do_probe(probe->handle)) == 0)
        g_ptr_array_add(list, take(probe));
    if (found < 0) {
        fail_errno(error, errno != 0 ? errno : EIO, "cannot read '%s'", path);
        return NULL;
    }
    return g_steal_pointer(&list);
}

const struct signature *
signature_filesystem(const GPtrArray *list)
{
    const struct signature *found = NULL;
    for (guint i = 0; i < list->len; i++) {
        const struct signature *signature = list->pdata[i];
        if (signature->kind == SIGNATURE_TABLE)
            continue;
        if (found != NULL || signature->kind != SIGNATURE_FILESYSTEM)
            return NULL;
        found = signature;
    }
    return found;
}

char *
signature_describe(const struct signature *signature)
{
    g_autofree char *label =
        signature->label != NULL && *signature->label != '\0' ? log_escape(signature->label) : NULL;
    return label != NULL ? g_strdup_printf("%s '%s'", signature->type, label)
                         : g_strdup(signature->type);
}

GHashTable *
signature_partition_types(const char *path, GError **error)
{
    AUTO(probe) *probe = probe_new(open(path, O_RDONLY | O_CLOEXEC), path, error);
    if (probe == NULL)
        return NULL;
    GHashTable *types = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    blkid_partlist table = blkid_probe_get_partitions(probe->handle);
    for (int i = 0; table != NULL && i < blkid_partlist_numof_partitions(table); i++) {
        blkid_partition partition = blkid_partlist_get_partition(table, i);
        const char *type = blkid_partition_get_type_string(partition);
        g_autofree char *number = g_strdup_printf("0x%x", blkid_partition_get_type(partition));
        g_hash_table_insert(types, GUINT_TO_POINTER(blkid_partition_get_partno(partition)),
                            type != NULL ? g_strdup(type) : g_steal_pointer(&number));
    }
    return types;
}

/* ---- what says nothing of itself ---- */

/*
 * Chi-square of the bytes' counts: of 256 values with 255 degrees of freedom random bytes give 255,
 * give or take 23. Compressed pictures give some thousands, text and file systems millions.
 */
gboolean
signature_bytes_are_random(const guint8 *data, gsize size)
{
    guint64 counts[BYTE_VALUES] = {0}, squares = 0;
    for (gsize i = 0; i < size; i++)
        counts[data[i]]++;
    for (guint i = 0; i < BYTE_VALUES; i++)
        squares += counts[i] * counts[i];
    double expected = (double)size / BYTE_VALUES;
    return (double)squares / expected - (double)size < 500;
}

gboolean
signature_is_random(int fd, const char *path, GError **error)
{
    g_autofree guint8 *data = g_malloc(BEGINNING);
    return file_read_at(fd, 0, data, BEGINNING, path, error) &&
           signature_bytes_are_random(data, BEGINNING);
}

/* ---- wiping ---- */

gboolean
signature_wipe(int fd, const char *path, GError **error)
{
    AUTO(probe) *probe = probe_new(fcntl(fd, F_DUPFD_CLOEXEC, 0), path, error);
    if (probe == NULL)
        return FALSE;
    for (guint i = 0; i < WIPES_MAX && blkid_do_probe(probe->handle) == 0; i++)
        if (blkid_do_wipe(probe->handle, FALSE) != 0)
            return fail_errno(error, errno, "cannot remove what '%s' held", path);
    return file_sync(fd, path, error);
}
