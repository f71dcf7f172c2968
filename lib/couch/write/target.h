/*
 * target: writes leaves into a database, fast, with new_edits=false, so that they come out as the
 * revisions that they are.
 *
 *   batches   most leaves go raw, one behind the other, about 1 MB a request, to _bulk_docs. Small
 *             attachments go along in base64, if the server stores them as they are or packs them
 *             into the same bytes again (repack.h)
 *   PUTs      other leaves go in one multipart PUT each: gathered in memory when small, else
 *             streamed from where the bytes come from
 *
 * Several requests are under way at a time. Posting is idempotent, so what fails for now is simply
 * posted again. A batch that the server refuses is halved until the document that it minds stands
 * alone; that one is reported by id, revision and the server's reason, and the rest goes on.
 */
#pragma once

#include "lib/couch/write/body.h"
#include "lib/couch/write/repack.h"
#include "lib/couch/write/traits.h"
#include "lib/http/patience.h"

struct target_handler {
    /* The server does not take this leaf. */
    void (*refused)(void *context, struct slice id, struct slice rev, const char *reason);

    /* So much has arrived. */
    void (*arrived)(void *context, guint64 leaves, guint64 bytes);

    /* An attachment streamed and the connection failed in the midst: write this leaf again later.
     */
    void (*interrupted)(void *context, struct slice id, struct slice rev, const GError *cause);
    void *context;
};

struct target;

/* All of these stay the caller's and must outlive it; `repack` may be NULL. */
struct target *target_new(struct http *http, const char *database, const struct traits *traits,
                          struct repack *repack, const struct target_handler *handler,
                          struct patience *patience);
void target_free(struct target *target); /* ends what is under way */
AUTO_DEFINE(target)

/*
 * Writes a leaf, sooner or later. `bytes` gives those attachments that are `here`, during this call
 * only; the others are left out of it. FALSE only when it makes no sense to go on: no longer
 * admitted, patience at its end, or `bytes` failed.
 */
gboolean target_leaf(struct target *target, const struct leaf *leaf, const struct body_bytes *bytes,
                     GError **error);

/* Bytes of the request that writes a leaf alone, with its attachments that are `here`. */
guint64 target_request_size(const struct traits *traits, const struct leaf *leaf);

/* Waits until all that was given has arrived or was refused. To be called before validators (design
 * documents), and at the end. */
gboolean target_flush(struct target *target, GError **error);
