/*
 * public: a certificate of a public authority, since the stock CHT app trusts nothing else. The
 * server has no uplink: a request goes out by drive, and its certificate comes back so.
 *
 *     site_request   a new key, and a request for it: durable. The same again until its
 *                    certificate has come, so that one that was ordered meanwhile stays good
 *     site_import    judged (x509/judge.h), then in force; the one before stays for …
 *     site_roll_back … a way back: the two change places
 */
#pragma once

#include "netsvc/cert/site/site.h"
#include "netsvc/cert/x509/pile.h"

gboolean site_request(struct site *site, gint64 now, GError **error);

/* `by_drive`: nobody stands by, so that what was rolled back is not taken again, nor what leads to
 * none of the public authorities in `known` (NULL: they are not known): the request is no secret,
 * and whoever has a drive could have it signed by an authority of his own, which no phone trusts.
 * FAIL_LATER: there is nothing new in it. */
gboolean site_import(struct site *site, const struct pile *pile, gboolean by_drive,
                     X509_STORE *known, gint64 now, GError **error);
gboolean site_roll_back(struct site *site, GError **error);

/* Names that a request asks for and the public certificate is not for: it is served all the same.
 * Caller frees. */
GPtrArray *site_not_covered(const struct site *site);
