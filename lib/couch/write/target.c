#include "lib/couch/write/target.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"
#include "lib/couch/write/sender.h"

#define BATCH_BYTES (1024 * 1024)    /* a batch is sent when it has so many bytes … */
#define BATCH_DOCUMENTS 1000         /* … or documents */
#define INLINE_MAX (64 * 1024)       /* bytes of an attachment that goes into a batch */
#define INLINE_LEAF_MAX (256 * 1024) /* bytes of all attachments of such a leaf */
#define GATHER_MAX (2 * 1024 * 1024) /* a larger body is streamed */
#define PATH_MAX_BYTES 4800          /* CouchDB takes request lines of 8 KB */

struct target {
    struct http *http;
    const char *database;
    const struct traits *traits;
    const struct target_handler *handler;
    struct repack *repack;
    struct sender *sender;
    struct post *filling; /* the batch that leaves are added to */

    /* the attachments of one small leaf */
    GByteArray *gathered;
    GArray *places; /* guint where each begins */
    guint at, end;  /* what is still to be given of the one being read */
};

struct target *
target_new(struct http *http, const char *database, const struct traits *traits,
           struct repack *repack, const struct target_handler *handler, struct patience *patience)
{
    struct target *target = g_new0(struct target, 1);
    target->http = http;
    target->database = database;
    target->traits = traits;
    target->handler = handler;
    target->repack = repack;
    target->sender = sender_new(http, database, handler, patience);
    target->filling = post_new();
    target->gathered = g_byte_array_new();
    target->places = g_array_new(FALSE, FALSE, sizeof(guint));
    return target;
}

void
target_free(struct target *target)
{
    if (target == NULL)
        return;
    sender_free(target->sender);
    post_free(target->filling);
    g_byte_array_unref(target->gathered);
    g_array_free(target->places, TRUE);
    g_free(target);
}

static gboolean
send_batch(struct target *target, GError **error)
{
    if (post_count(target->filling) == 0)
        return TRUE;
    struct post *full = target->filling;
    post_close(full);
    target->filling = sender_fresh(target->sender);
    return sender_send(target->sender, full, error);
}

gboolean
target_flush(struct target *target, GError **error)
{
    return send_batch(target, error) && sender_flush(target->sender, error);
}

/* ---- the attachments of a small leaf, in memory ---- */

static gboolean
gather(struct target *target, const struct leaf *leaf, const struct body_bytes *bytes,
       GError **error)
{
    g_byte_array_set_size(target->gathered, 0);
    g_array_set_size(target->places, 0);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        guint place = target->gathered->len;
        guint64 left = leaf->attachments[i].here ? leaf->attachments[i].stored : 0;
        g_array_append_val(target->places, place);
        if (left > 0 && !bytes->attachment(bytes->context, i, error))
            return FALSE;
        g_byte_array_set_size(target->gathered, place + (guint)left);
        while (left > 0) {
            gsize got;
            if (!bytes->data(bytes->context, target->gathered->data + place, (gsize)left, &got,
                             error))
                return FALSE;
            if (got == 0)
                return fail_set(error, FAIL_DAMAGED, "attachment %u ends too early", i + 1);
            place += (guint)got;
            left -= got;
        }
    }
    return TRUE;
}

static struct slice
gathered_of(const struct target *target, guint which)
{
    guint from = g_array_index(target->places, guint, which);
    guint to = which + 1 < target->places->len ? g_array_index(target->places, guint, which + 1)
                                               : target->gathered->len;
    return (struct slice){(const char *)target->gathered->data + from, to - from};
}

static gboolean
give_attachment(void *context, guint which, GError **error)
{
    struct target *target = context;
    (void)error;
    target->at = g_array_index(target->places, guint, which);
    target->end = target->at + (guint)gathered_of(target, which).size;
    return TRUE;
}

static gboolean
give_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    struct target *target = context;
    (void)error;
    *got = MIN(size, target->end - target->at);
    memcpy(data, target->gathered->data + target->at, *got);
    target->at += (guint)*got;
    return TRUE;
}

/* ---- which way a leaf goes ---- */

/* "/db/ID?new_edits=false"; NULL when it is too long for a request line. */
static char *
leaf_path(const struct target *target, const struct leaf *leaf)
{
    g_autofree char *path = server_document_path(target->database, leaf->id, "?new_edits=false");
    return strlen(path) <= PATH_MAX_BYTES ? g_steal_pointer(&path) : NULL;
}

/* Few and small attachments. */
static gboolean
is_small(const struct leaf *leaf)
{
    guint64 total = 0;
    for (guint i = 0; i < leaf->n_attachments; i++) {
        const struct attachment *attachment = &leaf->attachments[i];
        if (!attachment->here)
            continue;
        total += attachment->stored;
        if (attachment->stored > INLINE_MAX || total > INLINE_LEAF_MAX)
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_encoded(const struct leaf *leaf)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here && leaf->attachments[i].encoded)
            return TRUE;
    return FALSE;
}

