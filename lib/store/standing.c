#include "lib/store/standing.h"

#include "lib/base/file.h"
#include "lib/base/jsontext.h"
#include "lib/base/rfc3339.h"
#include "lib/json/json.h"

#include <fcntl.h>

#define FOLDER "nodes"
#define SIZE_MAX_READ 4096 /* bytes */

void
standing_free(struct standing *standing)
{
    if (standing == NULL)
        return;
    g_free(standing->node);
    g_free(standing->snapshot);
    g_free(standing->state);
    g_free(standing->applied);
    g_free(standing);
}

/* ---- writing ---- */

static GString *
describe(const struct keys *keys, const struct catalogue *of)
{
    GString *text = g_string_new(NULL);
    g_autofree char *applied = rfc3339_now();
    json_text_begin_object(text);
    json_text_member_string(text, "site", keys->site);
    json_text_member_string(text, "node", keys->node);
    json_text_member_string(text, "snapshot", of->id);
    json_text_member_string(text, "state", of->started);
    json_text_member_string(text, "applied", applied);
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return text;
}

gboolean
standing_write(const struct store *store, const struct keys *keys, const struct catalogue *of,
               GError **error)
{
    g_autoptr(GString) text = describe(keys, of);
    g_autofree char *name = g_strconcat(keys->node, ".json", NULL);
    g_autofree char *signed_name = g_strconcat(name, ".minisig", NULL);
    g_autofree char *signature =
        minisign_sign(keys->signing, text->str, text->len, "how old this node is", error);
    AUTO_FD int folder = signature != NULL ? file_open_folder(store->fd, FOLDER, TRUE, error) : -1;
    return folder >= 0 && file_replace(folder, name, text->str, text->len, 0644, error) &&
           file_replace(folder, signed_name, signature, strlen(signature), 0644, error);
}

/* ---- reading ---- */

static gboolean
is_signed(int folder, const char *name, struct slice text, const struct keys *keys)
{
    gsize size;
    guint8 id[MINISIGN_KEY_ID];
    g_autofree char *signed_name = g_strconcat(name, ".minisig", NULL);
    g_autofree char *signature = file_read(folder, signed_name, MINISIGN_FILE_MAX, &size, NULL);
    if (signature == NULL || !minisign_signer(signature, id, NULL))
        return FALSE;
    const struct minisign_public *signer = keys_trusted(keys, id);
    return signer != NULL && minisign_verify(signer, signature, text.data, text.size, NULL, NULL);
}

static struct standing *
parse(struct slice json, const struct keys *keys)
{
    AUTO(standing) *standing = g_new0(struct standing, 1);
    g_autofree char *site = NULL;
    if (!json_check(json, NULL) || !json_member_text(json, "site", &site) ||
        g_strcmp0(site, keys->site) != 0 || !json_member_text(json, "node", &standing->node) ||
        !json_member_text(json, "snapshot", &standing->snapshot) ||
        !json_member_text(json, "state", &standing->state) ||
        !json_member_text(json, "applied", &standing->applied))
        return NULL;
    return g_steal_pointer(&standing);
}

static void
read_one(GPtrArray *all, int folder, const char *name, const struct keys *keys, gboolean own)
{
    gsize size;
    g_autofree char *text = file_read(folder, name, SIZE_MAX_READ, &size, NULL);
    struct slice json = {text, text != NULL ? size : 0};
    if (text == NULL || !is_signed(folder, name, json, keys))
        return;
    AUTO(standing) *standing = parse(json, keys);
    if (standing != NULL && (own || g_strcmp0(standing->node, keys->node) != 0))
        g_ptr_array_add(all, g_steal_pointer(&standing));
}

GPtrArray *
standing_read_all(const struct store *store, const struct keys *keys, gboolean own)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)standing_free);
    AUTO_FD int folder = file_open_folder(store->fd, FOLDER, FALSE, NULL);
    g_autofree char *path = folder >= 0 ? g_strdup_printf("/proc/self/fd/%d", folder) : NULL;
    g_autoptr(GDir) dir = path != NULL ? g_dir_open(path, 0, NULL) : NULL;
    const char *name;
    while (dir != NULL && all->len < STANDING_NODES_MAX && (name = g_dir_read_name(dir)) != NULL)
        if (g_str_has_suffix(name, ".json"))
            read_one(all, folder, name, keys, own);
    return all;
}

static void
append(const struct standing *standing, GString *out)
{
    json_text_begin_object(out);
    json_text_member_string(out, "node", standing->node);
    json_text_member_string(out, "snapshot", standing->snapshot);
    json_text_member_string(out, "state", standing->state);
    json_text_member_string(out, "applied", standing->applied);
    json_text_end_object(out);
}

void
standing_append_all(const struct store *store, const struct keys *keys, gboolean own, GString *out)
{
    g_autoptr(GPtrArray) all = standing_read_all(store, keys, own);
    json_text_member_array(out, "nodes");
    for (guint i = 0; i < all->len; i++)
        append(all->pdata[i], out);
    json_text_end_array(out);
}
