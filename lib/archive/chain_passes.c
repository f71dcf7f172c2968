/* chain_passes: see the header. */
#include "lib/archive/chain_passes.h"

#include "lib/archive/merge.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define CURSOR_COST (2560 * 1024)      /* bytes for each open snapshot */
#define BATCH_COST (4608 * 1024)       /* and for its batch at most */
#define WRITER_COST (12 * 1024 * 1024) /* and for writing a temporary archive */
#define FOLDER_PREFIX "lifeboat-merge-"
#define ABANDONED                                                                                  \
    60 /* seconds after which a folder that nobody holds is certainly a dead process's */

struct chain_passes {
    const struct store *store;
    const struct keys *keys;
    gsize memory;
    struct store temporary; /* only path and descriptor are used; path NULL until needed */
    int lock_fd;            /* the folder, held */
    guint made;             /* archives */
    struct age_identity identity;
    struct keys own; /* of that identity */
    guint8 recipient[1][AGE_KEY_SIZE];
};

/* ---- parts ---- */

struct chain_part *
chain_part_new(const struct snapshot *snapshot, guint64 place)
{
    struct chain_part *part = g_new0(struct chain_part, 1);
    part->snapshot = snapshot;
    part->place = place;
    part->plain = snapshot != NULL ? snapshot->catalogue->bytes_plain : 0;
    return part;
}

/* Of a temporary one, the archive goes too. */
void
chain_part_free(struct chain_part *part)
{
    if (part == NULL)
        return;
    if (part->folder != NULL)
        file_remove_tree(part->passes->temporary.snapshots_fd, part->folder, NULL);
    catalogue_free(part->catalogue);
    g_free(part->folder);
    g_free(part->sums);
    g_free(part);
}

struct snapshot_reader *
chain_passes_open(struct chain_passes *passes, const struct chain_part *part, GError **error)
{
    if (part->snapshot != NULL)
        return snapshot_reader_open(passes->store, part->snapshot, passes->keys, error);
    AUTO_FD int fd = file_open_folder(passes->temporary.snapshots_fd, part->folder, FALSE, error);
    return fd < 0 ? NULL
                  : snapshot_reader_open_folder(fd, "(merged)", part->sums,
                                                part->catalogue->manifest, &passes->own, error);
}

/* ---- the folder ---- */

struct chain_passes *
chain_passes_new(const struct store *store, const struct keys *keys, gsize memory)
{
    struct chain_passes *passes = g_new0(struct chain_passes, 1);
    passes->store = store;
    passes->keys = keys;
    passes->memory = memory;
    passes->lock_fd = passes->temporary.snapshots_fd = -1;
    age_identity_generate(&passes->identity);
    memcpy(passes->recipient[0], passes->identity.public, AGE_KEY_SIZE);
    passes->own = (struct keys){.identities = &passes->identity,
                                .n_identities = 1,
                                .recipients = passes->recipient,
                                .n_recipients = 1};
    return passes;
}

void
chain_passes_free(struct chain_passes *passes)
{
    if (passes == NULL)
        return;
    if (passes->temporary.path != NULL)
        file_remove_tree(AT_FDCWD, passes->temporary.path, NULL);
    fd_auto_close(&passes->lock_fd);
    g_free(passes->temporary.path);
    explicit_bzero(&passes->identity, sizeof passes->identity);
    g_free(passes);
}

/* Whether it is the rest of a process of ours that was killed: a living one holds its folder. */
static gboolean
is_abandoned(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
           info.st_mtime < time(NULL) - ABANDONED && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void
remove_abandoned(const char *above)
{
    DIR *entries = opendir(above);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (!g_str_has_prefix(entry->d_name, FOLDER_PREFIX))
            continue;
        AUTO_FD int fd =
            openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && is_abandoned(fd))
            file_remove_tree(dirfd(entries), entry->d_name, NULL);
    }
    closedir(entries);
}

static gboolean
make_folder(struct chain_passes *passes, GError **error)
{
    const char *above = g_getenv("TMPDIR");
    if (passes->temporary.path != NULL)
        return TRUE;
    if (above == NULL || *above == '\0')
        above = "/var/tmp";
    remove_abandoned(above);
    g_autofree char *path = g_build_filename(above, FOLDER_PREFIX "XXXXXX", NULL);
    if (g_mkdtemp(path) == NULL)
        return fail_errno(error, errno, "cannot make a temporary folder in '%s'", above);
    passes->temporary.path = g_steal_pointer(&path);
    passes->lock_fd = file_open_folder(AT_FDCWD, passes->temporary.path, FALSE, error);
    if (passes->lock_fd < 0)
        return FALSE;
    flock(passes->lock_fd, LOCK_EX | LOCK_NB);
    passes->temporary.snapshots_fd = passes->lock_fd;
    return TRUE;
}

/* ---- one merge ---- */

/* Opens the parts from `first` on as streams; *streams are NULL where it failed. */
static gboolean
open_streams(struct chain_passes *passes, const char *database, GPtrArray *parts, guint first,
             guint count, GPtrArray *readers, struct snapshot_stream **streams, GError **error)
{
    for (guint i = 0; i < count; i++) {
        const struct chain_part *part = parts->pdata[first + i];
        struct snapshot_reader *reader = chain_passes_open(passes, part, error);
        if (reader == NULL)
            return FALSE;
        g_ptr_array_add(readers, reader);
        streams[i] = snapshot_stream_new(reader, database, part->place, error);
        if (streams[i] == NULL)
            return FALSE;
    }
    return TRUE;
}

