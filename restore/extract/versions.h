/*
 * versions: `extract --doc DB/ID`, every version of a document that the store has.
 *
 *     DIR/DB/ID/          names percent-encoded
 *       REV.json          a revision, the bytes that CouchDB gave
 *       REV/NAME          its attachments, stored bytes; those that CouchDB compresses end in .gz
 *       versions.jsonl    when: a line for each leaf revision of each snapshot in which the
 * document is another than in the one before, oldest first long-names.jsonl  what `%sha256-…`
 * stands for, if there is any (tree.h)
 *
 * A snapshot holds all leaf revisions of what changed, so what one after the other holds of a
 * document is its history: revisions too that newer ones have replaced, whose bodies no server has
 * any more. All trusted snapshots of the store are read, also those that cannot be restored because
 * what they build upon is lost. What cannot be read is named, and the rest is written.
 */
#pragma once

#include "lib/base/progress.h"
#include "restore/selection.h"

/* Writes the documents into the folder; their number and what is missing is told. *exit_code is 0
 * or FAIL_INCOMPLETE. */
gboolean versions_extract(const struct command_line *line, const struct selection *selection,
                          struct progress *progress, int folder_fd, int *exit_code, GError **error);
