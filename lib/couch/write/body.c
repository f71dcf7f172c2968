#include "lib/couch/write/body.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/couch/write/splice.h"
#include "lib/json/json.h"

#include <zlib.h>

/* Bytes of an attachment that are encoded at a time; a multiple of 3. */
#define PORTION (48 * 1024)

#define GZIP_WINDOW (16 + MAX_WBITS)

/* A stretch of the body: text of ours, or an attachment's bytes. */
struct piece {
    enum { PIECE_TEXT, PIECE_STORED, PIECE_BASE64, PIECE_UNPACKED } kind;
    guint which;  /* attachment */
    gsize offset; /* into the text */
    guint64 size; /* bytes of the attachment, before base64; or of the text */
};

struct body {
    struct body_bytes bytes;
    GString *text;
    GArray *pieces; /* struct piece */
    char *content_type;
    char *boundary;
    guint64 size;

    guint at;            /* the piece being read */
    guint64 done;        /* bytes of it that were taken */
    GByteArray *encoded; /* base64 that waits to be read */
    gsize given;         /* of those */
    int state, save;     /* of g_base64_encode_step */
    gboolean begun;      /* the attachment was asked for */
    z_stream *unpacking;
    guint8 *packed; /* input of inflate */
};

static void
end_unpacking(struct body *body)
{
    if (body->unpacking == NULL)
        return;
    inflateEnd(body->unpacking);
    g_clear_pointer(&body->unpacking, g_free);
    g_clear_pointer(&body->packed, g_free);
}

void
body_free(struct body *body)
{
    if (body == NULL)
        return;
    end_unpacking(body);
    g_string_free(body->text, TRUE);
    g_array_free(body->pieces, TRUE);
    g_byte_array_unref(body->encoded);
    g_free(body->content_type);
    g_free(body->boundary);
    g_free(body);
}

/* ---- putting it together ---- */

static void
append(struct body *body, const char *text, gsize size)
{
    struct piece *last = body->pieces->len > 0
                             ? &g_array_index(body->pieces, struct piece, body->pieces->len - 1)
                             : NULL;
    if (last == NULL || last->kind != PIECE_TEXT) {
        struct piece piece = {.kind = PIECE_TEXT, .offset = body->text->len};
        g_array_append_val(body->pieces, piece);
        last = &g_array_index(body->pieces, struct piece, body->pieces->len - 1);
    }
    g_string_append_len(body->text, text, (gssize)size);
    last->size += size;
    body->size += size;
}

static void
append_text(struct body *body, const char *text)
{
    append(body, text, strlen(text));
}

static void
append_bytes(struct body *body, const struct leaf *leaf, guint which, enum body_form form)
{
    const struct attachment *attachment = &leaf->attachments[which];
    struct piece piece = {.kind = PIECE_STORED, .which = which, .size = attachment->stored};
    if (form == BODY_INLINE) {
        piece.kind = attachment->encoded ? PIECE_UNPACKED : PIECE_BASE64;
        json_member_unsigned(attachment->value, "length", &piece.size);
    }
    g_array_append_val(body->pieces, piece);
    body->size += form == BODY_INLINE ? (piece.size + 2) / 3 * 4 : piece.size;
}

/* Its object with another mark. */
static void
append_marked(struct body *body, const struct attachment *attachment, const char *mark)
{
    const char *rest = attachment->mark.data + attachment->mark.size;
    append(body, attachment->value.data, (gsize)(attachment->mark.data - attachment->value.data));
    append_text(body, mark);
    append(body, rest, (gsize)(attachment->value.data + attachment->value.size - rest));
}

/* Its object with "follows", or with its data instead of what the server works out itself. */
static void
append_attachment(struct body *body, const struct leaf *leaf, guint which, enum body_form form)
{
    static const char *const drop[] = {"stub",   "follows",  "data",           "digest",
                                       "length", "encoding", "encoded_length", NULL};
    const struct attachment *attachment = &leaf->attachments[which];
    append(body, attachment->name.data, attachment->name.size);
    append_text(body, ":");
    if (!attachment->here || form == BODY_MULTIPART) {
        append_marked(body, attachment, attachment->here ? "\"follows\":true" : "\"stub\":true");
        return;
    }
    g_autoptr(GString) object = g_string_new(NULL);
    splice_members(object, attachment->value, NULL, drop);
    append(body, object->str, object->len - 1);
    append_text(body, object->len > 2 ? ",\"data\":\"" : "\"data\":\"");
    append_bytes(body, leaf, which, form);
    append_text(body, "\"}");
}

