/* upload: see the header. */
#include "replicator/offsite/upload.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/stop.h"
#include "replicator/offsite/xml.h"

#define PAGES_MAX 100 /* answers of a list; what lies behind is for another time */

/* ---- uploads that were begun ---- */

struct begun {
    char *key; /* relative to the bucket's prefix */
    char *id;
};

static void
begun_free(gpointer data)
{
    struct begun *begun = data;
    g_free(begun->key);
    g_free(begun->id);
    g_free(begun);
}

struct uploads {
    const struct bucket *bucket;
    GPtrArray *all; /* struct begun */
    char *key, *id; /* of the one that is read */
    char *next, *next_id;
    gboolean truncated;
};

static void
take(char **where, const char *text)
{
    g_free(*where);
    *where = g_strdup(text);
}

static gboolean
take_upload(void *context, const char *path, const char *text, GError **error)
{
    struct uploads *uploads = context;
    const char *prefix = uploads->bucket->prefix;
    (void)error;
    if (g_str_equal(path, "ListMultipartUploadsResult/Upload/Key")) {
        take(&uploads->key, text);
    } else if (g_str_equal(path, "ListMultipartUploadsResult/Upload/UploadId")) {
        take(&uploads->id, text);
    } else if (g_str_equal(path, "ListMultipartUploadsResult/NextKeyMarker")) {
        take(&uploads->next, text);
    } else if (g_str_equal(path, "ListMultipartUploadsResult/NextUploadIdMarker")) {
        take(&uploads->next_id, text);
    } else if (g_str_equal(path, "ListMultipartUploadsResult/IsTruncated")) {
        uploads->truncated = g_str_equal(text, "true");
    } else if (g_str_equal(path, "ListMultipartUploadsResult/Upload")) {
        if (uploads->key != NULL && uploads->id != NULL && g_str_has_prefix(uploads->key, prefix)) {
            struct begun *begun = g_new0(struct begun, 1);
            begun->key = g_strdup(uploads->key + strlen(prefix));
            begun->id = g_steal_pointer(&uploads->id);
            g_ptr_array_add(uploads->all, begun);
        }
        g_clear_pointer(&uploads->key, g_free);
        g_clear_pointer(&uploads->id, g_free);
    }
    return TRUE;
}

/* Whether the server has not what was asked: then there is nothing to go on with. */
static gboolean
is_unknown(const GError *failure)
{
    return http_has_status(failure, 501) || http_has_status(failure, 404) ||
           http_has_status(failure, 405) || http_has_status(failure, 400);
}

/* An answer to `query`, each element of which is given on. *known is FALSE where the server has no
 * such question. */
static gboolean
ask_list(struct bucket *bucket, const char *key, const char *query, xml_element element,
         void *context, gboolean *known, GError **error)
{
    const struct bucket_request request = {
        .method = "GET", .key = key, .query = query, .xml = TRUE};
    struct bucket_answer answer = {NULL, NULL, NULL};
    g_autoptr(GError) failure = NULL;
    *known = bucket_ask(bucket, &request, &answer, &failure);
    if (!*known && is_unknown(failure))
        return TRUE;
    gboolean done = *known && xml_read((struct slice){answer.text->str, answer.text->len}, element,
                                       context, &failure);
    bucket_answer_clear(&answer);
    if (!done)
        g_propagate_error(error, g_steal_pointer(&failure));
    return done;
}

static gboolean
list_page(struct bucket *bucket, struct uploads *uploads, const char *prefix, GError **error)
{
    g_autoptr(GString) query = g_string_new(NULL);
    g_autofree char *whole = g_strconcat(bucket->prefix, prefix, NULL);
    g_autofree char *from = g_steal_pointer(&uploads->next);
    g_autofree char *from_id = g_steal_pointer(&uploads->next_id);
    gboolean known;
    if (from != NULL)
        bucket_add_query(query, "key-marker", from);
    bucket_add_query(query, "prefix", whole);
    if (from != NULL && from_id != NULL)
        bucket_add_query(query, "upload-id-marker", from_id);
    bucket_add_query(query, "uploads", "");
    uploads->truncated = FALSE;
    return ask_list(bucket, NULL, query->str, take_upload, uploads, &known, error);
}

/* Those below `prefix`, in the order of the list. */
static GPtrArray *
list_uploads(struct bucket *bucket, const char *prefix, GError **error)
{
    struct uploads uploads = {.bucket = bucket};
    uploads.all = g_ptr_array_new_with_free_func(begun_free);
    gboolean done = TRUE;
    for (guint page = 0; done && page < PAGES_MAX; page++) {
        done = list_page(bucket, &uploads, prefix, error);
        if (!uploads.truncated || uploads.next == NULL)
            break;
    }
    g_free(uploads.key);
    g_free(uploads.id);
    g_free(uploads.next);
    g_free(uploads.next_id);
    if (!done)
        g_clear_pointer(&uploads.all, g_ptr_array_unref);
    return uploads.all;
}

