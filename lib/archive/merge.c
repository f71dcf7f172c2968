/*
 * merge: see the header.
 *
 * All streams stand at their smallest id that was not given yet. Older ones are only moved on when
 * the id is done, so that a stub met meanwhile finds them still there. The first stub of an id
 * makes them go through their leaves of it: the bytes of small attachments are kept, of large ones
 * the place, to be read anew if they are really wanted.
 */
#include "lib/archive/merge.h"

#include "lib/base/stop.h"
#include "lib/couch/row.h"
#include "lib/json/json.h"

#define PIECE (128 * 1024) /* bytes copied at once */

/* An attachment that an older snapshot holds for the current id. */
struct candidate {
    char *rev;
    char *name; /* unescaped */
    char *digest;
    gsize name_size;
    guint64 stored;
    gboolean held; /* its bytes are in merge->held from `at` on */
    gsize at;
    struct snapshot_bytes bytes; /* else */
};

struct input {
    struct snapshot_stream *stream;
    struct snapshot_item item;
};

struct merge {
    struct input *inputs; /* newest first */
    guint n_inputs;
    gboolean begun;
    guint winner;       /* whose item was given last */
    GString *id;        /* the current id */
    gboolean collected; /* the candidates of the current id are known */
    GArray *candidates; /* struct candidate, nearest snapshot first */
    GByteArray *held;
    GPtrArray *sources; /* for each attachment of the leaf, its candidate, or NULL */

    /* the attachment being read; own when both are NULL */
    const struct candidate *from;
    struct snapshot_entries *entries;
    gsize given; /* of a held one */
};

static void
candidate_clear(gpointer data)
{
    struct candidate *candidate = data;
    g_free(candidate->rev);
    g_free(candidate->name);
    g_free(candidate->digest);
    snapshot_bytes_clear(&candidate->bytes);
}

struct merge *
merge_new(struct snapshot_stream **streams, guint n_streams)
{
    struct merge *merge = g_new0(struct merge, 1);
    merge->inputs = g_new0(struct input, n_streams);
    merge->n_inputs = n_streams;
    for (guint i = 0; i < n_streams; i++)
        merge->inputs[i].stream = g_steal_pointer(&streams[i]);
    merge->id = g_string_new(NULL);
    merge->candidates = g_array_new(FALSE, FALSE, sizeof(struct candidate));
    g_array_set_clear_func(merge->candidates, candidate_clear);
    merge->held = g_byte_array_new();
    merge->sources = g_ptr_array_new();
    return merge;
}

void
merge_free(struct merge *merge)
{
    if (merge == NULL)
        return;
    snapshot_entries_free(merge->entries);
    for (guint i = 0; i < merge->n_inputs; i++)
        snapshot_stream_free(merge->inputs[i].stream);
    g_free(merge->inputs);
    g_string_free(merge->id, TRUE);
    g_array_unref(merge->candidates);
    g_byte_array_unref(merge->held);
    g_ptr_array_unref(merge->sources);
    g_free(merge);
}

static gboolean
advance(struct input *input, GError **error)
{
    return snapshot_stream_next(input->stream, &input->item, error);
}

/* Whether an input stands at the current id. */
static gboolean
stands_at_id(const struct merge *merge, guint input)
{
    const struct snapshot_item *item = &merge->inputs[input].item;
    struct slice id = {merge->id->str, merge->id->len};
    return item->kind != SNAPSHOT_END && slice_compare(item->id, id) == 0;
}

/* ---- stubs ---- */

static gboolean
hold_bytes(struct merge *merge, struct snapshot_stream *stream, guint which,
           struct candidate *candidate, GError **error)
{
    candidate->held = TRUE;
    candidate->at = merge->held->len;
    if (!snapshot_stream_attachment(stream, which, error))
        return FALSE;
    g_byte_array_set_size(merge->held, merge->held->len + (guint)candidate->stored);
    for (gsize at = 0, got; at < candidate->stored; at += got) {
        if (!snapshot_stream_data(stream, merge->held->data + candidate->at + at,
                                  (gsize)candidate->stored - at, &got, error))
            return FALSE;
        g_assert(got > 0); /* the entry's size was checked */
    }
    return TRUE;
}

