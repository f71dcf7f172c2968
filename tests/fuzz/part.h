/*
 * part: for fuzz targets of the archive, a folder with one part, data.000, whose plain text is the
 * input. It is encrypted anew for each, so that what is behind the encryption gets fuzzed too.
 */
#pragma once

#include "lib/base/file.h"
#include "lib/crypt/age.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static char part_folder[] = "/tmp/lifeboat-fuzz-XXXXXX";
static int part_folder_fd = -1;
static struct age_identity part_identity;

static inline void
part_remove(void)
{
    file_remove_tree(AT_FDCWD, part_folder, NULL);
}

static inline void
part_set_up(void)
{
    if (part_folder_fd >= 0)
        return;
    char *made = g_mkdtemp(part_folder);
    g_assert(made != NULL);
    atexit(part_remove);
    part_folder_fd = open(part_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    age_identity_generate(&part_identity);
}

static inline gboolean
part_append(void *context, const void *data, gsize size, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)size);
    return TRUE;
}

static inline void
part_write(const void *stream, gsize size)
{
    guint8 recipient[1][AGE_KEY_SIZE];
    g_autoptr(GByteArray) file = g_byte_array_new();
    memcpy(recipient[0], part_identity.public, AGE_KEY_SIZE);
    AUTO(age_writer) *writer =
        age_writer_new((const guint8(*)[AGE_KEY_SIZE])recipient, 1, part_append, file, NULL);
    AUTO_FD int fd =
        openat(part_folder_fd, "data.000", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    gboolean done = age_writer_add(writer, stream, size, NULL) && age_writer_finish(writer, NULL) &&
                    file_write(fd, file->data, file->len, "data.000", NULL);
    g_assert(done);
}
