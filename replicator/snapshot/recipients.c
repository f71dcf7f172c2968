#include "replicator/snapshot/recipients.h"

#include <fcntl.h>

#define ALWAYS 2 /* the node and the recovery key: every chain of ours was begun with them */

static gboolean
is_open_to(const struct store *store, const struct snapshot *snapshot, guint count)
{
    char header[AGE_HEADER_MAX];
    AUTO_FD int folder = store_open_snapshot(store, snapshot, NULL);
    AUTO_FD int fd = folder >= 0 ? openat(folder, "data.000", O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd >= 0 ? read(fd, header, sizeof header) : -1;
    return got <= 0 || age_recipients(header, (gsize)got) >= count;
}

gboolean
recipients_read(const struct store *store, const struct snapshot *tip, const struct keys *keys)
{
    if (keys->n_recipients <= ALWAYS)
        return TRUE;
    for (const struct snapshot *snapshot = tip; snapshot != NULL; snapshot = snapshot->parent)
        if (!is_open_to(store, snapshot, keys->n_recipients))
            return FALSE;
    return TRUE;
}
