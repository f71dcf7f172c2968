/*
 * expectation: what was meant to be in a database, gathered while it is written and compared with
 * it afterwards.
 *
 * A row (lib/couch/row.h) for each document, with its leaves and their attachments, in a temporary
 * file beyond 64 KB. An attachment's `digest` there is all that must come out identical: digest,
 * encoding, revpos, content type. With `hash`, each leaf has one attachment more, first and without
 * a name: a hash of its JSON's members.
 *
 * PouchDB Server (`loose`) keeps no attachment encoded and counts revpos in its own way: there
 * attachments are compared by their digests alone, and encoded ones by their names.
 */
#pragma once

#include "lib/couch/leaf.h"
#include "lib/couch/row.h"
#include "restore/check/packed.h"

struct expectation {
    gboolean hash;  /* of each leaf's JSON is kept */
    gboolean loose; /* the target is no CouchDB */
    struct row_spool *rows;
    struct leaf_digest digest;
    guint64 documents, leaves, attachments;
    GHashTable *excused; /* leaves that are not there and were reported */

    gboolean in_row; /* the last row is not ended yet */
    gsize mark;
};

void expectation_init(struct expectation *expectation, gboolean hash, gboolean loose);
void expectation_clear(struct expectation *expectation);

/* A leaf, then when all of its document were added, expectation_end. Attachments that are not
 * `here` are not expected. */
void expectation_add(struct expectation *expectation, const struct leaf *leaf);
gboolean expectation_end(struct expectation *expectation, GError **error);

/* A leaf that is known to be missing. */
void expectation_excuse(struct expectation *expectation, struct slice id, struct slice rev);
gboolean expectation_is_excused(const struct expectation *expectation, struct slice id,
                                struct slice rev);

/*
 * Compares a leaf as the target gives it (asked with att_encoding_info=true) with what was expected
 * of it: *difference is NULL, or what differs, which the caller frees. The JSON itself is compared
 * where its hash is known.
 * `where` it came from serves to read what the server packed; that alone can fail.
 */
gboolean expectation_compare(const struct row_leaf *expected, const struct leaf *leaf,
                             const struct packed_where *where, char **difference, GError **error);

/* Whether there is something to compare beside the revision. */
gboolean expectation_has_details(const struct row_leaf *expected);
