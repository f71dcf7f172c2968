/*
 * difference: which documents of a source's listing have leaves that the target lacks, in the
 * archive's order, for fetch.
 *
 *   since a sequence   1,000 rows at a time, the target asked (_revs_diff) which of their leaves it
 *                      has neither as leaves nor in a document's past
 *   of the whole       the target's own listing walked beside the source's
 */
#pragma once

#include "lib/couch/read/fetch.h"
#include "lib/couch/read/listing.h"

struct difference;

/* Both listings stay the caller's; `present` is the target's, NULL: ask it. */
struct difference *difference_new(struct http *target, const char *database,
                                  struct listing *listing, struct listing *present);
void difference_free(struct difference *difference);
AUTO_DEFINE(difference)

/* The next one, for fetch_handler.next. `held`: those of its leaves that the target has, and leaves
 * there from which others may descend. Valid until the next call. */
gboolean difference_next(struct difference *difference, struct fetch_wanted *wanted, gboolean *end,
                         GError **error);

/* Rows of the source's listing that were handed out, or passed over. */
guint64 difference_rows(const struct difference *difference);

/* So far, of the whole: documents of the target that the source does not list, and those with
 * leaves that it does not list. */
guint64 difference_only_here(const struct difference *difference);
guint64 difference_other_here(const struct difference *difference);
