/* expectation: see the header. */
#include "restore/check/expectation.h"

#include "lib/json/json.h"

void
expectation_init(struct expectation *expectation, gboolean hash, gboolean loose)
{
    *expectation = (struct expectation){.hash = hash, .loose = loose, .rows = row_spool_new()};
    expectation->excused =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
}

void
expectation_clear(struct expectation *expectation)
{
    row_spool_free(expectation->rows);
    if (expectation->excused != NULL)
        g_hash_table_unref(expectation->excused);
    *expectation = (struct expectation){0};
}

/* ---- adding ---- */

/*
 * A hash of the members, whatever their order, each byte for byte. What a server adds to a document
 * as it likes is compared elsewhere or not at all.
 */
static void
hash_json(const struct leaf *leaf, gboolean loose, guint8 out[HASH_SHA256_SIZE])
{
    struct leaf_digest digest = {{0}};
    struct slice key, value;
    for (gsize place = 0; json_next_member(leaf->json, &place, &key, &value);)
        if (!slice_is(key, "_attachments") && !(loose && slice_is(key, "_revisions")))
            leaf_digest_add(&digest, key, value);
    memcpy(out, digest.sum, sizeof digest.sum);
}

static void
describe(GString *text, const struct attachment *attachment, gboolean loose)
{
    g_string_truncate(text, 0);
    g_string_append_len(text, attachment->digest.data, (gssize)attachment->digest.size);
    if (loose)
        return;
    g_string_append_printf(text, " %s%" G_GUINT64_FORMAT, attachment->encoded ? "gzip " : "",
                           attachment->revpos);
    if (attachment->type.size > 0)
        g_string_append_printf(text, " " SLICE_FORMAT, SLICE_ARGS(attachment->type));
}

void
expectation_add(struct expectation *expectation, const struct leaf *leaf)
{
    GByteArray *out = row_spool_buffer(expectation->rows);
    g_autoptr(GString) text = g_string_new(NULL);
    guint8 sha256[HASH_SHA256_SIZE];
    guint n = 0;
    gboolean hash = expectation->hash;
    for (guint i = 0; i < leaf->n_attachments; i++)
        n += leaf->attachments[i].here;
    if (!expectation->in_row) {
        expectation->mark = row_begin(out, leaf->id);
        expectation->in_row = TRUE;
        expectation->documents++;
    }
    row_add_leaf(out, leaf->rev, n + hash);
    if (hash) {
        hash_json(leaf, expectation->loose, sha256);
        row_add_attachment(out, (struct slice){"", 0},
                           (struct slice){(char *)sha256, HASH_SHA256_SIZE}, expectation->loose);
    }
    for (guint i = 0; i < leaf->n_attachments; i++) {
        const struct attachment *attachment = &leaf->attachments[i];
        if (!attachment->here)
            continue;
        describe(text, attachment, expectation->loose);
        if (expectation->loose && attachment->encoded)
            g_string_truncate(text, 0);
        row_add_attachment(out, attachment->name, (struct slice){text->str, text->len},
                           attachment->stored);
    }
    leaf_digest_add(&expectation->digest, leaf->id, leaf->rev);
    expectation->leaves++;
    expectation->attachments += n;
}

gboolean
expectation_end(struct expectation *expectation, GError **error)
{
    if (!expectation->in_row)
        return TRUE;
    expectation->in_row = FALSE;
    return row_spool_add(expectation->rows, expectation->mark, error);
}

/* ---- excuses ---- */

static GBytes *
key_of(struct slice id, struct slice rev)
{
    g_autoptr(GString) key = g_string_new_len(id.data, (gssize)id.size);
    for (gsize i = 0; i < key->len; i++)
        if (key->str[i] == '\0')
            key->str[i] = '\n'; /* as post.c names documents */
    g_string_append_c(key, '\0');
    g_string_append_len(key, rev.data, (gssize)rev.size);
    return g_string_free_to_bytes(g_steal_pointer(&key));
}

void
expectation_excuse(struct expectation *expectation, struct slice id, struct slice rev)
{
    g_hash_table_add(expectation->excused, key_of(id, rev));
}

/* A refusal may come without a revision: then it speaks for all leaves of the document. */
gboolean
expectation_is_excused(const struct expectation *expectation, struct slice id, struct slice rev)
{
    if (g_hash_table_size(expectation->excused) == 0)
        return FALSE;
    g_autoptr(GBytes) key = key_of(id, rev);
    g_autoptr(GBytes) all = key_of(id, (struct slice){"", 0});
    return g_hash_table_contains(expectation->excused, key) ||
           g_hash_table_contains(expectation->excused, all);
}

