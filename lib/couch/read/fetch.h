/*
 * fetch: reads whole documents (every leaf, full revision path, attachments as stored) in the order
 * of their ids.
 *
 *     wanted ids → batches for _bulk_get (JSON, two under way) → chunk of leaves → _bulk_get as
 * multipart for the attachments that the handler chose → the handler, leaf by leaf
 *
 * What the handler gets is in the order in which it asked. Memory is a few chunks, whatever the
 * documents are; an attachment streams through. What fails for now is asked again; what the source
 * cannot give although it answers (a damaged document) is isolated, told to the handler as a
 * problem, and the rest goes on. Every leaf that the listing named is accounted for: given,
 * followed by a descendant, purged, or a problem. That the feed does not name it any more accounts
 * for nothing: on a cluster a copy may answer that never had it, while the one that did is down.
 */
#pragma once

#include "lib/couch/leaf.h"
#include "lib/couch/row.h"
#include "lib/http/http.h"
#include "lib/http/patience.h"

#define FETCH_BATCH 1000              /* ids in a request at most; the first has half of them */
#define FETCH_AHEAD 2                 /* requests under way */
#define FETCH_CHUNK (4 * 1024 * 1024) /* bytes of documents gathered before they are passed on */
#define FETCH_DOCUMENT_MAX                                                                         \
    (1008 * 1024 * 1024) /* bytes of one leaf's JSON: SNAPSHOT_TEXT_MAX less its wrapping */

struct fetch_wanted {
    struct row listed; /* the leaves that the listing named; none when it lacks the document */
    struct row held;   /* what the other side has; id.data NULL when nothing */
};

/* What becomes of it. Each gives FALSE to end the fetch with its error. */
struct fetch_handler {
    /* The next document wanted; *end when there are no more. The rows are copied. */
    gboolean (*next)(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error);

    /* Says of each attachment, in leaf->attachments[i].here, whether its bytes are needed. */
    void (*choose)(void *context, struct leaf *leaf, const struct row *held);

    /* A leaf, then the bytes of the attachments chosen, in their order; `damage` is NULL, or says
     * why bytes are zeros. */
    gboolean (*leaf)(void *context, const struct leaf *leaf, GError **error);
    gboolean (*bytes)(void *context, const void *data, gsize size, GError **error);
    gboolean (*leaf_end)(void *context, const struct leaf *leaf, const char *damage,
                         GError **error);

    /* All leaves of the document were given; with none, it was purged since it was listed, or it
     * was not listed and no copy of the server has it. `listed` is as `next` gave it. */
    gboolean (*document_end)(void *context, const struct row *listed, gboolean complete,
                             GError **error);

    /* A leaf (or, with an empty rev, the document) that the source did not give. */
    void (*problem)(void *context, struct slice id, struct slice rev, const char *reason);

    /* Whether leaves of the document were purged since it was listed. NULL: none ever are. */
    gboolean (*purged)(void *context, struct slice id, gboolean *purged, GError **error);
    void *context;
};

/* `patience` is how long to go on through failures; it stays the caller's. */
gboolean fetch_documents(struct http *http, const char *database,
                         const struct fetch_handler *handler, struct patience *patience,
                         GError **error);
