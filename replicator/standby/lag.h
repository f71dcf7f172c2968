/*
 * lag: how many changes a database is behind, as well as that is known without asking for it. Each
 * is about, for the source goes on, and of a document that changed twice one change is copied:
 *
 *     a hint    one at least
 *     a sweep   by how much the number grew that its sequence begins with, since what was copied;
 *               where nothing was copied yet, its documents
 *     a pass    the rows that it listed and has not done with
 */
#pragma once

#include "replicator/standby/standby.h"

/* The source says this of itself (an element of _dbs_info's answer), and that is not what was
 * copied. */
void lag_swept(struct followed *database, struct slice info);

/* A pass has so many rows before it; … */
void lag_listed(struct followed *database, guint64 rows);

/* … and has done with so many of them. */
void lag_done(struct followed *database, guint64 rows);

/* Of one that is behind. */
guint64 lag_changes(const struct followed *database);
gboolean lag_is_counted(const struct followed *database); /* FALSE: there may be many more */
