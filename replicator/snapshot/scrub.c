#include "replicator/snapshot/scrub.h"

#include "lib/base/file.h"
#include "lib/base/stop.h"
#include "lib/json/json.h"

#define FILE_NAME "scrub.json"
#define FILE_MAX 4096 /* bytes */

struct scrub {
    char *last;     /* id of the snapshot that was read last, or NULL */
    guint64 credit; /* bytes */
};

static void
scrub_load(struct scrub *scrub, int state_fd)
{
    gsize size;
    g_autofree char *text = file_read(state_fd, FILE_NAME, FILE_MAX, &size, NULL);
    struct slice json = {text, size};
    if (text == NULL || !json_check(json, NULL))
        return;
    json_member_text(json, "last", &scrub->last);
    json_member_unsigned(json, "credit", &scrub->credit);
}

static gboolean
scrub_save(const struct scrub *scrub, int state_fd, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_string(text, "last", scrub->last);
    json_text_member_unsigned(text, "credit", scrub->credit);
    json_text_end_object(text);
    return file_replace(state_fd, FILE_NAME, text->str, text->len, 0600, error);
}

/* Oldest first. `start`: index of the one after that which was read last. */
static GPtrArray *
list_chain(struct snapshot *tip, const char *last, guint *start, guint64 *bytes)
{
    GPtrArray *chain = g_ptr_array_new();
    for (struct snapshot *one = tip; one != NULL; one = one->parent)
        g_ptr_array_insert(chain, 0, one);
    *start = 0;
    *bytes = 0;
    for (guint i = 0; i < chain->len; i++) {
        const struct catalogue *catalogue = ((const struct snapshot *)chain->pdata[i])->catalogue;
        *bytes += catalogue->bytes_stored;
        if (g_strcmp0(catalogue->id, last) == 0)
            *start = i + 1;
    }
    return chain;
}

gboolean
scrub_chain(struct store *store, struct snapshot *tip, guint64 budget, int state_fd,
            struct progress *progress, const struct snapshot **damaged, GError **error)
{
    struct scrub scrub = {NULL, 0};
    guint start;
    guint64 bytes;
    *damaged = NULL;
    if (budget == 0)
        return TRUE;
    scrub_load(&scrub, state_fd);
    g_autoptr(GPtrArray) chain = list_chain(tip, scrub.last, &start, &bytes);
    scrub.credit = scrub.credit < bytes ? MIN(scrub.credit + budget, bytes) : bytes;
    for (guint i = 0; i < chain->len && *damaged == NULL; i++) {
        struct snapshot *snapshot = chain->pdata[(start + i) % chain->len];
        if (snapshot->catalogue->bytes_stored > scrub.credit)
            break;
        scrub.credit -= snapshot->catalogue->bytes_stored;
        g_free(scrub.last);
        scrub.last = g_strdup(snapshot->catalogue->id);
        if (!store_check(store, snapshot, progress, NULL) && !stop_requested())
            *damaged = snapshot;
        if (stop_requested())
            break;
    }
    gboolean saved = stop_check(error) && scrub_save(&scrub, state_fd, error);
    g_free(scrub.last);
    return saved;
}
