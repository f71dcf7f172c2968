/*
 * identity: who this node is to the other one: a random id, an Ed25519 key, and a certificate of
 * its own making that carries the two through TLS. It is made where there is none, and stands in
 * one file (identity.pem: the key, then the certificate, the id being its common name), so that
 * there is all of it or nothing. The certificate's dates say nothing: it is good from 2020 to 9999,
 * and whoever reads it looks at the key alone.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <openssl/x509.h>

#define IDENTITY_ID_SIZE 33  /* 32 hex digits and a zero byte: protocol.h's PROTOCOL_ID_SIZE */
#define IDENTITY_PIN_SIZE 32 /* SHA-256 of the public key as DER has it (SubjectPublicKeyInfo) */

struct identity {
    char id[IDENTITY_ID_SIZE];
    guint8 pin[IDENTITY_PIN_SIZE];
    EVP_PKEY *key;
    X509 *certificate;
};

/* From the folder, or made there. One that cannot be read is an error: a new one would be a
 * stranger to the other node. */
struct identity *identity_load(int folder_fd, GError **error);
void identity_free(struct identity *identity);
AUTO_DEFINE(identity)

gboolean identity_pin(const X509 *certificate, guint8 pin[IDENTITY_PIN_SIZE]);

void identity_random_id(char id[IDENTITY_ID_SIZE]);
/* Whether it is 32 hex digits, small. */
gboolean identity_is_id(const char *id);
