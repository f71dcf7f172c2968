/*
 * slice: bytes that somebody else owns. A slice is valid as long as the buffer it points into.
 */
#pragma once

#include <glib.h>
#include <string.h>

struct slice {
    const char *data; /* not terminated */
    gsize size;       /* bytes */
};

#define SLICE_FORMAT "%.*s"
#define SLICE_ARGS(slice) (int)(slice).size, (slice).data

static inline struct slice
slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline gboolean
slice_is(struct slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

/* Order by bytes, the shorter first: the order of CouchDB's ids and of our archives. */
static inline int
slice_compare(struct slice a, struct slice b)
{
    gsize shared = MIN(a.size, b.size);
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline char *
slice_dup(struct slice slice)
{
    return g_strndup(slice.data, slice.size);
}
