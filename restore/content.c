/* content: see the header. */
#include "restore/content.h"

#include "lib/archive/chain.h"
#include "lib/archive/snapshot_stream.h"
#include "lib/base/fail.h"
#include "lib/json/json.h"

#define PIECE (128 * 1024) /* bytes read at once */

/* ---- verdict ---- */

void
verdict_init(struct verdict *verdict)
{
    verdict->code = 0;
    verdict->problems = g_ptr_array_new_with_free_func(g_free);
}

void
verdict_clear(struct verdict *verdict)
{
    g_ptr_array_unref(verdict->problems);
}

int
verdict_worse(int a, int b)
{
    static const int worst_first[] = {FAIL_DAMAGED, FAIL_KEY, FAIL_FAILED, FAIL_INCOMPLETE};
    for (gsize i = 0; i < G_N_ELEMENTS(worst_first); i++)
        if (a == worst_first[i] || b == worst_first[i])
            return worst_first[i];
    return MAX(a, b);
}

void
verdict_add(struct verdict *verdict, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(verdict->problems, g_strdup_vprintf(format, args));
    va_end(args);
    verdict->code = verdict_worse(verdict->code, code);
}

/* ---- every entry against the manifest ---- */

struct walk {
    struct snapshot_entries *entries;
    struct progress *progress;
    char *buffer;
};

static gboolean
hash_entry(struct walk *walk, guint8 sha256[HASH_MAX], GError **error)
{
    AUTO(hash) *hash = hash_new(HASH_SHA256);
    for (gsize got = 1; got > 0;) {
        if (!snapshot_entries_read(walk->entries, walk->buffer, PIECE, &got, error))
            return FALSE;
        hash_add(hash, walk->buffer, got);
        progress_add(walk->progress, 0, got);
    }
    hash_take(hash, sha256);
    return TRUE;
}

static gboolean
compare_entry(void *context, const struct manifest_entry *listed, GError **error)
{
    struct walk *walk = context;
    guint8 sha256[HASH_MAX];
    if (!snapshot_entries_expect(walk->entries, listed->name, error))
        return FALSE;
    const struct pack_entry *entry = snapshot_entries_now(walk->entries);
    const char *wrong = NULL;
    if (entry->size != listed->size)
        wrong = "size";
    else if (entry->place != listed->place)
        wrong = "place";
    if (wrong == NULL && !hash_entry(walk, sha256, error))
        return FALSE;
    if (wrong == NULL && memcmp(sha256, listed->sha256, HASH_SHA256_SIZE) != 0)
        wrong = "SHA-256";
    if (wrong == NULL)
        return snapshot_entries_next(walk->entries, error);
    fail_set(error, FAIL_DAMAGED, "its %s is not the one in the manifest", wrong);
    return snapshot_entries_blame(walk->entries, error);
}

static struct manifest *
verify_entries(const struct content *content, struct snapshot_reader *reader, GError **error)
{
    AUTO(snapshot_entries) *entries = snapshot_entries_new(reader, 0, error);
    if (entries == NULL)
        return NULL;
    g_autofree char *buffer = g_malloc(PIECE);
    struct walk walk = {entries, content->progress, buffer};
    AUTO(manifest) *manifest = snapshot_reader_manifest(reader, compare_entry, &walk, error);
    if (manifest == NULL || !snapshot_entries_expect(entries, "manifest.json", error) ||
        !snapshot_entries_next(entries, error))
        return NULL;
    if (snapshot_entries_now(entries) == NULL)
        return g_steal_pointer(&manifest);
    fail_set(error, FAIL_DAMAGED, "an entry behind the manifest");
    snapshot_entries_blame(entries, error);
    return NULL;
}

static gboolean
verify_header(struct snapshot_reader *reader, const struct snapshot *snapshot, GError **error)
{
    AUTO(snapshot_entries) *entries = snapshot_entries_new(reader, 0, error);
    g_autoptr(GString) text = g_string_new(NULL);
    if (entries == NULL || !snapshot_entries_expect(entries, "header.json", error) ||
        !snapshot_entries_json(entries, text, error))
        return FALSE;
    g_autofree char *id = NULL;
    json_member_text((struct slice){text->str, text->len}, "id", &id);
    if (id != NULL && g_str_equal(id, snapshot->catalogue->id))
        return TRUE;
    fail_set(error, FAIL_DAMAGED, "it is of another snapshot");
    return snapshot_entries_blame(entries, error);
}

