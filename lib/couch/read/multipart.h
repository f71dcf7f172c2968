/*
 * multipart: CouchDB's answers to _bulk_get with attachments, read as a stream.
 *
 * Each document asked for is one part, in the order of asking: its JSON alone, or a
 * multipart/related of the JSON and then the stored bytes of those attachments that its JSON says
 * follow. The part headers carry ids and names unescaped, line breaks and all, so nothing is
 * searched for in them: what we asked for tells the id, and the JSON tells names, lengths and
 * order.
 */
#pragma once

#include "lib/couch/leaf.h"

#define MULTIPART_DOCUMENT_MAX (1024 * 1024 * 1024) /* bytes of one document's JSON */
#define MULTIPART_HEAD_MAX 65536 /* bytes of a part's headers beside its id or name */

/* Where the bytes come from: peek waits and shows what is there (size 0 at the end), skip consumes.
 */
struct multipart_source {
    gboolean (*peek)(void *context, struct slice *bytes, GError **error);
    void (*skip)(void *context, gsize size);
    void *context;
};

struct multipart;

/* `content_type` is the answer's header; an answer that is no multipart is refused. */
struct multipart *multipart_new(const struct multipart_source *source, const char *content_type,
                                GError **error);
void multipart_free(struct multipart *multipart);
AUTO_DEFINE(multipart)

/*
 * The next document, which must be `id`. *leaf is filled from its JSON, valid until the next
 * document; *refused (else NULL, valid as long) is the JSON of CouchDB's error when it did not give
 * it.
 */
gboolean multipart_document(struct multipart *multipart, struct slice id, struct leaf *leaf,
                            const char **refused, GError **error);

/* Goes to the data of the next attachment that follows; *which is its index in leaf->attachments,
 * or -1 after the last. */
gboolean multipart_attachment(struct multipart *multipart, const struct leaf *leaf, int *which,
                              GError **error);

/* Some of its data; size 0 at its end. */
gboolean multipart_data(struct multipart *multipart, struct slice *bytes, GError **error);
void multipart_skip(struct multipart *multipart, gsize size);
