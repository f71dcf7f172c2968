#include "lib/couch/leaf.h"

#include "lib/base/fail.h"
#include "lib/couch/row.h"
#include "lib/json/json.h"

void
leaf_clear(struct leaf *leaf)
{
    if (leaf->id_text != NULL)
        g_string_free(leaf->id_text, TRUE);
    if (leaf->attachment_array != NULL)
        g_array_free(leaf->attachment_array, TRUE);
    *leaf = (struct leaf){0};
}

gboolean
revision_generation(struct slice rev, guint64 *generation)
{
    const char *dash = rev.size > 0 ? memchr(rev.data, '-', rev.size) : NULL;
    return dash != NULL && dash + 1 < rev.data + rev.size &&
           json_unsigned((struct slice){rev.data, (gsize)(dash - rev.data)}, generation);
}

/* A string that needs no unescaping, without its quotes. */
static gboolean
plain_string(struct slice value, struct slice *text)
{
    if (json_type(value) != JSON_STRING || memchr(value.data, '\\', value.size) != NULL)
        return FALSE;
    *text = (struct slice){value.data + 1, value.size - 2};
    return TRUE;
}

/* ---- attachments ---- */

static struct slice
member_span(struct slice key, struct slice value)
{
    return (struct slice){key.data - 1, (gsize)(value.data + value.size - key.data + 1)};
}

static gboolean
parse_attachment(struct attachment *attachment, struct slice name, struct slice value,
                 GError **error)
{
    guint64 length = 0, encoded_length = 0;
    gboolean has_length = FALSE, has_encoded_length = FALSE;
    struct slice key, member;
    *attachment = (struct attachment){.name = {name.data - 1, name.size + 2}, .value = value};
    if (json_type(value) != JSON_OBJECT)
        return fail_set(error, FAIL_FAILED, "attachment '" SLICE_FORMAT "' is no object",
                        SLICE_ARGS(name));
    for (gsize place = 0; json_next_member(value, &place, &key, &member);) {
        if (slice_is(key, "stub") || slice_is(key, "follows")) {
            attachment->mark = member_span(key, member);
            attachment->here = slice_is(key, "follows");
        } else if (slice_is(key, "digest")) {
            plain_string(member, &attachment->digest);
        } else if (slice_is(key, "content_type")) {
            attachment->type = member;
        } else if (slice_is(key, "length")) {
            has_length = json_unsigned(member, &length);
        } else if (slice_is(key, "encoded_length")) {
            has_encoded_length = json_unsigned(member, &encoded_length);
        } else if (slice_is(key, "encoding")) {
            attachment->encoded = TRUE;
        } else if (slice_is(key, "revpos")) {
            json_unsigned(member, &attachment->revpos);
        }
    }
    if (!has_length && !has_encoded_length)
        return fail_set(error, FAIL_FAILED, "attachment '" SLICE_FORMAT "' has no length",
                        SLICE_ARGS(name));
    if (attachment->mark.size == 0)
        return fail_set(error, FAIL_FAILED,
                        "attachment '" SLICE_FORMAT "' is neither a stub nor does it follow",
                        SLICE_ARGS(name));
    attachment->stored = attachment->encoded && has_encoded_length ? encoded_length : length;
    return TRUE;
}

static gboolean
parse_attachments(struct leaf *leaf, struct slice object, GError **error)
{
    struct slice name, value;
    g_assert(leaf->attachment_array != NULL);
    for (gsize place = 0; json_next_member(object, &place, &name, &value);) {
        struct attachment attachment;
        if (!parse_attachment(&attachment, name, value, error))
            return FALSE;
        if (leaf->attachment_array->len == LEAF_ATTACHMENTS_MAX)
            return fail_set(error, FAIL_FAILED, "more than %d attachments", LEAF_ATTACHMENTS_MAX);
        g_array_append_val(leaf->attachment_array, attachment);
    }
    return TRUE;
}

/* ---- the document ---- */

static gboolean
parse_member(struct leaf *leaf, struct slice key, struct slice value, GError **error)
{
    struct slice ids;
    if (key.size == 0 || key.data[0] != '_')
        return TRUE;
    if (slice_is(key, "_id") && json_type(value) == JSON_STRING) {
        g_string_truncate(leaf->id_text, 0);
        json_unescape(value, leaf->id_text);
    } else if (slice_is(key, "_rev")) {
        plain_string(value, &leaf->rev);
    } else if (slice_is(key, "_deleted")) {
        leaf->deleted = slice_is(value, "true");
    } else if (slice_is(key, "_revisions") && json_member(value, "ids", &ids)) {
        leaf->ancestors = ids;
    } else if (slice_is(key, "_attachments")) {
        return parse_attachments(leaf, value, error);
    }
    return TRUE;
}

static gboolean
parse_all(struct leaf *leaf, GError **error)
{
    struct slice key, value;
    gsize place = 0;
    while (json_next_member(leaf->json, &place, &key, &value))
        if (!parse_member(leaf, key, value, error))
            return FALSE;
    leaf->json.size = json_container_size(leaf->json, place);
    return TRUE;
}

static gboolean
parse_outlined(struct leaf *leaf, const guint32 *names, guint n_names, GError **error)
{
    struct slice key, value;
    for (guint i = 0; i < n_names; i++) {
        gsize place = names[i];
        if (json_next_member(leaf->json, &place, &key, &value) &&
            !parse_member(leaf, key, value, error))
            return FALSE;
    }
    return TRUE;
}

