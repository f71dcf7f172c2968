/* salvage: see the header. */
#include "restore/database/salvage.h"

#include "lib/base/file.h"

#define PORTION (64 * 1024)

/* Copies an attachment to the file. *good when its bytes have its digest. */
static gboolean
copy(struct salvage *salvage, const struct attachment *attachment, guint which,
     const struct body_bytes *bytes, gboolean *good, GError **error)
{
    AUTO(hash) *hash = hash_new(HASH_MD5);
    g_autofree char *portion = g_malloc(PORTION);
    guint8 md5[HASH_MAX];
    if (!bytes->attachment(bytes->context, which, error))
        return FALSE;
    for (;;) {
        gsize got;
        if (!bytes->data(bytes->context, portion, PORTION, &got, error))
            return FALSE;
        if (got == 0)
            break;
        hash_add(hash, portion, got);
        salvage->at += got;
        if (!file_write(salvage->file, portion, got, "temporary file", error))
            return FALSE;
    }
    g_autofree char *base64 = g_base64_encode(md5, hash_take(hash, md5));
    g_autofree char *digest = g_strconcat("md5-", base64, NULL);
    *good = attachment->digest.size == 0 || slice_is(attachment->digest, digest);
    return TRUE;
}

gboolean
salvage_open(struct salvage *salvage, const struct leaf *leaf, const struct body_bytes *bytes,
             GError **error)
{
    *salvage = (struct salvage){.leaf = *leaf, .file = file_temporary(error)};
    salvage->leaf.attachments =
        g_memdup2(leaf->attachments, leaf->n_attachments * sizeof *leaf->attachments);
    salvage->places = g_array_new(FALSE, FALSE, sizeof(guint64));
    if (salvage->file < 0)
        return FALSE;
    for (guint i = 0; i < leaf->n_attachments; i++) {
        struct attachment *attachment = &salvage->leaf.attachments[i];
        g_array_append_val(salvage->places, salvage->at);
        if (attachment->here && !copy(salvage, attachment, i, bytes, &attachment->here, error))
            return FALSE;
    }
    return TRUE;
}

void
salvage_close(struct salvage *salvage)
{
    fd_auto_close(&salvage->file);
    g_array_free(salvage->places, TRUE);
    g_free(salvage->leaf.attachments);
}

/* ---- giving them again ---- */

static gboolean
give_attachment(void *context, guint which, GError **error)
{
    struct salvage *salvage = context;
    (void)error;
    salvage->at = g_array_index(salvage->places, guint64, which);
    salvage->left = salvage->leaf.attachments[which].stored;
    return TRUE;
}

static gboolean
give_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    struct salvage *salvage = context;
    *got = (gsize)MIN((guint64)size, salvage->left);
    if (*got > 0 && !file_read_at(salvage->file, salvage->at, data, *got, "temporary file", error))
        return FALSE;
    salvage->at += *got;
    salvage->left -= *got;
    return TRUE;
}

struct body_bytes
salvage_bytes(struct salvage *salvage)
{
    return (struct body_bytes){give_attachment, give_data, salvage};
}
