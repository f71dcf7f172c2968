#include "netsvc/web/acme/problem.h"

#include "lib/base/jsontext.h"

#define PREFIX "urn:ietf:params:acme:error:"

static const struct {
    const char *name;
    int status;
} types[PROBLEM_TYPES] = {
    [PROBLEM_ACCOUNT_DOES_NOT_EXIST] = {"accountDoesNotExist", 400},
    [PROBLEM_ALREADY_REPLACED] = {"alreadyReplaced", 409},
    [PROBLEM_ALREADY_REVOKED] = {"alreadyRevoked", 400},
    [PROBLEM_BAD_CSR] = {"badCSR", 400},
    [PROBLEM_BAD_NONCE] = {"badNonce", 400},
    [PROBLEM_BAD_PUBLIC_KEY] = {"badPublicKey", 400},
    [PROBLEM_BAD_REVOCATION_REASON] = {"badRevocationReason", 400},
    [PROBLEM_BAD_SIGNATURE_ALGORITHM] = {"badSignatureAlgorithm", 400},
    [PROBLEM_CONNECTION] = {"connection", 400},
    [PROBLEM_DNS] = {"dns", 400},
    [PROBLEM_INCORRECT_RESPONSE] = {"incorrectResponse", 403},
    [PROBLEM_INVALID_CONTACT] = {"invalidContact", 400},
    [PROBLEM_MALFORMED] = {"malformed", 400},
    [PROBLEM_NOT_FOUND] = {"malformed", 404},
    [PROBLEM_METHOD] = {"malformed", 405},
    [PROBLEM_MEDIA_TYPE] = {"malformed", 415},
    [PROBLEM_KEY_IN_USE] = {"malformed", 409},
    [PROBLEM_ORDER_NOT_READY] = {"orderNotReady", 403},
    [PROBLEM_RATE_LIMITED] = {"rateLimited", 429},
    [PROBLEM_REJECTED_IDENTIFIER] = {"rejectedIdentifier", 400},
    [PROBLEM_SERVER_INTERNAL] = {"serverInternal", 500},
    [PROBLEM_TLS] = {"tls", 400},
    [PROBLEM_UNAUTHORIZED] = {"unauthorized", 403},
    [PROBLEM_UNSUPPORTED_CONTACT] = {"unsupportedContact", 400},
    [PROBLEM_UNSUPPORTED_IDENTIFIER] = {"unsupportedIdentifier", 400},
};

GQuark
problem_quark(void)
{
    return g_quark_from_static_string("acme-problem");
}

gboolean
problem_set(GError **error, enum problem_type type, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, PROBLEM, (int)type, text);
    return FALSE;
}

enum problem_type
problem_of(const GError *error)
{
    if (error == NULL || error->domain != PROBLEM || error->code < 0 ||
        error->code >= PROBLEM_TYPES)
        return PROBLEM_SERVER_INTERNAL;
    return (enum problem_type)error->code;
}

int
problem_status(const GError *error)
{
    return types[problem_of(error)].status;
}

void
problem_json(GString *out, const GError *error)
{
    const enum problem_type type = problem_of(error);
    const gboolean ours = error == NULL || error->domain != PROBLEM;
    g_autofree char *name = g_strconcat(PREFIX, types[type].name, NULL);
    json_text_begin_object(out);
    json_text_member_string(out, "type", name);
    json_text_member_string(out, "detail",
                            ours ? "the server could not do it; its log says why" : error->message);
    json_text_member_integer(out, "status", types[type].status);
    if (type == PROBLEM_BAD_SIGNATURE_ALGORITHM)
        json_text_member_raw(out, "algorithms",
                             slice_of("[\"ES256\",\"ES384\",\"RS256\",\"EdDSA\"]"));
    json_text_end_object(out);
}
