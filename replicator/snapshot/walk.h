/*
 * walk: compares what a listing names with what the chain holds, id by id, and tells what is to be
 * fetched.
 *
 * Both sides come in the archive's order, so one pass suffices. A document whose leaves are the
 * same on both sides is passed over. When the whole database was listed, an id that only the chain
 * holds may have left it without a tombstone, or the copy that listed it lags behind the others of
 * its cluster: it is asked for too, with no leaf listed.
 */
#pragma once

#include "lib/couch/read/fetch.h"
#include "lib/couch/read/listing.h"

struct walk {
    struct listing *listing;
    struct row_reader *held_rows; /* NULL: nothing is held */
    gboolean whole;               /* the listing is of the whole database */
    struct row listed, held;      /* the next of each side; NULL id.data at its end */
    gboolean begun, give_next;    /* give_next: the present ones were handed out */
    guint64 wanted;               /* documents handed out */
};

/* The next document to fetch; rows are valid until the next call. */
gboolean walk_next(struct walk *walk, struct fetch_wanted *wanted, gboolean *end, GError **error);
