#include "replicator/drive/prepare/find.h"

#include "lib/base/fail.h"
#include "replicator/drive/prepare/look.h"
#include "replicator/drive/prepare/signature.h"

#include <string.h>

/* Types of partitions that are for starting a computer, not for files. */
static gboolean
is_for_booting(const char *type)
{
    return g_strcmp0(type, "0xef") == 0 ||
           g_strcmp0(type, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b") == 0;
}

static char *
describe_all(const GPtrArray *signatures)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < signatures->len; i++) {
        g_autofree char *one = signature_describe(signatures->pdata[i]);
        g_string_append_printf(text, "%s%s", i > 0 ? " and " : "", one);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
fits(const struct signature *filesystem)
{
    return filesystem != NULL && look_type_fits(filesystem->type);
}

static gboolean
has_table_only(const GPtrArray *signatures)
{
    for (guint i = 0; i < signatures->len; i++)
        if (((const struct signature *)signatures->pdata[i])->kind != SIGNATURE_TABLE)
            return FALSE;
    return signatures->len > 0;
}

static gboolean
hint_at_format(const struct disk *disk, GError **error)
{
    g_autofree char *hint = g_strdup_printf(
        "to make one, which erases all that is on it: lifeboat drive add %s --format ext4",
        disk->path);
    fail_add_hint(error, hint);
    return FALSE;
}

/* Those partitions that hold a file system that fits, `struct disk`; *held tells what all of them
 * hold. */
static GPtrArray *
fitting(const struct disk *disk, GPtrArray *partitions, GString *held, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new(); /* the partitions are `partitions`' */
    g_autoptr(GHashTable) types = signature_partition_types(disk->path, error);
    if (types == NULL)
        return NULL;
    for (guint i = 0; i < partitions->len; i++) {
        struct disk *partition = partitions->pdata[i];
        g_autoptr(GPtrArray) signatures = signature_list(partition->path, error);
        if (signatures == NULL)
            return NULL;
        if (signatures->len == 0 || has_table_only(signatures)) /* empty, or an extended one */
            continue;
        g_autofree char *told = describe_all(signatures);
        g_string_append_printf(held, "%s%s in %s", held->len > 0 ? ", " : "", told,
                               partition->path);
        const char *type = g_hash_table_lookup(types, GUINT_TO_POINTER(partition->partition));
        if (fits(signature_filesystem(signatures)) && !is_for_booting(type))
            g_ptr_array_add(list, partition);
    }
    return g_steal_pointer(&list);
}

static gboolean
refuse_several(const struct disk *disk, const GPtrArray *partitions, GError **error)
{
    fail_set(error, FAIL_USAGE, "'%s' has %u partitions that fit: name one of them", disk->path,
             partitions->len);
    g_autoptr(GString) hint = g_string_new(NULL);
    for (guint i = 0; i < partitions->len; i++) {
        const struct disk *partition = partitions->pdata[i];
        g_autoptr(GPtrArray) signatures = signature_list(partition->path, NULL);
        g_autofree char *told = signatures != NULL ? describe_all(signatures) : g_strdup("");
        g_autofree char *size = g_format_size(partition->size);
        g_string_append_printf(hint, "%slifeboat drive add %s   (%s, %s)", i > 0 ? "\nhint: " : "",
                               partition->path, told, size);
    }
    fail_add_hint(error, hint->str);
    return FALSE;
}

/* The one partition that fits. NULL with the error. */
static struct disk *
find_partition(const struct disk *disk, GError **error)
{
    g_autoptr(GPtrArray) partitions = disk_partitions(disk);
    g_autoptr(GString) held = g_string_new(NULL);
    g_autoptr(GPtrArray) list = fitting(disk, partitions, held, error);
    if (list == NULL)
        return NULL;
    if (list->len == 1)
        return disk_at(((const struct disk *)list->pdata[0])->folder, error);
    if (list->len > 1) {
        refuse_several(disk, list, error);
        return NULL;
    }
    fail_set(error, FAIL_FAILED, "'%s' has no partition that a drive can use%s%s", disk->path,
             held->len > 0 ? ": it holds " : "", held->str);
    hint_at_format(disk, error);
    return NULL;
}

/* Whether the device itself can be used, `signatures` being all that it holds. One with partitions
 * as well is not: who knows which of them is out of date. */
static gboolean
check_filesystem(const struct disk *disk, const GPtrArray *signatures, GError **error)
{
    const struct signature *found = signature_filesystem(signatures);
    g_autoptr(GPtrArray) partitions = disk_partitions(disk);
    if (!fits(found) || partitions->len > 0) {
        g_autofree char *held = describe_all(signatures);
        fail_set(error, FAIL_FAILED, "'%s' holds no file system that a drive can use%s%s",
                 disk->path, signatures->len > 0 ? ": it holds " : "", held);
        return hint_at_format(disk, error);
    }
    if (look_kernel_has(found->type, error))
        return TRUE;
    g_prefix_error(error, "'%s': ", disk->path);
    return hint_at_format(disk, error);
}

struct disk *
find_filesystem(const struct disk *disk, char **told, GError **error)
{
    AUTO(disk) *chosen = disk_at(disk->folder, error);
    g_autoptr(GPtrArray) signatures = chosen != NULL ? signature_list(disk->path, error) : NULL;
    if (signatures == NULL)
        return NULL;
    if (disk->partition == 0 && has_table_only(signatures)) {
        disk_free(chosen);
        chosen = find_partition(disk, error);
        g_ptr_array_unref(signatures);
        signatures = chosen != NULL ? signature_list(chosen->path, error) : NULL;
    }
    if (signatures == NULL || !check_filesystem(chosen, signatures, error))
        return NULL;
    *told = signature_describe(signature_filesystem(signatures));
    return g_steal_pointer(&chosen);
}
