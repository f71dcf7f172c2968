/*
 * server: small questions to a CouchDB: who it is, which databases it has, how they are set up.
 *
 * Answers are kept as raw JSON where we only pass them on. Other servers that speak the protocol
 * (PouchDB Server) lack some of the endpoints; such members are NULL then.
 */
#pragma once

#include "lib/http/http.h"

#define SERVER_DATABASES_MAX 1000000 /* names accepted from _all_dbs */

struct server_info {
    char *version; /* "3.4.3" */
    char *uuid;
};

gboolean server_info_fetch(struct http *http, struct server_info *info, GError **error);
void server_info_clear(struct server_info *info);

/* Whether it answers a GET of the path, asked once and without patience: then another question's
 * failure is not the server's. */
gboolean server_answers(struct http *http, const char *path);

/* Names of all databases, each once, ascending by their bytes; ends with NULL. */
char **server_databases(struct http *http, GError **error);

/*
 * The effective configuration as {"section":{"key":"value"}}, sections and keys sorted, so that
 * equal settings give equal texts. NULL without an error when the server has no such endpoint.
 */
GString *server_config(struct http *http, GError **error);

/* The same of one node of a cluster, without the order. */
GString *server_node_config(struct http *http, const char *node, GError **error);

/* The name of the node that answers; NULL when it does not tell. */
char *server_node_name(struct http *http);

struct server_database {
    char *update_seq; /* raw JSON */
    char *purge_seq;  /* raw JSON */
    char *instance_start_time;
    guint64 documents, deleted;
    gboolean counts_deleted; /* FALSE: the server does not tell `deleted` */
    guint64 q, n;            /* 0 when unknown */
    gboolean partitioned;
    char *security; /* raw JSON */
    guint64 revs_limit;
};

/* GET /db; FAIL with HTTP 404 when it does not exist. Leaves security and revs_limit unset. */
gboolean server_database_info(struct http *http, const char *name, struct server_database *database,
                              GError **error);

/* The same with _security and _revs_limit. */
gboolean server_database_fetch(struct http *http, const char *name,
                               struct server_database *database, GError **error);
void server_database_clear(struct server_database *database);

/* The number that a sequence begins with, to which every change adds: "123-g1AAAA…", 123 or
 * [123,"g1AAAA…"], raw JSON. FALSE: it begins with none. */
gboolean server_sequence_number(struct slice sequence, guint64 *number);

/* Asks of many databases at once. Each is called with what GET /db says, or with nothing where the
 * database is not there; never, where the server cannot be asked that way: CouchDB before 2.2, and
 * PouchDB Server. *can: it can. */
typedef gboolean (*server_each_database)(void *context, const char *name, struct slice info,
                                         GError **error);
gboolean server_ask_databases(struct http *http, const GPtrArray *names, server_each_database each,
                              void *context, gboolean *can, GError **error);

/* Whether that is the answer of a server that has no such endpoint. */
gboolean server_is_unknown(const GError *error);

/* {"purged_infos":[{"id":…,"revs":[…]}]}; NULL without an error when the server cannot tell:
 * CouchDB before 3.4. */
GString *server_purged_infos(struct http *http, const char *name, GError **error);

/* Ids in _purged_infos, as a set; empty when there are none or the server cannot tell. */
GHashTable *server_purged_ids(struct http *http, const char *name, GError **error);

/* ---- names of databases ---- */

/* Whether it is one whose documents CouchDB acts on. */
gboolean server_is_replicator(const char *database);
gboolean server_is_users(const char *database);

/* Whether nobody wants it back: CouchDB makes it anew by itself, or it is there for a while only
 * (scratch.h). */
gboolean server_is_passing(const char *database);

/* ---- paths, escaped; the caller frees ---- */

/* "/name" + rest, which is escaped already. */
char *server_path(const char *database, const char *rest);

/* "/name/ID" + rest. CouchDB redirects from a design document whose slash is escaped. */
char *server_document_path(const char *database, struct slice id, const char *rest);

/* "/name/ID/ATTACHMENT?rev=REV"; the attachment's name is raw JSON. */
char *server_attachment_path(const char *database, struct slice id, struct slice name,
                             struct slice rev);
