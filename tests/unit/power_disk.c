#include "tests/unit/power_disk.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SECTOR 512

struct inode {
    GByteArray *durable;
};

enum kind { WRITE, TRUNCATE, LINK, UNLINK, RENAME };

/* One that is not durable yet. */
struct change {
    enum kind kind;
    struct inode *inode;
    gsize offset; /* or new size */
    GBytes *data;
    char *name, *other;
};

struct power_disk {
    char *folder;
    power_cut cut;
    void *context;
    GPtrArray *inodes;
    GHashTable *names;   /* char * → struct inode, as they are */
    GHashTable *durable; /* the same, as they would be after a cut */
    GPtrArray *pending;  /* struct change, in order */
    GHashTable *open;    /* descriptor → struct inode; the folder's: NULL */
    guint changes;
};

static struct power_disk *recording;

/* ---- the disk ---- */

static void
change_free(gpointer data)
{
    struct change *change = data;
    g_clear_pointer(&change->data, g_bytes_unref);
    g_free(change->name);
    g_free(change->other);
    g_free(change);
}

static void
inode_free(gpointer data)
{
    struct inode *inode = data;
    g_byte_array_unref(inode->durable);
    g_free(inode);
}

static struct inode *
inode_new(struct power_disk *disk)
{
    struct inode *inode = g_new0(struct inode, 1);
    inode->durable = g_byte_array_new();
    g_ptr_array_add(disk->inodes, inode);
    return inode;
}

static void
take_existing(struct power_disk *disk)
{
    g_autoptr(GDir) folder = g_dir_open(disk->folder, 0, NULL);
    g_assert_nonnull(folder);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *path = g_build_filename(disk->folder, name, NULL), *data = NULL;
        gsize size;
        g_assert_true(g_file_get_contents(path, &data, &size, NULL));
        struct inode *inode = inode_new(disk);
        g_byte_array_append(inode->durable, (const guint8 *)data, (guint)size);
        g_hash_table_insert(disk->names, g_strdup(name), inode);
        g_hash_table_insert(disk->durable, g_strdup(name), inode);
    }
}

struct power_disk *
power_disk_new(const char *folder, power_cut cut, void *context)
{
    struct power_disk *disk = g_new0(struct power_disk, 1);
    disk->folder = g_strdup(folder);
    disk->cut = cut;
    disk->context = context;
    disk->inodes = g_ptr_array_new_with_free_func(inode_free);
    disk->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    disk->durable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    disk->pending = g_ptr_array_new_with_free_func(change_free);
    disk->open = g_hash_table_new(NULL, NULL);
    take_existing(disk);
    return disk;
}

void
power_disk_free(struct power_disk *disk)
{
    if (disk == NULL)
        return;
    g_assert_true(recording != disk);
    g_hash_table_unref(disk->names);
    g_hash_table_unref(disk->durable);
    g_hash_table_unref(disk->open);
    g_ptr_array_unref(disk->pending);
    g_ptr_array_unref(disk->inodes);
    g_free(disk->folder);
    g_free(disk);
}

struct power_disk *
power_disk_record(struct power_disk *disk)
{
    struct power_disk *before = recording;
    recording = disk;
    return before;
}

guint
power_disk_changes(const struct power_disk *disk)
{
    return disk->changes;
}

/* ---- what changes do ---- */

static void
set_size(GByteArray *content, gsize size)
{
    gsize before = content->len;
    g_byte_array_set_size(content, (guint)size);
    if (size > before)
        memset(content->data + before, 0, size - before);
}

static void
write_piece(GByteArray *content, const struct change *change, gsize from, gsize to)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(change->data, &size);
    if (content->len < change->offset + size)
        set_size(content, change->offset + size);
    memcpy(content->data + change->offset + from, data + from, to - from);
}

static void
apply_to_content(GByteArray *content, const struct change *change, enum power_loss loss)
{
    if (change->kind == TRUNCATE) {
        set_size(content, change->offset);
        return;
    }
    gsize size = g_bytes_get_size(change->data);
    if (loss == POWER_BEGIN_CAME) /* the last one: the half of it */
        write_piece(content, change, 0, size / 2);
    else if (loss != POWER_SECTORS_CAME)
        write_piece(content, change, 0, size);
    for (gsize at = 0; loss == POWER_SECTORS_CAME && at < size; at += SECTOR)
        if (g_test_rand_bit())
            write_piece(content, change, at, MIN(at + SECTOR, size));
}

