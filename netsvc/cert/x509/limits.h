/*
 * limits: the names and addresses that a site's root may certify, which stand in it and in the
 * issuing certificate as name constraints (RFC 5280, 4.2.1.10), critical: whoever steals the
 * issuing key gets no further than the clinic's own names.
 *
 * A name of a certificate is a text here, a DNS name ("*.clinic.example") or an address.
 *
 *     permitted   each domain with all below it, each network; e-mail and URI only of `invalid`,
 *                 which nobody has (RFC 2606)
 *     excluded    all of IPv6 where no network of it is permitted, all of IPv4 likewise: some
 *                 judge the two families apart
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/cert/x509/openssl.h"
#include "netsvc/config/config.h"

#define LIMITS_NAMES_MAX 64 /* names of one certificate */

struct limits {
    GPtrArray *domains; /* char * */
    GArray *networks;   /* struct config_network */
};

/* Of the configuration: the service's name, its further names, the nodes; the networks of [cert],
 * else of each [subnet], and what the server's own addresses are. */
struct limits *limits_configured(const struct config *config);

/* Those that stand in a certificate; NULL: it has none. */
struct limits *limits_read(const X509 *certificate);
void limits_free(struct limits *limits);
AUTO_DEFINE(limits)

gboolean limits_allow(const struct limits *limits, const char *name);

/* As the extension; caller frees. */
NAME_CONSTRAINTS *limits_constraints(const struct limits *limits);

/* ---- the names of a certificate ---- */

/* Whether it is an address: 4 or 16 bytes of it, else 0. */
gsize limits_address(const char *name, guint8 address[16]);

/* Those of the server's own certificate by the configuration, each once, the service's first. */
GPtrArray *limits_own_names(const struct config *config);

GENERAL_NAMES *limits_subject_names(const GPtrArray *names);

/* What stands in a certificate or request, in small letters; other kinds than names and addresses
 * are in it as "other". */
GPtrArray *limits_names_of(const GENERAL_NAMES *names);
GPtrArray *limits_certificate_names(const X509 *certificate);
GPtrArray *limits_request_names(const X509_REQ *request);
gboolean limits_has(const GPtrArray *names, const char *name);
/* Whether one of them is it, or a wildcard that it matches. */
gboolean limits_cover(const GPtrArray *names, const char *name);