/* ---- comparing ---- */

gboolean
expectation_has_details(const struct row_leaf *expected)
{
    return expected->attachments.size > 0;
}

static const struct attachment *
find(const struct leaf *leaf, struct slice name)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (slice_compare(leaf->attachments[i].name, name) == 0)
            return &leaf->attachments[i];
    return NULL;
}

/* The same name may be escaped in another way. */
static const struct attachment *
find_unescaped(const struct leaf *leaf, struct slice name)
{
    g_autoptr(GString) wanted = g_string_new(NULL);
    g_autoptr(GString) other = g_string_new(NULL);
    json_unescape(name, wanted);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        g_string_truncate(other, 0);
        json_unescape(leaf->attachments[i].name, other);
        if (g_string_equal(wanted, other))
            return &leaf->attachments[i];
    }
    return NULL;
}

/* Packed on the way in, and otherwise the same: expected "md5-… 3 type", found "md5-… gzip 3 type".
 */
static gboolean
is_only_packed(const struct row_attachment *expected, struct slice found, const struct leaf *leaf,
               const struct attachment *attachment, const struct packed_where *where,
               gboolean *same, GError **error)
{
    const char *mine = memchr(expected->digest.data, ' ', expected->digest.size);
    const char *its = memchr(found.data, ' ', found.size);
    guint64 length;
    *same = FALSE;
    if (mine == NULL || its == NULL || !attachment->encoded ||
        !json_member_unsigned(attachment->value, "length", &length) || length != expected->stored)
        return TRUE;
    struct slice rest = {mine + 1,
                         (gsize)(expected->digest.data + expected->digest.size - mine - 1)};
    struct slice other = {its + sizeof " gzip",
                          (gsize)(found.data + found.size - its - sizeof " gzip")};
    struct slice digest = {expected->digest.data, (gsize)(mine - expected->digest.data)};
    return slice_compare(rest, other) != 0 ||
           packed_has_digest(where, leaf, attachment, digest, same, error);
}

static gboolean
compare_attachment(const struct row_attachment *expected, const struct leaf *leaf,
                   const struct packed_where *where, char **difference, GError **error)
{
    gboolean same;
    const struct attachment *attachment = find(leaf, expected->name);
    if (attachment == NULL)
        attachment = find_unescaped(leaf, expected->name);
    if (attachment == NULL) {
        *difference =
            g_strdup_printf("attachment " SLICE_FORMAT " is missing", SLICE_ARGS(expected->name));
        return TRUE;
    }
    if (expected->digest.size == 0)
        return TRUE;
    g_autoptr(GString) text = g_string_new(NULL);
    describe(text, attachment, memchr(expected->digest.data, ' ', expected->digest.size) == NULL);
    struct slice found = {text->str, text->len};
    if (slice_compare(expected->digest, found) == 0 && expected->stored == attachment->stored)
        return TRUE;
    if (!is_only_packed(expected, found, leaf, attachment, where, &same, error))
        return FALSE;
    if (!same)
        *difference = g_strdup_printf("attachment " SLICE_FORMAT " differs: expected " SLICE_FORMAT
                                      ", %" G_GUINT64_FORMAT
                                      " bytes, and found %s, %" G_GUINT64_FORMAT " bytes",
                                      SLICE_ARGS(expected->name), SLICE_ARGS(expected->digest),
                                      expected->stored, text->str, attachment->stored);
    return TRUE;
}

gboolean
expectation_compare(const struct row_leaf *expected, const struct leaf *leaf,
                    const struct packed_where *where, char **difference, GError **error)
{
    struct slice rest = expected->attachments;
    struct row_attachment attachment;
    guint8 sha256[HASH_SHA256_SIZE];
    *difference = NULL;
    while (*difference == NULL && row_next_attachment(&rest, &attachment)) {
        if (attachment.name.size > 0) {
            if (!compare_attachment(&attachment, leaf, where, difference, error))
                return FALSE;
            continue;
        }
        hash_json(leaf, attachment.stored != 0, sha256);
        if (memcmp(sha256, attachment.digest.data, HASH_SHA256_SIZE) != 0)
            *difference = g_strdup("its JSON is not the same");
    }
    return TRUE;
}
