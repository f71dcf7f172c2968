/*
 * parts: SHA256SUMS is coreutils' text mode, "HEX  data.000\n" for each part, so every line has the
 * same length and nothing else is accepted. The sums tell no lengths; a part that is cut short
 * shows in its hash.
 *
 * Writer and verifier leave nothing in the page cache: the server's own databases need it, and a
 * read that is to prove something must come from the medium.
 */
#include "lib/store/parts.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"
#include "lib/base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME_LENGTH 8                                            /* "data.000" */
#define LINE_LENGTH (2 * HASH_SHA256_SIZE + 2 + NAME_LENGTH + 1) /* of SHA256SUMS */
#define WRITE_BEHIND (8 * 1024 * 1024) /* bytes after which the kernel is told to begin writing */
#define VERIFY_BLOCK (1024 * 1024)     /* bytes read at once */
#define VERIFY_ALIGN 4096              /* enough for O_DIRECT on any medium */

struct part {
    char name[16];
    guint8 sha256[HASH_SHA256_SIZE];
};

static void
part_name(guint number, char name[16])
{
    g_snprintf(name, 16, "data.%03u", number);
}

/* The parts that SHA256SUMS names; free with g_free. */
static struct part *
parse_sums(const char *sums, guint *n_parts, GError **error)
{
    gsize size = strnlen(sums, (gsize)PARTS_MAX * LINE_LENGTH + 1);
    guint n = (guint)(size / LINE_LENGTH);
    if (n == 0 || n > PARTS_MAX || size % LINE_LENGTH != 0) {
        fail_set(error, FAIL_DAMAGED, "SHA256SUMS is not one line for each of 1 to %d parts",
                 PARTS_MAX);
        return NULL;
    }
    g_autofree struct part *parts = g_new0(struct part, n);
    for (guint i = 0; i < n; i++) {
        const char *line = sums + (gsize)i * LINE_LENGTH;
        g_autofree char *tail = NULL;
        part_name(i, parts[i].name);
        tail = g_strdup_printf("  %s\n", parts[i].name);
        if (!hash_from_hex(line, 2 * HASH_SHA256_SIZE, parts[i].sha256, HASH_SHA256_SIZE) ||
            memcmp(line + 2 * HASH_SHA256_SIZE, tail, strlen(tail)) != 0) {
            fail_set(error, FAIL_DAMAGED, "line %u of SHA256SUMS is not the hash of '%s'", i + 1,
                     parts[i].name);
            return NULL;
        }
    }
    *n_parts = n;
    return g_steal_pointer(&parts);
}

guint
parts_count(const char *sums, GError **error)
{
    guint n_parts = 0;
    g_autofree struct part *parts = parse_sums(sums, &n_parts, error);
    return parts != NULL ? n_parts : 0;
}

void
parts_describe(const char *sums, guint number, char name[16], guint8 sha256[HASH_SHA256_SIZE])
{
    gboolean read = hash_from_hex(sums + (gsize)number * LINE_LENGTH, 2 * HASH_SHA256_SIZE, sha256,
                                  HASH_SHA256_SIZE);
    g_assert(read);
    part_name(number, name);
}

/* Opens a part for reading and gives its length; -1 on error. */
static int
open_part(int folder_fd, const char *name, int flags, guint64 *size, GError **error)
{
    struct stat status;
    AUTO_FD int fd =
        openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags);
    if (fd < 0 && errno == EINVAL && flags != 0)
        fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        fail_set(error, FAIL_DAMAGED, "'%s' is missing", name);
        return -1;
    }
    gboolean link = fd < 0 && errno == ELOOP;
    if (!link && (fd < 0 || fstat(fd, &status) != 0)) {
        fail_errno(error, errno, "cannot open '%s'", name);
        return -1;
    }
    if (link || !S_ISREG(status.st_mode)) {
        fail_set(error, FAIL_DAMAGED, "'%s' is not a regular file", name);
        return -1;
    }
    *size = (guint64)status.st_size;
    return fd_steal(&fd);
}

/* ---- writing ---- */

struct parts_writer {
    int folder_fd;
    guint64 part_size;
    int fd;         /* of the part being written, or -1 */
    guint n_parts;  /* begun */
    guint64 filled; /* bytes in the part */
    guint64 behind; /* of these, the kernel was told to write */
    guint64 total;
    struct hash *hash;
    GString *sums;
    char name[16]; /* of the part */
};

struct parts_writer *
parts_writer_new(int folder_fd, guint64 part_size)
{
    g_assert(part_size > 0);
    struct parts_writer *writer = g_new0(struct parts_writer, 1);
    writer->folder_fd = folder_fd;
    writer->part_size = part_size;
    writer->fd = -1;
    writer->hash = hash_new(HASH_SHA256);
    writer->sums = g_string_new(NULL);
    return writer;
}

