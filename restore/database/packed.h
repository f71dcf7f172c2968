/*
 * packed: an attachment that the source kept as it is and the target packs, by its own rule for
 * compressible types. Its digest and length are then others; whether the content is the same tells
 * only reading it, which the server unpacks for that.
 */
#pragma once

#include "lib/couch/http.h"
#include "lib/couch/leaf.h"

struct packed_where {
    struct http *http;
    const char *database;
};

/* Whether the attachment's content has that digest ("md5-…"). */
gboolean packed_has_digest(const struct packed_where *where, const struct leaf *leaf,
                           const struct attachment *attachment, struct slice digest);