static void
unescape_name(struct slice name, GString *text)
{
    g_string_truncate(text, 0);
    json_unescape(name, text);
}

static gboolean
collect_leaf(struct merge *merge, struct input *input, GError **error)
{
    const struct leaf *leaf = input->item.leaf;
    g_autoptr(GString) name = g_string_new(NULL);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        const struct attachment *attachment = &leaf->attachments[i];
        if (!attachment->here || attachment->digest.size == 0)
            continue;
        unescape_name(attachment->name, name);
        struct candidate candidate = {
            .rev = slice_dup(leaf->rev),
            .name = g_memdup2(name->str, name->len + 1),
            .name_size = name->len,
            .digest = slice_dup(attachment->digest),
            .stored = attachment->stored,
        };
        gboolean small = attachment->stored <= MERGE_HELD - merge->held->len;
        if (!small)
            snapshot_stream_bytes(input->stream, i, &candidate.bytes);
        gboolean done = !small || hold_bytes(merge, input->stream, i, &candidate, error);
        g_array_append_val(merge->candidates, candidate);
        if (!done)
            return FALSE;
    }
    return TRUE;
}

/* Takes from the older snapshots what they hold for the current id, up to one where it was gone. */
static gboolean
collect(struct merge *merge, GError **error)
{
    gboolean gone = FALSE;
    merge->collected = TRUE;
    for (guint i = merge->winner + 1; i < merge->n_inputs && !gone; i++) {
        struct input *input = &merge->inputs[i];
        while (!gone && stands_at_id(merge, i)) {
            gone = input->item.kind == SNAPSHOT_GONE;
            if (!gone && (!collect_leaf(merge, input, error) || !advance(input, error)))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
is_same(const struct candidate *candidate, const struct attachment *attachment, const GString *name)
{
    return candidate->stored == attachment->stored &&
           slice_is(attachment->digest, candidate->digest) && candidate->name_size == name->len &&
           memcmp(candidate->name, name->str, name->len) == 0;
}

/*
 * The nearest ancestor's, else any leaf's of the same document: when merged snapshots were passed
 * over, or _revs_limit cut the path, the leaf in between that linked the two may be missing, yet
 * name, digest and length say that the bytes are the same.
 */
static struct candidate *
find_candidate(struct merge *merge, const struct leaf *leaf, const struct attachment *attachment)
{
    struct candidate *found = NULL;
    g_autoptr(GString) name = g_string_new(NULL);
    unescape_name(attachment->name, name);
    for (guint i = 0; i < merge->candidates->len; i++) {
        struct candidate *candidate = &g_array_index(merge->candidates, struct candidate, i);
        if (!is_same(candidate, attachment, name))
            continue;
        if (leaf_descends_from(leaf, slice_of(candidate->rev)))
            return candidate;
        found = found != NULL ? found : candidate;
    }
    return found;
}

static gboolean
resolve(struct merge *merge, struct leaf *leaf, GError **error)
{
    g_ptr_array_set_size(merge->sources, 0);
    g_ptr_array_set_size(merge->sources, (gint)leaf->n_attachments);
    for (guint i = 0; i < leaf->n_attachments; i++) {
        struct attachment *attachment = &leaf->attachments[i];
        if (attachment->here)
            continue;
        if (!merge->collected && !collect(merge, error))
            return FALSE;
        merge->sources->pdata[i] = find_candidate(merge, leaf, attachment);
        attachment->here = merge->sources->pdata[i] != NULL;
    }
    return TRUE;
}

/* ---- the stream ---- */

static gboolean
begin(struct merge *merge, GError **error)
{
    merge->begun = TRUE;
    for (guint i = 0; i < merge->n_inputs; i++)
        if (!advance(&merge->inputs[i], error))
            return FALSE;
    return TRUE;
}

/* Moves all inputs behind the current id. */
static gboolean
leave_id(struct merge *merge, GError **error)
{
    for (guint i = 0; i < merge->n_inputs; i++)
        while (stands_at_id(merge, i))
            if (!advance(&merge->inputs[i], error))
                return FALSE;
    g_array_set_size(merge->candidates, 0);
    g_byte_array_set_size(merge->held, 0);
    merge->collected = FALSE;
    return TRUE;
}

/* The newest input with the smallest id. */
static guint
choose(const struct merge *merge)
{
    guint best = 0;
    for (guint i = 1; i < merge->n_inputs; i++) {
        const struct snapshot_item *item = &merge->inputs[i].item;
        const struct snapshot_item *least = &merge->inputs[best].item;
        if (item->kind != SNAPSHOT_END &&
            (least->kind == SNAPSHOT_END || row_compare_ids(item->id, least->id) < 0))
            best = i;
    }
    return best;
}

gboolean
merge_next(struct merge *merge, struct snapshot_item *item, GError **error)
{
    struct input *winner = &merge->inputs[merge->winner];
    g_clear_pointer(&merge->entries, snapshot_entries_free);
    merge->from = NULL;
    if (!stop_check(error) || !(merge->begun ? advance(winner, error) : begin(merge, error)))
        return FALSE;
    if (merge->id->len == 0 || !stands_at_id(merge, merge->winner)) {
        if (!leave_id(merge, error))
            return FALSE;
        merge->winner = choose(merge);
        winner = &merge->inputs[merge->winner];
        g_string_truncate(merge->id, 0);
        g_string_append_len(merge->id, winner->item.id.data, (gssize)winner->item.id.size);
    }
    *item = winner->item;
    return item->kind != SNAPSHOT_LEAF || resolve(merge, item->leaf, error);
}

gboolean
merge_attachment(struct merge *merge, guint which, GError **error)
{
    g_clear_pointer(&merge->entries, snapshot_entries_free);
    merge->from = merge->sources->pdata[which];
    merge->given = 0;
    if (merge->from == NULL)
        return snapshot_stream_attachment(merge->inputs[merge->winner].stream, which, error);
    if (!merge->from->held)
        merge->entries = snapshot_bytes_open(&merge->from->bytes, error);
    return merge->from->held || merge->entries != NULL;
}

gboolean
merge_data(struct merge *merge, void *data, gsize size, gsize *got, GError **error)
{
    if (merge->entries != NULL)
        return snapshot_entries_read(merge->entries, data, size, got, error);
    if (merge->from == NULL)
        return snapshot_stream_data(merge->inputs[merge->winner].stream, data, size, got, error);
    *got = MIN(size, (gsize)merge->from->stored - merge->given);
    if (*got > 0)
        memcpy(data, merge->held->data + merge->from->at + merge->given, *got);
    merge->given += *got;
    return TRUE;
}

/* ---- writing ---- */

static gboolean
write_leaf(struct merge *merge, struct snapshot_writer *writer, const struct leaf *leaf,
           char *buffer, GError **error)
{
    if (!snapshot_writer_leaf(writer, leaf, error))
        return FALSE;
    for (guint i = 0; i < leaf->n_attachments; i++) {
        gsize got = 1;
        if (!leaf->attachments[i].here)
            continue;
        if (!merge_attachment(merge, i, error))
            return FALSE;
        while (got > 0)
            if (!merge_data(merge, buffer, PIECE, &got, error) ||
                !snapshot_writer_bytes(writer, buffer, got, error))
                return FALSE;
    }
    return snapshot_writer_leaf_end(writer, error);
}

gboolean
merge_write(struct merge *merge, struct snapshot_writer *writer, gboolean keep_gone, GError **error)
{
    struct snapshot_item item;
    g_autofree char *buffer = g_malloc(PIECE);
    for (;;) {
        if (!merge_next(merge, &item, error))
            return FALSE;
        if (item.kind == SNAPSHOT_END)
            return TRUE;
        if (item.kind == SNAPSHOT_LEAF && !write_leaf(merge, writer, item.leaf, buffer, error))
            return FALSE;
        if (item.kind == SNAPSHOT_GONE && keep_gone &&
            !snapshot_writer_gone(writer, item.id, item.purged, error))
            return FALSE;
    }
}