static void
apply_to_names(GHashTable *names, const struct change *change)
{
    if (change->kind == LINK) {
        g_hash_table_insert(names, g_strdup(change->name), change->inode);
    } else if (change->kind == UNLINK) {
        g_hash_table_remove(names, change->name);
    } else if (change->kind == RENAME) {
        g_hash_table_remove(names, change->name);
        g_hash_table_insert(names, g_strdup(change->other), change->inode);
    }
}

static gboolean
is_of_content(const struct change *change)
{
    return change->kind == WRITE || change->kind == TRUNCATE;
}

/* What was synced is durable: of one file, or (NULL) the names. */
static void
make_durable(struct power_disk *disk, const struct inode *inode)
{
    for (guint i = 0; i < disk->pending->len;) {
        struct change *change = disk->pending->pdata[i];
        gboolean names = inode == NULL && !is_of_content(change);
        gboolean content = inode != NULL && is_of_content(change) && change->inode == inode;
        if (names)
            apply_to_names(disk->durable, change);
        if (content)
            apply_to_content(change->inode->durable, change, POWER_ALL_CAME);
        if (names || content)
            g_ptr_array_remove_index(disk->pending, i);
        else
            i++;
    }
}

/* ---- a state ---- */

static void
empty_folder(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    for (const char *name; folder != NULL && (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_assert_cmpint(unlink(file), ==, 0);
    }
}

static gboolean
comes(enum power_loss loss, guint i, guint upto)
{
    switch (loss) {
    case POWER_NOTHING_CAME:
        return FALSE;
    case POWER_BEGIN_CAME:
        return i <= upto;
    case POWER_SOME_CAME:
        return g_test_rand_bit();
    default:
        return TRUE;
    }
}

gboolean
power_disk_state(const struct power_disk *disk, enum power_loss loss, const char *folder)
{
    g_autoptr(GHashTable) contents =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_byte_array_unref);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint count = disk->pending->len, upto = (guint)g_test_rand_int_range(0, (gint32)count + 1);
    guint names_upto = loss == POWER_ALL_CAME ? count
                       : loss == POWER_NOTHING_CAME
                           ? 0
                           : (guint)g_test_rand_int_range(0, (gint32)count + 1);
    GHashTableIter all;
    gpointer name, inode;
    for (guint i = 0; i < disk->inodes->len; i++) {
        const struct inode *file = disk->inodes->pdata[i];
        GByteArray *content = g_byte_array_new();
        g_byte_array_append(content, file->durable->data, file->durable->len);
        g_hash_table_insert(contents, (gpointer)file, content);
    }
    g_hash_table_iter_init(&all, disk->durable);
    while (g_hash_table_iter_next(&all, &name, &inode))
        g_hash_table_insert(names, g_strdup(name), inode);
    for (guint i = 0; i < count; i++) {
        const struct change *change = disk->pending->pdata[i];
        if (!is_of_content(change)) {
            if (i < names_upto)
                apply_to_names(names, change);
        } else if (comes(loss, i, upto)) {
            gboolean whole = loss == POWER_BEGIN_CAME && i < upto;
            apply_to_content(g_hash_table_lookup(contents, change->inode), change,
                             whole ? POWER_ALL_CAME : loss);
        }
    }
    empty_folder(folder);
    g_hash_table_iter_init(&all, names);
    while (g_hash_table_iter_next(&all, &name, &inode)) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        const GByteArray *content = g_hash_table_lookup(contents, inode);
        g_assert_true(g_file_set_contents_full(path, (const char *)content->data, content->len,
                                               G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
    return count > 0 || loss == POWER_NOTHING_CAME;
}

/* ---- recording ---- */

static void
is_changed(struct power_disk *disk)
{
    disk->changes++;
    power_disk_record(NULL);
    disk->cut(disk->context, disk);
    power_disk_record(disk);
}

static struct change *
add_change(enum kind kind, struct inode *inode)
{
    struct change *change = g_new0(struct change, 1);
    change->kind = kind;
    change->inode = inode;
    g_ptr_array_add(recording->pending, change);
    return change;
}

/* The name in the folder of the one that records; NULL: it is elsewhere, or nothing is recorded. */
static const char *
name_of(const char *path)
{
    if (recording == NULL || !g_str_has_prefix(path, recording->folder))
        return NULL;
    const char *rest = path + strlen(recording->folder);
    return rest[0] == '/' && rest[1] != 0 ? rest + 1 : NULL;
}

static gboolean
is_recorded(int fd)
{
    return recording != NULL && g_hash_table_contains(recording->open, GINT_TO_POINTER(fd));
}

static struct inode *
inode_of(int fd)
{
    return g_hash_table_lookup(recording->open, GINT_TO_POINTER(fd));
}

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int openat64(int folder, const char *path, int flags, ...);

/* The same of a path that begins at an open folder. */
static const char *
name_at(int folder, const char *path)
{
    return is_recorded(folder) && inode_of(folder) == NULL && strcmp(path, ".") != 0
               ? path
               : name_of(path);
}

static int
opened(int folder, const char *path, int flags, mode_t mode)
{
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    const char *name = name_at(folder, path);
    if (fd < 0 || recording == NULL)
        return fd;
    if (name == NULL) {
        if (strcmp(path, recording->folder) == 0)
            g_hash_table_insert(recording->open, GINT_TO_POINTER(fd), NULL);
        return fd;
    }
    struct inode *inode = g_hash_table_lookup(recording->names, name);
    gboolean is_new = inode == NULL;
    if (is_new) {
        inode = inode_new(recording);
        struct change *change = add_change(LINK, inode);
        change->name = g_strdup(name);
        apply_to_names(recording->names, change);
    }
    g_hash_table_insert(recording->open, GINT_TO_POINTER(fd), inode);
    if (is_new)
        is_changed(recording);
    g_assert_false(flags & O_TRUNC);
    return fd;
}

int
open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(AT_FDCWD, path, flags, mode);
}

int
openat64(int folder, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(folder, path, flags, mode);
}

int
close(int fd)
{
    if (recording != NULL)
        g_hash_table_remove(recording->open, GINT_TO_POINTER(fd));
    return (int)syscall(SYS_close, fd);
}

static void
written(int fd, const void *data, ssize_t wrote, off64_t offset)
{
    if (wrote <= 0 || !is_recorded(fd))
        return;
    struct change *change = add_change(WRITE, inode_of(fd));
    change->offset = (gsize)offset;
    change->data = g_bytes_new(data, (gsize)wrote);
    is_changed(recording);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    ssize_t wrote = syscall(SYS_pwrite64, fd, data, size, offset);
    written(fd, data, wrote, offset);
    return wrote;
}

ssize_t
write(int fd, const void *data, size_t size)
{
    ssize_t wrote = syscall(SYS_write, fd, data, size);
    if (wrote > 0 && is_recorded(fd))
        written(fd, data, wrote, lseek64(fd, 0, SEEK_CUR) - wrote);
    return wrote;
}

int
ftruncate64(int fd, off64_t size)
{
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0 && is_recorded(fd)) {
        add_change(TRUNCATE, inode_of(fd))->offset = (gsize)size;
        is_changed(recording);
    }
    return result;
}

