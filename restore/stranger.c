/* stranger: see the header. */
#include "restore/stranger.h"

#include "lib/base/file.h"
#include "restore/show.h"

#include <dirent.h>

/* Whether there are signatures, and none is good and by one whom we accept. */
static gboolean
is_strange(const struct store *store)
{
    static const guint8 nobody[MINISIGN_KEY_ID];
    gboolean some = FALSE;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust != SNAPSHOT_FOREIGN && snapshot->catalogue != NULL)
            return FALSE; /* its signature was good */
        some |= memcmp(snapshot->signer, nobody, sizeof nobody) != 0;
    }
    return some;
}

static gboolean
is_accepted(const struct keys *keys, const struct minisign_public *public)
{
    const struct minisign_public *known = keys_trusted(keys, public->id);
    return known != NULL && memcmp(known, public, sizeof *public) == 0;
}

/* Adds a key of signers/ to the text; FALSE when it is one that we accept. */
static gboolean
add_signer(GString *text, const struct keys *keys, int folder_fd, const char *name)
{
    struct minisign_public public;
    g_autofree char *file = file_read(folder_fd, name, MINISIGN_FILE_MAX, NULL, NULL);
    if (file == NULL || !minisign_public_parse(file, &public, NULL))
        return TRUE;
    if (is_accepted(keys, &public))
        return FALSE;
    g_autofree char *key = minisign_public_text(&public);
    g_autofree char *shown = show_text(name);
    g_string_append_printf(text, "%s'signers/%s' of this drive (%s)", text->len > 0 ? " and " : "",
                           shown, key);
    return TRUE;
}

/* The keys on the medium, as text; FALSE when one of them is one that we accept. */
static gboolean
list_signers(GString *text, const struct store *store, const struct keys *keys)
{
    gboolean strange = TRUE;
    int fd = file_open_folder(store->fd, "signers", FALSE, NULL);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry;
         entries != NULL && strange && text->len < 1000 && (entry = readdir(entries)) != NULL;)
        if (g_str_has_suffix(entry->d_name, ".pub"))
            strange = add_signer(text, keys, dirfd(entries), entry->d_name);
    if (entries != NULL)
        closedir(entries);
    return strange;
}

char *
stranger_signer(const struct store *store, const struct keys *keys)
{
    g_autoptr(GString) signers = g_string_new(NULL);
    if (keys->n_trusted == 0 || !is_strange(store) || !list_signers(signers, store, keys))
        return NULL;
    return g_strdup_printf("--signer is not the key that signed the store in '%s'%s%s\n"
                           "hint: compare it with the recovery sheet, character by character",
                           store->path, signers->len > 0 ? ": it differs from " : "", signers->str);
}

char *
stranger_site(const struct store *store, const struct keys *keys)
{
    if (keys->site == NULL || store->site == NULL || g_str_equal(keys->site, store->site) ||
        !is_strange(store))
        return NULL;
    g_autofree char *site = show_text(store->site);
    return g_strdup_printf("this store belongs to site '%s', the keys to site '%s'", site,
                           keys->site);
}
