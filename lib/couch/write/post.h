/*
 * post: one request that writes documents: a batch for _bulk_docs, or one leaf's multipart PUT.
 *
 * It remembers where each document stands in its body, so that it can be cut in halves and each
 * refusal named.
 */
#pragma once

#include "lib/couch/write/body.h"

#define POST_HEAD "{\"new_edits\":false,\"docs\":["
#define POST_TAIL "]}"

struct post_document {
    gsize offset, size; /* of its JSON in the body */
};

struct post {
    GString *body;
    GArray *documents;  /* struct post_document; empty for a PUT */
    char *path;         /* of a PUT; NULL for a batch */
    char *content_type; /* of a PUT */
    char *id, *rev;     /* of a PUT */
    guint failures;     /* times that the server failed at it */
    struct http_call *call;
};

struct post *post_new(void);
void post_free(struct post *post);
AUTO_DEFINE(post)

/* Makes an empty batch of it again, keeping the memory. */
void post_reset(struct post *post);

/* ---- a batch ---- */

/* Adds a document: text already appended to post->body between begin and end. */
void post_begin_document(struct post *post);
void post_end_document(struct post *post);
guint post_count(const struct post *post); /* documents */
void post_close(struct post *post);        /* no more documents */

/* The id (and revision) of the only document. */
void post_name(const struct post *post, char **id, char **rev);

/* Two batches of one. */
void post_halve(const struct post *post, struct post **first, struct post **second);

/* A batch of those documents whose ids are in the set; NULL if none. */
struct post *post_pick(const struct post *post, GHashTable *ids);

/* ---- sending ---- */

void post_start(struct post *post, struct http *http, const char *bulk_path);

/* A document that was not taken, of an answer of _bulk_docs. */
struct post_refusal {
    char *id, *rev; /* rev may be NULL */
    char *error;    /* CouchDB's word, such as "forbidden"; may be NULL */
    char *reason;
};

/*
 * Reads the answer. FALSE with an error when the request as a whole failed. Otherwise the documents
 * that were not taken, if any, are in *refusals (struct post_refusal; NULL when all were).
 */
gboolean post_finish(struct post *post, GPtrArray **refusals, GError **error);
