/*
 * salvage: a leaf of which the source could not give every attachment. The snapshot holds zeros in
 * their place, which no server takes under the old digest. So the attachments go to a temporary
 * file, are compared with their digests, and those that do not fit are left out.
 */
#pragma once

#include "lib/couch/write/body.h"

struct salvage {
    struct leaf leaf; /* as the given one, but with `here` only where the bytes are good */
    GArray *places;   /* guint64 offset of each attachment in the file */
    int file;
    guint64 at, left; /* of the attachment being read */
};

gboolean salvage_open(struct salvage *salvage, const struct leaf *leaf,
                      const struct body_bytes *bytes, GError **error);
struct body_bytes salvage_bytes(struct salvage *salvage);
void salvage_close(struct salvage *salvage);
