/*
 * body: the request body that writes one leaf with its attachments, put together while it is sent,
 * so that an attachment of any size passes through a small buffer.
 *
 *     BODY_MULTIPART  multipart/related for PUT /db/ID?new_edits=false: the JSON, "follows" at each
 * attachment, then the stored bytes in their order. CouchDB keeps digest, length, encoding and
 * revpos BODY_INLINE     the JSON alone with "data":"base64". Right for attachments that are not
 * encoded; an encoded one has to be unpacked, and the server packs it again as it likes
 *
 * An attachment that an ancestor of the leaf has there (`kept`) goes as a stub. One whose bytes are
 * not to be had (neither that nor `here`) is left out: a stub of nothing would be refused.
 */
#pragma once

#include "lib/couch/leaf.h"
#include "lib/http/http.h"

/* Where the bytes come from; chain_attachment and chain_data are of this shape. Each attachment is
 * asked for once, in order. */
struct body_bytes {
    gboolean (*attachment)(void *context, guint which, GError **error);
    gboolean (*data)(void *context, void *data, gsize size, gsize *got,
                     GError **error); /* *got 0 at its end */
    void *context;
};

enum body_form { BODY_MULTIPART, BODY_INLINE };

struct body;

/* `before` and `after` (or NULL) enclose it. The leaf is only read here; `bytes` must stay until
 * the end, and may be NULL when only the size is asked for. */
struct body *body_new(const struct leaf *leaf, enum body_form form, const char *before,
                      const char *after, const struct body_bytes *bytes);
void body_free(struct body *body);
AUTO_DEFINE(body)

guint64 body_size(const struct body *body);
const char *body_content_type(const struct body *body);

/* An http_source; its context is the body. */
gboolean body_read(void *body, void *data, gsize size, gsize *got, GError **error);

/* Appends all of it. */
gboolean body_append(struct body *body, GString *out, GError **error);
