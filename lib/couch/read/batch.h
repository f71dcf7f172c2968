/*
 * batch: consecutive documents that fetch asks for in one request to _bulk_get, or in several when
 * it has to be asked again.
 */
#pragma once

#include "lib/couch/row.h"
#include "lib/http/http.h"
#include "lib/json/json.h"

/* The documents, and how far the answer has been read. */
struct batch {
    GByteArray *rows; /* listed and held row of each, encoded */
    GArray *places;   /* guint32 offset of each document's listed row; the held one follows */
    guint at;         /* the document being read */
    guint asked_to;   /* documents in the present request: [.., asked_to) */
    guint span;       /* documents in a request at most */
    GString *body;
    struct http_call *call;
    struct json_split *split;
    guint stuck; /* failures since the last document was complete */
    guint64 bytes;
};

struct batch *batch_new(void);
void batch_free(struct batch *batch); /* ends its request */

/* Another document: copies of its rows. `held` may be empty. */
void batch_add(struct batch *batch, const struct row *listed, const struct row *held);

/* The rows of a document; id.data NULL when nothing is held. Valid until batch_add. */
struct row batch_listed(const struct batch *batch, guint document);
struct row batch_held(const struct batch *batch, guint document);

/* Asks for the documents from `at` on, `span` of them at most. */
void batch_ask(struct batch *batch, struct http *http, const char *path);
void batch_hang_up(struct batch *batch);
