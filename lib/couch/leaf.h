/*
 * leaf: one leaf revision of a document, as slices of the bytes that CouchDB gave.
 *
 * A document is the set of its leaves: the winner, its conflicts, and deleted ones. A leaf is never
 * rebuilt; the only change ever made to its bytes is the word that says whether an attachment's
 * data is here ("follows") or not ("stub").
 */
#pragma once

#include "lib/base/hash.h"
#include "lib/base/slice.h"

#define LEAF_ATTACHMENTS_MAX 100000 /* attachments of one leaf that are accepted */

struct attachment {
    struct slice name;   /* raw JSON string with its quotes */
    struct slice value;  /* raw JSON object; also tells the place of the mark */
    struct slice mark;   /* the member `"stub":true`, or `"follows":true`, key to value */
    struct slice digest; /* "md5-…" without quotes; size 0 when absent */
    struct slice type;   /* content_type, raw JSON string, size 0 when absent */
    guint64 stored;      /* bytes as stored: encoded_length when encoded, else length */
    guint64 revpos;
    gboolean encoded; /* stored gzip-encoded */
    gboolean here;    /* the bytes follow ("follows"), or are to follow */
    gboolean kept;    /* whom it is written to has them, of an ancestor: it stays a stub */
};

struct leaf {
    struct slice json; /* the whole document */
    struct slice id;   /* unescaped; owned by the leaf */
    struct slice rev;  /* "3-0123…" without quotes */
    gboolean deleted;
    guint64 generation;
    struct slice ancestors; /* _revisions.ids, raw array, newest first; size 0 when absent */
    struct attachment *attachments; /* in their order; owned by the leaf */
    guint n_attachments;
    GString *id_text; /* storage, kept for the next parse */
    GArray *attachment_array;
};

/* A leaf is used again and again: begins zeroed, ends with leaf_clear. */
void leaf_clear(struct leaf *leaf);

/*
 * Takes apart a document that json_check has accepted. FALSE with what is wrong: no _id or _rev, a
 * malformed revision, an attachment without length or with neither stub nor follows. What comes in
 * the slice behind the document is not looked at, and is not in leaf->json.
 */
gboolean leaf_parse(struct leaf *leaf, struct slice json, GError **error);

/* The same, knowing where in it the names stand that begin with '_' (struct json_outline): the rest
 * of the document is not walked through. The slice must end with the document. */
gboolean leaf_parse_outlined(struct leaf *leaf, struct slice json, const guint32 *names,
                             guint n_names, GError **error);

/* Whether revision `rev` ("3-0123…") is this leaf or stands in its path. */
gboolean leaf_descends_from(const struct leaf *leaf, struct slice rev);

/* The generation of the oldest revision in its path: more than 1 where _revs_limit cut it. */
guint64 leaf_oldest_generation(const struct leaf *leaf);

/* Whether bytes of some attachment are wanted: one is chosen (`here`). */
gboolean leaf_needs_bytes(const struct leaf *leaf);

/* Appends the document with each attachment marked as attachments[i].here says. */
void leaf_append_marked(const struct leaf *leaf, GString *out);

/* Appends the leaf and its attachments to a row being written (row.h). */
void leaf_append_to_row(const struct leaf *leaf, GByteArray *row);

/* The number before the dash; FALSE if `rev` is no revision. */
gboolean revision_generation(struct slice rev, guint64 *generation);

/*
 * Leaf digest (FORMAT.md): the sum modulo 2^256 of SHA-256(id, 0x00, rev) over a set of leaves,
 * big-endian. Order does not matter.
 */
struct leaf_digest {
    guint8 sum[HASH_SHA256_SIZE];
};
void leaf_digest_add(struct leaf_digest *digest, struct slice id, struct slice rev);
