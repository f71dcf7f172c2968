#include "netsvc/parent/task/install.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"
#include "netsvc/parent/task/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CURRENT "current"
#define PREVIOUS "previous"
#define FRESH_LINK ".link"
#define SET "set-"
#define FILE_MAX 60000 /* bytes of one */

static const struct {
    const char *name;
    mode_t mode;
} known[] = {
    {"server.pem", 0644},
    {"chain.pem", 0644},
    {"fullchain.pem", 0644},
    {"server.key", 0600},
};

/* ---- what is there ---- */

/* Where a link of the folder points; NULL: there is none of ours. Caller frees. */
static char *
target_of(int folder, const char *link)
{
    char target[NAME_MAX + 1];
    const ssize_t size = readlinkat(folder, link, target, sizeof target - 1);
    if (size <= 0)
        return NULL;
    target[size] = '\0';
    return g_str_has_prefix(target, SET) && strchr(target, '/') == NULL ? g_strdup(target) : NULL;
}

static gboolean
wants(struct slice files, const char *name, GString *text)
{
    struct slice value;
    g_string_truncate(text, 0);
    if (!json_member(files, name, &value) || json_type(value) != JSON_STRING)
        return FALSE;
    json_unescape(value, text);
    return TRUE;
}

static gboolean
is_there(int set, const char *name, const GString *text)
{
    gsize size = 0;
    struct stat status;
    char *has = text->len <= FILE_MAX ? file_read(set, name, FILE_MAX, &size, NULL) : NULL;
    gboolean same = has != NULL && size == text->len && memcmp(has, text->str, size) == 0 &&
                    fstatat(set, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    for (gsize i = 0; same && i < G_N_ELEMENTS(known); i++)
        same = strcmp(known[i].name, name) != 0 || (status.st_mode & 07777) == known[i].mode;
    if (has != NULL)
        explicit_bzero(has, size);
    g_free(has);
    return same;
}

static gboolean
is_current(int folder, struct slice files)
{
    g_autofree char *target = target_of(folder, CURRENT);
    AUTO_FD int set = target != NULL
                          ? openat(folder, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
                          : -1;
    GString *text = g_string_new(NULL);
    gboolean same = set >= 0;
    for (gsize i = 0; same && i < G_N_ELEMENTS(known); i++)
        same = wants(files, known[i].name, text) ? is_there(set, known[i].name, text)
                                                 : file_is_absent(set, known[i].name);
    explicit_bzero(text->str, text->len);
    g_string_free(text, TRUE);
    return same;
}

/* ---- a new one ---- */

static char *
fresh_name(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%SZ");
    g_autofree char *chance = chance_hex(4);
    return g_strdup_printf(SET "%s-%s", time, chance);
}

static gboolean
write_files(int set, struct slice files, GError **error)
{
    GString *text = g_string_new(NULL);
    gboolean done = TRUE;
    for (gsize i = 0; done && i < G_N_ELEMENTS(known); i++)
        done = !wants(files, known[i].name, text) ||
               file_replace(set, known[i].name, text->str, text->len, known[i].mode, error);
    explicit_bzero(text->str, text->len);
    g_string_free(text, TRUE);
    return done;
}

static gboolean
write_set(int folder, const char *name, struct slice files, GError **error)
{
    if (mkdirat(folder, name, 0755) != 0)
        return fail_errno(error, errno, "cannot make folder '%s'", name);
    AUTO_FD int set = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (set < 0 || fchmod(set, 0755) != 0)
        return fail_errno(error, errno, "cannot open '%s'", name);
    return write_files(set, files, error) && file_sync(set, name, error) &&
           file_sync(folder, "the folder of certificates", error);
}

/* A link under that name, in place of the one before, at once. */
static gboolean
link_to(int folder, const char *target, const char *name, GError **error)
{
    if (unlinkat(folder, FRESH_LINK, 0) != 0 && errno != ENOENT)
        return fail_errno(error, errno, "cannot remove '" FRESH_LINK "'");
    if (symlinkat(target, folder, FRESH_LINK) != 0 ||
        renameat(folder, FRESH_LINK, folder, name) != 0)
        return fail_errno(error, errno, "cannot make the link '%s'", name);
    return file_sync(folder, name, error);
}

/* All sets but these two; what cannot be removed stays until the next time. */
static void
remove_others(int folder, const char *current, const char *previous)
{
    DIR *list = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL)
        if (g_str_has_prefix(entry->d_name, SET) && strcmp(entry->d_name, current) != 0 &&
            g_strcmp0(entry->d_name, previous) != 0)
            file_remove_tree(folder, entry->d_name, NULL);
    if (list != NULL)
        closedir(list);
}

static gboolean
swap(int folder, const char *fresh, GError **error)
{
    g_autofree char *before = target_of(folder, CURRENT);
    if ((before != NULL && !link_to(folder, before, PREVIOUS, error)) ||
        !link_to(folder, fresh, CURRENT, error))
        return FALSE;
    remove_others(folder, fresh, before);
    return TRUE;
}

static int
open_folder(const char *path, GError **error)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 || errno != ENOENT)
        return folder >= 0 ? folder : (fail_errno(error, errno, "cannot open '%s'", path), -1);
    folder = file_open_folder(AT_FDCWD, path, TRUE, error);
    if (folder >= 0)
        fchmod(folder, 0755);
    return folder;
}

gboolean
install_set(const char *path, struct slice files, gboolean *changed, GError **error)
{
    AUTO_FD int folder = open_folder(path, error);
    if (folder < 0)
        return FALSE;
    *changed = !is_current(folder, files);
    g_autofree char *fresh = fresh_name();
    if (!*changed)
        return TRUE;
    if (write_set(folder, fresh, files, error) && swap(folder, fresh, error))
        return TRUE;
    g_prefix_error(error, "certificates cannot be put into '%s': ", path);
    g_autofree char *current = target_of(folder, CURRENT);
    if (g_strcmp0(current, fresh) != 0)
        file_remove_tree(folder, fresh, NULL);
    return FALSE;
}

/* ---- the task ---- */

static void
answer(struct world *world, guint32 handle, const char *folder, gboolean changed)
{
    g_autoptr(GString) out = g_string_new(NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "folder", folder);
    json_text_member_boolean(out, "changed", changed);
    json_text_end_object(out);
    tasks_done(world->tasks, handle, TRUE, out->str, out->len);
}

void
install_do(struct world *world, guint32 handle, const char *what, const char *body, gsize size)
{
    const char *folder = world->current->config->cert.install;
    const struct slice request = {body, size};
    struct slice files;
    gboolean changed = FALSE;
    g_autoptr(GError) error = NULL;
    if (strcmp(what, "files") != 0 || !json_check(request, NULL) ||
        !json_member(request, "files", &files) || json_type(files) != JSON_OBJECT)
        fail_set(&error, FAIL_USAGE, "it is not known what that installs");
    else if (folder == NULL || install_set(folder, files, &changed, &error))
        answer(world, handle, folder, changed);
    if (error != NULL)
        tasks_done(world->tasks, handle, FALSE, error->message, strlen(error->message));
}
