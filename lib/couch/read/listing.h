/*
 * listing: which documents a database has (or which changed since), with their leaves, in the
 * archive's order.
 *
 * One GET of _changes?style=all_docs, its rows cut out of the stream and sorted within bounded
 * memory. It counts as complete only with a clean end, a last_seq, and nothing pending; anything
 * less fails, and the caller may ask again.
 */
#pragma once

#include "lib/couch/read/sorter.h"
#include "lib/http/http.h"

struct listing;

/* `since` NULL: from the beginning. The progress callback (or NULL) is told the rows so far. */
typedef void (*listing_progress)(void *context, guint64 rows);
struct listing *listing_fetch(struct http *http, const char *database, const char *since,
                              listing_progress progress, void *context, GError **error);

/* FALSE with "the changes feed …" as a failure that may be gone the next time. */
gboolean listing_fault(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * How many documents changed since then, as the server counts them without listing: a feed that has
 * fewer rows lacks some. 0 where it does not tell.
 */
gboolean listing_count(struct http *http, const char *database, const char *since, guint64 *rows,
                       GError **error);

/* The raw JSON of last_seq (a string with quotes in CouchDB 2 and later, a number elsewhere). */
const char *listing_last_seq(const struct listing *listing);
guint64 listing_rows(const struct listing *listing); /* as sent, repetitions included */

/* The next document; rows of one id that came several times are one, with all their leaves. NULL
 * id.data at the end. */
gboolean listing_next(struct listing *listing, struct row *row, GError **error);
void listing_free(struct listing *listing);
AUTO_DEFINE(listing)
