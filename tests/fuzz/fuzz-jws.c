/*
 * jws: nothing that a client sends is taken for signed but what its key signed, and nothing of it
 * is read beyond its end. The request's first byte says what it is: 0 a request, 1 a key's text, 2
 * a certificate request for a name, 3 base64url.
 */
#include "lib/json/json.h"
#include "netsvc/web/acme/issue/csr.h"
#include "netsvc/web/acme/jose/base64url.h"
#include "netsvc/web/acme/jose/jws.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char key[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static void
try_request(struct slice text)
{
    AUTO(jws) *jws = jws_parse(text, NULL);
    if (jws == NULL)
        return;
    g_assert((jws->kid == NULL) != (jws->jwk == NULL) && jws->url != NULL);
    AUTO(jwk) *other = jwk_parse(slice_of(key), NULL);
    g_assert(other != NULL);
    gboolean taken = jws_verify(jws, other, NULL);
    g_assert(!taken);
    if (jws->jwk != NULL)
        jws_verify(jws, jws->jwk, NULL);
}

static void
try_key(struct slice bytes)
{
    g_autofree char *text = slice_dup(bytes);
    AUTO(jwk) *jwk = jwk_from_text(text, NULL);
    if (jwk != NULL)
        g_assert(strcmp(jwk->text, text) == 0);
}

static void
try_csr(struct slice der)
{
    AUTO(jwk) *account = jwk_parse(slice_of(key), NULL);
    csr_check(der, "[{\"type\":\"dns\",\"value\":\"a.example\"}]", account, NULL);
}

static void
try_base64url(struct slice text)
{
    g_autoptr(GString) bytes = base64url_decode(text, 4096);
    if (bytes == NULL)
        return;
    g_autofree char *again = base64url_text(bytes->str, bytes->len);
    g_assert(slice_is(text, again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 65536)
        return 0;
    const struct slice rest = {(const char *)data + 1, size - 1};
    if (data[0] == 0)
        try_request(rest);
    else if (data[0] == 1)
        try_key(rest);
    else if (data[0] == 2)
        try_csr(rest);
    else if (data[0] == 3)
        try_base64url(rest);
    return 0;
}
