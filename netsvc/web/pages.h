/*
 * pages: what is served at which path, apart from ACME.
 *
 *     /                     how to install the root
 *     /ca.crt /ca.der /ca.pem /lifeboat.mobileconfig     the root
 *     /issuing.crt /ca.crl /root.crl                     what else a client may want to judge by
 *     /health               "ok"
 *
 * The certificate in force and its key, under the names that containers know which took them from
 * local-ip.medicmobile.org (/cert /chain /fullchain /key /keys), local-ip.co (/cert/server.pem
 * /cert/chain.pem /cert/server.key) and local-ip.sh (/server.pem /server.key):
 *
 *     /cert /server.pem /cert/server.pem                 the leaf alone
 *     /chain /chain.pem /cert/chain.pem                  what stands behind it
 *     /fullchain /fullchain.pem                          both
 *     /key /server.key /cert/server.key                  the key …
 *     /keys                                              … and all of them, as JSON
 *
 * Whoever has the key can pretend to be the server: only [web] key_networks may fetch it, and each
 * time it is logged.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/web/request.h"
#include "netsvc/web/trust.h"

struct pages;

struct pages *pages_new(const struct config *config);
void pages_free(struct pages *pages);
AUTO_DEFINE(pages)

/* From now on these are served; NULL: there is no certificate yet. They stay the caller's. */
void pages_trust(struct pages *pages, const struct trust *trust);

/* web_handler: all paths of the table. */
gboolean pages_handle(void *pages, const struct web_request *request, struct web_answer *answer);
