#include "lib/store/readback.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BLOCK (1024 * 1024) /* bytes read at once */
#define ALIGN 4096          /* enough for O_DIRECT on any medium */

struct digest {
    guint8 sha256[HASH_SHA256_SIZE];
};

struct readback {
    int folder_fd;

    /* what the writer tells, under the lock */
    GMutex lock;
    GCond told;
    GArray *parts;   /* struct digest of those that are complete */
    guint64 written; /* bytes of the one behind them */
    gint ending;     /* the thread is to end; atomic */
    GThread *thread; /* NULL until there is something for it to do */

    /* whose turn it is to read: the thread's while there is one, then the caller's */
    guint part; /* being read */
    int fd;     /* of it, or -1 */
    guint64 size, offset;
    guint64 done; /* bytes of all parts */
    struct hash *hash;
    guint8 *block;   /* BLOCK bytes, aligned */
    GError *failure; /* of the thread */
    readback_progress progress;
    void *context;
};

struct readback *
readback_new(int folder_fd)
{
    struct readback *readback = g_new0(struct readback, 1);
    readback->folder_fd = folder_fd;
    g_mutex_init(&readback->lock);
    g_cond_init(&readback->told);
    readback->parts = g_array_new(FALSE, FALSE, sizeof(struct digest));
    readback->fd = -1;
    readback->hash = hash_new(HASH_SHA256);
    return readback;
}

static void
end_thread(struct readback *readback)
{
    if (readback->thread == NULL)
        return;
    g_mutex_lock(&readback->lock);
    g_atomic_int_set(&readback->ending, TRUE);
    g_cond_signal(&readback->told);
    g_mutex_unlock(&readback->lock);
    g_thread_join(g_steal_pointer(&readback->thread));
    readback->ending = FALSE;
}

void
readback_free(struct readback *readback)
{
    if (readback == NULL)
        return;
    end_thread(readback);
    fd_auto_close(&readback->fd);
    hash_free(readback->hash);
    free(readback->block);
    g_clear_error(&readback->failure);
    g_array_unref(readback->parts);
    g_cond_clear(&readback->told);
    g_mutex_clear(&readback->lock);
    g_free(readback);
}

/* ---- one part ---- */

void
readback_name(guint number, char name[16])
{
    g_snprintf(name, 16, "data.%03u", number);
}

int
readback_open(int folder_fd, const char *name, int flags, guint64 *size, GError **error)
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

/*
 * One read at `offset`, -1 on error. Some file systems open O_DIRECT and refuse to read with it, or
 * the offset is no longer aligned after a short read: then the cache is emptied and read through.
 */
