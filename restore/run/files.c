/* files: see the header. */
#include "restore/run/files.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#define PARTIAL ".lifeboat-partial"
#define DEPTH_MAX 200 /* folders in a path */

struct files {
    struct restore *restore;
    const char *folder; /* for messages */
    int root;
    int parent; /* of the file being written, -1 between files */
    int file;
    char *name; /* its last part */
    char *path; /* as in the snapshot */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    gboolean kept; /* a file has another owner than it had, and that was told */
    guint64 count;
};

/* A part of a path that stays below where it is. */
static gboolean
is_plain(const char *part)
{
    return *part != '\0' && !g_str_equal(part, ".") && !g_str_equal(part, "..") &&
           strchr(part, '/') == NULL;
}

/* Goes down one folder, making it when it is not there; a symbolic link is no folder here. */
static int
descend(int from, const char *part, const struct files *files, GError **error)
{
    if (mkdirat(from, part, 0700) != 0 && errno != EEXIST) {
        fail_errno(error, errno, "cannot make folder '%s' below '%s'", part, files->folder);
        return -1;
    }
    int folder = openat(from, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        fail_errno(error, errno, "cannot open folder '%s' below '%s'", part, files->folder);
    return folder;
}

static gboolean
open_parent(struct files *files, const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(*path == '/' ? path + 1 : path, "/", DEPTH_MAX);
    guint n = g_strv_length(parts);
    AUTO_FD int at = fcntl(files->root, F_DUPFD_CLOEXEC, 0);
    for (guint i = 0; i < n; i++)
        if (!is_plain(parts[i]))
            return fail_set(error, FAIL_DAMAGED,
                            "the snapshot has a file with the path '%s', which is not written",
                            path);
    if (n == 0 || at < 0)
        return fail_set(error, FAIL_DAMAGED, "the snapshot has a file without a path");
    for (guint i = 0; i + 1 < n; i++) {
        int next = descend(at, parts[i], files, error);
        if (next < 0)
            return FALSE;
        close(at);
        at = next;
    }
    files->parent = fd_steal(&at);
    files->name = g_strdup(parts[n - 1]);
    return TRUE;
}

static void
close_file(struct files *files)
{
    fd_auto_close(&files->file);
    fd_auto_close(&files->parent);
    files->file = files->parent = -1;
    g_clear_pointer(&files->name, g_free);
    g_clear_pointer(&files->path, g_free);
}

/* ---- owners ---- */

/* As tar has it: the name where this machine knows it, else the number. */
static uid_t
user_of(const struct chain_file *file)
{
    const struct passwd *user = *file->user != '\0' ? getpwnam(file->user) : NULL;
    return user != NULL ? user->pw_uid : file->uid;
}

static gid_t
group_of(const struct chain_file *file)
{
    const struct group *group = *file->group != '\0' ? getgrnam(file->group) : NULL;
    return group != NULL ? group->gr_gid : file->gid;
}

/* Only root can; for others it is told once. */
static void
give_away(struct files *files)
{
    struct stat info;
    gboolean done =
        fstat(files->file, &info) == 0 && info.st_uid == files->uid && info.st_gid == files->gid;
    if (done || files->kept)
        return;
    if (geteuid() != 0) {
        files->kept = TRUE;
        report_note(&files->restore->report,
                    "the extra files belong to you: only root can give them the owners that they "
                    "had");
    } else if (fchown(files->file, files->uid, files->gid) != 0) {
        report_problem(&files->restore->report, NULL, (struct slice){"", 0}, (struct slice){"", 0},
                       "file '%s' belongs to root, and not to who had it: %s", files->path,
                       g_strerror(errno));
    }
}

/* ---- one file ---- */

static gboolean
begin(void *context, const struct chain_file *file, GError **error)
{
    struct files *files = context;
    if (!open_parent(files, file->path, error))
        return FALSE;
    files->path = g_strdup(file->path);
    files->mode = file->mode & 0777; /* never setuid */
    files->uid = user_of(file);
    files->gid = group_of(file);
    g_autofree char *partial = g_strconcat(files->name, PARTIAL, NULL);
    unlinkat(files->parent, partial, 0);
    files->file =
        openat(files->parent, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return files->file >= 0
               ? TRUE
               : fail_errno(error, errno, "cannot write '%s%s'", files->folder, files->path);
}

static gboolean
bytes(void *context, const void *data, gsize size, GError **error)
{
    struct files *files = context;
    return file_write(files->file, data, size, files->path, error);
}

static gboolean
end(void *context, GError **error)
{
    struct files *files = context;
    g_autofree char *partial = g_strconcat(files->name, PARTIAL, NULL);
    give_away(files);
    if (fchmod(files->file, files->mode) != 0) /* after fchown, which changes it */
        return fail_errno(error, errno, "cannot set the mode of '%s'", files->path);
    if (!file_install(files->file, files->parent, partial, files->name, error))
        return FALSE;
    progress_event(files->restore->report.progress, "file", "path", files->path, NULL);
    files->count++;
    close_file(files);
    return TRUE;
}

gboolean
files_restore(struct restore *restore, const char *folder, guint64 *count, GError **error)
{
    struct files files = {.restore = restore, .folder = folder, .parent = -1, .file = -1};
    const struct chain_files callbacks = {begin, bytes, end, &files};
    files.root = file_open_folder(AT_FDCWD, folder, TRUE, error);
    if (files.root < 0)
        return FALSE;
    gboolean fine = chain_server_files(restore->chain, &callbacks, error);
    close_file(&files);
    fd_auto_close(&files.root);
    *count = files.count;
    return fine;
}

/* ---- counting ---- */

static gboolean
count_begin(void *context, const struct chain_file *file, GError **error)
{
    (void)file;
    (void)error;
    ++*(guint64 *)context;
    return TRUE;
}

static gboolean
count_bytes(void *context, const void *data, gsize size, GError **error)
{
    (void)context;
    (void)data;
    (void)size;
    (void)error;
    return TRUE;
}

static gboolean
count_end(void *context, GError **error)
{
    (void)context;
    (void)error;
    return TRUE;
}

gboolean
files_count(struct restore *restore, guint64 *count, GError **error)
{
    const struct chain_files callbacks = {count_begin, count_bytes, count_end, count};
    return chain_server_files(restore->chain, &callbacks, error);
}
