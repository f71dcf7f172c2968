#include "lib/couch/write/repack.h"

#include "lib/base/chance.h"
#include "lib/base/hash.h"
#include "lib/couch/scratch.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#include <zlib.h>

#define LEVEL_DEFAULT 8 /* [attachments] compression_level */
#define GZIP_WINDOW (16 + MAX_WBITS)
#define WORTH_A_TRIAL 32 /* attachments of a type before the server is tried out */
#define TYPES_MAX 1000   /* content types kept in mind */
#define TRIAL_SIZES                                                                                \
    {                                                                                              \
        0, 100, 5000, 70000, 200000                                                                \
    }
#define NOTHING ((struct slice){NULL, 0})

struct type {
    guint seen;
    gboolean tried, good;
};

struct repack {
    struct http *http;
    int level;
    GHashTable *types; /* raw JSON of the content type → struct type */
    z_stream deflate, inflate;
    GByteArray *plain, *packed;
    char *database;    /* the scratch database, NULL until it is there */
    gboolean hopeless; /* it cannot be made */
    guint trials;
};

struct repack *
repack_new(struct http *http, const struct traits *traits)
{
    struct repack *repack = g_new0(struct repack, 1);
    g_autofree char *level = traits_setting(traits->config, "attachments", "compression_level");
    guint64 number = LEVEL_DEFAULT;
    repack->http = http;
    if (level != NULL)
        json_unsigned(slice_of(level), &number);
    repack->level = (int)MIN(number, 9);
    repack->hopeless = !traits->couchdb || repack->level == 0;
    repack->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    repack->plain = g_byte_array_new();
    repack->packed = g_byte_array_new();
    if (deflateInit2(&repack->deflate, repack->level, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&repack->inflate, GZIP_WINDOW) != Z_OK)
        g_error("zlib cannot be used");
    return repack;
}

void
repack_free(struct repack *repack)
{
    if (repack == NULL)
        return;
    deflateEnd(&repack->deflate);
    inflateEnd(&repack->inflate);
    g_hash_table_unref(repack->types);
    g_byte_array_unref(repack->plain);
    g_byte_array_unref(repack->packed);
    g_free(repack->database);
    g_free(repack);
}

gboolean
repack_end(struct repack *repack, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *name = g_steal_pointer(&repack->database);
    repack->hopeless = TRUE;
    if (name == NULL)
        return TRUE;
    g_autofree char *path = server_path(name, "");
    g_autoptr(GString) answer = http_fetch(repack->http, "DELETE", path, NOTHING, &failure);
    if (answer != NULL || http_has_status(failure, 404))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&failure),
                               "scratch database '%s' is left on the target: ", name);
    return FALSE;
}

/* ---- packing as CouchDB does ---- */

static gboolean
unpack(struct repack *repack, struct slice stored)
{
    z_stream *stream = &repack->inflate;
    g_byte_array_set_size(repack->plain, REPACK_PLAIN_MAX + 1);
    inflateReset(stream);
    stream->next_in = (Bytef *)(guintptr)stored.data;
    stream->avail_in = (uInt)stored.size;
    stream->next_out = repack->plain->data;
    stream->avail_out = repack->plain->len;
    int result = inflate(stream, Z_FINISH);
    gboolean whole = result == Z_STREAM_END && stream->avail_in == 0;
    g_byte_array_set_size(repack->plain, whole ? (guint)stream->total_out : 0);
    return whole;
}

static void
pack(struct repack *repack, struct slice plain)
{
    z_stream *stream = &repack->deflate;
    deflateReset(stream);
    g_byte_array_set_size(repack->packed, (guint)deflateBound(stream, (uLong)plain.size));
    stream->next_in = (Bytef *)(guintptr)plain.data;
    stream->avail_in = (uInt)plain.size;
    stream->next_out = repack->packed->data;
    stream->avail_out = repack->packed->len;
    deflate(stream, Z_FINISH);
    g_byte_array_set_size(repack->packed, (guint)stream->total_out);
}

static gboolean
packs_alike(struct repack *repack, const struct attachment *attachment, struct slice stored)
{
    guint64 length;
    if (stored.size > REPACK_STORED_MAX ||
        !json_member_unsigned(attachment->value, "length", &length) || length > REPACK_PLAIN_MAX ||
        !unpack(repack, stored) || repack->plain->len != length)
        return FALSE;
    pack(repack, (struct slice){(const char *)repack->plain->data, repack->plain->len});
    return repack->packed->len == stored.size &&
           memcmp(repack->packed->data, stored.data, stored.size) == 0;
}

/* ---- trying the server out ---- */

