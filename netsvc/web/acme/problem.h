/*
 * problem: what was wrong with a request, as ACME's clients are told (RFC 8555, 6.7; RFC 7807).
 *
 * It travels as a GError of the domain PROBLEM, whose code is the type and whose message is the
 * detail. An error of any other domain is one of ours: the client is told serverInternal, and the
 * log what it was.
 */
#pragma once

#include "lib/base/slice.h"

enum problem_type {
    PROBLEM_ACCOUNT_DOES_NOT_EXIST,
    PROBLEM_ALREADY_REPLACED, /* RFC 9773, 7.4 */
    PROBLEM_ALREADY_REVOKED,
    PROBLEM_BAD_CSR,
    PROBLEM_BAD_NONCE,
    PROBLEM_BAD_PUBLIC_KEY,
    PROBLEM_BAD_REVOCATION_REASON,
    PROBLEM_BAD_SIGNATURE_ALGORITHM,
    PROBLEM_CONNECTION,
    PROBLEM_DNS,
    PROBLEM_INCORRECT_RESPONSE,
    PROBLEM_INVALID_CONTACT,
    PROBLEM_MALFORMED,
    PROBLEM_NOT_FOUND,  /* malformed, with 404 */
    PROBLEM_METHOD,     /* malformed, with 405 */
    PROBLEM_MEDIA_TYPE, /* malformed, with 415 */
    PROBLEM_KEY_IN_USE, /* malformed, with 409: RFC 8555, 7.3.5 */
    PROBLEM_ORDER_NOT_READY,
    PROBLEM_RATE_LIMITED,
    PROBLEM_REJECTED_IDENTIFIER,
    PROBLEM_SERVER_INTERNAL,
    PROBLEM_TLS,
    PROBLEM_UNAUTHORIZED,
    PROBLEM_UNSUPPORTED_CONTACT,
    PROBLEM_UNSUPPORTED_IDENTIFIER,
    PROBLEM_TYPES,
};

#define PROBLEM problem_quark()
GQuark problem_quark(void);

/* Sets the error and gives FALSE. */
gboolean problem_set(GError **error, enum problem_type type, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* The type of any error. */
enum problem_type problem_of(const GError *error);
int problem_status(const GError *error); /* of HTTP */

/* Appends it as an object. */
void problem_json(GString *out, const GError *error);
