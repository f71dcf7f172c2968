#include "replicator/standby/check/fingerprint.h"

#include "lib/base/hash.h"
#include "lib/base/stop.h"
#include "lib/couch/read/fetch.h"

struct taking {
    struct row_spool *rows; /* to be read */
    struct row_spool *out;
    struct hash *hash; /* of the leaf at hand */
    gsize mark;
    gboolean in_row;
};

static gboolean
next(void *context, struct fetch_wanted *wanted, gboolean *end, GError **error)
{
    struct taking *taking = context;
    struct row row;
    if (!row_spool_next(taking->rows, &row, error))
        return FALSE;
    *end = row.id.data == NULL;
    *wanted = (struct fetch_wanted){row, {{NULL, 0}, {NULL, 0}}};
    return TRUE;
}

static void
choose(void *context, struct leaf *leaf, const struct row *held)
{
    (void)context;
    (void)held;
    for (guint i = 0; i < leaf->n_attachments; i++)
        leaf->attachments[i].here = TRUE;
}

static gboolean
take_leaf(void *context, const struct leaf *leaf, GError **error)
{
    struct taking *taking = context;
    (void)error;
    hash_add(taking->hash, leaf->json.data, leaf->json.size);
    return TRUE;
}

static gboolean
take_bytes(void *context, const void *data, gsize size, GError **error)
{
    struct taking *taking = context;
    (void)error;
    hash_add(taking->hash, data, size);
    return TRUE;
}

static gboolean
take_leaf_end(void *context, const struct leaf *leaf, const char *damage, GError **error)
{
    struct taking *taking = context;
    GByteArray *row = row_spool_buffer(taking->out);
    guint8 digest[HASH_MAX];
    gsize size = hash_take(taking->hash, digest);
    g_autofree char *hex = hash_hex(digest, size);
    (void)error;
    if (damage != NULL)
        return TRUE;
    if (!taking->in_row)
        taking->mark = row_begin(row, leaf->id);
    taking->in_row = TRUE;
    row_add_leaf(row, leaf->rev, 1);
    row_add_attachment(row, slice_of("\"\""), slice_of(hex), 0);
    return TRUE;
}

static gboolean
take_document_end(void *context, const struct row *listed, gboolean complete, GError **error)
{
    struct taking *taking = context;
    (void)complete;
    if (!taking->in_row)
        taking->mark = row_begin(row_spool_buffer(taking->out), listed->id);
    taking->in_row = FALSE;
    return stop_check(error) && row_spool_add(taking->out, taking->mark, error);
}

static void
take_problem(void *context, struct slice id, struct slice rev, const char *reason)
{
    (void)context;
    (void)id;
    (void)rev;
    (void)reason;
}

struct row_spool *
fingerprint_all(struct http *http, const char *database, struct row_spool *rows,
                struct patience *patience, GError **error)
{
    AUTO(row_spool) *out = row_spool_new();
    struct taking taking = {.rows = rows, .out = out, .hash = hash_new(HASH_SHA256)};
    const struct fetch_handler handler = {
        .next = next,
        .choose = choose,
        .leaf = take_leaf,
        .bytes = take_bytes,
        .leaf_end = take_leaf_end,
        .document_end = take_document_end,
        .problem = take_problem,
        .context = &taking,
    };
    row_spool_rewind(rows);
    gboolean done = fetch_documents(http, database, &handler, patience, error);
    hash_free(taking.hash);
    return done ? g_steal_pointer(&out) : NULL;
}