static gboolean
make_scratch(struct repack *repack)
{
    if (repack->database != NULL)
        return TRUE;
    g_autofree char *hex = chance_hex(4);
    g_autofree char *prefix = scratch_prefix(SCRATCH_TRIAL);
    g_autofree char *name = g_strconcat(prefix, hex, NULL);
    g_autofree char *path = server_path(name, "?q=1&n=1");
    g_autoptr(GString) answer = http_fetch(repack->http, "PUT", path, NOTHING, NULL);
    if (answer != NULL)
        repack->database = g_steal_pointer(&name);
    return answer != NULL;
}

/* Text that packs neither well nor badly, the same every time. */
static void
make_text(GByteArray *text, guint size)
{
    guint32 state = size + 1;
    g_byte_array_set_size(text, size);
    for (guint i = 0; i < size; i++) {
        if (i % 7 == 0)
            state = state * 1103515245 + 12345;
        text->data[i] = (guint8)("<>/ =\"etaoinshrdlu0123456789"[(state >> (i % 7 + 8)) % 28]);
    }
}

/* Adds an attachment to the document, and what is expected of it to the list of digests. */
static void
add_trial(struct repack *repack, GString *document, GPtrArray *digests, struct slice type,
          guint size)
{
    guint8 md5[HASH_MAX];
    AUTO(hash) *hash = hash_new(HASH_MD5);
    make_text(repack->plain, size);
    pack(repack, (struct slice){(const char *)repack->plain->data, size});
    hash_add(hash, repack->packed->data, repack->packed->len);
    g_autofree char *digest = g_base64_encode(md5, hash_take(hash, md5));
    g_autofree char *data = g_base64_encode(repack->plain->data, size);
    g_string_append_printf(document, "%s\"%u\":{\"content_type\":" SLICE_FORMAT ",\"data\":\"%s\"}",
                           digests->len > 0 ? "," : "", digests->len, SLICE_ARGS(type), data);
    g_ptr_array_add(digests, g_strdup_printf("md5-%s", digest));
}

static gboolean
has_digests(struct slice document, const GPtrArray *digests)
{
    struct slice attachments, attachment;
    if (!json_member(document, "_attachments", &attachments))
        return FALSE;
    for (guint i = 0; i < digests->len; i++) {
        g_autofree char *name = g_strdup_printf("%u", i);
        g_autofree char *digest = NULL;
        struct slice encoding;
        if (!json_member(attachments, name, &attachment) ||
            !json_member_text(attachment, "digest", &digest) ||
            !json_member(attachment, "encoding", &encoding) ||
            !g_str_equal(digest, digests->pdata[i]))
            return FALSE;
    }
    return TRUE;
}

/* Stores attachments of that type in the scratch database and looks what became of them. */
static gboolean
try_out(struct repack *repack, struct slice type)
{
    static const guint sizes[] = TRIAL_SIZES;
    g_autoptr(GString) document = g_string_new("{\"_attachments\":{");
    g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);
    if (repack->hopeless || !make_scratch(repack)) {
        repack->hopeless = TRUE;
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
        add_trial(repack, document, digests, type, sizes[i]);
    g_string_append(document, "}}");
    g_autofree char *rest = g_strdup_printf("/%u", repack->trials++);
    g_autofree char *path = server_path(repack->database, rest);
    g_autofree char *again = g_strconcat(path, "?att_encoding_info=true", NULL);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) put = http_fetch(repack->http, "PUT", path,
                                        (struct slice){document->str, document->len}, &failure);
    g_autoptr(GString) stored =
        put != NULL ? http_fetch(repack->http, "GET", again, NOTHING, NULL) : NULL;
    repack->hopeless = http_is_refused(failure);
    return stored != NULL && has_digests((struct slice){stored->str, stored->len}, digests);
}

static gboolean
is_proven(struct repack *repack, struct slice content_type)
{
    g_autofree char *key = slice_dup(content_type);
    struct type *type = g_hash_table_lookup(repack->types, key);
    if (type == NULL) {
        if (g_hash_table_size(repack->types) == TYPES_MAX || content_type.size == 0)
            return FALSE;
        type = g_new0(struct type, 1);
        g_hash_table_insert(repack->types, g_steal_pointer(&key), type);
    }
    if (!type->tried && ++type->seen >= WORTH_A_TRIAL) {
        type->good = try_out(repack, content_type);
        type->tried = TRUE;
    }
    return type->good;
}

gboolean
repack_is_same(struct repack *repack, const struct attachment *attachment, struct slice stored)
{
    return !repack->hopeless && packs_alike(repack, attachment, stored) &&
           is_proven(repack, attachment->type);
}
