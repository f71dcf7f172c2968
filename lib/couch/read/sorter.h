/*
 * sorter: puts rows of any number into the archive's order within bounded memory.
 *
 * Rows gather in memory; whenever SORTER_MEMORY is full they are sorted and written to an unnamed
 * temporary file as a run; at the end the runs are merged while they are read. Rows with the same
 * id come out next to each other.
 */
#pragma once

#include "lib/couch/row.h"

#define SORTER_MEMORY (4 * 1024 * 1024) /* bytes of rows held, and of all read buffers together */

struct sorter;

struct sorter *sorter_new(gsize memory); /* 0: SORTER_MEMORY */

/* Begin a row here and end it with sorter_add; the buffer is the sorter's. */
GByteArray *sorter_buffer(struct sorter *sorter);
gboolean sorter_add(struct sorter *sorter, gsize mark, GError **error);
guint64 sorter_count(const struct sorter *sorter);

/* No more rows; then sorter_next gives them in order, NULL id.data at the end. A row is valid until
 * the next call. */
gboolean sorter_finish(struct sorter *sorter, GError **error);
gboolean sorter_next(struct sorter *sorter, struct row *row, GError **error);
void sorter_free(struct sorter *sorter);
AUTO_DEFINE(sorter)
