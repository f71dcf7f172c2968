/* packed: see the header. */
#include "restore/check/packed.h"

#include "lib/base/hash.h"
#include "lib/couch/server.h"

/* The MD5 of what a GET gives, as CouchDB writes digests. */
static char *
read_digest(struct http *http, const char *path, GError **error)
{
    AUTO(hash) *hash = hash_new(HASH_MD5);
    guint8 md5[HASH_MAX];
    struct http_request request = {.path = path, .accept = "*/*"};
    AUTO(http_call) *call = http_start(http, &request);
    if (!http_expect_success(call, error))
        return NULL;
    for (struct slice bytes; http_peek(call, &bytes, error);) {
        if (bytes.size == 0) {
            g_autofree char *base64 = g_base64_encode(md5, hash_take(hash, md5));
            return g_strconcat("md5-", base64, NULL);
        }
        hash_add(hash, bytes.data, bytes.size);
        http_skip(call, bytes.size);
    }
    return NULL;
}

gboolean
packed_has_digest(const struct packed_where *where, const struct leaf *leaf,
                  const struct attachment *attachment, struct slice digest, gboolean *same,
                  GError **error)
{
    GError *failure = NULL;
    g_autofree char *path =
        server_attachment_path(where->database, leaf->id, attachment->name, leaf->rev);
    g_autofree char *found = NULL;
    while ((found = read_digest(where->http, path, &failure)) == NULL && http_is_transient(failure))
        if (!http_again(where->http, &failure, error))
            return FALSE;
    *same = found != NULL && slice_is(digest, found);
    if (found == NULL && (http_has_status(failure, 401) || failure->domain != HTTP)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_clear_error(&failure);
    return TRUE;
}
