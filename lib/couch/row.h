/*
 * row: what is known of a document without its body: its id, its leaf revisions, their attachments.
 * A listing, the state of a chain and the comparison of two servers are all streams of rows in the
 * archive's order.
 *
 *     row      u32 size of what follows │ u32 size of the id │ id │ leaf…
 *     leaf     varint size, revision │ varint number of attachments │ attachment…
 *     attachment  varint size, name (raw JSON) │ varint size, digest │ varint stored bytes
 *
 * in the machine's byte order: rows are for files of this node only, never for a store.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define ROW_MAX (64 * 1024 * 1024) /* bytes of one row; 2,000 leaves take 80 KB */

struct row {
    struct slice id;     /* unescaped UTF-8 */
    struct slice leaves; /* encoded, for row_next_leaf */
};

struct row_leaf {
    struct slice rev;         /* "3-0123…" */
    struct slice attachments; /* encoded, for row_next_attachment */
};

struct row_attachment {
    struct slice name;   /* raw JSON string with quotes */
    struct slice digest; /* "md5-…" */
    guint64 stored;      /* bytes */
};

/* The archive's order: ids by their bytes, `_design/` documents after all others. */
int row_compare_ids(struct slice a, struct slice b);
gboolean row_is_design(struct slice id);

/* ---- writing one row into a buffer ---- */
gsize row_begin(GByteArray *out, struct slice id); /* gives the mark for row_end */
void row_add_leaf(GByteArray *out, struct slice rev, guint n_attachments);
void row_add_attachment(GByteArray *out, struct slice name, struct slice digest, guint64 stored);
void row_end(GByteArray *out, gsize mark);

void row_append(GByteArray *out, const struct row *row); /* a copy */

/* ---- reading ---- */
struct row row_decode(const guint8 *data);                           /* data of a whole row */
gsize row_size(const guint8 *data);                                  /* bytes with its head */
gboolean row_next_leaf(struct slice *leaves, struct row_leaf *leaf); /* moves `leaves` forward */
gboolean row_next_attachment(struct slice *attachments, struct row_attachment *attachment);
guint row_count_leaves(const struct row *row);

/* Whether both have the same leaf revisions, in whatever order. */
gboolean row_same_leaves(const struct row *a, const struct row *b);
gboolean row_find_leaf(const struct row *row, struct slice rev, struct row_leaf *leaf);

/* ---- rows kept in order of their coming, in an unnamed temporary file beyond 64 KB ---- */
struct row_spool;
struct row_spool *row_spool_new(void);
void row_spool_free(struct row_spool *spool);
AUTO_DEFINE(row_spool)

/* Begin a row in the buffer, then end it with row_spool_add. */
GByteArray *row_spool_buffer(struct row_spool *spool);
gboolean row_spool_add(struct row_spool *spool, gsize mark, GError **error);
guint64 row_spool_count(const struct row_spool *spool);

/* The next row that was not given yet, or NULL id.data when there is none now; more may be added.
 * Valid until the next call. */
gboolean row_spool_next(struct row_spool *spool, struct row *row, GError **error);
void row_spool_rewind(struct row_spool *spool); /* gives from the first again */

/* ---- a stream of rows from a range of a file ---- */
struct row_reader;

/* The descriptor stays the caller's. `buffer` is the bytes read ahead. */
struct row_reader *row_reader_new(int fd, guint64 from, guint64 to, gsize buffer, const char *name);
/* The next row, valid until the next call; NULL id.data at the end. */
gboolean row_reader_next(struct row_reader *reader, struct row *row, GError **error);
void row_reader_extend(struct row_reader *reader, guint64 to); /* the file has grown */
void row_reader_free(struct row_reader *reader);
AUTO_DEFINE(row_reader)
