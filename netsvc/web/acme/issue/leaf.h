/*
 * leaf: what is remembered of a certificate that was issued, and the name that clients have for it
 * when they ask when to renew it (RFC 9773, 4.1): base64url of its authority key identifier, a dot,
 * base64url of its serial number as DER has it.
 */
#pragma once

#include "lib/base/slice.h"
#include "netsvc/web/acme/jose/jwk.h"
#include "netsvc/web/acme/ledger/ledger.h"

#define LEAF_MAX 65536 /* bytes of a certificate, or a chain */

/* Fills serial, issuer, key and times. FALSE: it is none. */
gboolean leaf_of_chain(const char *pem, struct ledger_certificate *certificate, GError **error);
gboolean leaf_of_der(struct slice der, struct ledger_certificate *certificate, GError **error);

/* Whether the key is the one that was certified. */
gboolean leaf_has_key(const struct ledger_certificate *certificate, const struct jwk *key);

/* The certificate of that name; NULL with a problem. */
struct ledger_certificate *leaf_by_name(struct ledger *ledger, const char *name, GError **error);
