/*
 * backlog: bytes that wait, added behind and taken in front. Empty it holds no memory, so that a
 * thousand connections with nothing to wait for cost nothing. Several count together what they
 * hold.
 */
#pragma once

#include <glib.h>
#include <string.h>

struct backlog {
    guint8 *data;
    gsize start, end, room;
    gsize *held; /* bytes that all of them hold */
};

static inline gsize
backlog_size(const struct backlog *backlog)
{
    return backlog->end - backlog->start;
}

static inline const guint8 *
backlog_bytes(const struct backlog *backlog)
{
    return backlog->data + backlog->start;
}

static inline void
backlog_clear(struct backlog *backlog)
{
    g_free(backlog->data);
    *backlog->held -= backlog->room;
    *backlog = (struct backlog){.held = backlog->held};
}

static inline void
backlog_drop(struct backlog *backlog, gsize size)
{
    g_assert(size <= backlog_size(backlog));
    backlog->start += size;
    if (backlog->start == backlog->end)
        backlog_clear(backlog);
}

static inline void
backlog_add(struct backlog *backlog, const void *data, gsize size)
{
    gsize have = backlog_size(backlog);
    if (size == 0)
        return;
    if (backlog->end + size > backlog->room) {
        gsize room = MAX(have + size, 2 * have);
        guint8 *grown = g_malloc(room);
        if (have > 0)
            memcpy(grown, backlog_bytes(backlog), have);
        g_free(backlog->data);
        *backlog->held += room - backlog->room;
        *backlog = (struct backlog){grown, 0, have, room, backlog->held};
    }
    memcpy(backlog->data + backlog->end, data, size);
    backlog->end += size;
}