static struct catalogue *
temporary_catalogue(struct chain_passes *passes)
{
    struct catalogue *catalogue = catalogue_new();
    catalogue->id = g_strdup_printf("%04x", passes->made++);
    catalogue->started = g_strdup("2000-01-01T00:00:00Z");
    return catalogue;
}

/* Ends the temporary archive and asks it where its one database lies. */
static gboolean
finish_part(struct chain_passes *passes, struct snapshot_writer *writer, const char *database,
            struct chain_part *part, GError **error)
{
    static const struct snapshot_database_end nothing = {0};
    AUTO_FD int fd = -1;
    if (!snapshot_writer_database_end(writer, &nothing, error) ||
        !snapshot_writer_finish_temporary(writer, &fd, &part->sums, error))
        return FALSE;
    part->plain = part->catalogue->bytes_plain;
    AUTO(snapshot_reader) *reader = chain_passes_open(passes, part, error);
    AUTO(manifest) *manifest =
        reader != NULL ? snapshot_reader_manifest(reader, NULL, NULL, error) : NULL;
    if (manifest == NULL)
        return FALSE;
    part->place = manifest_find(manifest, database)->place;
    return TRUE;
}

static struct chain_part *
merge_streams(struct chain_passes *passes, const char *database, struct snapshot_stream **streams,
              guint count, GError **error)
{
    AUTO(chain_part) *part = chain_part_new(NULL, 0);
    part->passes = passes;
    part->catalogue = temporary_catalogue(passes);
    part->folder = g_strdup_printf("20000101T000000Z-%.4s", part->catalogue->id);
    AUTO(snapshot_writer) *writer =
        snapshot_writer_begin(&passes->temporary, &passes->own, part->catalogue, NULL, 0, error);
    if (writer == NULL ||
        !snapshot_writer_database_begin(writer, database, snapshot_stream_db_json(streams[0]),
                                        snapshot_stream_local_json(streams[0]), error))
        return NULL;
    AUTO(merge) *merge = merge_new(streams, count);
    if (!merge_write(merge, writer, TRUE, error) ||
        !finish_part(passes, writer, database, part, error))
        return NULL;
    return g_steal_pointer(&part);
}

static void
reader_free(gpointer reader)
{
    snapshot_reader_free(reader);
}

/* Replaces `count` parts from `first` on by one. */
static gboolean
merge_parts(struct chain_passes *passes, const char *database, GPtrArray *parts, guint first,
            guint count, GError **error)
{
    g_autoptr(GPtrArray) readers = g_ptr_array_new_with_free_func(reader_free);
    g_autofree struct snapshot_stream **streams = g_new0(struct snapshot_stream *, count);
    struct chain_part *merged = NULL;
    if (open_streams(passes, database, parts, first, count, readers, streams, error))
        merged = merge_streams(passes, database, streams, count, error);
    for (guint i = 0; i < count; i++)
        snapshot_stream_free(streams[i]);
    if (merged == NULL) {
        g_prefix_error(error, "cannot merge %u snapshots of database '%s': ", count, database);
        return FALSE;
    }
    g_ptr_array_remove_range(parts, first, count);
    g_ptr_array_insert(parts, (gint)first, merged);
    return TRUE;
}

/* ---- rounds ---- */

static gsize
cost_of(const struct chain_part *part)
{
    return CURSOR_COST + (gsize)MIN(part->plain, BATCH_COST);
}

static gboolean
all_fit(const struct chain_passes *passes, const GPtrArray *parts)
{
    gsize cost = 0;
    for (guint i = 0; i < parts->len; i++)
        cost += cost_of(parts->pdata[i]);
    return parts->len <= 2 || (parts->len <= CHAIN_OPEN_MAX && cost <= passes->memory);
}

/* How many parts up to `last`, going to newer ones, can be merged at once: two at least. */
static guint
group_before(const struct chain_passes *passes, const GPtrArray *parts, guint last)
{
    gsize room = passes->memory > WRITER_COST ? passes->memory - WRITER_COST : 0;
    guint count = 0;
    for (gsize cost = 0; count <= last && count < CHAIN_OPEN_MAX; count++) {
        cost += cost_of(parts->pdata[last - count]);
        if (count >= 2 && cost > room)
            break;
    }
    return count;
}

gboolean
chain_passes_reduce(struct chain_passes *passes, const char *database, GPtrArray *parts,
                    GError **error)
{
    while (!all_fit(passes, parts)) {
        if (!make_folder(passes, error))
            return FALSE;
        /* One round over all but the oldest, beginning with the older ones. */
        for (guint end = parts->len - 1; end >= 2 && !all_fit(passes, parts);) {
            guint count = group_before(passes, parts, end - 1);
            if (!merge_parts(passes, database, parts, end - count, count, error))
                return FALSE;
            end -= count;
        }
    }
    return TRUE;
}
