/*
 * acme: an ACME server (RFC 8555, renewal information RFC 9773) over the site's own CA, so that
 * certbot, acme.sh, lego, uacme, Caddy and CHT's own certbot container get certificates on the LAN
 * as they do from Let's Encrypt.
 *
 * It decides who may have a certificate for which name; issuing is the cert child's (task
 * cert/issue), which checks names against its own root once more. Accounts, orders and certificates
 * are kept in acme.db of the web child's folder, and are the same on both nodes (pair/twin.h), but
 * for what is under way: a client whose order is not known after a switch begins another one.
 */
#pragma once

#include "netsvc/child/child.h"
#include "netsvc/web/request.h"

#define ACME_DIRECTORY "/acme/directory"

struct acme;

/* From within `begin`: opens acme.db in the current folder. */
struct acme *acme_new(struct child *child, GError **error);
void acme_free(struct acme *acme);
AUTO_DEFINE(acme)

/* The site's root (PEM), by which it is judged who may have a certificate. */
void acme_root(struct acme *acme, const char *root);

/* The node's role; and what the other one's says. */
void acme_role(struct acme *acme, const struct task_state *state);
void acme_take(struct acme *acme, const void *data, gsize size);

/* web_handler: whatever begins with /acme/. */
gboolean acme_handle(void *acme, const struct web_request *request, struct web_answer *answer);
