/* object: see the header. */
#include "replicator/offsite/object.h"

#include "lib/base/fail.h"
#include "replicator/offsite/xml.h"

#define PAGES_MAX 10000 /* answers of a list */

void
object_free(struct object *object)
{
    if (object == NULL)
        return;
    g_free(object->key);
    g_free(object->etag);
    g_free(object);
}

gboolean
object_etag_fits(const char *etag, struct slice bytes)
{
    guint8 md5[HASH_MAX];
    AUTO(hash) *hash = hash_new(HASH_MD5);
    hash_add(hash, bytes.data, bytes.size);
    gsize size = hash_take(hash, md5);
    g_autofree char *hex = hash_hex(md5, size);
    return etag != NULL && g_ascii_strcasecmp(etag, hex) == 0;
}

/* ---- list ---- */

struct listing {
    const struct bucket *bucket;
    GPtrArray *objects;
    struct object *object; /* the one that is read */
    gboolean sized, truncated, answered;
    char *token;
};

static gboolean
end_object(struct listing *listing, GError **error)
{
    const char *prefix = listing->bucket->prefix;
    struct object *object = listing->object;
    if (object->key == NULL || !listing->sized || !g_str_has_prefix(object->key, prefix))
        return fail_set(error, FAIL_FAILED,
                        "it lists an object that was not asked for, or without key or size");
    if (listing->objects->len == OBJECT_LIST_MAX)
        return fail_set(error, FAIL_FAILED, "it lists more than %d objects", OBJECT_LIST_MAX);
    g_autofree char *whole = object->key;
    object->key = g_strdup(whole + strlen(prefix));
    g_ptr_array_add(listing->objects, g_steal_pointer(&listing->object));
    listing->object = g_new0(struct object, 1);
    listing->sized = FALSE;
    return TRUE;
}

static gboolean
take_element(void *context, const char *path, const char *text, GError **error)
{
    struct listing *listing = context;
    if (g_str_equal(path, "ListBucketResult/Contents/Key")) {
        g_free(listing->object->key);
        listing->object->key = g_strdup(text);
    } else if (g_str_equal(path, "ListBucketResult/Contents/Size")) {
        listing->sized =
            g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &listing->object->size, NULL);
    } else if (g_str_equal(path, "ListBucketResult/Contents/ETag")) {
        g_free(listing->object->etag);
        listing->object->etag = bucket_bare_etag(text);
    } else if (g_str_equal(path, "ListBucketResult/Contents")) {
        return end_object(listing, error);
    } else if (g_str_equal(path, "ListBucketResult/IsTruncated")) {
        listing->truncated = g_str_equal(text, "true");
    } else if (g_str_equal(path, "ListBucketResult/NextContinuationToken")) {
        g_free(listing->token);
        listing->token = g_strdup(text);
    } else if (g_str_equal(path, "ListBucketResult")) {
        listing->answered = TRUE;
    }
    return TRUE;
}

/* One answer; the next one goes on from the token that this one gives. */
static gboolean
list_page(struct bucket *bucket, struct listing *listing, const char *prefix, GError **error)
{
    g_autoptr(GString) query = g_string_new(NULL);
    g_autofree char *whole = g_strconcat(bucket->prefix, prefix, NULL);
    g_autofree char *token = g_steal_pointer(&listing->token);
    struct bucket_answer answer = {NULL, NULL, NULL};
    g_autoptr(GError) cause = NULL;
    if (token != NULL)
        bucket_add_query(query, "continuation-token", token);
    bucket_add_query(query, "list-type", "2");
    bucket_add_query(query, "prefix", whole);
    const struct bucket_request request = {.method = "GET", .query = query->str, .xml = TRUE};
    listing->truncated = listing->answered = FALSE;
    gboolean done = bucket_ask(bucket, &request, &answer, error);
    if (done &&
        (!xml_read((struct slice){answer.text->str, answer.text->len}, take_element, listing,
                   &cause) ||
         !listing->answered ||
         (listing->truncated && (listing->token == NULL || g_strcmp0(token, listing->token) == 0))))
        done = http_bad_answer(error, "the list of '%s' cannot be used: %s", bucket->url,
                               cause != NULL       ? cause->message
                               : listing->answered ? "it does not tell where it goes on"
                                                   : "it is no list");
    bucket_answer_clear(&answer);
    return done;
}

