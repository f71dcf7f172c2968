/*
 * scratch: for tests, a folder of their own and the tools of everyday (age, minisign, tar, …) run
 * in it.
 */
#pragma once

#include "lib/base/file.h"

#include <fcntl.h>
#include <string.h>

struct scratch {
    char *path;
    int fd;
};

static inline struct scratch *
scratch_new(void)
{
    struct scratch *scratch = g_new0(struct scratch, 1);
    scratch->path = g_dir_make_tmp("lifeboat-test-XXXXXX", NULL);
    g_assert_nonnull(scratch->path);
    scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(scratch->fd, >=, 0);
    return scratch;
}

static inline void
scratch_free(struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    close(scratch->fd);
    file_remove_tree(AT_FDCWD, scratch->path, NULL);
    g_free(scratch->path);
    g_free(scratch);
}
AUTO_DEFINE(scratch)

/* Runs a shell command in the folder and gives its exit status; *output (may be NULL) is what it
 * printed. */
static inline int
scratch_shell(struct scratch *scratch, char **output, const char *command)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *printed = NULL;
    g_autofree char *complaint = NULL;
    int status = -1;
    g_spawn_sync(scratch->path, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &printed,
                 &complaint, &status, &error);
    g_assert_no_error(error);
    if (status != 0)
        g_test_message("'%s' ended with %d: %s", command, status, complaint);
    if (output != NULL)
        *output = g_steal_pointer(&printed);
    return status;
}

static inline gboolean
scratch_has_tool(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);
    if (path == NULL)
        g_test_skip("a tool that this compares with is not installed");
    return path != NULL;
}

static inline void
scratch_write(struct scratch *scratch, const char *name, const void *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    file_replace(scratch->fd, name, data, size, 0600, &error);
    g_assert_no_error(error);
}

static inline char *
scratch_read(struct scratch *scratch, const char *name, gsize *size)
{
    g_autoptr(GError) error = NULL;
    char *data = file_read(scratch->fd, name, 64 * 1024 * 1024, size, &error);
    g_assert_no_error(error);
    return data;
}