/* ---- every database against its end.json ---- */

struct tally {
    struct catalogue_counts counts;
    struct leaf_digest digest;
    GString *last_id; /* of the last leaf */
};

static void
tally_leaf(struct tally *tally, const struct leaf *leaf)
{
    struct slice last = {tally->last_id->str, tally->last_id->len};
    if (last.size == 0 || slice_compare(last, leaf->id) != 0) {
        tally->counts.documents++;
        g_string_truncate(tally->last_id, 0);
        g_string_append_len(tally->last_id, leaf->id.data, (gssize)leaf->id.size);
    }
    tally->counts.leaves++;
    leaf_digest_add(&tally->digest, leaf->id, leaf->rev);
}

static gboolean
tally_stream(const struct content *content, struct snapshot_stream *stream, struct tally *tally,
             GError **error)
{
    struct snapshot_item item;
    for (;;) {
        if (!snapshot_stream_next(stream, &item, error))
            return FALSE;
        if (item.kind == SNAPSHOT_END)
            return TRUE;
        if (item.kind == SNAPSHOT_GONE) {
            tally->counts.gone++;
            continue;
        }
        tally_leaf(tally, item.leaf);
        progress_add(content->progress, 1, 0);
        for (guint i = 0; i < item.leaf->n_attachments; i++) {
            if (!item.leaf->attachments[i].here)
                continue;
            tally->counts.attachments++;
            if (!snapshot_stream_attachment(stream, i, error))
                return FALSE;
        }
    }
}

static gboolean
compare_end(const struct tally *tally, const GString *end, GError **error)
{
    const struct catalogue_counts *counts = &tally->counts;
    const struct {
        const char *name;
        guint64 found;
    } numbers[] = {{"documents", counts->documents},
                   {"leaves", counts->leaves},
                   {"attachments", counts->attachments},
                   {"gone", counts->gone}};
    struct slice text = {end->str, end->len};
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        guint64 told = 0;
        if (!json_member_unsigned(text, numbers[i].name, &told) || told != numbers[i].found)
            return fail_set(error, FAIL_DAMAGED,
                            "%" G_GUINT64_FORMAT " %s instead of the %" G_GUINT64_FORMAT
                            " that end.json tells",
                            numbers[i].found, numbers[i].name, told);
    }
    g_autofree char *told = NULL;
    g_autofree char *found = hash_hex(tally->digest.sum, sizeof tally->digest.sum);
    if (!json_member_text(text, "digest", &told) || !g_str_equal(told, found))
        return fail_set(error, FAIL_DAMAGED, "the leaf digest is not the one that end.json tells");
    return TRUE;
}

static gboolean
verify_database(const struct content *content, struct snapshot_reader *reader,
                const struct manifest_database *database, struct catalogue_counts *total,
                GError **error)
{
    g_autoptr(GString) last_id = g_string_new(NULL);
    struct tally tally = {.last_id = last_id};
    AUTO(snapshot_stream) *stream =
        snapshot_stream_new(reader, database->name, database->place, error);
    g_autoptr(GString) end =
        stream != NULL ? snapshot_end_json(reader, database->name, database->end, error) : NULL;
    if (end == NULL || !tally_stream(content, stream, &tally, error))
        return FALSE;
    total->databases++;
    total->documents += tally.counts.documents;
    total->leaves += tally.counts.leaves;
    total->attachments += tally.counts.attachments;
    total->gone += tally.counts.gone;
    return compare_end(&tally, end, error);
}

/* ---- a snapshot ---- */

static void
report_incomplete(const struct manifest *manifest, const struct catalogue *catalogue,
                  struct verdict *verdict)
{
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (g_str_equal(database->status, "failed"))
            verdict_add(verdict, FAIL_INCOMPLETE, "database '%s' could not be read: %s",
                        database->name, database->reason != NULL ? database->reason : "?");
    }
    for (guint i = 0; i < manifest->unread->len; i++) {
        const struct manifest_unread *unread = manifest->unread->pdata[i];
        gboolean one = unread->rev != NULL && *unread->rev != '\0';
        verdict_add(verdict, FAIL_INCOMPLETE,
                    "database '%s': document '%s'%s%s could not be read: %s", unread->database,
                    unread->id, one ? " revision " : "", one ? unread->rev : "", unread->reason);
    }
    if (catalogue->counts.unread > manifest->unread->len)
        verdict_add(verdict, FAIL_INCOMPLETE,
                    "%" G_GUINT64_FORMAT " more documents could not be read",
                    catalogue->counts.unread - manifest->unread->len);
}

