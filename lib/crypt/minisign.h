/*
 * minisign: signatures that stock `minisign -V` checks (https://jedisct1.github.io/minisign/):
 * Ed25519 over the BLAKE2b-512 of the file ("ED", prehashed), and a second signature over the first
 * and the trusted comment.
 *
 * A public key is its base64 line as minisign prints it: base64("Ed" + 8-byte key id + 32-byte
 * key). Our secret keys are kept as PEM (PKCS #8); the key id is the first 8 bytes of the SHA-256
 * of the public key.
 */
#pragma once

#include "lib/base/cleanup.h"

#define MINISIGN_KEY_ID 8      /* bytes */
#define MINISIGN_FILE_MAX 4096 /* bytes of a .minisig or .pub file that a reader accepts */

struct minisign_public {
    guint8 id[MINISIGN_KEY_ID];
    guint8 key[32];
};

struct minisign_secret; /* an Ed25519 private key */

struct minisign_secret *minisign_secret_generate(void);
struct minisign_secret *minisign_secret_parse(const char *pem, GError **error);
char *minisign_secret_text(const struct minisign_secret *secret); /* PEM; wipe after use */
void minisign_secret_public(const struct minisign_secret *secret, struct minisign_public *public);
void minisign_secret_free(struct minisign_secret *secret);
AUTO_DEFINE(minisign_secret)

char *minisign_public_text(const struct minisign_public *public); /* the base64 line */
char *minisign_public_file(const struct minisign_public *public,
                           const char *comment); /* the .pub file */

/* Accepts the base64 line alone or a whole .pub file. */
gboolean minisign_public_parse(const char *text, struct minisign_public *public, GError **error);

/* The text of the .minisig file for `data`. */
char *minisign_sign(const struct minisign_secret *secret, const void *data, gsize size,
                    const char *trusted_comment, GError **error);

/*
 * Checks a .minisig text. FAIL_DAMAGED with one of: not a signature, signed by another key (names
 * both ids), does not match the data, trusted comment altered. The comment, if wanted, is the
 * caller's to free.
 */
gboolean minisign_verify(const struct minisign_public *public, const char *signature,
                         const void *data, gsize size, char **trusted_comment, GError **error);

/* The key id that a signature names, to look up who signed. */
gboolean minisign_signer(const char *signature, guint8 id[MINISIGN_KEY_ID], GError **error);
