/*
 * pile: what a drive or a person brings: files of certificates and keys, PEM, DER or PKCS#7,
 * several in one, in any order, with whatever else lies among them. Hostile until judged: nothing
 * in it is believed here but its form.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"
#include "netsvc/cert/x509/openssl.h"

#define PILE_CERTIFICATES_MAX 64
#define PILE_KEYS_MAX 8
#define PILE_BLOCKS_MAX 256 /* of PEM in one file, also spoilt ones */

struct pile {
    GPtrArray *certificates; /* X509, each once */
    GPtrArray *keys;         /* EVP_PKEY: private ones */
    gboolean locked;         /* there is a key that a password protects */
};

struct pile *pile_new(void);
void pile_free(struct pile *pile);
AUTO_DEFINE(pile)

/* Adds what a file has; of more than the limits the rest is passed over. */
void pile_add(struct pile *pile, struct slice file);
