/*
 * bech32: 32-byte keys as text with a checksum that notices any four mistyped characters (BIP 173).
 *
 *     age1 <52 characters of 5 bits> <6 of checksum>
 *
 * Upper or lower case as the prefix is, never mixed.
 */
#pragma once

#include <glib.h>

#define BECH32_BYTES 32
#define BECH32_CHARACTERS 58 /* behind the prefix and the '1' */

char *bech32_encode(const char *prefix, const guint8 bytes[BECH32_BYTES]);

/* FALSE, with `bytes` undefined, unless it is the text of 32 bytes with exactly that prefix. */
gboolean bech32_decode(const char *text, const char *prefix, guint8 bytes[BECH32_BYTES]);
