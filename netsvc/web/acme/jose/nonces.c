#include "netsvc/web/acme/jose/nonces.h"

#include "lib/base/chance.h"
#include "netsvc/bytes.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/problem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define KEY_SIZE 32
#define COUNTED 12 /* bytes: the counter's eight and the time's four */
#define MAC_SIZE 16
#define NONCE_SIZE (COUNTED + MAC_SIZE)

struct nonces {
    guint8 key[KEY_SIZE];
    guint64 next;
    guint8 used[NONCES_KEPT / 8];
};

struct nonces *
nonces_new(void)
{
    struct nonces *nonces = g_new0(struct nonces, 1);
    chance_bytes(nonces->key, KEY_SIZE);
    return nonces;
}

void
nonces_free(struct nonces *nonces)
{
    g_free(nonces);
}

static void
put_mac(const struct nonces *nonces, guint8 nonce[NONCE_SIZE])
{
    guint8 mac[EVP_MAX_MD_SIZE];
    guint size = 0;
    if (HMAC(EVP_sha256(), nonces->key, KEY_SIZE, nonce, COUNTED, mac, &size) == NULL)
        g_error("OpenSSL has no HMAC");
    memcpy(nonce + COUNTED, mac, MAC_SIZE);
}

void
nonces_make(struct nonces *nonces, guint32 now, char text[NONCES_TEXT])
{
    guint8 nonce[NONCE_SIZE];
    const guint64 number = nonces->next++;
    const guint slot = (guint)(number % NONCES_KEPT);
    nonces->used[slot / 8] &= (guint8) ~(1u << slot % 8);
    bytes_put32(bytes_put32(bytes_put32(nonce, (guint32)(number >> 32)), (guint32)number), now);
    put_mac(nonces, nonce);
    g_autofree char *made = base64url_text(nonce, sizeof nonce);
    g_strlcpy(text, made, NONCES_TEXT);
}

static gboolean
use(struct nonces *nonces, guint32 now, const guint8 nonce[NONCE_SIZE])
{
    guint8 expected[NONCE_SIZE];
    memcpy(expected, nonce, NONCE_SIZE);
    put_mac(nonces, expected);
    if (CRYPTO_memcmp(expected, nonce, NONCE_SIZE) != 0)
        return FALSE;
    const guint64 number = (guint64)bytes_get32(nonce) << 32 | bytes_get32(nonce + 4);
    const guint slot = (guint)(number % NONCES_KEPT);
    const guint8 bit = (guint8)(1u << slot % 8);
    if (nonces->next - number > NONCES_KEPT || now - bytes_get32(nonce + 8) > NONCES_SECONDS ||
        (nonces->used[slot / 8] & bit) != 0)
        return FALSE;
    nonces->used[slot / 8] |= bit;
    return TRUE;
}

gboolean
nonces_use(struct nonces *nonces, guint32 now, const char *text, GError **error)
{
    g_autoptr(GString) nonce = base64url_decode(slice_of(text), NONCE_SIZE);
    return (nonce != NULL && nonce->len == NONCE_SIZE &&
            use(nonces, now, (const guint8 *)nonce->str)) ||
           problem_set(error, PROBLEM_BAD_NONCE, "the nonce was used before, or is too old");
}