static gboolean
begin_part(struct parts_writer *writer, GError **error)
{
    if (writer->n_parts == PARTS_MAX)
        return fail_set(error, FAIL_FAILED,
                        "a snapshot can have %d parts of %" G_GUINT64_FORMAT " bytes at most",
                        PARTS_MAX, writer->part_size);
    part_name(writer->n_parts, writer->name);
    writer->fd = openat(writer->folder_fd, writer->name,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0) {
        int cause = errno;
        g_autofree char *path = file_path(writer->folder_fd, writer->name);
        return fail_errno(error, cause, "cannot create '%s'", path);
    }
    writer->n_parts++;
    writer->filled = 0;
    writer->behind = 0;
    return TRUE;
}

static gboolean
end_part(struct parts_writer *writer, GError **error)
{
    guint8 digest[HASH_MAX];
    if (!file_sync(writer->fd, writer->name, error))
        return FALSE;
    file_forget_cache(writer->fd);
    int closed = close(writer->fd);
    writer->fd = -1;
    if (closed != 0)
        return fail_errno(error, errno, "cannot close '%s'", writer->name);
    hash_take(writer->hash, digest);
    g_autofree char *hex = hash_hex(digest, HASH_SHA256_SIZE);
    g_string_append_printf(writer->sums, "%s  %s\n", hex, writer->name);
    return TRUE;
}

/* Keeps the drive busy from the start, so that the fsync of a part does not begin with a gigabyte
 * to write. */
static void
write_behind(struct parts_writer *writer)
{
    if (writer->filled - writer->behind < WRITE_BEHIND)
        return;
    sync_file_range(writer->fd, (off_t)writer->behind, (off_t)(writer->filled - writer->behind),
                    SYNC_FILE_RANGE_WRITE); /* a hint: fsync tells of errors */
    writer->behind = writer->filled;
}

