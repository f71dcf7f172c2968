/*
 * fuzz-minisign: the first byte says what the rest is:
 * 0 a signature file, 1 a public key or a secret one, 2 how to damage a good signature, which must
 * be noticed.
 */
#include "lib/crypt/minisign.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define KEY "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3" /* minisign's author's */

static void
signature(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct minisign_public public;
    guint8 signer[MINISIGN_KEY_ID];
    g_autofree char *comment = NULL;
    gboolean well = minisign_public_parse(KEY, &public, NULL);
    g_assert(well);
    well = minisign_signer(text, signer, NULL);
    gboolean good = minisign_verify(&public, text, "data", 4, &comment, &error);
    g_assert(good == (error == NULL) && good == (comment != NULL) && (well || !good));
}

static void
key(const char *text)
{
    struct minisign_public public;
    struct minisign_public parsed;
    if (minisign_public_parse(text, &public, NULL)) {
        g_autofree char *again = minisign_public_text(&public);
        g_assert(strstr(text, again) != NULL);
        gboolean same = minisign_public_parse(again, &parsed, NULL) &&
                        memcmp(&parsed, &public, sizeof public) == 0;
        g_assert(same);
    }
    AUTO(minisign_secret) *secret = minisign_secret_parse(text, NULL);
    if (secret != NULL)
        minisign_secret_public(secret, &public);
}

/* A byte of place and one to change there, in all but the untrusted comment; the rest is the data.
 */
static void
damage(const guint8 *data, gsize size)
{
    static struct minisign_secret *secret;
    struct minisign_public public;
    if (size < 2)
        return;
    if (secret == NULL)
        secret = minisign_secret_generate();
    minisign_secret_public(secret, &public);
    g_autofree char *text = minisign_sign(secret, data + 2, size - 2, "comment", NULL);
    g_assert(text != NULL);
    char *signed_part = strchr(text, '\n') + 1;
    signed_part[data[0] % (strlen(signed_part) - 1)] ^= (char)data[1];
    gboolean good = minisign_verify(&public, text, data + 2, size - 2, NULL, NULL);
    g_assert(good == (data[1] == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    if (data[0] % 3 == 0)
        signature(text);
    else if (data[0] % 3 == 1)
        key(text);
    else
        damage(data + 1, size - 1);
    return 0;
}
