/* judge: see the header. */
#include "lib/store/judge.h"

#include "lib/base/file.h"
#include "lib/store/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

gboolean
judge_is_folder_name(const char *name)
{
    static const char form[] = "ddddddddTddddddZ-xxxx";
    gsize i = 0;
    for (; form[i] != '\0'; i++)
        if (form[i] == 'd'   ? !g_ascii_isdigit(name[i])
            : form[i] == 'x' ? !g_ascii_isxdigit(name[i])
                             : name[i] != form[i])
            return FALSE;
    return name[i] == '\0';
}

void
judge_free(gpointer data)
{
    struct snapshot *snapshot = data;
    catalogue_free(snapshot->catalogue);
    g_free(snapshot->folder);
    g_free(snapshot->problem);
    g_free(snapshot);
}

void
judge_damaged(struct snapshot *snapshot, const GError *cause)
{
    snapshot->trust = SNAPSHOT_DAMAGED;
    g_free(snapshot->problem);
    snapshot->problem = g_strdup(cause->message);
}

static void
judge_foreign(struct snapshot *snapshot)
{
    g_autofree char *id = hash_hex(snapshot->signer, sizeof snapshot->signer);
    g_autofree char *node = g_strescape(snapshot->catalogue->node, NULL); /* a stranger's text */
    snapshot->trust = SNAPSHOT_FOREIGN;
    snapshot->problem = g_strdup_printf(
        "signed by a key that is not trusted here (key id %s, node '%s')", id, node);
}

/* A folder copied here from another store: its number says nothing beside ours. */
static void
judge_place(struct snapshot *snapshot, const struct store *store, const struct keys *keys)
{
    const struct catalogue *catalogue = snapshot->catalogue;
    if (store->id != NULL && g_ascii_strcasecmp(catalogue->store, store->id) != 0)
        snapshot->problem = g_strdup_printf(
            "it belongs to another store (%s), not to this one (%s)", catalogue->store, store->id);
    else if (keys->site != NULL && g_strcmp0(catalogue->site, keys->site) != 0)
        snapshot->problem =
            g_strdup_printf("it belongs to site '%s', not to '%s'", catalogue->site, keys->site);
    if (snapshot->problem != NULL)
        snapshot->trust = SNAPSHOT_ELSEWHERE;
}

/* Checks signature, then entry, of a folder that has both. */
static void
judge_signed(struct snapshot *snapshot, const struct store *store, const struct keys *keys,
             struct slice text, const char *signature)
{
    g_autoptr(GError) cause = NULL;
    if (!minisign_signer(signature, snapshot->signer, &cause)) {
        judge_damaged(snapshot, cause);
        return;
    }
    const struct minisign_public *key = keys != NULL ? keys_trusted(keys, snapshot->signer) : NULL;
    if (key != NULL && !minisign_verify(key, signature, text.data, text.size, NULL, &cause)) {
        judge_damaged(snapshot, cause);
        return;
    }
    snapshot->catalogue = catalogue_parse(text, &cause);
    if (snapshot->catalogue == NULL) {
        judge_damaged(snapshot, cause);
        return;
    }
    if (key == NULL)
        judge_foreign(snapshot);
    else
        judge_place(snapshot, store, keys);
}

/* A part that is missing or cut short shows without reading any. */
static void
judge_size(struct snapshot *snapshot, int fd)
{
    guint64 sum = 0;
    struct stat info;
    guint n = 0;
    for (; n < PARTS_MAX; n++) {
        g_autofree char *name = g_strdup_printf("data.%03u", n);
        if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            break;
        sum += (guint64)info.st_size;
    }
    if (sum == snapshot->catalogue->bytes_stored)
        return;
    snapshot->trust = SNAPSHOT_DAMAGED;
    snapshot->problem =
        n == 0   ? g_strdup("its part 'data.000' is missing")
        : n == 1 ? g_strdup_printf("its part 'data.000' has %" G_GUINT64_FORMAT
                                   " bytes, not %" G_GUINT64_FORMAT
                                   ": cut short, another's, or another part is missing",
                                   sum, snapshot->catalogue->bytes_stored)
                 : g_strdup_printf("its parts 'data.000' to 'data.%03u' have %" G_GUINT64_FORMAT
                                   " bytes, not %" G_GUINT64_FORMAT
                                   ": one is missing, cut short or another's",
                                   n - 1, sum, snapshot->catalogue->bytes_stored);
}

/* No signature: with snapshot.json the run was nearly done, or somebody took the signature away. */
static void
judge_unsealed(struct snapshot *snapshot, gboolean unsigned_entry)
{
    snapshot->trust = unsigned_entry ? SNAPSHOT_UNSIGNED : SNAPSHOT_UNSEALED;
    snapshot->problem =
        g_strdup(unsigned_entry
                     ? "its signature is missing: it was never finished, or was tampered with"
                     : "an interrupted run's rest, which does not count; the next run removes it");
}

struct snapshot *
judge_folder(const struct store *store, const char *folder, const struct keys *keys)
{
    struct snapshot *snapshot = g_new0(struct snapshot, 1);
    g_autoptr(GError) cause = NULL;
    gsize size = 0;
    snapshot->folder = g_strdup(folder);
    AUTO_FD int fd = file_open_folder(store->snapshots_fd, folder, FALSE, &cause);
    g_autofree char *signature =
        fd >= 0 ? file_read(fd, "snapshot.json.minisig", MINISIGN_FILE_MAX, NULL, &cause) : NULL;
    if (fd >= 0 && file_is_unwritten(fd, "snapshot.json.minisig")) {
        judge_unsealed(snapshot, !file_is_absent(fd, "snapshot.json"));
        return snapshot;
    }
    if (signature == NULL) {
        judge_damaged(snapshot, cause);
        return snapshot;
    }
    g_autofree char *text = file_read(fd, "snapshot.json", CATALOGUE_MAX, &size, &cause);
    if (text == NULL)
        judge_damaged(snapshot, cause);
    else
        judge_signed(snapshot, store, keys, (struct slice){text, size}, signature);
    if (snapshot->trust == SNAPSHOT_TRUSTED)
        judge_size(snapshot, fd);
    return snapshot;
}

struct snapshot *
judge_texts(const struct store *store, const char *folder, const struct judge_texts *texts,
            const struct keys *keys)
{
    struct snapshot *snapshot = g_new0(struct snapshot, 1);
    snapshot->folder = g_strdup(folder);
    if (texts->signature == NULL) {
        judge_unsealed(snapshot, texts->entry != NULL);
        return snapshot;
    }
    const char *entry = texts->entry != NULL ? texts->entry : "";
    judge_signed(snapshot, store, keys, (struct slice){entry, texts->entry_size}, texts->signature);
    if (snapshot->trust != SNAPSHOT_TRUSTED || snapshot->catalogue->bytes_stored == texts->bytes)
        return snapshot;
    snapshot->trust = SNAPSHOT_DAMAGED;
    snapshot->problem =
        g_strdup_printf("its parts have %" G_GUINT64_FORMAT " bytes, not %" G_GUINT64_FORMAT,
                        texts->bytes, snapshot->catalogue->bytes_stored);
    return snapshot;
}
