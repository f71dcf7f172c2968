/*
 * unite: what becomes of a row that both nodes have, or only the other one has. Nothing that either
 * has is lost, and both come to the same, whoever hears of the other first:
 *
 *     accounts       are the same where they began with the same key. Key and contacts each are
 *                    those that were changed more often, of equally often changed ones those whose
 *                    text comes first; deactivated stays so; made first and used last count
 *     certificates   are the same where their serial number is. Revoked is revoked, by whichever
 *                    came first, and so is replaced
 *     orders         with their certificates never change any more
 *
 * Ids are random, or of a key: two nodes do not make the same one for two things. Where the other
 * one says so nevertheless, ours stays.
 */
#pragma once

#include "netsvc/web/acme/pair/row.h"

/* Puts what comes of it where that is not what is there. */
gboolean unite_row(struct ledger *ledger, const struct row *theirs, GError **error);
