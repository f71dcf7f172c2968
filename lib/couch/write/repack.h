/*
 * repack: tells which encoded attachments a server would pack into the very same bytes again.
 *
 * CouchDB packs attachments of compressible types itself, always in the same way. An attachment
 * that was packed so can travel unpacked, inline in a batch, and comes out with the same digest,
 * length and encoding: ten times faster than the multipart PUT that all others need. Two things
 * must hold: packing it here gives its bytes, and the server does as we do. The latter is tried out
 * in a scratch database, once for each content type.
 */
#pragma once

#include "lib/couch/leaf.h"
#include "lib/couch/write/traits.h"

#define REPACK_STORED_MAX (64 * 1024) /* bytes of an attachment that is worth it, packed … */
#define REPACK_PLAIN_MAX (256 * 1024) /* … and unpacked */

struct repack;

/* Server and traits stay the caller's. */
struct repack *repack_new(struct http *http, const struct traits *traits);
void repack_free(struct repack *repack);
AUTO_DEFINE(repack)

/* Removes the scratch database, if there is one; nothing is tried out any more. To be called while
 * the server still knows us. */
gboolean repack_end(struct repack *repack, GError **error);

/* Whether the attachment, whose bytes are `stored`, comes out the same when it is sent unpacked.
 * Never an error: FALSE is always right. */
gboolean repack_is_same(struct repack *repack, const struct attachment *attachment,
                        struct slice stored);