static void
append_document(struct body *body, const struct leaf *leaf, enum body_form form)
{
    const char *end = leaf->json.data + leaf->json.size;
    if (leaf->n_attachments == 0) {
        append(body, leaf->json.data, leaf->json.size);
        return;
    }
    const struct attachment *last = &leaf->attachments[leaf->n_attachments - 1];
    append(body, leaf->json.data, (gsize)(leaf->attachments[0].name.data - leaf->json.data));
    gboolean some = FALSE;
    for (guint i = 0; i < leaf->n_attachments; i++) {
        if (!leaf->attachments[i].here && !leaf->attachments[i].kept)
            continue;
        if (some)
            append_text(body, ",");
        append_attachment(body, leaf, i, form);
        some = TRUE;
    }
    const char *rest = last->value.data + last->value.size;
    append(body, rest, (gsize)(end - rest));
}

/* 128 random bits: no attachment can hold it but by knowing it. */
static void
draw_boundary(struct body *body)
{
    body->boundary = chance_hex(16);
    body->content_type = g_strdup_printf("multipart/related; boundary=\"%s\"", body->boundary);
}

static void
append_multipart(struct body *body, const struct leaf *leaf)
{
    draw_boundary(body);
    g_autofree char *first =
        g_strdup_printf("--%s\r\nContent-Type: application/json\r\n\r\n", body->boundary);
    g_autofree char *next = g_strdup_printf("\r\n--%s\r\n\r\n", body->boundary);
    g_autofree char *last = g_strdup_printf("\r\n--%s--", body->boundary);
    append_text(body, first);
    append_document(body, leaf, BODY_MULTIPART);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        if (!leaf->attachments[i].here)
            continue;
        append_text(body, next);
        append_bytes(body, leaf, i, BODY_MULTIPART);
    }
    append_text(body, last);
}

struct body *
body_new(const struct leaf *leaf, enum body_form form, const char *before, const char *after,
         const struct body_bytes *bytes)
{
    struct body *body = g_new0(struct body, 1);
    if (bytes != NULL)
        body->bytes = *bytes;
    body->text = g_string_sized_new(leaf->json.size + 512);
    body->pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    body->encoded = g_byte_array_new();
    append_text(body, before != NULL ? before : "");
    if (form == BODY_MULTIPART)
        append_multipart(body, leaf);
    else
        append_document(body, leaf, form);
    append_text(body, after != NULL ? after : "");
    return body;
}

guint64
body_size(const struct body *body)
{
    return body->size;
}

const char *
body_content_type(const struct body *body)
{
    return body->content_type != NULL ? body->content_type : "application/json";
}

/* ---- reading it ---- */

static gboolean
too_short(const struct piece *piece, GError **error)
{
    return fail_set(error, FAIL_DAMAGED,
                    "attachment %u ends before its %" G_GUINT64_FORMAT " bytes", piece->which + 1,
                    piece->size);
}

/* Bytes as stored. */
static gboolean
take_stored(struct body *body, const struct piece *piece, void *data, gsize size, gsize *got,
            GError **error)
{
    gsize wanted = (gsize)MIN((guint64)size, piece->size - body->done);
    if (!body->bytes.data(body->bytes.context, data, wanted, got, error))
        return FALSE;
    if (*got == 0)
        return too_short(piece, error);
    body->done += *got;
    return TRUE;
}

static void
begin_unpacking(struct body *body)
{
    body->unpacking = g_new0(z_stream, 1);
    body->packed = g_malloc(PORTION);
    if (inflateInit2(body->unpacking, GZIP_WINDOW) != Z_OK)
        g_error("inflateInit2 failed");
}