static gssize
read_block(int fd, guint8 *block, guint64 offset)
{
    for (;;) {
        ssize_t got = pread(fd, block, BLOCK, (off_t)offset);
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

/* Reads and hashes up to `to`; the thread leaves off in between when it is to end. */
static gboolean
read_to(struct readback *readback, const char *name, guint64 to, GError **error)
{
    posix_fadvise(readback->fd, (off_t)readback->offset, (off_t)(to - readback->offset),
                  POSIX_FADV_DONTNEED);
    while (readback->offset < to && !g_atomic_int_get(&readback->ending)) {
        if (!stop_check(error))
            return FALSE;
        gssize got = read_block(readback->fd, readback->block, readback->offset);
        if (got < 0)
            return fail_set(error, FAIL_DAMAGED,
                            "cannot read '%s' at byte %" G_GUINT64_FORMAT ": %s", name,
                            readback->offset, g_strerror(errno));
        if (got == 0)
            return fail_set(error, FAIL_DAMAGED,
                            "'%s' ends at byte %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT,
                            name, readback->offset, to);
        gsize size = (gsize)MIN((guint64)got, to - readback->offset);
        hash_add(readback->hash, readback->block, size);
        readback->offset += size;
        readback->done += size;
        if (readback->progress != NULL)
            readback->progress(readback->context, readback->done);
    }
    return TRUE;
}

/* All of the part was read. */
static gboolean
end_part(struct readback *readback, const char *name, const struct digest *expected, GError **error)
{
    guint8 digest[HASH_MAX];
    hash_take(readback->hash, digest);
    fd_auto_close(&readback->fd);
    readback->fd = -1;
    readback->part++;
    readback->offset = 0;
    if (memcmp(digest, expected->sha256, HASH_SHA256_SIZE) == 0)
        return TRUE;
    return fail_set(error, FAIL_DAMAGED,
                    "'%s' (%" G_GUINT64_FORMAT " bytes) is damaged: its SHA-256 is not the one "
                    "in SHA256SUMS",
                    name, readback->size);
}

/* ---- what is to be read next ---- */

struct step {
    gboolean whole; /* the part is complete: to its end, and compare */
    struct digest expected;
    guint64 to; /* else up to here, which is not durable yet */
};

/* Under the lock: whether there is something. */
static gboolean
next_step(const struct readback *readback, struct step *step)
{
    step->whole = readback->part < readback->parts->len;
    if (step->whole) {
        step->expected = g_array_index(readback->parts, struct digest, readback->part);
        return TRUE;
    }
    step->to = readback->written - readback->written % BLOCK;
    return readback->part == readback->parts->len && step->to >= readback->offset + READBACK_STEP;
}

static gboolean
take_step(struct readback *readback, const struct step *step, GError **error)
{
    char name[16];
    struct stat status;
    readback_name(readback->part, name);
    if (readback->block == NULL && posix_memalign((void **)&readback->block, ALIGN, BLOCK) != 0)
        return fail_set(error, FAIL_FAILED, "out of memory");
    if (readback->fd < 0)
        readback->fd = readback_open(readback->folder_fd, name, O_DIRECT, &readback->size, error);
    if (readback->fd < 0)
        return FALSE;
    if (!step->whole)
        return file_sync(readback->fd, name, error) && read_to(readback, name, step->to, error);
    if (fstat(readback->fd, &status) != 0)
        return fail_errno(error, errno, "cannot look at '%s'", name);
    if (status.st_nlink == 0)
        return fail_set(error, FAIL_DAMAGED, "'%s' is missing", name);
    readback->size = (guint64)status.st_size;
    if (!read_to(readback, name, readback->size, error))
        return FALSE;
    return readback->offset < readback->size || end_part(readback, name, &step->expected, error);
}

/* ---- the thread ---- */

/* Waits for something to read; FALSE: the thread is to end. */
static gboolean
wait_for_step(struct readback *readback, struct step *step)
{
    g_mutex_lock(&readback->lock);
    while (!g_atomic_int_get(&readback->ending) && !next_step(readback, step))
        g_cond_wait(&readback->told, &readback->lock);
    gboolean go_on = !g_atomic_int_get(&readback->ending);
    g_mutex_unlock(&readback->lock);
    return go_on;
}

static gpointer
read_beside(gpointer data)
{
    struct readback *readback = data;
    struct step step;
    while (wait_for_step(readback, &step) && take_step(readback, &step, &readback->failure))
        continue;
    return NULL;
}

/* Without a thread, if there can be none, all is read at the end. Signals are not for it. */
static void
begin_thread(struct readback *readback)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    readback->thread = g_thread_try_new("readback", read_beside, readback, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
readback_written(struct readback *readback, guint64 bytes)
{
    g_mutex_lock(&readback->lock);
    readback->written = bytes;
    struct step step;
    gboolean some = readback->thread == NULL && next_step(readback, &step);
    g_cond_signal(&readback->told);
    g_mutex_unlock(&readback->lock);
    if (some)
        begin_thread(readback);
}

void
readback_part(struct readback *readback, const guint8 sha256[HASH_SHA256_SIZE])
{
    struct digest digest;
    memcpy(digest.sha256, sha256, HASH_SHA256_SIZE);
    g_mutex_lock(&readback->lock);
    g_array_append_val(readback->parts, digest);
    readback->written = 0;
    g_cond_signal(&readback->told);
    g_mutex_unlock(&readback->lock);
}

gboolean
readback_finish(struct readback *readback, readback_progress progress, void *context,
                GError **error)
{
    struct step step;
    end_thread(readback);
    if (readback->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&readback->failure));
        return FALSE;
    }
    readback->progress = progress;
    readback->context = context;
    while (next_step(readback, &step))
        if (!take_step(readback, &step, error))
            return FALSE;
    return TRUE;
}