/* Begins anew, with the memory that the leaf has. */
static void
reset(struct leaf *leaf, struct slice json)
{
    GString *id_text = leaf->id_text != NULL ? leaf->id_text : g_string_new(NULL);
    GArray *attachments = leaf->attachment_array != NULL
                              ? leaf->attachment_array
                              : g_array_new(FALSE, FALSE, sizeof(struct attachment));
    g_string_truncate(id_text, 0);
    g_array_set_size(attachments, 0);
    *leaf = (struct leaf){.json = json, .id_text = id_text, .attachment_array = attachments};
}

/* Takes over what the members said. */
static gboolean
finish(struct leaf *leaf, gboolean parsed, GError **error)
{
    const char *id = leaf->id_text->str;
    if (!parsed) {
        g_prefix_error(error, "document '%s': ", id);
        return FALSE;
    }
    leaf->id = (struct slice){id, leaf->id_text->len};
    leaf->attachments = (struct attachment *)(void *)leaf->attachment_array->data;
    leaf->n_attachments = leaf->attachment_array->len;
    if (leaf->id.size == 0)
        return fail_set(error, FAIL_FAILED, "a document has no _id");
    if (!revision_generation(leaf->rev, &leaf->generation))
        return fail_set(error, FAIL_FAILED, "document '%s' has no valid _rev", id);
    return TRUE;
}

gboolean
leaf_parse(struct leaf *leaf, struct slice json, GError **error)
{
    reset(leaf, json);
    if (json_type(json) != JSON_OBJECT)
        return fail_set(error, FAIL_FAILED, "a document is no JSON object");
    return finish(leaf, parse_all(leaf, error), error);
}

gboolean
leaf_parse_outlined(struct leaf *leaf, struct slice json, const guint32 *names, guint n_names,
                    GError **error)
{
    reset(leaf, json);
    return finish(leaf, parse_outlined(leaf, names, n_names, error), error);
}

guint64
leaf_oldest_generation(const struct leaf *leaf)
{
    guint64 revisions = 0;
    struct slice id;
    for (gsize place = 0;
         leaf->ancestors.size > 0 && json_next_element(leaf->ancestors, &place, &id);)
        revisions++;
    return revisions == 0 || revisions > leaf->generation ? leaf->generation
                                                          : leaf->generation - revisions + 1;
}

gboolean
leaf_descends_from(const struct leaf *leaf, struct slice rev)
{
    guint64 generation, at = leaf->generation;
    struct slice id;
    if (slice_compare(leaf->rev, rev) == 0)
        return TRUE;
    if (leaf->ancestors.size == 0 || !revision_generation(rev, &generation) || generation > at)
        return FALSE;
    const char *hash = (const char *)memchr(rev.data, '-', rev.size) + 1;
    struct slice wanted = {hash, (gsize)(rev.data + rev.size - hash)};
    for (gsize place = 0; at >= generation && json_next_element(leaf->ancestors, &place, &id);
         at--) {
        if (at == generation)
            return json_type(id) == JSON_STRING &&
                   slice_compare((struct slice){id.data + 1, id.size - 2}, wanted) == 0;
        if (at == 0)
            break;
    }
    return FALSE;
}

gboolean
leaf_needs_bytes(const struct leaf *leaf)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here)
            return TRUE;
    return FALSE;
}

void
leaf_append_marked(const struct leaf *leaf, GString *out)
{
    const char *copied = leaf->json.data;
    for (guint i = 0; i < leaf->n_attachments; i++) {
        const struct attachment *attachment = &leaf->attachments[i];
        g_string_append_len(out, copied, attachment->mark.data - copied);
        g_string_append(out, attachment->here ? "\"follows\":true" : "\"stub\":true");
        copied = attachment->mark.data + attachment->mark.size;
    }
    g_string_append_len(out, copied, leaf->json.data + leaf->json.size - copied);
}

void
leaf_append_to_row(const struct leaf *leaf, GByteArray *row)
{
    row_add_leaf(row, leaf->rev, leaf->n_attachments);
    for (guint i = 0; i < leaf->n_attachments; i++)
        row_add_attachment(row, leaf->attachments[i].name, leaf->attachments[i].digest,
                           leaf->attachments[i].stored);
}

/* ---- digest ---- */

/* One for each thread: making it takes longer than hashing a revision. */
static struct hash *
digest_hash(void)
{
    static GPrivate kept = G_PRIVATE_INIT((GDestroyNotify)hash_free);
    struct hash *hash = g_private_get(&kept);
    if (hash == NULL) {
        hash = hash_new(HASH_SHA256);
        g_private_set(&kept, hash);
    }
    return hash;
}

void
leaf_digest_add(struct leaf_digest *digest, struct slice id, struct slice rev)
{
    struct hash *hash = digest_hash();
    guint8 one[HASH_MAX];
    char text[256]; /* nearly always all of it: each hash_add costs as much as hashing it */
    if (id.size + 1 + rev.size <= sizeof text) {
        memcpy(text, id.data, id.size);
        text[id.size] = '\0';
        memcpy(text + id.size + 1, rev.data, rev.size);
        hash_add(hash, text, id.size + 1 + rev.size);
    } else {
        hash_add(hash, id.data, id.size);
        hash_add(hash, "", 1);
        hash_add(hash, rev.data, rev.size);
    }
    hash_take(hash, one);
    guint carry = 0;
    for (int i = HASH_SHA256_SIZE - 1; i >= 0; i--) {
        carry += (guint)digest->sum[i] + one[i];
        digest->sum[i] = (guint8)carry;
        carry >>= 8;
    }
}
