/*
 * translate: one client's checkpoint, which it left in the node that was active, as the other node
 * must have it. PouchDB writes
 *
 *     {"_id":"_local/…","session_id":S,"last_seq":N,"history":[{"session_id":S,"last_seq":N},…],
 *      "replicator":"pouchdb","version":1}
 *
 * into both databases, and goes on from where both agree: where the newest session is the same,
 * from what its *source* says; else it looks for a session that both have.
 *
 *     push   the client is the source: N is its own sequence, a number. Nothing is changed
 *     pull   the node is the source: N is a sequence of that node, a text, and means nothing in the
 *            other one, or by accident something wrong. It becomes the other one's, and only the
 *            newest session is kept, so that no older sequence is ever gone on from
 *     others CouchDB's own replicator writes "source_last_seq", and looks for its checkpoint under
 *            a name that does not come of the uuid. It begins from zero
 */
#pragma once

#include "lib/base/slice.h"

enum translate_kind { TRANSLATE_OTHER, TRANSLATE_PUSH, TRANSLATE_PULL };

/* Of a document in checked JSON; `sequence` (may be NULL) becomes the raw JSON of a pull's. */
enum translate_kind translate_kind_of(struct slice json, struct slice *sequence);

/* Whether it is a replication's at all, and none of lifeboat's own. */
gboolean translate_is_checkpoint(struct slice json);

/* Appends a push as it is, or a pull with that sequence (raw JSON), without its revision, or with
 * `rev` (raw JSON). */
void translate_append(GString *out, struct slice json, const char *sequence, const char *rev);