/* Bytes unpacked. */
static gboolean
take_unpacked(struct body *body, const struct piece *piece, void *data, gsize size, gsize *got,
              GError **error)
{
    if (body->unpacking == NULL)
        begin_unpacking(body);
    z_stream *stream = body->unpacking;
    gsize wanted = (gsize)MIN((guint64)size, piece->size - body->done);
    stream->next_out = data;
    stream->avail_out = (uInt)wanted;
    while (stream->avail_out == wanted) {
        gsize more = 0;
        if (stream->avail_in == 0) {
            if (!body->bytes.data(body->bytes.context, body->packed, PORTION, &more, error))
                return FALSE;
            stream->next_in = body->packed;
            stream->avail_in = (uInt)more;
        }
        int result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && stream->avail_out == wanted)
            return result == Z_STREAM_END || result == Z_BUF_ERROR
                       ? too_short(piece, error)
                       : fail_set(error, FAIL_DAMAGED, "attachment %u is no valid gzip",
                                  piece->which + 1);
    }
    *got = wanted - stream->avail_out;
    body->done += *got;
    return TRUE;
}

/* The next portion of an attachment as base64, into `encoded`. */
static gboolean
encode_some(struct body *body, const struct piece *piece, GError **error)
{
    guint8 portion[PORTION];
    gsize got = 0;
    gboolean unpack = piece->kind == PIECE_UNPACKED;
    if (body->done < piece->size &&
        !(unpack ? take_unpacked(body, piece, portion, sizeof portion, &got, error)
                 : take_stored(body, piece, portion, sizeof portion, &got, error)))
        return FALSE;
    g_byte_array_set_size(body->encoded, PORTION / 3 * 4 + 16);
    char *out = (char *)body->encoded->data;
    gsize length = g_base64_encode_step(portion, got, FALSE, out, &body->state, &body->save);
    if (body->done == piece->size) {
        length += g_base64_encode_close(FALSE, out + length, &body->state, &body->save);
        end_unpacking(body);
    }
    g_byte_array_set_size(body->encoded, (guint)length);
    body->given = 0;
    return TRUE;
}

static void
next_piece(struct body *body)
{
    body->at++;
    body->done = 0;
    body->begun = FALSE;
}

static gboolean
read_text(struct body *body, const struct piece *piece, void *data, gsize size, gsize *got)
{
    *got = (gsize)MIN((guint64)size, piece->size - body->done);
    memcpy(data, body->text->str + piece->offset + body->done, *got);
    body->done += *got;
    if (body->done == piece->size)
        next_piece(body);
    return TRUE;
}

static gboolean
read_attachment(struct body *body, const struct piece *piece, void *data, gsize size, gsize *got,
                GError **error)
{
    if (!body->begun) {
        if (!body->bytes.attachment(body->bytes.context, piece->which, error))
            return FALSE;
        body->begun = TRUE;
        body->state = body->save = 0;
    }
    if (piece->kind == PIECE_STORED) {
        if (body->done < piece->size && !take_stored(body, piece, data, size, got, error))
            return FALSE;
    } else {
        if (body->given == body->encoded->len && !encode_some(body, piece, error))
            return FALSE;
        *got = MIN(size, body->encoded->len - body->given);
        memcpy(data, body->encoded->data + body->given, *got);
        body->given += *got;
    }
    if (body->done == piece->size &&
        (piece->kind == PIECE_STORED || body->given == body->encoded->len))
        next_piece(body);
    return TRUE;
}

gboolean
body_read(void *context, void *data, gsize size, gsize *got, GError **error)
{
    struct body *body = context;
    *got = 0;
    while (*got == 0 && body->at < body->pieces->len) {
        const struct piece *piece = &g_array_index(body->pieces, struct piece, body->at);
        if (piece->kind == PIECE_TEXT)
            read_text(body, piece, data, size, got);
        else if (!read_attachment(body, piece, data, size, got, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
body_append(struct body *body, GString *out, GError **error)
{
    for (;;) {
        gsize had = out->len, got;
        g_string_set_size(out, had + PORTION);
        gboolean fine = body_read(body, out->str + had, PORTION, &got, error);
        g_string_truncate(out, fine ? had + got : had);
        if (!fine || got == 0)
            return fine;
    }
}
