/*
 * table: columns that are aligned, for a terminal, under a title of each.
 *
 *     ID        LABEL    STATE
 *     1a2b3c4d  monday   safe to remove
 *     5e6f7a8b  tuesday  away
 *               FAILED: no room            a note, below its row
 */
#pragma once

#include "lib/base/cleanup.h"

#define TABLE_COLUMNS_MAX 8

struct table;

struct table *table_new(const char *const *titles, guint columns);
void table_free(struct table *table);
AUTO_DEFINE(table)

/* One row: a cell for each column, which the table frees; NULL is an empty one. */
void table_add(struct table *table, char *const *cells);

/* Below the row that was added last; NULL: none. It frees that, too. */
void table_note(struct table *table, char *note);

guint table_rows(const struct table *table); /* without the titles */
void table_append(const struct table *table, GString *out);
