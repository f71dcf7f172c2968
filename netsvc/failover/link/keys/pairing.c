#include "netsvc/failover/link/keys/pairing.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/hash.h"

#include <string.h>

#define NAME "pairing"
#define GROUP "pairing"
#define REVOKED "revoked"
#define SIZE_MAX_READ 16384 /* bytes */

/* ---- reading ---- */

static gboolean
read_id(GKeyFile *file, const char *key, char id[IDENTITY_ID_SIZE])
{
    g_autofree char *text = g_key_file_get_string(file, GROUP, key, NULL);
    if (text == NULL || (*text != '\0' && !identity_is_id(text)))
        return FALSE;
    g_strlcpy(id, text, IDENTITY_ID_SIZE);
    return TRUE;
}

static gboolean
read_pin(GKeyFile *file, const char *group, const char *key, guint8 pin[IDENTITY_PIN_SIZE])
{
    g_autofree char *text = g_key_file_get_string(file, group, key, NULL);
    return text != NULL && hash_from_hex(text, strlen(text), pin, IDENTITY_PIN_SIZE);
}

static gboolean
read_revoked(GKeyFile *file, struct pairing *pairing)
{
    g_auto(GStrv) ids = g_key_file_get_keys(file, REVOKED, NULL, NULL);
    for (gsize i = 0; ids != NULL && ids[i] != NULL; i++) {
        if (i >= PAIRING_REVOKED_MAX || !identity_is_id(ids[i]) ||
            !read_pin(file, REVOKED, ids[i], pairing->revoked[i].pin))
            return FALSE;
        g_strlcpy(pairing->revoked[i].id, ids[i], IDENTITY_ID_SIZE);
        pairing->n_revoked++;
    }
    return TRUE;
}

static gboolean
read_all(GKeyFile *file, struct pairing *pairing)
{
    g_autoptr(GError) error = NULL;
    pairing->parity = (guint32)g_key_file_get_integer(file, GROUP, "parity", &error);
    if (error != NULL || pairing->parity > 1)
        return FALSE;
    pairing->first = g_key_file_get_boolean(file, GROUP, "first", NULL);
    pairing->met = g_key_file_get_boolean(file, GROUP, "met", NULL);
    pairing->replaced = g_key_file_get_boolean(file, GROUP, "replaced", NULL);
    return read_id(file, "cluster", pairing->cluster) && read_id(file, "peer", pairing->peer) &&
           (*pairing->peer == '\0' || read_pin(file, GROUP, "pin", pairing->pin)) &&
           read_revoked(file, pairing);
}

static gboolean
parse(struct pairing *pairing, const char *text, gsize size, const char *own, GError **error)
{
    char maker[IDENTITY_ID_SIZE];
    g_autoptr(GKeyFile) file = g_key_file_new();
    if (!g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE, NULL) ||
        !read_id(file, "own", maker) || !read_all(file, pairing))
        return fail_set(error, FAIL_DAMAGED, "it makes no sense");
    return strcmp(maker, own) == 0 ||
           fail_set(error, FAIL_DAMAGED, "it was made with another key than this node has now");
}

gboolean
pairing_load(struct pairing *pairing, int folder_fd, const char *own, GError **error)
{
    gsize size;
    *pairing = (struct pairing){0};
    if (file_is_absent(folder_fd, NAME))
        return TRUE;
    g_autofree char *text = file_read(folder_fd, NAME, SIZE_MAX_READ, &size, error);
    if (text == NULL)
        return FALSE;
    if (parse(pairing, text, size, own, error))
        return TRUE;
    g_autofree char *path = file_path(folder_fd, NAME);
    g_prefix_error(error, "'%s', which tells the other node's key, cannot be used: ", path);
    fail_add_hint(error, "put the folder back as it was; or remove it, and have the other node "
                         "take this one as new: lifeboat peer replace");
    return FALSE;
}

/* ---- writing ---- */

static void
write_pin(GKeyFile *file, const char *group, const char *key, const guint8 pin[IDENTITY_PIN_SIZE])
{
    g_autofree char *hex = hash_hex(pin, IDENTITY_PIN_SIZE);
    g_key_file_set_string(file, group, key, hex);
}

gboolean
pairing_save(const struct pairing *pairing, int folder_fd, const char *own, GError **error)
{
    gsize size;
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_key_file_set_string(file, GROUP, "own", own);
    g_key_file_set_string(file, GROUP, "cluster", pairing->cluster);
    g_key_file_set_string(file, GROUP, "peer", pairing->peer);
    if (*pairing->peer != '\0')
        write_pin(file, GROUP, "pin", pairing->pin);
    g_key_file_set_integer(file, GROUP, "parity", (int)pairing->parity);
    g_key_file_set_boolean(file, GROUP, "first", pairing->first);
    g_key_file_set_boolean(file, GROUP, "met", pairing->met);
    g_key_file_set_boolean(file, GROUP, "replaced", pairing->replaced);
    for (guint i = 0; i < pairing->n_revoked; i++)
        write_pin(file, REVOKED, pairing->revoked[i].id, pairing->revoked[i].pin);
    g_autofree char *text = g_key_file_to_data(file, &size, NULL);
    return file_replace(folder_fd, NAME, text, size, 0600, error);
}

/* ---- who is who ---- */

static void
drop_revoked(struct pairing *pairing, guint i)
{
    memmove(pairing->revoked + i, pairing->revoked + i + 1,
            (pairing->n_revoked - i - 1) * sizeof *pairing->revoked);
    pairing->n_revoked--;
}

void
pairing_pardon(struct pairing *pairing, const guint8 pin[IDENTITY_PIN_SIZE])
{
    for (guint i = pairing->n_revoked; i-- > 0;)
        if (memcmp(pairing->revoked[i].pin, pin, IDENTITY_PIN_SIZE) == 0)
            drop_revoked(pairing, i);
}

void
pairing_revoke(struct pairing *pairing)
{
    if (*pairing->peer == '\0')
        return;
    pairing_pardon(pairing, pairing->pin);
    if (pairing->n_revoked == PAIRING_REVOKED_MAX)
        drop_revoked(pairing, 0);
    struct pairing_revoked *revoked = &pairing->revoked[pairing->n_revoked++];
    g_strlcpy(revoked->id, pairing->peer, sizeof revoked->id);
    memcpy(revoked->pin, pairing->pin, sizeof revoked->pin);
    *pairing->peer = '\0';
    pairing->met = pairing->replaced = FALSE;
}

enum pairing_whose
pairing_whose(const struct pairing *pairing, const guint8 pin[IDENTITY_PIN_SIZE])
{
    if (*pairing->peer != '\0' && memcmp(pairing->pin, pin, IDENTITY_PIN_SIZE) == 0)
        return PAIRING_PEER;
    for (guint i = 0; i < pairing->n_revoked; i++)
        if (memcmp(pairing->revoked[i].pin, pin, IDENTITY_PIN_SIZE) == 0)
            return PAIRING_REVOKED;
    return PAIRING_STRANGER;
}
