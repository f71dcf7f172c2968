/*
 * cleanup: `AUTO(hash) *h = hash_new(…)` frees h at the end of its scope.
 *
 * GLib's g_autoptr wants typedefs; our structs have none. AUTO_DEFINE(hash) in hash.h declares the
 * attribute's function for `struct hash` with `void hash_free(struct hash *)`, which takes NULL.
 */
#pragma once

#include <glib.h>
#include <unistd.h>

#define AUTO_DEFINE(name)                                                                          \
    static inline void name##_auto_free(struct name **pointer)                                     \
    {                                                                                              \
        name##_free(*pointer);                                                                     \
    }

#define AUTO(name) __attribute__((cleanup(name##_auto_free))) struct name

/* AUTO_FD int fd = open(…): closed at the end of the scope unless -1. */
static inline void
fd_auto_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define AUTO_FD __attribute__((cleanup(fd_auto_close)))

/* Gives up ownership: returns the descriptor and leaves -1. */
static inline int
fd_steal(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
