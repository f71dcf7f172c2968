#include "lib/couch/read/multipart.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"

#define BOUNDARY_MAX 200 /* RFC 2046 allows 70 */

struct multipart {
    struct multipart_source source;
    char *outer, *inner; /* delimiters, with the two dashes in front */
    GString *line;
    gsize head;           /* bytes read of the present part's headers */
    GString *json;        /* the present document */
    gboolean in_document; /* an inner multipart is open */
    int next;             /* index of the first attachment not yet passed */
    guint64 left;         /* bytes of the present attachment still to come */
};

void
multipart_free(struct multipart *multipart)
{
    if (multipart == NULL)
        return;
    g_string_free(multipart->line, TRUE);
    g_string_free(multipart->json, TRUE);
    g_free(multipart->outer);
    g_free(multipart->inner);
    g_free(multipart);
}

/* "multipart/…; boundary=X" or boundary="X": "--X", or NULL. */
static char *
delimiter_of(const char *content_type)
{
    const char *at = content_type != NULL ? strstr(content_type, "boundary=") : NULL;
    if (at == NULL)
        return NULL;
    at += strlen("boundary=");
    const char *end = *at == '"' ? strchr(++at, '"') : at + strcspn(at, "; \t\r\n");
    if (end == NULL || end == at || end - at > BOUNDARY_MAX)
        return NULL;
    return g_strdup_printf("--%.*s", (int)(end - at), at);
}

struct multipart *
multipart_new(const struct multipart_source *source, const char *content_type, GError **error)
{
    char *outer = content_type != NULL && g_str_has_prefix(content_type, "multipart/")
                      ? delimiter_of(content_type)
                      : NULL;
    if (outer == NULL) {
        fail_set(error, FAIL_FAILED,
                 "the server answered with '%s' where a multipart was asked for",
                 content_type != NULL ? content_type : "no content type");
        return NULL;
    }
    struct multipart *multipart = g_new0(struct multipart, 1);
    multipart->source = *source;
    multipart->outer = outer;
    multipart->line = g_string_new(NULL);
    multipart->json = g_string_new(NULL);
    return multipart;
}

/* ---- reading bytes ---- */

static gboolean
cut_off(GError **error)
{
    return fail_set(error, FAIL_FAILED, "the multipart answer was cut off");
}

static gboolean
peek(struct multipart *multipart, struct slice *bytes, GError **error)
{
    if (!multipart->source.peek(multipart->source.context, bytes, error))
        return FALSE;
    return bytes->size > 0 ? TRUE : cut_off(error);
}

/* Consumes exactly `text`. */
static gboolean
expect(struct multipart *multipart, struct slice text, const char *what, GError **error)
{
    while (text.size > 0) {
        struct slice bytes;
        if (!peek(multipart, &bytes, error))
            return FALSE;
        gsize size = MIN(bytes.size, text.size);
        if (memcmp(bytes.data, text.data, size) != 0)
            return fail_set(error, FAIL_FAILED, "the multipart answer is malformed: %s expected",
                            what);
        multipart->source.skip(multipart->source.context, size);
        text.data += size;
        text.size -= size;
    }
    return TRUE;
}

/* Up to and including the character `stop`, which is not kept. */
static gboolean
read_until(struct multipart *multipart, char stop, GError **error)
{
    g_string_truncate(multipart->line, 0);
    for (;;) {
        struct slice bytes;
        if (!peek(multipart, &bytes, error))
            return FALSE;
        const char *end = memchr(bytes.data, stop, bytes.size);
        gsize size = end != NULL ? (gsize)(end - bytes.data) : bytes.size;
        multipart->head += size + (end != NULL);
        if (multipart->head > MULTIPART_HEAD_MAX)
            return fail_set(error, FAIL_FAILED,
                            "the multipart answer has more than %d bytes of headers",
                            MULTIPART_HEAD_MAX);
        g_string_append_len(multipart->line, bytes.data, (gssize)size);
        multipart->source.skip(multipart->source.context, size + (end != NULL));
        if (end != NULL)
            return TRUE;
    }
}

/* A line without its CR LF. */
static gboolean
read_line(struct multipart *multipart, GError **error)
{
    if (!read_until(multipart, '\n', error))
        return FALSE;
    gsize length = multipart->line->len;
    if (length > 0 && multipart->line->str[length - 1] == '\r')
        g_string_truncate(multipart->line, length - 1);
    return TRUE;
}

/* One JSON value; what follows it stays. */
static gboolean
read_json(struct multipart *multipart, GError **error)
{
    AUTO(json_split) *split = json_split_new(NULL, NULL, MULTIPART_DOCUMENT_MAX);
    for (;;) {
        struct slice bytes, element;
        if (!peek(multipart, &bytes, error))
            return FALSE;
        gsize size = bytes.size;
        enum json_event event = json_split_feed(split, &bytes, &element, error);
        if (event == JSON_FAILED)
            return FALSE;
        if (event == JSON_ELEMENT) {
            g_string_truncate(multipart->json, 0);
            g_string_append_len(multipart->json, element.data, (gssize)element.size);
        }
        multipart->source.skip(multipart->source.context, size - bytes.size);
        if (event == JSON_ELEMENT)
            return TRUE;
    }
}

/* ---- parts ---- */

/* The part's headers. An X-Doc-Id is passed over by the id's own length; Content-Type is always the
 * last. */
