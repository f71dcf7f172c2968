/* signers: see the header. */
#include "lib/store/signers.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"

#include <dirent.h>

static gboolean
read_signer(int signers_fd, const char *name, struct minisign_public *public)
{
    g_autofree char *text = file_read(signers_fd, name, MINISIGN_FILE_MAX, NULL, NULL);
    return text != NULL && minisign_public_parse(text, public, NULL);
}

gboolean
signers_write(struct store *store, const struct keys *keys, GError **error)
{
    struct minisign_public ours, present;
    AUTO_FD int folder = file_open_folder(store->fd, "signers", TRUE, error);
    if (folder < 0)
        return FALSE;
    minisign_secret_public(keys->signing, &ours);
    g_autofree char *name = g_strdup_printf("%s.pub", keys->node);
    if (read_signer(folder, name, &present) && memcmp(&ours, &present, sizeof ours) != 0) {
        g_autofree char *id = hash_hex(ours.id, sizeof ours.id);
        g_free(name);
        name = g_strdup_printf("%s-%s.pub", keys->node, id);
    }
    if (read_signer(folder, name, &present) && memcmp(&ours, &present, sizeof ours) == 0)
        return TRUE;
    g_autofree char *comment = g_strdup_printf("lifeboat node %s", keys->node);
    g_autofree char *text = minisign_public_file(&ours, comment);
    return file_replace(folder, name, text, strlen(text), 0644, error);
}

/* The file below signers/ that has a key, if its name is one that can be shown. */
static char *
find_signer(const struct store *store, const guint8 id[MINISIGN_KEY_ID])
{
    char *found = NULL;
    int fd = file_open_folder(store->fd, "signers", FALSE, NULL);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry;
         entries != NULL && found == NULL && (entry = readdir(entries)) != NULL;) {
        struct minisign_public public;
        const char *fine = "abcdefghijklmnopqrstuvwxyz0123456789-.";
        if (strspn(entry->d_name, fine) == strlen(entry->d_name) &&
            g_str_has_suffix(entry->d_name, ".pub") &&
            read_signer(dirfd(entries), entry->d_name, &public) &&
            memcmp(public.id, id, MINISIGN_KEY_ID) == 0)
            found = g_strdup(entry->d_name);
    }
    if (entries != NULL)
        closedir(entries);
    return found;
}

gboolean
signers_refuse_strangers(const struct store *store, const struct keys *keys, GError **error)
{
    const struct snapshot *foreign = NULL;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust == SNAPSHOT_FOREIGN)
            foreign = snapshot;
    }
    if (foreign == NULL)
        return TRUE;
    g_autofree char *id = hash_hex(foreign->signer, sizeof foreign->signer);
    g_autofree char *file = find_signer(store, foreign->signer);
    g_autofree char *from = file != NULL
                                ? g_build_filename(store->path, "lifeboat", "signers", file, NULL)
                                : g_strdup("SIGNING.PUB"); /* of the other server */
    g_autofree char *name = g_strconcat(id, ".pub", NULL);
    g_autofree char *to =
        g_build_filename(keys->folder != NULL ? keys->folder : "KEYS", "trusted", name, NULL);
    g_autofree char *quoted_from = g_shell_quote(from);
    g_autofree char *quoted_to = g_shell_quote(to);
    return fail_set(
        error, FAIL_DAMAGED,
        "store '%s' has snapshots by an unknown signer, and is left alone: snapshot %s: %s\n"
        "hint: if a server of yours made them, compare that key with its recovery sheet and accept "
        "it: cp %s %s; else name another folder for this server's snapshots with --to",
        store->path, foreign->folder, foreign->problem, quoted_from, quoted_to);
}
