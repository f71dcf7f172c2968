/*
 * carve: leases out of the pages of a damaged database, without the tree that leads to them. So the
 * leases outlive the loss of a page that all others hang on.
 *
 * A page that holds rows tells so by its first byte, and where they are (SQLite's file format, 1.6
 * and 2.1). Each row is taken that has the columns of `lease` (database.c) with values that make
 * sense. It may be an old one: pages that are free now, and the WAL, hold what was true once.
 */
#pragma once

#include "netsvc/dhcp/lease/database/database.h"

#define CARVE_PAGE 4096 /* bytes: SQLite's, unless told otherwise */

/* Of each row that makes sense. `is_first`: the file's first page, which has the file's header. */
void carve_page(const guint8 page[CARVE_PAGE], gboolean is_first, database_row row, void *context);

/* Of NAME and NAME-wal. */
void carve_file(const char *path, database_row row, void *context);