static gboolean
compare_catalogue(const struct catalogue_counts *told, const struct catalogue_counts *found,
                  GError **error)
{
    if (told->databases == found->databases && told->documents == found->documents &&
        told->leaves == found->leaves && told->attachments == found->attachments &&
        told->gone == found->gone)
        return TRUE;
    return fail_set(error, FAIL_DAMAGED, "it does not hold what snapshot.json counts");
}

gboolean
content_verify(const struct content *content, const struct snapshot *snapshot,
               struct verdict *verdict, GError **error)
{
    struct catalogue_counts total = {0};
    AUTO(snapshot_reader) *reader =
        snapshot_reader_open(content->store, snapshot, content->keys, error);
    if (reader == NULL || !verify_header(reader, snapshot, error))
        return FALSE;
    progress_begin(content->progress, "checking entries", NULL, 0);
    AUTO(manifest) *manifest = verify_entries(content, reader, error);
    if (manifest == NULL)
        return FALSE;
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (!manifest_is_here(database))
            continue;
        progress_begin(content->progress, "checking documents", database->name, 0);
        if (!verify_database(content, reader, database, &total, error)) {
            g_prefix_error(error, "database '%s': ", database->name);
            return FALSE;
        }
    }
    report_incomplete(manifest, snapshot->catalogue, verdict);
    return compare_catalogue(&snapshot->catalogue->counts, &total, error);
}

/* ---- the state ---- */

static void
report_lost(const char *name, const struct leaf *leaf, const struct attachment *attachment,
            struct verdict *verdict)
{
    g_autoptr(GString) text = g_string_new(NULL);
    json_unescape(attachment->name, text);
    verdict_add(verdict, FAIL_DAMAGED,
                "database '%s': no snapshot holds attachment '%s' of document '%s' revision "
                "'" SLICE_FORMAT "'",
                name, text->str, leaf->id_text->str, SLICE_ARGS(leaf->rev));
}

static gboolean
tally_state(const struct content *content, struct chain_database *database, struct tally *tally,
            struct verdict *verdict, GError **error)
{
    for (;;) {
        const struct leaf *leaf;
        gboolean end;
        if (!chain_next(database, &leaf, &end, error))
            return FALSE;
        if (end)
            return TRUE;
        tally_leaf(tally, leaf);
        progress_add(content->progress, 1, leaf->json.size);
        for (guint i = 0; i < leaf->n_attachments; i++)
            if (!leaf->attachments[i].here)
                report_lost(database->name, leaf, &leaf->attachments[i], verdict);
    }
}

static gboolean
verify_state_of(const struct content *content, struct chain *chain, const char *name,
                struct verdict *verdict, GError **error)
{
    g_autoptr(GString) last_id = g_string_new(NULL);
    struct tally tally = {.last_id = last_id};
    g_autofree char *told = NULL;
    progress_begin(content->progress, "reading the chain", name, 0);
    AUTO(chain_database) *database = chain_database_open(chain, name, error);
    if (database == NULL || !tally_state(content, database, &tally, verdict, error))
        return FALSE;
    struct slice end = {database->end_json->str, database->end_json->len};
    g_autofree char *found = hash_hex(tally.digest.sum, sizeof tally.digest.sum);
    if (json_member_text(end, "state_digest", &told) && !g_str_equal(told, found))
        verdict_add(verdict, FAIL_DAMAGED,
                    "database '%s': the chain does not give the state that the server had", name);
    return TRUE;
}

gboolean
content_verify_state(const struct content *content, struct snapshot *snapshot,
                     struct verdict *verdict, GError **error)
{
    AUTO(chain) *chain = chain_open(content->store, snapshot, content->keys, 0, error);
    if (chain == NULL)
        return FALSE;
    const struct manifest *manifest = chain_manifest(chain);
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (!manifest_is_held(database))
            continue;
        if (!verify_state_of(content, chain, database->name, verdict, error)) {
            g_prefix_error(error, "database '%s': ", database->name);
            return FALSE;
        }
    }
    return TRUE;
}
