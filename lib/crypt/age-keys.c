/* age-keys: X25519 identities and recipients, and their texts in Bech32. See age.h. */
#include "lib/crypt/age.h"

#include "lib/base/chance.h"
#include "lib/base/fail.h"
#include "lib/crypt/bech32.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define RECIPIENT_PREFIX "age"
#define SECRET_PREFIX "AGE-SECRET-KEY-"

/* The public half of identity->secret. */
static void
identity_complete(struct age_identity *identity)
{
    gsize length = AGE_KEY_SIZE;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, identity->secret, AGE_KEY_SIZE);
    if (key == NULL || EVP_PKEY_get_raw_public_key(key, identity->public, &length) != 1)
        g_error("OpenSSL cannot compute X25519");
    EVP_PKEY_free(key);
}

void
age_identity_generate(struct age_identity *identity)
{
    chance_bytes(identity->secret, AGE_KEY_SIZE);
    identity_complete(identity);
}

gboolean
age_identity_parse(const char *text, struct age_identity *identity, GError **error)
{
    if (!bech32_decode(text, SECRET_PREFIX, identity->secret)) {
        OPENSSL_cleanse(identity, sizeof *identity);
        return fail_set(error, FAIL_KEY,
                        "not an age secret key, or mistyped: it has %u characters, begins with "
                        "'" SECRET_PREFIX "1' and ends with a checksum",
                        (guint)strlen(SECRET_PREFIX) + 1 + BECH32_CHARACTERS);
    }
    identity_complete(identity);
    return TRUE;
}

char *
age_identity_secret_text(const struct age_identity *identity)
{
    return bech32_encode(SECRET_PREFIX, identity->secret);
}

char *
age_recipient_text(const guint8 public[AGE_KEY_SIZE])
{
    return bech32_encode(RECIPIENT_PREFIX, public);
}

gboolean
age_recipient_parse(const char *text, guint8 public[AGE_KEY_SIZE], GError **error)
{
    if (!bech32_decode(text, RECIPIENT_PREFIX, public))
        return fail_set(error, FAIL_KEY, "'%.80s' is not an age recipient, or mistyped", text);
    return TRUE;
}
