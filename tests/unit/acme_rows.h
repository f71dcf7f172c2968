/* acme_rows: for tests, accounts, certificates and orders in a ledger. */
#pragma once

#include "netsvc/cert/x509/pem.h"
#include "netsvc/web/acme/issue/leaf.h"
#include "netsvc/web/acme/pair/row.h"
#include "tests/unit/acme_client.h"

#define ROWS_NOW 1800000000

static inline struct ledger *
rows_open(void)
{
    g_autoptr(GError) error = NULL;
    struct ledger *ledger = ledger_open(":memory:", &error);
    g_assert_no_error(error);
    return ledger;
}

static inline struct jwk *
rows_key(void)
{
    g_autoptr(GError) error = NULL;
    AUTO(acme_client) *client = acme_client_new(JWK_P256);
    struct jwk *key = jwk_parse(slice_of(client->jwk), &error);
    g_assert_no_error(error);
    return key;
}

/* Puts one and gives its id. */
static inline char *
rows_account(struct ledger *ledger, const struct jwk *key)
{
    const struct ledger_account account = {.id = key->thumbprint,
                                           .name = key->text,
                                           .key = key->text,
                                           .thumbprint = key->thumbprint,
                                           .contacts = (char *)"[]",
                                           .status = LEDGER_VALID,
                                           .created = ROWS_NOW,
                                           .used = ROWS_NOW};
    g_assert_true(ledger_put_account(ledger, &account, NULL));
    return g_strdup(key->thumbprint);
}

/* PEM of one that its own key has signed; serial numbers are given out in turn. */
static inline char *
rows_chain(void)
{
    static long serial = 0x1000;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *made = X509_new();
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made), 0);
    X509_gmtime_adj(X509_getm_notAfter(made), 86400);
    X509_set_pubkey(made, key);
    X509_sign(made, key, EVP_sha256());
    char *text = pem_certificate(made);
    X509_free(made);
    EVP_PKEY_free(key);
    return text;
}

/* An order with its certificate, of the same id. */
static inline void
rows_order(struct ledger *ledger, const char *account, const char *id)
{
    static char names[] = "[{\"type\":\"dns\",\"value\":\"laptop1.clinic.example\"}]";
    g_autoptr(GError) error = NULL;
    AUTO(ledger_certificate) *certificate = g_new0(struct ledger_certificate, 1);
    certificate->id = g_strdup(id);
    certificate->account = g_strdup(account);
    certificate->identifiers = g_strdup(names);
    certificate->chain = rows_chain();
    const struct ledger_order order = {.id = (char *)id,
                                       .account = (char *)account,
                                       .status = LEDGER_VALID,
                                       .created = ROWS_NOW,
                                       .expires = ROWS_NOW + 86400,
                                       .identifiers = names,
                                       .certificate = (char *)id};
    g_assert_true(leaf_of_chain(certificate->chain, certificate, &error));
    g_assert_true(ledger_put_certificate(ledger, certificate, &error));
    g_assert_true(ledger_put_order(ledger, &order, &error));
}
