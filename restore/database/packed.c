/* packed: see the header. */
#include "restore/database/packed.h"

#include "lib/base/hash.h"
#include "lib/couch/json.h"
#include "lib/couch/server.h"

static char *
attachment_path(const char *database, const struct leaf *leaf, const struct attachment *attachment)
{
    g_autofree char *head = server_path(database, "/");
    g_autoptr(GString) path = g_string_new(head);
    g_autoptr(GString) name = g_string_new(NULL);
    json_unescape(attachment->name, name);
    http_escape(path, leaf->id);
    g_string_append_c(path, '/');
    http_escape(path, (struct slice){name->str, name->len});
    g_string_append(path, "?rev=");
    http_escape(path, leaf->rev);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

static gboolean
hash_answer(struct http_call *call, struct hash *hash)
{
    if (!http_expect_success(call, NULL))
        return FALSE;
    for (struct slice bytes; http_peek(call, &bytes, NULL);) {
        if (bytes.size == 0)
            return TRUE;
        hash_add(hash, bytes.data, bytes.size);
        http_skip(call, bytes.size);
    }
    return FALSE;
}

gboolean
packed_has_digest(const struct packed_where *where, const struct leaf *leaf,
                  const struct attachment *attachment, struct slice digest)
{
    AUTO(hash) *hash = hash_new(HASH_MD5);
    guint8 md5[HASH_MAX];
    g_autofree char *path = attachment_path(where->database, leaf, attachment);
    struct http_request request = {.path = path, .accept = "*/*"};
    AUTO(http_call) *call = http_start(where->http, &request);
    if (!hash_answer(call, hash))
        return FALSE;
    g_autofree char *base64 = g_base64_encode(md5, hash_take(hash, md5));
    g_autofree char *found = g_strconcat("md5-", base64, NULL);
    return slice_is(digest, found);
}
