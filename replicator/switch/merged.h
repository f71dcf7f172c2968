/*
 * merged: what a merge brought, for people: in the state folder
 *
 *     merged-20261129-203354.jsonl  {"database":"medic","id":"…","rev":"3-…","conflict":true}
 *                                   one line for each revision that came; conflict: the document
 *                                   has another one beside it, and somebody must choose
 *     merged.json                   {"when":TIME,"documents":12,"conflicts":1,"report":PATH}: of
 * the last merge that brought anything merged.partial                what was about to be written
 * so far, by a merge that goes on
 *
 * A revision is noted before it is written, so a merge that is killed forgets nothing that it
 * brought, and the next one goes on with its notes. A note alone says little: what it names is
 * looked at when all has come.
 */
#pragma once

#include "lib/base/slice.h"
#include "lib/http/http.h"

#define MERGED_SUMMARY "merged.json"
#define MERGED_SUMMARY_MAX (64 * 1024) /* bytes */
#define MERGED_NAMED 100               /* conflicts that the answer names, … */
#define MERGED_BYTES (24 * 1024)       /* … in so many bytes, about */

struct merged;

/* Goes on with the notes that are there. */
struct merged *merged_open(const char *state, GError **error);
void merged_free(struct merged *merged);
AUTO_DEFINE(merged)

gboolean merged_note(struct merged *merged, const char *database, struct slice id, struct slice rev,
                     GError **error);

/* All has come: looks at what was noted in this node's server, and writes the report. Nothing is
 * written where nothing came. Members for the answer are added to `answer`. */
gboolean merged_finish(struct merged *merged, struct http *http, GString *answer, GError **error);