/* Whether CouchDB packs the gathered attachments into the same bytes again. */
static gboolean
packs_alike(struct target *target, const struct leaf *leaf)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here && leaf->attachments[i].encoded &&
            !repack_is_same(target->repack, &leaf->attachments[i], gathered_of(target, i)))
            return FALSE;
    return TRUE;
}

static gboolean
within_limits(struct target *target, const struct leaf *leaf)
{
    guint64 limit = target->traits->max_attachment_size;
    for (guint i = 0; limit != 0 && i < leaf->n_attachments; i++) {
        if (!leaf->attachments[i].here || leaf->attachments[i].stored <= limit)
            continue;
        g_autofree char *reason = g_strdup_printf(
            "its attachment " SLICE_FORMAT " has %" G_GUINT64_FORMAT
            " bytes, the server takes %" G_GUINT64_FORMAT " ([couchdb] max_attachment_size)",
            SLICE_ARGS(leaf->attachments[i].name), leaf->attachments[i].stored, limit);
        target->handler->refused(target->handler->context, leaf->id, leaf->rev, reason);
        return FALSE;
    }
    return TRUE;
}

/* ---- sending it ---- */

static gboolean
add_to_batch(struct target *target, const struct leaf *leaf, struct body *body, GError **error)
{
    guint64 limit = target->traits->max_request_size;
    gsize size = body != NULL ? (gsize)body_size(body) : leaf->json.size;
    gsize room = limit != 0 && limit < BATCH_BYTES ? (gsize)limit : BATCH_BYTES;
    if (post_count(target->filling) > 0 && target->filling->body->len + size > room &&
        !send_batch(target, error))
        return FALSE;
    struct post *batch = target->filling;
    post_begin_document(batch);
    if (body == NULL)
        g_string_append_len(batch->body, leaf->json.data, (gssize)leaf->json.size);
    else if (!body_append(body, batch->body, error))
        return FALSE;
    post_end_document(batch);
    return post_count(batch) < BATCH_DOCUMENTS ? TRUE : send_batch(target, error);
}

/* A multipart PUT that can be repeated from memory. */
static gboolean
send_gathered(struct target *target, const struct leaf *leaf, struct body *body, const char *path,
              GError **error)
{
    AUTO(post) *post = sender_fresh(target->sender);
    post->path = g_strdup(path);
    post->content_type = g_strdup(body_content_type(body));
    post->id = slice_dup(leaf->id);
    post->rev = slice_dup(leaf->rev);
    g_string_truncate(post->body, 0);
    return body_append(body, post->body, error) &&
           sender_send(target->sender, g_steal_pointer(&post), error);
}

static gboolean
send_multipart(struct target *target, const struct leaf *leaf, const struct body_bytes *bytes,
               const char *path, GError **error)
{
    AUTO(body) *body = body_new(leaf, BODY_MULTIPART, NULL, NULL, bytes);
    return body_size(body) <= GATHER_MAX ? send_gathered(target, leaf, body, path, error)
                                         : sender_stream(target->sender, leaf, body, path, error);
}

static gboolean
send_inline(struct target *target, const struct leaf *leaf, const struct body_bytes *bytes,
            GError **error)
{
    AUTO(body) *body = body_new(leaf, BODY_INLINE, NULL, NULL, bytes);
    if (body_size(body) <= GATHER_MAX)
        return add_to_batch(target, leaf, body, error);
    AUTO(body) *enclosed = body_new(leaf, BODY_INLINE, POST_HEAD, POST_TAIL, bytes);
    return sender_stream(target->sender, leaf, enclosed, NULL, error);
}

gboolean
target_leaf(struct target *target, const struct leaf *leaf, const struct body_bytes *bytes,
            GError **error)
{
    if (leaf->n_attachments == 0)
        return add_to_batch(target, leaf, NULL, error);
    if (!within_limits(target, leaf))
        return TRUE;
    gboolean small = is_small(leaf), encoded = has_encoded(leaf);
    g_autofree char *path = target->traits->couchdb ? leaf_path(target, leaf) : NULL;
    if (path == NULL || (small && !encoded))
        return send_inline(target, leaf, bytes, error);
    if (!small || target->repack == NULL)
        return send_multipart(target, leaf, bytes, path, error);
    struct body_bytes gathered = {give_attachment, give_data, target};
    if (!gather(target, leaf, bytes, error))
        return FALSE;
    return packs_alike(target, leaf) ? send_inline(target, leaf, &gathered, error)
                                     : send_multipart(target, leaf, &gathered, path, error);
}

guint64
target_request_size(const struct traits *traits, const struct leaf *leaf)
{
    guint64 around = sizeof POST_HEAD + sizeof POST_TAIL - 2;
    if (leaf->n_attachments == 0)
        return leaf->json.size + around;
    gboolean inlined = !traits->couchdb || (is_small(leaf) && !has_encoded(leaf));
    AUTO(body) *body = body_new(leaf, inlined ? BODY_INLINE : BODY_MULTIPART, NULL, NULL, NULL);
    return body_size(body) + (inlined ? around : 0);
}
