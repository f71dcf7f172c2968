/* csr: what a client wants certified (RFC 2986), checked against its order (RFC 8555, 7.4). */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"
#include "netsvc/web/acme/jose/jwk.h"

#define CSR_MAX 32768 /* bytes */

/* FALSE with a problem: it is none, is not signed by its own key, has a weak one or the account's,
 * or has not exactly the names of `identifiers` (JSON, as an order has them). */
gboolean csr_check(struct slice der, const char *identifiers, const struct jwk *account,
                   GError **error);