GPtrArray *
object_list(struct bucket *bucket, const char *prefix, GError **error)
{
    struct listing listing = {.bucket = bucket};
    listing.objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_free);
    listing.object = g_new0(struct object, 1);
    gboolean done = TRUE;
    for (guint page = 0; done && (page == 0 || listing.truncated); page++)
        done = page < PAGES_MAX
                   ? list_page(bucket, &listing, prefix, error)
                   : http_bad_answer(error, "the list of '%s' does not end", bucket->url);
    object_free(listing.object);
    g_free(listing.token);
    if (!done)
        g_clear_pointer(&listing.objects, g_ptr_array_unref);
    return listing.objects;
}

struct object *
object_find(struct bucket *bucket, const char *key, GError **error)
{
    g_autoptr(GPtrArray) objects = object_list(bucket, key, error);
    for (guint i = 0; objects != NULL && i < objects->len; i++) {
        const struct object *object = objects->pdata[i];
        if (g_str_equal(object->key, key))
            return g_ptr_array_steal_index(objects, i);
    }
    return NULL;
}

/* ---- get ---- */

/* How much of an object was given on. */
struct reading {
    guint64 offset, size;
    object_sink sink;
    void *context;
    gboolean sunk; /* the sink failed, which asking again does not mend */
};

/* How many bytes of the answer were given before: a server may know no ranges, and give all. */
static gboolean
find_place(struct http_call *call, guint64 offset, guint64 *known, GError **error)
{
    guint status = 0;
    if (!http_status(call, &status, error))
        return FALSE;
    const char *range = http_header(call, "content-range");
    g_autofree char *wanted = g_strdup_printf("bytes %" G_GUINT64_FORMAT "-", offset);
    *known = status == 206 ? 0 : offset;
    return status != 206 || (range != NULL && g_str_has_prefix(range, wanted)) ||
           http_bad_answer(error, "the bucket's server gives another part of an object than asked");
}

static gboolean
get_once(struct bucket *bucket, const char *key, struct reading *reading, GError **error)
{
    g_autofree char *range =
        g_strdup_printf("Range: bytes=%" G_GUINT64_FORMAT "-", reading->offset);
    const struct bucket_request request = {
        .method = "GET", .key = key, .header = reading->offset > 0 ? range : NULL};
    AUTO(http_call) *call = bucket_start(bucket, &request, error);
    guint64 known = 0;
    if (call == NULL || !find_place(call, reading->offset, &known, error))
        return FALSE;
    for (struct slice bytes;;) {
        if (!http_peek(call, &bytes, error))
            return FALSE;
        if (bytes.size == 0)
            break;
        if (known > 0) {
            gsize size = (gsize)MIN(known, bytes.size);
            http_skip(call, size);
            known -= size;
            continue;
        }
        if (bytes.size > reading->size - reading->offset)
            return http_bad_answer(error, "'%s' in '%s' is longer than it was said to be", key,
                                   bucket->url);
        reading->sunk = !reading->sink(reading->context, bytes, error);
        if (reading->sunk)
            return FALSE;
        reading->offset += bytes.size;
        http_skip(call, bytes.size);
        patience_progress(&bucket->patience);
    }
    return reading->offset == reading->size ||
           http_bad_answer(error,
                           "'%s' in '%s' ends at byte %" G_GUINT64_FORMAT " instead of "
                           "%" G_GUINT64_FORMAT,
                           key, bucket->url, reading->offset, reading->size);
}

