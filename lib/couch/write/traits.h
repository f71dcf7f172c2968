/*
 * traits: what a server that we write to is and can take, read before anything is written.
 *
 * Limits differ from one CouchDB to the next (a document may have 8 MB by default, 4 GB at CHT's),
 * and PouchDB Server has neither a usable multipart PUT nor encoded attachments.
 */
#pragma once

#include "lib/http/http.h"

struct traits {
    gboolean couchdb;   /* else PouchDB Server, or something like it */
    char *version;      /* "3.4.3" */
    guint major, minor; /* 0 when unknown */
    char *uuid;         /* or NULL */
    char *account;      /* who we are there; "" when nobody has to log in */
    char **nodes;       /* names of the cluster's nodes; at least one, "_local" when unknown */
    GString *config;    /* the effective configuration, or NULL */
    guint64 max_document_size; /* bytes of a document without its attachments; 0: no limit known */
    guint64 max_attachment_size; /* likewise */
    guint64 max_request_size;    /* likewise, of a request's body */
};

/* FAIL_FAILED when it is no such server, or the account no admin there. */
gboolean traits_fetch(struct http *http, struct traits *traits, GError **error);

/* Asks once more whether the account is an admin there; a wrong password is not tried again after
 * FALSE. */
gboolean traits_admitted(struct http *http);
void traits_clear(struct traits *traits);

/* Whether it is a CouchDB of this version or newer; also when its version is unknown. */
gboolean traits_at_least(const struct traits *traits, guint major, guint minor);

/* A value of a configuration such as `config`, or NULL; the caller frees. */
char *traits_setting(const GString *config, const char *section, const char *key);

/* CouchDB's limits in bytes, by its configuration (may be NULL) and version (likewise). 0: none
 * known. */
guint64 traits_document_limit(const GString *config, const char *version);
guint64 traits_attachment_limit(const GString *config, const char *version);
guint64 traits_request_limit(const GString *config, const char *version);
