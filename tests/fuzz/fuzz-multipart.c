/* multipart: whatever the server sends, reading it ends, and no more is consumed than there is. */
#include "lib/couch/read/multipart.h"
#include "tests/fuzz/fuzz.h"

struct source {
    struct slice left;
    gsize piece, shown;
    char *copy; /* of the piece shown, so that a sanitizer sees what is read beyond it */
};

static gboolean
source_peek(void *context, struct slice *bytes, GError **error)
{
    struct source *source = context;
    (void)error;
    g_free(source->copy);
    source->shown = MIN(source->piece, source->left.size);
    source->copy = g_memdup2(source->left.data, source->shown);
    *bytes = (struct slice){source->copy, source->shown};
    return TRUE;
}

static void
source_skip(void *context, gsize size)
{
    struct source *source = context;
    g_assert_cmpuint(size, <=, source->shown);
    source->shown -= size;
    source->left.data += size;
    source->left.size -= size;
}

static gboolean
read_document(struct multipart *multipart, struct leaf *leaf, gsize read)
{
    const char *refused;
    int which = 0;
    if (!multipart_document(multipart, slice_of("a"), leaf, &refused, NULL))
        return FALSE;
    while (multipart_attachment(multipart, leaf, &which, NULL)) {
        struct slice bytes = {NULL, 1};
        if (which < 0)
            return TRUE;
        g_assert_cmpint(which, <, (int)leaf->n_attachments);
        for (gsize left = read; left > 0 && bytes.size > 0; left -= bytes.size) {
            if (!multipart_data(multipart, &bytes, NULL))
                return FALSE;
            bytes.size = MIN(bytes.size, left);
            multipart_skip(multipart, bytes.size);
        }
    }
    return FALSE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct source source = {.left = {(const char *)data + 2, size - 2}, .piece = 1 + data[0] * 4u};
    struct multipart_source from = {source_peek, source_skip, &source};
    AUTO(multipart) *multipart = multipart_new(&from, "multipart/mixed; boundary=\"B\"", NULL);
    struct leaf leaf = {0};
    while (read_document(multipart, &leaf, data[1] == 255 ? G_MAXSIZE : data[1]))
        ;
    leaf_clear(&leaf);
    g_free(source.copy);
    return 0;
}
