/*
 * apply: what a zone becomes by the changes of an IXFR: the records between its SOAs, as incoming
 * gives them.
 *
 * All changes count together: what one removes and a later one adds again stays. They must fit: a
 * record to be removed that is not there, or one to be added that is, means that we and the primary
 * differ, and the whole zone is to be asked for.
 */
#pragma once

#include "netsvc/dns/transfer/content.h"

/* A new zone's records. NULL: they do not fit. */
struct content *apply_changes(const struct content *base, const struct content *changes,
                              gsize bytes_max, GError **error);

/*
 * In the zone that is being served, RRset by RRset, which for a few names among many costs nearly
 * nothing. Only where no RRset has more than one record before and after: as the names of clients
 * are. FALSE without an error: it is not so, and nothing was changed. With one: they do not fit;
 * nothing was changed, or, of a zone that cannot be, some.
 */
gboolean apply_in_place(struct zone *zone, const struct content *changes, GError **error);