gboolean
parts_writer_add(struct parts_writer *writer, const void *data, gsize size, GError **error)
{
    const char *rest = data;
    while (size > 0) {
        if (writer->fd < 0 && !begin_part(writer, error))
            return FALSE;
        gsize piece = (gsize)MIN(size, writer->part_size - writer->filled);
        if (!file_write(writer->fd, rest, piece, writer->name, error))
            return FALSE;
        hash_add(writer->hash, rest, piece);
        writer->filled += piece;
        writer->total += piece;
        rest += piece;
        size -= piece;
        write_behind(writer);
        if (writer->filled == writer->part_size && !end_part(writer, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
parts_writer_finish(struct parts_writer *writer, GError **error)
{
    if (writer->n_parts == 0 && !begin_part(writer, error))
        return FALSE;
    if (writer->fd >= 0 && !end_part(writer, error))
        return FALSE;
    return file_sync(writer->folder_fd, "the snapshot's folder", error);
}

char *
parts_writer_sums(const struct parts_writer *writer)
{
    return g_strdup(writer->sums->str);
}

guint64
parts_writer_size(const struct parts_writer *writer)
{
    return writer->total;
}

void
parts_writer_free(struct parts_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    hash_free(writer->hash);
    g_string_free(writer->sums, TRUE);
    g_free(writer);
}

/* ---- verifying ---- */

struct verifier {
    int folder_fd;
    guint8 *block; /* VERIFY_BLOCK bytes, aligned */
    guint64 done;  /* bytes of all parts */
    parts_progress progress;
    void *context;
};

/*
 * One read at `offset`, -1 on error. Some file systems open O_DIRECT and refuse to read with it, or
 * the offset is no longer aligned after a short read: then the cache is emptied and read through.
 */
static gssize
read_block(int fd, guint8 *block, guint64 offset)
{
    for (;;) {
        ssize_t got = pread(fd, block, VERIFY_BLOCK, (off_t)offset);
        if (got >= 0)
            return got;
        int flags = errno == EINVAL ? fcntl(fd, F_GETFL) : 0;
        gboolean direct = flags > 0 && (flags & O_DIRECT) != 0;
        if (direct && fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0)
            file_forget_cache(fd);
        else if (errno != EINTR)
            return -1;
    }
}

static gboolean
verify_part(struct verifier *verifier, const struct part *part, guint64 *size, GError **error)
{
    guint8 digest[HASH_MAX];
    AUTO_FD int fd = open_part(verifier->folder_fd, part->name, O_DIRECT, size, error);
    if (fd < 0)
        return FALSE;
    file_forget_cache(fd);
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    guint64 offset = 0;
    while (offset < *size) {
        if (!stop_check(error))
            return FALSE;
        gssize got = read_block(fd, verifier->block, offset);
        if (got < 0)
            return fail_set(error, FAIL_DAMAGED,
                            "cannot read '%s' at byte %" G_GUINT64_FORMAT ": %s", part->name,
                            offset, g_strerror(errno));
        if (got == 0)
            return fail_set(error, FAIL_DAMAGED,
                            "'%s' ends at byte %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT,
                            part->name, offset, *size);
        hash_add(hash, verifier->block, (gsize)got);
        offset += (guint64)got;
        verifier->done += (guint64)got;
        if (verifier->progress != NULL)
            verifier->progress(verifier->context, verifier->done);
    }
    hash_take(hash, digest);
    if (memcmp(digest, part->sha256, HASH_SHA256_SIZE) != 0)
        return fail_set(error, FAIL_DAMAGED,
                        "'%s' (%" G_GUINT64_FORMAT " bytes) is damaged: its SHA-256 is not the one "
                        "in SHA256SUMS",
                        part->name, *size);
    return TRUE;
}

gboolean
parts_verify(int folder_fd, const char *sums, parts_progress progress, void *context,
             GError **error)
{
    guint n_parts = 0;
    void *block = NULL;
    g_autofree struct part *parts = parse_sums(sums, &n_parts, error);
    if (parts == NULL)
        return FALSE;
    if (posix_memalign(&block, VERIFY_ALIGN, VERIFY_BLOCK) != 0)
        return fail_set(error, FAIL_FAILED, "out of memory");
    struct verifier verifier = {folder_fd, block, 0, progress, context};
    gboolean good = TRUE;
    for (guint i = 0; good && i < n_parts; i++) {
        guint64 size = 0;
        good = verify_part(&verifier, &parts[i], &size, error);
    }
    free(block);
    return good;
}

/* ---- reading ---- */

/* One part is open at a time, so that a chain of many snapshots needs few descriptors. */
struct parts_reader {
    int folder_fd; /* our own */
    guint n_parts;
    guint64 *starts; /* where each part begins in the whole, and at the end its size */
    int fd;          /* of part `open`, or -1 */
    guint open;
};

struct parts_reader *
parts_reader_open(int folder_fd, const char *sums, GError **error)
{
    guint n_parts = 0;
    g_autofree struct part *parts = parse_sums(sums, &n_parts, error);
    if (parts == NULL)
        return NULL;
    AUTO(parts_reader) *reader = g_new0(struct parts_reader, 1);
    reader->fd = -1;
    reader->n_parts = n_parts;
    reader->starts = g_new0(guint64, n_parts + 1);
    reader->folder_fd = fcntl(folder_fd, F_DUPFD_CLOEXEC, 0);
    if (reader->folder_fd < 0) {
        fail_errno(error, errno, "cannot keep the snapshot's folder open");
        return NULL;
    }
    for (guint i = 0; i < n_parts; i++) {
        guint64 size = 0;
        AUTO_FD int fd = open_part(folder_fd, parts[i].name, 0, &size, error);
        if (fd < 0)
            return NULL;
        reader->starts[i + 1] = reader->starts[i] + size;
    }
    return g_steal_pointer(&reader);
}

guint64
parts_reader_size(const struct parts_reader *reader)
{
    return reader->starts[reader->n_parts];
}

/* The part that holds byte `offset`, which is below the size. */
static guint
find_part(const struct parts_reader *reader, guint64 offset)
{
    guint low = 0;
    guint high = reader->n_parts;
    while (high - low > 1) {
        guint middle = low + (high - low) / 2;
        *(reader->starts[middle] <= offset ? &low : &high) = middle;
    }
    return low;
}

gboolean
parts_reader_read(void *context, guint64 offset, void *data, gsize size, GError **error)
{
    struct parts_reader *reader = context;
    guint64 total = parts_reader_size(reader);
    char *out = data;
    if (size > total || offset > total - size)
        return fail_set(error, FAIL_DAMAGED, "cut short: the parts end at byte %" G_GUINT64_FORMAT,
                        total);
    while (size > 0) {
        char name[16];
        guint number = find_part(reader, offset);
        part_name(number, name);
        if (reader->fd < 0 || reader->open != number) {
            guint64 length = 0;
            int fd = open_part(reader->folder_fd, name, 0, &length, error);
            if (fd < 0)
                return FALSE;
            if (reader->fd >= 0)
                close(reader->fd);
            reader->fd = fd;
            reader->open = number;
        }
        gsize piece = (gsize)MIN(size, reader->starts[number + 1] - offset);
        if (!file_read_at(reader->fd, offset - reader->starts[number], out, piece, name, error))
            return FALSE;
        out += piece;
        offset += piece;
        size -= piece;
    }
    return TRUE;
}

void
parts_reader_free(struct parts_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->fd >= 0)
        close(reader->fd);
    if (reader->folder_fd >= 0)
        close(reader->folder_fd);
    g_free(reader->starts);
    g_free(reader);
}