static int
synced(int fd, long call)
{
    int result = (int)syscall(call, fd);
    if (result == 0 && is_recorded(fd)) {
        make_durable(recording, inode_of(fd));
        is_changed(recording);
    }
    return result;
}

int
fsync(int fd)
{
    return synced(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
    return synced(fd, SYS_fdatasync);
}

static void
unlinked(const char *name)
{
    if (name == NULL)
        return;
    struct change *change = add_change(UNLINK, NULL);
    change->name = g_strdup(name);
    apply_to_names(recording->names, change);
    is_changed(recording);
}

int
unlink(const char *path)
{
    const char *name = name_of(path);
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0)
        unlinked(name);
    return result;
}

int
unlinkat(int folder, const char *path, int flags)
{
    const char *name = name_at(folder, path);
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (result == 0)
        unlinked(name);
    return result;
}

static void
named(enum kind kind, const char *name, const char *other)
{
    if (name == NULL)
        return;
    g_assert_nonnull(other);
    struct change *change = add_change(kind, g_hash_table_lookup(recording->names, name));
    change->name = g_strdup(kind == LINK ? other : name);
    change->other = g_strdup(other);
    apply_to_names(recording->names, change);
    is_changed(recording);
}

int
rename(const char *from, const char *to)
{
    int result = (int)syscall(SYS_rename, from, to);
    if (result == 0)
        named(RENAME, name_of(from), name_of(to));
    return result;
}

int
renameat(int folder, const char *from, int other, const char *to)
{
    int result = (int)syscall(SYS_renameat, folder, from, other, to);
    if (result == 0)
        named(RENAME, name_at(folder, from), name_at(other, to));
    return result;
}

int
link(const char *from, const char *to)
{
    int result = (int)syscall(SYS_link, from, to);
    if (result == 0)
        named(LINK, name_of(from), name_of(to));
    return result;
}
