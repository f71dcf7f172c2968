/*
 * mark: how a restore knows a half-made database for its own: by the _security that it gives it.
 *
 *     {"admins":{"roles":["_admin"]},"members":{"roles":["_admin"]},
 *      "lifeboat":{"restore":SNAPSHOT,"into":DATABASE}}
 *
 * closes it to all but server admins, who alone can change that, until the real one takes its place
 * at the very end. The snapshot's id says whether a restore can go on from there. The database's
 * name is in it because such an object may be copied to another database, or restored from a
 * snapshot that was taken meanwhile: there it is no mark.
 */
#pragma once

#include "lib/base/slice.h"

/* Closed to all but server admins, without a mark. */
#define MARK_CLOSED "{\"admins\":{\"roles\":[\"_admin\"]},\"members\":{\"roles\":[\"_admin\"]}}"

/* The marked _security. `documents`: the database is made for single ones (--doc), and will hold no
 * others. The caller frees. */
GString *mark_make(const char *snapshot, const char *database, gboolean documents);

/* The snapshot's id (the caller frees) when that _security (raw JSON, or NULL) marks the database;
 * else NULL. */
char *mark_read(const char *security, const char *database, gboolean *documents);

/* Whether it is a mark, of whatever database. */
gboolean mark_is_one(struct slice security);
