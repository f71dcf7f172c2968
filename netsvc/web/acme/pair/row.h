/*
 * row: a row of the ledger on its way to the other node, as a JSON object:
 *
 *     {"kind": "account", "name": KEY, "key": KEY, "key_version": N, "contacts": […],
 *      "contacts_version": N, "status": "valid", "created": T, "used": T}
 *     {"kind": "certificate", "id", "account", "identifiers": […], "chain": PEM, "revoked": T,
 *      "replaced": true}
 *     {"kind": "order", "id", "account", "identifiers": […], "certificate": ID, "created": T,
 *      "expires": T, "replaces": NAME}        one that has its certificate; others do not travel
 *
 * KEY as in jose/jwk.h, T in seconds since 1970. What follows from something else is not sent:
 * thumbprints are made of keys, serial number and dates are read in the certificate. Texts are
 * written anew from what was understood of them.
 */
#pragma once

#include "netsvc/web/acme/ledger/ledger.h"

#include "lib/base/slice.h"

#define ROW_VERSION_MAX 1000000000 /* changes of one account; beyond that it is none */

struct row {
    enum ledger_kind kind;
    union { /* by kind */
        struct ledger_account *account;
        struct ledger_certificate *certificate;
        struct ledger_order *order;
    };
};

/* Of a change in our own ledger. FALSE: the row is gone meanwhile, or with an error. */
gboolean row_of_change(struct row *row, struct ledger *ledger, const struct ledger_change *change,
                       GError **error);

/* Of JSON that json_check has accepted. FALSE with a problem; nothing is to be cleared then. */
gboolean row_read(struct row *row, struct slice json, GError **error);

void row_write(const struct row *row, GString *out); /* appends it, as an element of an array */
void row_clear(struct row *row);
