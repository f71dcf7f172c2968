#include "netsvc/dhcp/lease/database/parts.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static gboolean
sync_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open folder '%s'", folder);
    return file_sync(fd, folder, error);
}

static gboolean
remove_file(const char *path, const char *suffix, GError **error)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);
    if (unlink(name) != 0 && errno != ENOENT)
        return fail_errno(error, errno, "cannot remove '%s'", name);
    return TRUE;
}

static enum database_fault
fill(struct database *database, const char *name, const struct database_change *changes,
     gsize count, const struct database_rest *rest, GError **error)
{
    /* Nothing to roll back to: who is interrupted begins anew. */
    int code = sqlite_connect(&database->file, &database_kind, name,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (code == SQLITE_OK)
        code = sqlite_run(&database->file, "PRAGMA journal_mode = OFF");
    if (code == SQLITE_OK)
        code = rows_make_tables(database);
    if (code == SQLITE_OK)
        code = rows_prepare(database);
    if (code != SQLITE_OK)
        return database_failed(database, code, error);
    return database_commit(database, changes, count, rest, error);
}

/* NAME.built is complete. */
static gboolean
build(const char *path, const struct database_change *changes, gsize count,
      const struct database_rest *rest, GError **error)
{
    g_autofree char *name = g_strconcat(path, ".new", NULL), *built = NULL;
    if (!remove_file(name, "", error) || !remove_file(name, "-journal", error))
        return FALSE;
    struct database *database = g_new0(struct database, 1);
    gboolean filled = fill(database, name, changes, count, rest, error) == DATABASE_FINE;
    database_free(database);
    if (!filled)
        return FALSE;
    AUTO_FD int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "cannot open '%s'", name);
    built = g_strconcat(path, ".built", NULL);
    if (!file_sync(fd, name, error) || !sync_folder(path, error))
        return FALSE;
    if (rename(name, built) != 0)
        return fail_errno(error, errno, "cannot rename '%s'", name);
    return sync_folder(path, error);
}

/* What NAME.built replaces is out of the way, and it has its name. */
static gboolean
install(const char *path, GError **error)
{
    g_autofree char *built = g_strconcat(path, ".built", NULL);
    if (access(built, F_OK) != 0)
        return errno == ENOENT ? TRUE : fail_errno(error, errno, "cannot look for '%s'", built);
    if (!remove_file(path, "-wal", error) || !remove_file(path, "-journal", error) ||
        !sync_folder(path, error))
        return FALSE;
    if (rename(built, path) != 0)
        return fail_errno(error, errno, "cannot rename '%s'", built);
    return sync_folder(path, error);
}

/* By another name, until the new one takes its own. One that others put there may not be linked to
 * (protected_hardlinks): it is renamed, once NAME.built is there to be found instead. */
static gboolean
keep_as(const char *path, const char *aside, const char *suffix, gboolean is_built, GError **error)
{
    g_autofree char *from = g_strconcat(path, suffix, NULL);
    g_autofree char *to = g_strconcat(aside, suffix, NULL);
    int result = is_built ? rename(from, to) : link(from, to);
    if (result != 0 && errno != ENOENT && errno != EEXIST && (is_built || errno != EPERM))
        return fail_errno(error, errno, "cannot keep '%s' as '%s'", from, to);
    return TRUE;
}

static gboolean
keep(const char *path, const char *aside, gboolean is_built, GError **error)
{
    if (is_built && access(aside, F_OK) == 0)
        return TRUE;
    return keep_as(path, aside, "", is_built, error) &&
           keep_as(path, aside, "-wal", is_built, error);
}

gboolean
database_replace(const char *path, const struct database_change *changes, gsize count,
                 const struct database_rest *rest, gint64 time, char **aside, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.damaged-%" G_GINT64_FORMAT, path, time);
    if (!keep(path, name, FALSE, error) || !build(path, changes, count, rest, error) ||
        !keep(path, name, TRUE, error) || !install(path, error))
        return FALSE;
    if (aside != NULL)
        *aside = g_steal_pointer(&name);
    return TRUE;
}

gboolean
database_settle_files(const char *path, GError **error)
{
    static const struct database_clock never = {0};
    static const struct database_rest empty = {.clock = &never};
    if (!install(path, error))
        return FALSE;
    return access(path, F_OK) == 0 || errno != ENOENT ||
           (build(path, NULL, 0, &empty, error) && install(path, error));
}
