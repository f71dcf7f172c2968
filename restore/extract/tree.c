/* tree: see the header. */
#include "restore/extract/tree.h"

#include "lib/base/fail.h"
#include "lib/base/hash.h"
#include "lib/base/jsontext.h"
#include "lib/http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define COMPONENT_MAX 255 /* bytes; ext4, exFAT and others */

int
tree_folder(int parent_fd, const char *name, GError **error)
{
    if (mkdirat(parent_fd, name, 0700) != 0 && errno != EEXIST) {
        fail_errno(error, errno, "cannot make folder '%s'", name);
        return -1;
    }
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        fail_errno(error, errno, "cannot open folder '%s'", name);
    return fd;
}

int
tree_file(int parent_fd, const char *name, mode_t mode, GError **error)
{
    int fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        fail_errno(error, errno, "cannot make file '%s'", name);
    return fd;
}

/* ---- any name ---- */

/* http_escape leaves dots and underscores; at the beginning they mean something to people or to us.
 */
static char *
component_of(struct slice name, const char *suffix)
{
    GString *component = g_string_new(NULL);
    gboolean special = name.size > 0 && (name.data[0] == '.' || slice_is(name, "_server"));
    if (special)
        g_string_append_printf(component, "%%%02X", (guint8)name.data[0]);
    struct slice rest = {name.data + special, name.size - special};
    http_escape(component, rest);
    if (name.size == 0)
        g_string_append(component, "%empty");
    g_string_append(component, suffix);
    return g_string_free(component, FALSE);
}

/* '%s' begins no percent-encoded byte, so that no other name looks like this. */
static char *
hashed_component(struct slice name, const char *suffix, GString *index)
{
    guint8 digest[HASH_SHA256_SIZE];
    hash_sha256(name.data, name.size, digest);
    g_autofree char *hex = hash_hex(digest, sizeof digest);
    char *component = g_strconcat("%sha256-", hex, suffix, NULL);
    json_text_begin_object(index);
    json_text_member_string(index, "file", component);
    json_text_member_slice(index, "name", name);
    json_text_end_object(index);
    g_string_append_c(index, '\n');
    return component;
}

int
tree_named_folder(int parent_fd, struct slice name, GString *index, GError **error)
{
    g_autofree char *component = component_of(name, "");
    if (strlen(component) > COMPONENT_MAX) {
        g_free(component);
        component = hashed_component(name, "", index);
    }
    return tree_folder(parent_fd, component, error);
}

int
tree_named_file(int parent_fd, struct slice name, const char *suffix, GString *index,
                GError **error)
{
    g_autofree char *component = component_of(name, suffix);
    struct stat info;
    if (strlen(component) > COMPONENT_MAX ||
        fstatat(parent_fd, component, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        g_free(component);
        component = hashed_component(name, suffix, index);
    }
    return tree_file(parent_fd, component, 0600, error);
}

int
tree_path(int folder_fd, const char *path, mode_t mode, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint last = g_strv_length(parts);
    AUTO_FD int at = fcntl(folder_fd, F_DUPFD_CLOEXEC, 0);
    for (guint i = 0; i < last; i++) {
        if (g_str_equal(parts[i], "..") || g_str_equal(parts[i], ".") || *parts[i] == '\0') {
            fail_set(error, FAIL_DAMAGED, "'%s' is no path to write to", path);
            return -1;
        }
        int next = i + 1 < last ? tree_folder(at, parts[i], error)
                                : tree_file(at, parts[i], mode & 0777, error);
        if (next < 0)
            return -1;
        fd_auto_close(&at);
        at = next;
    }
    return fd_steal(&at);
}
