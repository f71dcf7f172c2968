/*
 * behind: where a client goes on that had not pulled all.
 *
 * What it lacks is what the node that was active lists since the client's sequence there: a set of
 * ids. The other node has the same documents, in another order. So a sequence of the other node
 * will do since which it lists all of that set, and the standby kept some (checkpoint.h, struct
 * mark): the newest that does is taken. Both lists are read to their ends while nobody writes, and
 * compared by their ids: nothing is concluded from what sequences look like. Of more than is worth
 * it the client is left to look through all by itself.
 */
#pragma once

#include "lib/http/http.h"

struct behind;

/* `marks` (struct mark, may be empty): of the database in `into`. All stay the caller's. */
struct behind *behind_new(struct http *from, struct http *into, const char *database,
                          const GPtrArray *marks);
void behind_free(struct behind *behind);
AUTO_DEFINE(behind)

/* Asks `from` what a client lacks that stands at `sequence` there, a text in raw JSON. Several may
 * be asked for at once. */
struct http_call *behind_ask(struct behind *behind, const char *sequence);

/* What such a client goes on from in `into`, raw JSON and valid as long as the marks; NULL: from
 * nowhere. `at_end`: for one that lacks nothing. */
const char *behind_find(struct behind *behind, struct http_call *asked, const char *at_end);
