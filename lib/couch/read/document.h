/*
 * document: the one that fetch passes on, leaf by leaf, to the handler. Accounts for every leaf of
 * it that the listing named: what was not given is asked for again, alone, and what became of it
 * is found out.
 */
#pragma once

#include "lib/couch/read/attach.h"

#define DOCUMENT_GIVEN_UP_MAX 20 /* documents in a row; then it is the server, not they */

struct document;

/*
 * All that is given must stay. `bulk_get` is the path of the database's _bulk_get; `given_up`
 * counts the documents in a row that the server did not give though it answers.
 */
struct document *document_new(struct http *http, const char *database, const char *bulk_get,
                              const struct fetch_handler *handler, struct patience *patience,
                              guint *given_up);
void document_free(struct document *document);
AUTO_DEFINE(document)

/* The next one, with the leaves that the listing named: the row must stay until it ends. */
void document_begin(struct document *document, const struct row *listed);

/* Passes a leaf on. Its attachments, if some are chosen, must have been announced. */
gboolean document_leaf(struct document *document, struct attach *attach, const struct leaf *leaf,
                       GError **error);
gboolean document_was_given(const struct document *document, const struct leaf *leaf);
gboolean document_has_begun(const struct document *document); /* a leaf of it was given */

/* The answer held an error for it: it is asked for again when it ends. */
void document_refused(struct document *document);

/* Tells the handler what is lost, of a revision or, with an empty rev, of the document. */
void document_problem(struct document *document, struct slice id, struct slice rev,
                      const char *reason);

/* No more leaves come: clears up what is missing and ends it. FALSE only when the handler or
 * patience ended it. */
gboolean document_end(struct document *document, const struct row *listed, const struct row *held,
                      GError **error);

/* Whether an entry of _bulk_get says that no copy of the server has the document: no fault of one
 * that was not listed. */
gboolean document_is_absent(struct slice entry);