gboolean
object_get(struct bucket *bucket, const char *key, guint64 offset, guint64 size, object_sink sink,
           void *context, GError **error)
{
    struct reading reading = {offset, size, sink, context, FALSE};
    GError *failure = NULL;
    while (reading.offset < size || size == 0) {
        if (get_once(bucket, key, &reading, &failure))
            break;
        if (reading.sunk) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        if (!bucket_again(bucket, &failure, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_once(struct bucket *bucket, const struct bucket_request *request, gsize cap, GString **text,
          GError **error)
{
    AUTO(http_call) *call = bucket_start(bucket, request, error);
    *text = call != NULL ? http_read_all(call, cap, error) : NULL;
    return *text != NULL;
}

gboolean
object_read(struct bucket *bucket, const char *key, gsize cap, GString **text, GError **error)
{
    const struct bucket_request request = {.method = "GET", .key = key};
    GError *failure = NULL;
    while (!read_once(bucket, &request, cap, text, &failure)) {
        if (http_has_status(failure, 404) && strstr(failure->message, "NoSuchBucket") == NULL) {
            g_clear_error(&failure);
            return TRUE;
        }
        if (!bucket_again(bucket, &failure, error))
            return FALSE;
    }
    patience_progress(&bucket->patience);
    return TRUE;
}

/* ---- put ---- */

static gboolean
add_to_hash(void *context, struct slice bytes, GError **error)
{
    (void)error;
    hash_add(context, bytes.data, bytes.size);
    return TRUE;
}

gboolean
object_check(struct bucket *bucket, const char *key, guint64 size,
             const guint8 sha256[HASH_SHA256_SIZE], GError **error)
{
    guint8 found[HASH_MAX];
    g_autoptr(GError) failure = NULL;
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    gboolean got = object_get(bucket, key, 0, size, add_to_hash, hash, &failure);
    if (!got && !g_error_matches(failure, HTTP, HTTP_ANSWER)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    hash_take(hash, found);
    if (got && memcmp(found, sha256, HASH_SHA256_SIZE) == 0)
        return TRUE;
    return object_delete(bucket, key, error) &&
           http_bad_answer(error, "what stood in '%s' as '%s' was not what was sent; it is removed",
                           bucket->url, key);
}

static gboolean
checksum_fits(const char *told, const guint8 sha256[HASH_SHA256_SIZE])
{
    g_autofree char *ours = g_base64_encode(sha256, HASH_SHA256_SIZE);
    return g_strcmp0(told, ours) == 0;
}

gboolean
object_put(struct bucket *bucket, const char *key, struct slice bytes, GError **error)
{
    guint8 sha256[HASH_SHA256_SIZE];
    const struct bucket_request request = {
        .method = "PUT", .key = key, .body = bytes, .checked = TRUE, .kept = TRUE};
    struct bucket_answer answer = {NULL, NULL, NULL};
    hash_sha256(bytes.data, bytes.size, sha256);
    gboolean done = bucket_ask(bucket, &request, &answer, error);
    gboolean proved =
        done && (object_etag_fits(answer.etag, bytes) || checksum_fits(answer.sha256, sha256));
    bucket_answer_clear(&answer);
    return done && (proved || object_check(bucket, key, bytes.size, sha256, error));
}

gboolean
object_claim(struct bucket *bucket, const char *key, struct slice bytes, GError **error)
{
    const struct bucket_request request = {
        .method = "PUT", .key = key, .body = bytes, .checked = TRUE, .header = "If-None-Match: *"};
    g_autoptr(GError) failure = NULL;
    if (bucket_ask(bucket, &request, NULL, &failure) || http_has_status(failure, 412))
        return TRUE;
    if (http_has_status(failure, 501) || http_has_status(failure, 400)) /* it knows no conditions */
        return object_put(bucket, key, bytes, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
object_delete(struct bucket *bucket, const char *key, GError **error)
{
    const struct bucket_request request = {.method = "DELETE", .key = key};
    g_autoptr(GError) failure = NULL;
    if (bucket_ask(bucket, &request, NULL, &failure) || http_has_status(failure, 404))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
