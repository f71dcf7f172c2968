/*
 * code: what the operator carries from one node to the other: 20 characters (100 bits) of
 * Crockford's base32, in groups of four, and what proves that both know it. A proof is an
 * HMAC-SHA256 with the code as its key, over both public keys, both ids, what both agree on, and
 * what only the two ends of this very connection know (RFC 8446 section 7.5): one that was
 * overheard, or made by somebody in between, is good for nothing; and the code cannot be guessed
 * from it.
 */
#pragma once

#include "netsvc/failover/link/wire/session.h"

#define CODE_LENGTH 20
#define CODE_SIZE (CODE_LENGTH + 1)
#define CODE_TEXT_SIZE (CODE_LENGTH + CODE_LENGTH / 4) /* XXXX-XXXX-… and a zero byte */

void code_random(char code[CODE_SIZE]);
void code_text(const char code[CODE_SIZE], char text[CODE_TEXT_SIZE]);
/* As it was typed: small letters, spaces and hyphens are fine, O is 0, and I and L are 1. */
gboolean code_read(const char *typed, char code[CODE_SIZE]);

struct code_party {
    const char *id;
    const guint8 *pin;
};

/* Without a welcome the first proof, the joiner's; with one the second, over what it says, too. */
gboolean code_prove(const char code[CODE_SIZE], struct session *session,
                    const struct code_party *joiner, const struct code_party *shower,
                    const struct wire_welcome *welcome, guint8 proof[WIRE_PROOF_SIZE]);
gboolean code_is_same(const guint8 a[WIRE_PROOF_SIZE], const guint8 b[WIRE_PROOF_SIZE]);
