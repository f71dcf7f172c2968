/*
 * http_probe: the answer to an http-01 challenge (RFC 8555, 8.3): a file at a fixed place of
 * port 80. Redirections are followed, to HTTP and HTTPS at their usual ports, each under the same
 * policy.
 */
#pragma once

#include "netsvc/web/acme/validate/world.h"

#define HTTP_PROBE_REDIRECTS 10
#define HTTP_PROBE_BODY_MAX 4096

typedef void (*probe_done)(gpointer context, const GError *error); /* NULL: it is as it should be */

struct http_probe;

struct http_probe *http_probe_start(const struct world *world, const char *host, const char *token,
                                    const char *key_authorization, probe_done done,
                                    gpointer context);
void http_probe_free(struct http_probe *probe);
AUTO_DEFINE(http_probe)
