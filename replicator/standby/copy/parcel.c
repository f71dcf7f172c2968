#include "replicator/standby/copy/parcel.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#define MEMORY_MAX (1024 * 1024) /* bytes */

struct parcel {
    const struct leaf *leaf;
    GByteArray *memory;
    int file;        /* -1: none yet; kept for the next */
    gboolean spills; /* all of it is in the file */
    guint64 size;
    guint64 at, end; /* what is being given out */
};

struct parcel *
parcel_new(void)
{
    struct parcel *parcel = g_new0(struct parcel, 1);
    parcel->memory = g_byte_array_new();
    parcel->file = -1;
    return parcel;
}

void
parcel_free(struct parcel *parcel)
{
    if (parcel == NULL)
        return;
    g_byte_array_unref(parcel->memory);
    fd_auto_close(&parcel->file);
    g_free(parcel);
}

void
parcel_begin(struct parcel *parcel, const struct leaf *leaf)
{
    parcel->leaf = leaf;
    parcel->size = 0;
    parcel->spills = FALSE;
    g_byte_array_set_size(parcel->memory, 0);
}

/* A file as small as it can be: the last parcel's bytes are gone. */
static gboolean
spill(struct parcel *parcel, GError **error)
{
    fd_auto_close(&parcel->file);
    parcel->file = file_temporary(error);
    parcel->spills = TRUE;
    return parcel->file >= 0 && file_write(parcel->file, parcel->memory->data, parcel->memory->len,
                                           "temporary file", error);
}

gboolean
parcel_add(struct parcel *parcel, const void *data, gsize size, GError **error)
{
    if (!parcel->spills && parcel->size + size > MEMORY_MAX && !spill(parcel, error))
        return FALSE;
    parcel->size += size;
    if (parcel->spills)
        return file_write(parcel->file, data, size, "temporary file", error);
    g_byte_array_append(parcel->memory, data, (guint)size);
    return TRUE;
}

static gboolean
give_attachment(void *context, guint which, GError **error)
{
    struct parcel *parcel = context;
    guint64 at = 0;
    for (guint i = 0; i < which; i++)
        if (parcel->leaf->attachments[i].here)
            at += parcel->leaf->attachments[i].stored;
    parcel->at = at;
    parcel->end = at + parcel->leaf->attachments[which].stored;
    return parcel->end <= parcel->size ||
           fail_set(error, FAIL_FAILED, "attachment %u did not come whole", which + 1);
}

static gboolean
give_data(void *context, void *data, gsize size, gsize *got, GError **error)
{
    struct parcel *parcel = context;
    *got = (gsize)MIN((guint64)size, parcel->end - parcel->at);
    if (parcel->spills) {
        if (!file_read_at(parcel->file, parcel->at, data, *got, "temporary file", error))
            return FALSE;
    } else {
        memcpy(data, parcel->memory->data + parcel->at, *got);
    }
    parcel->at += *got;
    return TRUE;
}

struct body_bytes
parcel_bytes(struct parcel *parcel)
{
    return (struct body_bytes){give_attachment, give_data, parcel};
}