static gboolean
abort_upload(struct bucket *bucket, const struct begun *begun, GError **error)
{
    g_autoptr(GString) query = g_string_new(NULL);
    g_autoptr(GError) failure = NULL;
    bucket_add_query(query, "uploadId", begun->id);
    const struct bucket_request request = {
        .method = "DELETE", .key = begun->key, .query = query->str};
    if (bucket_ask(bucket, &request, NULL, &failure) || is_unknown(failure))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean
upload_abandon(struct bucket *bucket, const char *prefix, GError **error)
{
    g_autoptr(GPtrArray) all = list_uploads(bucket, prefix, error);
    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < all->len; i++)
        if (!abort_upload(bucket, all->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* ---- one file ---- */

struct part {
    char *etag; /* of what the bucket has; NULL: nothing */
    guint64 size;
};

struct uploading {
    struct bucket *bucket;
    const struct upload_file *file;
    char *id;
    guint n_parts;
    struct part *parts; /* [n_parts], the first is number 1 */
    struct hash *whole; /* of the file */
    struct hash *md5s;  /* of the parts' MD5s: so ETags of such objects are made */
    guint8 *block;      /* of a part */
    /* of the list of parts */
    guint64 number, part_size;
    char *etag;
    char *next; /* NULL: the list has ended */
    gboolean truncated;
};

static gboolean
take_part(void *context, const char *path, const char *text, GError **error)
{
    struct uploading *uploading = context;
    (void)error;
    if (g_str_equal(path, "ListPartsResult/Part/PartNumber")) {
        uploading->number = g_ascii_strtoull(text, NULL, 10);
    } else if (g_str_equal(path, "ListPartsResult/Part/Size")) {
        uploading->part_size = g_ascii_strtoull(text, NULL, 10);
    } else if (g_str_equal(path, "ListPartsResult/Part/ETag")) {
        g_free(uploading->etag);
        uploading->etag = bucket_bare_etag(text);
    } else if (g_str_equal(path, "ListPartsResult/NextPartNumberMarker")) {
        take(&uploading->next, text);
    } else if (g_str_equal(path, "ListPartsResult/IsTruncated")) {
        uploading->truncated = g_str_equal(text, "true");
    } else if (g_str_equal(path, "ListPartsResult/Part")) {
        if (uploading->number >= 1 && uploading->number <= uploading->n_parts) {
            struct part *part = &uploading->parts[uploading->number - 1];
            g_free(part->etag);
            *part = (struct part){g_steal_pointer(&uploading->etag), uploading->part_size};
        }
        g_clear_pointer(&uploading->etag, g_free);
        uploading->number = 0;
    }
    return TRUE;
}

/* What the bucket has of the upload; *known is FALSE when it is gone. */
static gboolean
list_parts(struct uploading *uploading, gboolean *known, GError **error)
{
    gboolean done = TRUE;
    *known = TRUE;
    for (guint page = 0; done && *known && page < PAGES_MAX; page++) {
        g_autoptr(GString) query = g_string_new(NULL);
        if (uploading->next != NULL)
            bucket_add_query(query, "part-number-marker", uploading->next);
        bucket_add_query(query, "uploadId", uploading->id);
        uploading->truncated = FALSE;
        done = ask_list(uploading->bucket, uploading->file->key, query->str, take_part, uploading,
                        known, error);
        if (!uploading->truncated || uploading->next == NULL)
            break;
    }
    return done;
}

/* Finds the upload to go on with, the last of them; others of the same key are ended. */
static gboolean
find_begun(struct uploading *uploading, GError **error)
{
    struct bucket *bucket = uploading->bucket;
    g_autoptr(GPtrArray) all = list_uploads(bucket, uploading->file->key, error);
    struct begun *last = NULL;
    gboolean known;
    if (all == NULL)
        return FALSE;
    for (guint i = 0; i < all->len; i++) {
        struct begun *begun = all->pdata[i];
        if (!g_str_equal(begun->key, uploading->file->key))
            continue;
        if (last != NULL && !abort_upload(bucket, last, error))
            return FALSE;
        last = begun;
    }
    if (last == NULL)
        return TRUE;
    uploading->id = g_strdup(last->id);
    if (!list_parts(uploading, &known, error))
        return FALSE;
    if (!known)
        g_clear_pointer(&uploading->id, g_free);
    return TRUE;
}

static gboolean
take_id(void *context, const char *path, const char *text, GError **error)
{
    struct uploading *uploading = context;
    (void)error;
    if (g_str_equal(path, "InitiateMultipartUploadResult/UploadId") && *text != '\0')
        take(&uploading->id, text);
    return TRUE;
}

static gboolean
begin_upload(struct uploading *uploading, GError **error)
{
    const struct bucket_request request = {.method = "POST",
                                           .key = uploading->file->key,
                                           .query = "uploads=",
                                           .body = {"", 0},
                                           .xml = TRUE};
    struct bucket_answer answer = {NULL, NULL, NULL};
    gboolean done =
        bucket_ask(uploading->bucket, &request, &answer, error) &&
        xml_read((struct slice){answer.text->str, answer.text->len}, take_id, uploading, error);
    bucket_answer_clear(&answer);
    return done &&
           (uploading->id != NULL || http_bad_answer(error, "'%s' begins no upload of '%s'",
                                                     uploading->bucket->url, uploading->file->key));
}

/* Sends a part, unless the bucket has it. */
static gboolean
settle_part(struct uploading *uploading, guint number, struct slice bytes, gboolean *sent,
            GError **error)
{
    struct part *part = &uploading->parts[number - 1];
    struct bucket_answer answer = {NULL, NULL, NULL};
    *sent = part->etag == NULL || part->size != bytes.size || !object_etag_fits(part->etag, bytes);
    if (!*sent)
        return TRUE;
    g_autoptr(GString) query = g_string_new(NULL);
    g_autofree char *shown = g_strdup_printf("%u", number);
    bucket_add_query(query, "partNumber", shown);
    bucket_add_query(query, "uploadId", uploading->id);
    const struct bucket_request request = {.method = "PUT",
                                           .key = uploading->file->key,
                                           .query = query->str,
                                           .body = bytes,
                                           .checked = TRUE};
    if (!bucket_ask(uploading->bucket, &request, &answer, error))
        return FALSE;
    g_free(part->etag);
    part->etag = g_steal_pointer(&answer.etag);
    part->size = bytes.size;
    bucket_answer_clear(&answer);
    return part->etag != NULL || http_bad_answer(error, "'%s' gives no ETag for a part of '%s'",
                                                 uploading->bucket->url, uploading->file->key);
}

/* Reads the next part of the file, and takes it into the hashes. */
static gboolean
read_part(struct uploading *uploading, guint number, struct slice *bytes, GError **error)
{
    const struct upload_file *file = uploading->file;
    guint64 offset = (guint64)(number - 1) * file->part_size;
    guint8 md5[HASH_MAX];
    gsize size = (gsize)MIN(file->size - offset, file->part_size);
    if (!stop_check(error) ||
        !file_read_at(file->fd, offset, uploading->block, size, file->name, error))
        return FALSE;
    *bytes = (struct slice){(const char *)uploading->block, size};
    hash_add(uploading->whole, bytes->data, bytes->size);
    AUTO(hash) *hash = hash_new(HASH_MD5);
    hash_add(hash, bytes->data, bytes->size);
    hash_add(uploading->md5s, md5, hash_take(hash, md5));
    return TRUE;
}

static gboolean
is_expected(struct uploading *uploading, GError **error)
{
    const struct upload_file *file = uploading->file;
    guint8 found[HASH_MAX];
    hash_take(uploading->whole, found);
    return memcmp(found, file->sha256, HASH_SHA256_SIZE) == 0 ||
           fail_set(error, FAIL_DAMAGED,
                    "'%s' is damaged: its SHA-256 is not the one in SHA256SUMS", file->name);
}

/* The ETag that an object of all parts that were read gets: the MD5 of their MD5s. */
static char *
etag_of_parts(struct uploading *uploading)
{
    guint8 md5[HASH_MAX];
    gsize size = hash_take(uploading->md5s, md5);
    g_autofree char *hex = hash_hex(md5, size);
    return g_strdup_printf("%s-%u", hex, uploading->n_parts);
}

static gboolean
complete(struct uploading *uploading, GError **error)
{
    const struct upload_file *file = uploading->file;
    g_autoptr(GString) xml =
        g_string_new("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    g_autoptr(GString) query = g_string_new(NULL);
    g_autoptr(GError) failure = NULL;
    struct bucket_answer answer = {NULL, NULL, NULL};
    g_autofree char *expected = etag_of_parts(uploading);
    for (guint i = 0; i < uploading->n_parts; i++) {
        g_autofree char *escaped = g_markup_escape_text(uploading->parts[i].etag, -1);
        g_string_append_printf(xml, "<Part><PartNumber>%u</PartNumber><ETag>\"%s\"</ETag></Part>",
                               i + 1, escaped);
    }
    g_string_append(xml, "</CompleteMultipartUpload>");
    bucket_add_query(query, "uploadId", uploading->id);
    const struct bucket_request request = {.method = "POST",
                                           .key = file->key,
                                           .query = query->str,
                                           .body = {xml->str, xml->len},
                                           .xml = TRUE};
    gboolean done = bucket_ask(uploading->bucket, &request, &answer, &failure);
    gboolean proved = done && strstr(answer.text->str, expected) != NULL;
    bucket_answer_clear(&answer);
    if (!done && http_has_status(failure, 404)) { /* done already, and the answer was lost? */
        AUTO(object) *there = object_find(uploading->bucket, file->key, NULL);
        done = there != NULL && there->size == file->size;
        proved = done && g_strcmp0(there->etag, expected) == 0;
    }
    if (!done)
        g_propagate_error(error, g_steal_pointer(&failure));
    return done &&
           (proved || object_check(uploading->bucket, file->key, file->size, file->sha256, error));
}

/* Whether the object that stands there is the file: by its ETag, or else by reading it back, which
 * is cheaper than sending it once more. */
static gboolean
is_there(struct uploading *uploading, gboolean *there, GError **error)
{
    const struct upload_file *file = uploading->file;
    struct slice bytes = {"", 0};
    *there = file->there != NULL && file->there->size == file->size && file->size > 0;
    for (guint number = 1; *there && number <= uploading->n_parts; number++)
        if (!read_part(uploading, number, &bytes, error))
            return FALSE;
    if (!*there)
        return TRUE;
    if (!is_expected(uploading, error))
        return FALSE;
    g_autofree char *etag = etag_of_parts(uploading);
    if (uploading->n_parts > 1 ? g_strcmp0(file->there->etag, etag) == 0
                               : object_etag_fits(file->there->etag, bytes))
        return TRUE;
    g_autoptr(GError) failure = NULL;
    *there = object_check(uploading->bucket, file->key, file->size, file->sha256, &failure);
    if (*there || g_error_matches(failure, HTTP, HTTP_ANSWER))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
upload_parts(struct uploading *uploading, upload_progress progress, void *context, GError **error)
{
    struct slice bytes;
    if (!find_begun(uploading, error) || (uploading->id == NULL && !begin_upload(uploading, error)))
        return FALSE;
    for (guint number = 1; number <= uploading->n_parts; number++) {
        gboolean sent = FALSE;
        if (!read_part(uploading, number, &bytes, error) ||
            !settle_part(uploading, number, bytes, &sent, error))
            return FALSE;
        progress(context, bytes.size, sent);
    }
    if (is_expected(uploading, error))
        return complete(uploading, error);
    const struct begun begun = {(char *)uploading->file->key, uploading->id};
    abort_upload(uploading->bucket, &begun, NULL); /* what it holds is of no use, and costs */
    return FALSE;
}

static gboolean
upload_at_once(struct uploading *uploading, upload_progress progress, void *context, GError **error)
{
    struct slice bytes = {"", 0};
    if ((uploading->file->size > 0 && !read_part(uploading, 1, &bytes, error)) ||
        !is_expected(uploading, error) ||
        !object_put(uploading->bucket, uploading->file->key, bytes, error))
        return FALSE;
    progress(context, bytes.size, TRUE);
    return TRUE;
}

gboolean
upload(struct bucket *bucket, const struct upload_file *file, upload_progress progress,
       void *context, GError **error)
{
    guint64 n_parts = (file->size + file->part_size - 1) / file->part_size;
    if (n_parts > UPLOAD_PARTS_MAX)
        return fail_set(error, FAIL_FAILED, "'%s' is larger than a bucket takes", file->name);
    struct uploading uploading = {.bucket = bucket, .file = file, .n_parts = (guint)n_parts};
    uploading.parts = g_new0(struct part, uploading.n_parts + 1);
    uploading.whole = hash_new(HASH_SHA256);
    uploading.md5s = hash_new(HASH_MD5);
    uploading.block = g_malloc((gsize)MIN(file->size, file->part_size) + 1);
    gboolean there = FALSE;
    gboolean done = is_there(&uploading, &there, error) &&
                    (there || (n_parts > 1 ? upload_parts : upload_at_once)(&uploading, progress,
                                                                            context, error));
    for (guint i = 0; i < uploading.n_parts; i++)
        g_free(uploading.parts[i].etag);
    g_free(uploading.parts);
    g_free(uploading.id);
    g_free(uploading.etag);
    g_free(uploading.next);
    hash_free(uploading.whole);
    hash_free(uploading.md5s);
    g_free(uploading.block);
    return done;
}
