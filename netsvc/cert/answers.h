/*
 * answers: what cert's tasks are answered with (cert.h).
 *
 *     cert/show      {"name": …, "authority": {"fingerprint", "not_before", "not_after"} or null,
 *                    "in_force": "public" | "own" | null, "generation": 7, "term": 0,
 *                    "certificates": [{"what": "root" | "issuing" | "own" | "public" | "previous",
 *                    "subject", "issuer", "names": […], "fingerprint", "serial", "not_before",
 *                    "not_after", "in_force": true}],
 *                    "missing": ["…"], names that the public certificate is not for,
 *                    "request": TIME or null, "issued": 12, "revoked": 1,
 *                    "peer": "alike" | "away" | "behind" | null,
 *                    "page": "http://clinic.example:8080/", where people install the root, and
 *                    "page_address": the same without a name; null where that is not served}
 *
 *     cert/init      what cert/show tells
 *
 *     cert/import    {"imported": false, "why": "…" or null, "unknown": who would have to be
 * trusted, or null, "subject", "issuer", "fingerprint", "not_after", of the public one, and
 * "missing": as in cert/show}
 *
 *     cert/request   {"name": …, "csr": PEM, "made": TIME, "names": […]}
 */
#pragma once

#include "netsvc/cert/site/site.h"

GString *answers_public(const struct site *site, gint64 now);
GString *answers_key(const struct site *site, gint64 now); /* holds a key: wipe */
GString *answers_issued(const struct site_issued *issued);
GString *answers_request(const struct site *site);
GString *answers_imported(const struct site *site, const char *why_not, const char *unknown);
GString *answers_show(const struct site *site, gint64 now, const char *peer);
