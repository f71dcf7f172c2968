#include "lib/store/catalogue.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/json/json.h"

struct catalogue *
catalogue_new(void)
{
    return g_new0(struct catalogue, 1);
}

void
catalogue_free(struct catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    g_free(catalogue->id);
    g_free(catalogue->parent);
    g_free(catalogue->store);
    g_free(catalogue->site);
    g_free(catalogue->node);
    g_free(catalogue->kind);
    g_free(catalogue->started);
    g_free(catalogue->finished);
    g_free(catalogue->lifeboat);
    g_free(catalogue->couchdb);
    g_free(catalogue->heals);
    g_free(catalogue->sums);
    g_free(catalogue);
}

GString *
catalogue_write(const struct catalogue *catalogue)
{
    const struct catalogue_counts *counts = &catalogue->counts;
    GString *text = g_string_new(NULL);
    json_text_begin_object(text);
    json_text_member_integer(text, "format", CATALOGUE_FORMAT);
    json_text_member_string(text, "id", catalogue->id);
    json_text_member_string(text, "parent", catalogue->parent);
    json_text_member_string(text, "store", catalogue->store);
    json_text_member_string(text, "site", catalogue->site);
    json_text_member_string(text, "node", catalogue->node);
    json_text_member_string(text, "kind", catalogue->kind);
    json_text_member_unsigned(text, "number", catalogue->number);
    json_text_member_boolean(text, "complete", catalogue->complete);
    if (catalogue->heals != NULL)
        json_text_member_string(text, "heals", catalogue->heals);
    json_text_member_string(text, "started", catalogue->started);
    json_text_member_string(text, "finished", catalogue->finished);
    json_text_member_object(text, "versions");
    json_text_member_string(text, "lifeboat", catalogue->lifeboat);
    json_text_member_string(text, "couchdb", catalogue->couchdb);
    json_text_end_object(text);
    json_text_member_object(text, "counts");
    json_text_member_unsigned(text, "databases", counts->databases);
    json_text_member_unsigned(text, "documents", counts->documents);
    json_text_member_unsigned(text, "leaves", counts->leaves);
    json_text_member_unsigned(text, "attachments", counts->attachments);
    json_text_member_unsigned(text, "gone", counts->gone);
    json_text_member_unsigned(text, "unread", counts->unread);
    json_text_member_unsigned(text, "failed", counts->failed);
    json_text_end_object(text);
    json_text_member_object(text, "bytes");
    json_text_member_unsigned(text, "plain", catalogue->bytes_plain);
    json_text_member_unsigned(text, "compressed", catalogue->bytes_compressed);
    json_text_member_unsigned(text, "stored", catalogue->bytes_stored);
    json_text_end_object(text);
    json_text_member_unsigned(text, "manifest", catalogue->manifest);
    json_text_member_string(text, "sums", catalogue->sums);
    json_text_end_object(text);
    g_string_append_c(text, '\n');
    return text;
}

/* ---- parsing ---- */

static gboolean
is_uuid(const char *text)
{
    return text != NULL && g_uuid_string_is_valid(text);
}

static gboolean
is_time(const char *text)
{
    g_autoptr(GDateTime) time = text != NULL ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    return time != NULL;
}

static gboolean
is_kind(const char *text)
{
    static const char *const kinds[] = {"full", "increment", "merged", NULL};
    return text != NULL && g_strv_contains(kinds, text);
}

static gboolean
is_sha256(const char *text)
{
    guint8 digest[HASH_SHA256_SIZE];
    return text != NULL && hash_from_hex(text, strlen(text), digest, sizeof digest);
}

static void
parse_texts(struct catalogue *catalogue, struct slice text)
{
    struct slice versions;
    json_member_text(text, "id", &catalogue->id);
    json_member_text(text, "parent", &catalogue->parent);
    json_member_text(text, "store", &catalogue->store);
    json_member_text(text, "site", &catalogue->site);
    json_member_text(text, "node", &catalogue->node);
    json_member_text(text, "kind", &catalogue->kind);
    json_member_text(text, "heals", &catalogue->heals);
    json_member_text(text, "started", &catalogue->started);
    json_member_text(text, "finished", &catalogue->finished);
    json_member_text(text, "sums", &catalogue->sums);
    if (json_member(text, "versions", &versions)) {
        json_member_text(versions, "lifeboat", &catalogue->lifeboat);
        json_member_text(versions, "couchdb", &catalogue->couchdb);
    }
    catalogue->complete = json_member_true(text, "complete");
}

static gboolean
parse_numbers(struct catalogue *catalogue, struct slice text)
{
    struct slice counts, bytes;
    struct catalogue_counts *to = &catalogue->counts;
    return json_member_unsigned(text, "number", &catalogue->number) &&
           json_member(text, "counts", &counts) && json_member(text, "bytes", &bytes) &&
           json_member_unsigned(counts, "databases", &to->databases) &&
           json_member_unsigned(counts, "documents", &to->documents) &&
           json_member_unsigned(counts, "leaves", &to->leaves) &&
           json_member_unsigned(counts, "attachments", &to->attachments) &&
           json_member_unsigned(counts, "gone", &to->gone) &&
           json_member_unsigned(counts, "unread", &to->unread) &&
           json_member_unsigned(counts, "failed", &to->failed) &&
           json_member_unsigned(bytes, "plain", &catalogue->bytes_plain) &&
           json_member_unsigned(bytes, "compressed", &catalogue->bytes_compressed) &&
           json_member_unsigned(bytes, "stored", &catalogue->bytes_stored) &&
           json_member_unsigned(text, "manifest", &catalogue->manifest);
}

struct catalogue *
catalogue_parse(struct slice text, GError **error)
{
    g_autoptr(GError) cause = NULL;
    guint64 format = 0;
    if (!json_check(text, &cause)) {
        fail_set(error, FAIL_DAMAGED, "snapshot.json: %s", cause->message);
        return NULL;
    }
    if (!json_member_unsigned(text, "format", &format) || format == 0) {
        fail_set(error, FAIL_DAMAGED, "snapshot.json names no format");
        return NULL;
    }
    if (format > CATALOGUE_FORMAT) {
        fail_set(error, FAIL_FAILED,
                 "the snapshot has format %" G_GUINT64_FORMAT ", this program knows up to %d\n"
                 "hint: use a newer Lifeboat",
                 format, CATALOGUE_FORMAT);
        return NULL;
    }
    AUTO(catalogue) *catalogue = catalogue_new();
    parse_texts(catalogue, text);
    const char *wrong = !is_uuid(catalogue->id)                                    ? "id"
                        : catalogue->parent != NULL && !is_uuid(catalogue->parent) ? "parent"
                        : !is_uuid(catalogue->store)                               ? "store"
                        : catalogue->node == NULL                                  ? "node"
                        : !is_kind(catalogue->kind)                                ? "kind"
                        : !is_time(catalogue->started)                             ? "started"
                        : !is_time(catalogue->finished)                            ? "finished"
                        : !is_sha256(catalogue->sums)                              ? "sums"
                        : !parse_numbers(catalogue, text) ? "number, counts, bytes or manifest"
                                                          : NULL;
    if (wrong != NULL) {
        fail_set(error, FAIL_DAMAGED, "snapshot.json has no valid %s", wrong);
        return NULL;
    }
    return g_steal_pointer(&catalogue);
}
