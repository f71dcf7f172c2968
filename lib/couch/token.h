/*
 * token: tells a trustworthy sequence from a plausible one.
 *
 * A source that was rolled back, whole or one shard of it, keeps giving sequences that look right.
 * So whoever reads it leaves a random token in _local/lifeboat-READER-K of each database, K chosen
 * so that every shard has one, and records it: a snapshot, or the standby. `since` is trusted only
 * if each shard still has the token that was recorded last, or has it as the one before (the next
 * reading was interrupted).
 */
#pragma once

#include "lib/http/http.h"

#define TOKEN_SHARDS_MAX 4096 /* shards of a database that are looked at */

enum token_verdict {
    TOKEN_TRUSTED,
    TOKEN_MISMATCH, /* a shard lost its token or has another: rolled back, replaced, or made anew */
    TOKEN_NONE,     /* none is recorded */
};

/* `reader`: the store's id, or the standby's. `recorded` is the raw JSON object of the tokens,
 * {"K":"value"}, or NULL. */
gboolean token_check(struct http *http, const char *database, const char *reader,
                     const char *recorded, guint64 shards, enum token_verdict *verdict,
                     GError **error);

/* token_check is soon to come, for that. */
void token_ahead(struct http *http, const char *database, const char *reader, const char *recorded);

/*
 * Writes a new token to every shard and gives the object to record; "{}" when the account may not
 * write. `recorded` as above. Only where it was `trusted` do its values become the ones before: a
 * run that is interrupted before its seal must not vouch for a sequence that the source does not
 * have.
 */
gboolean token_write(struct http *http, const char *database, const char *reader,
                     const char *recorded, gboolean trusted, guint64 shards, char **tokens,
                     GError **error);
