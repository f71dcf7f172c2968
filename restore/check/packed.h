/*
 * packed: an attachment that the source kept as it is and the target packs, by its own rule for
 * compressible types. Its digest and length are then others; whether the content is the same tells
 * only reading it, which the server unpacks for that.
 */
#pragma once

#include "lib/couch/leaf.h"
#include "lib/http/http.h"

struct packed_where {
    struct http *http;
    const char *database;
};

/* *same: whether the attachment's content has that digest ("md5-…"); FALSE also when the server
 * does not give it. Fails when nothing can be asked any more. */
gboolean packed_has_digest(const struct packed_where *where, const struct leaf *leaf,
                           const struct attachment *attachment, struct slice digest, gboolean *same,
                           GError **error);