static gboolean
read_part_head(struct multipart *multipart, struct slice id, gboolean *refused, GError **error)
{
    g_clear_pointer(&multipart->inner, g_free);
    multipart->head = 0;
    for (;;) {
        if (!read_until(multipart, ':', error))
            return FALSE;
        if (g_ascii_strcasecmp(multipart->line->str, "x-doc-id") == 0) {
            if (!expect(multipart, slice_of(" "), "an id", error) ||
                !expect(multipart, id, "the id asked for", error) ||
                !expect(multipart, slice_of("\r\n"), "the end of the id", error))
                return FALSE;
            continue;
        }
        gboolean last = g_ascii_strcasecmp(multipart->line->str, "content-type") == 0;
        if (!read_line(multipart, error))
            return FALSE;
        if (last)
            break;
    }
    const char *type = g_strchug(multipart->line->str);
    *refused = strstr(type, "error=\"true\"") != NULL;
    if (g_str_has_prefix(type, "multipart/") && (multipart->inner = delimiter_of(type)) == NULL)
        return fail_set(error, FAIL_FAILED, "the multipart answer has a part without a boundary");
    return expect(multipart, slice_of("\r\n"), "the end of a part's headers", error);
}

/* The head of the JSON in a document's own multipart. */
static gboolean
begin_inner(struct multipart *multipart, GError **error)
{
    multipart->head = 0;
    if (!expect(multipart, slice_of(multipart->inner), "a document's boundary", error) ||
        !expect(multipart, slice_of("\r\n"), "a document's headers", error))
        return FALSE;
    do {
        if (!read_line(multipart, error))
            return FALSE;
    } while (multipart->line->len > 0);
    return TRUE;
}

/* Passes over what the caller did not read of the document before. */
static gboolean
finish_document(struct multipart *multipart, const struct leaf *leaf, GError **error)
{
    for (int which = 0; multipart->in_document && which >= 0;)
        if (!multipart_attachment(multipart, leaf, &which, error))
            return FALSE;
    return TRUE;
}

gboolean
multipart_document(struct multipart *multipart, struct slice id, struct leaf *leaf,
                   const char **refused, GError **error)
{
    gboolean is_refused;
    *refused = NULL;
    if (!finish_document(multipart, leaf, error))
        return FALSE;
    if (!expect(multipart, slice_of("\r\n"), "a boundary", error) ||
        !expect(multipart, slice_of(multipart->outer), "a boundary", error) ||
        !expect(multipart, slice_of("\r\n"), "another document", error) ||
        !read_part_head(multipart, id, &is_refused, error))
        return FALSE;
    gboolean has_inner = multipart->inner != NULL;
    if (has_inner && !begin_inner(multipart, error))
        return FALSE;
    if (!read_json(multipart, error))
        return FALSE;
    if (is_refused) {
        *refused = multipart->json->str;
        return TRUE;
    }
    if (!leaf_parse(leaf, (struct slice){multipart->json->str, multipart->json->len}, error))
        return FALSE;
    if (slice_compare(leaf->id, id) != 0)
        return fail_set(error, FAIL_FAILED,
                        "the multipart answer holds another document than asked for");
    multipart->in_document = has_inner;
    multipart->next = 0;
    multipart->left = 0;
    if (!has_inner)
        return TRUE;
    return expect(multipart, slice_of("\r\n"), "a boundary", error) &&
           expect(multipart, slice_of(multipart->inner), "a document's boundary", error);
}

/* Content-Disposition carries the name and Content-Type the type, both unescaped: passed over by
 * their own lengths. */
static gboolean
read_attachment_head(struct multipart *multipart, const struct attachment *attachment,
                     GError **error)
{
    g_autoptr(GString) known = g_string_new("\r\nContent-Disposition: attachment; filename=\"");
    json_unescape(attachment->name, known);
    g_string_append(known, "\"\r\nContent-Type: ");
    if (attachment->type.size > 0)
        json_unescape(attachment->type, known);
    g_string_append(known, "\r\n");
    if (!expect(multipart, (struct slice){known->str, known->len}, "an attachment's headers",
                error))
        return FALSE;
    multipart->head = 0;
    do {
        if (!read_line(multipart, error))
            return FALSE;
    } while (multipart->line->len > 0);
    return TRUE;
}

gboolean
multipart_attachment(struct multipart *multipart, const struct leaf *leaf, int *which,
                     GError **error)
{
    *which = -1;
    if (!multipart->in_document)
        return TRUE;
    while (multipart->left > 0) {
        struct slice bytes;
        if (!multipart_data(multipart, &bytes, error))
            return FALSE;
        multipart_skip(multipart, bytes.size);
    }
    if (multipart->next > 0 &&
        (!expect(multipart, slice_of("\r\n"), "a boundary", error) ||
         !expect(multipart, slice_of(multipart->inner), "an attachment's boundary", error)))
        return FALSE;
    int index = multipart->next;
    while (index < (int)leaf->n_attachments && !leaf->attachments[index].here)
        index++;
    if (index == (int)leaf->n_attachments) {
        multipart->in_document = FALSE;
        return expect(multipart, slice_of("--"), "the end of a document", error);
    }
    if (!read_attachment_head(multipart, &leaf->attachments[index], error))
        return FALSE;
    multipart->left = leaf->attachments[index].stored;
    multipart->next = index + 1;
    *which = index;
    return TRUE;
}

gboolean
multipart_data(struct multipart *multipart, struct slice *bytes, GError **error)
{
    *bytes = (struct slice){"", 0};
    if (multipart->left == 0)
        return TRUE;
    if (!peek(multipart, bytes, error))
        return FALSE;
    bytes->size = MIN(bytes->size, multipart->left);
    return TRUE;
}

void
multipart_skip(struct multipart *multipart, gsize size)
{
    multipart->source.skip(multipart->source.context, size);
    multipart->left -= size;
}
