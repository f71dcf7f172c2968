#include "lib/store/readme.h"

#include "lib/base/file.h"

#define README_MAX 65536 /* bytes */

/* readme.txt, in which @SITE@ and @SIGNER@ are replaced. A test runs its commands as they
 * stand. */
static const char *const lines[] = {
#include "lib/store/readme_lines.h"
};

gboolean
readme_write(struct store *store, const struct keys *keys, GError **error)
{
    struct minisign_public public;
    minisign_secret_public(keys->signing, &public);
    g_autofree char *signer = minisign_public_text(&public);
    g_autoptr(GString) out = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        g_string_append(out, lines[i]);
    g_string_replace(out, "@SITE@", keys->site, 0);
    g_string_replace(out, "@SIGNER@", signer, 0);
    g_autofree char *present = file_read(store->fd, "README.txt", README_MAX, NULL, NULL);
    if (present != NULL && g_str_equal(present, out->str))
        return TRUE;
    return file_replace(store->fd, "README.txt", out->str, out->len, 0644, error);
}
