#include "lib/couch/read/document.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

#define ODD_TRIES 3 /* times that a document is asked for about which something is odd */

struct document {
    struct http *http;
    const char *database, *bulk_get;
    const struct fetch_handler *handler;
    struct patience *patience;
    guint *given_up;

    /* the one at hand */
    GString *given;      /* revisions passed on, each with a NUL behind it */
    GArray *missing;     /* struct slice: listed revisions that nothing accounts for yet */
    gboolean listed;     /* the listing had it */
    guint64 stem;        /* generation at which the longest history given was cut off */
    gboolean refused;    /* the answer held an error for it */
    gboolean incomplete; /* a problem was told */
    gboolean ended;      /* the handler or patience ended it: the error is theirs */
    struct leaf late;    /* one that came when it was asked for again */
};

struct document *
document_new(struct http *http, const char *database, const char *bulk_get,
             const struct fetch_handler *handler, struct patience *patience, guint *given_up)
{
    struct document *document = g_new0(struct document, 1);
    document->http = http;
    document->database = database;
    document->bulk_get = bulk_get;
    document->handler = handler;
    document->patience = patience;
    document->given_up = given_up;
    document->given = g_string_new(NULL);
    document->missing = g_array_new(FALSE, FALSE, sizeof(struct slice));
    return document;
}

void
document_free(struct document *document)
{
    if (document == NULL)
        return;
    leaf_clear(&document->late);
    g_string_free(document->given, TRUE);
    g_array_unref(document->missing);
    g_free(document);
}

void
document_begin(struct document *document, const struct row *listed)
{
    struct slice rest = listed->leaves;
    g_string_truncate(document->given, 0);
    g_array_set_size(document->missing, 0);
    document->refused = document->incomplete = FALSE;
    document->stem = 0;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        g_array_append_val(document->missing, leaf.rev);
    document->listed = document->missing->len > 0;
}

void
document_problem(struct document *document, struct slice id, struct slice rev, const char *reason)
{
    document->incomplete = TRUE;
    document->handler->problem(document->handler->context, id, rev, reason);
}

static struct slice
missing_rev(const struct document *document, guint i)
{
    return g_array_index(document->missing, struct slice, i);
}

/* The generation of the oldest revision in the leaf's history. */
static guint64
stem_of(const struct leaf *leaf)
{
    struct slice id;
    guint64 length = 0;
    for (gsize place = 0;
         leaf->ancestors.size > 0 && json_next_element(leaf->ancestors, &place, &id);)
        length++;
    return leaf->generation - MIN(leaf->generation, MAX(length, 1) - 1);
}

static void
tick_off(struct document *document, const struct leaf *leaf)
{
    for (guint i = document->missing->len; i-- > 0;)
        if (leaf_descends_from(leaf, missing_rev(document, i)))
            g_array_remove_index_fast(document->missing, i);
    if (document->missing->len > 0)
        document->stem = MAX(document->stem, stem_of(leaf));
}

gboolean
document_leaf(struct document *document, struct attach *attach, const struct leaf *leaf,
              GError **error)
{
    const struct fetch_handler *handler = document->handler;
    g_autofree char *damage = NULL;
    tick_off(document, leaf);
    g_string_append_len(document->given, leaf->rev.data, (gssize)leaf->rev.size);
    g_string_append_c(document->given, '\0');
    if (!handler->leaf(handler->context, leaf, error))
        return FALSE;
    if (leaf_needs_bytes(leaf) && !attach_deliver(attach, leaf, handler, &damage, error))
        return FALSE;
    if (damage != NULL)
        document_problem(document, leaf->id, leaf->rev, damage);
    return handler->leaf_end(handler->context, leaf, damage, error);
}

gboolean
document_was_given(const struct document *document, const struct leaf *leaf)
{
    const char *end = document->given->str + document->given->len;
    for (const char *at = document->given->str; at < end; at += strlen(at) + 1)
        if (slice_is(leaf->rev, at))
            return TRUE;
    return FALSE;
}

gboolean
document_has_begun(const struct document *document)
{
    return document->given->len > 0;
}

void
document_refused(struct document *document)
{
    document->refused = TRUE;
}

/* ---- a document about which something is odd ---- */

gboolean
document_is_absent(struct slice entry)
{
    struct slice error, kind;
    return json_member(entry, "error", &error) && json_member(error, "error", &kind) &&
           slice_is(kind, "\"not_found\"");
}

/* A leaf that ask_again brought. Its attachments are asked for apart from the chunk's. */
static gboolean
pass_late(struct document *document, const struct row *held, GError **error)
{
    AUTO(attach) *attach = attach_new(document->http, document->database, document->patience);
    document->handler->choose(document->handler->context, &document->late, held);
    if (leaf_needs_bytes(&document->late))
        attach_announce(attach, &document->late, held);
    document->ended = !document_leaf(document, attach, &document->late, error);
    return !document->ended;
}

/* The document by its id, and each missing revision by name: PouchDB Server gives only the winner
 * of an id. */
static GString *
again_body(const struct document *document, struct slice id)
{
    GString *body = g_string_new("{\"docs\":[{\"id\":");
    json_append_string(body, id);
    for (guint i = 0; i < document->missing->len; i++) {
        g_string_append(body, "},{\"id\":");
        json_append_string(body, id);
        g_string_append_printf(body, ",\"rev\":\"" SLICE_FORMAT "\"",
                               SLICE_ARGS(missing_rev(document, i)));
    }
    g_string_append(body, "}]}");
    return body;
}

static gboolean
take_again(struct document *document, struct slice id, const struct row *held, struct slice entry,
           GError **error)
{
    struct slice json;
    if (!document->listed && document_is_absent(entry))
        return TRUE;
    if (!json_member(entry, "ok", &json) || !leaf_parse(&document->late, json, NULL) ||
        slice_compare(document->late.id, id) != 0)
        document->refused = TRUE;
    else if (!document_was_given(document, &document->late))
        return pass_late(document, held, error);
    return TRUE;
}

/* Asks for one document again and passes on the leaves that were not given yet. */
static gboolean
ask_again(struct document *document, struct slice id, const struct row *held, GError **error)
{
    g_autoptr(GString) body = again_body(document, id);
    g_autoptr(GString) answer = http_fetch(document->http, "POST", document->bulk_get,
                                           (struct slice){body->str, body->len}, error);
    struct slice results, result, docs, entry;
    if (answer == NULL)
        return FALSE;
    gsize place = 0;
    if (!json_member((struct slice){answer->str, answer->len}, "results", &results) ||
        json_type(results) != JSON_ARRAY) {
        g_set_error(error, HTTP, HTTP_TRANSPORT, "the server does not answer for a document");
        return FALSE;
    }
    document->refused = FALSE;
    while (json_next_element(results, &place, &result))
        if (json_member(result, "docs", &docs))
            for (gsize at = 0; json_next_element(docs, &at, &entry);)
                if (!take_again(document, id, held, entry, error))
                    return FALSE;
    return TRUE;
}

/*
 * Whether a revision that the feed does not name any more may have been replaced, by a leaf whose
 * history does not reach back to it, or was purged.
 */
static gboolean
is_excused(struct document *document, struct slice id, struct slice rev, gboolean *excused,
           GError **error)
{
    guint64 generation;
    *excused = revision_generation(rev, &generation) && generation < document->stem;
    return *excused || document->handler->purged == NULL ||
           document->handler->purged(document->handler->context, id, excused, error);
}

/* Drops from `missing` what was replaced or purged since it was listed. */
static gboolean
ask_feed(struct document *document, struct slice id, GError **error)
{
    g_autoptr(GString) path = g_string_new("/");
    g_autoptr(GString) body = g_string_new("{\"doc_ids\":[");
    http_escape(path, slice_of(document->database));
    g_string_append(path, "/_changes?style=all_docs&filter=_doc_ids");
    json_append_string(body, id);
    g_string_append(body, "]}");
    g_autoptr(GString) answer =
        http_fetch(document->http, "POST", path->str, (struct slice){body->str, body->len}, error);
    struct slice results, row, changes, change, rest;
    if (answer == NULL)
        return FALSE;
    g_autoptr(GHashTable) now = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rest = (struct slice){answer->str, answer->len};
    if (!json_member(rest, "results", &results) || json_type(results) != JSON_ARRAY ||
        !json_member(rest, "last_seq", &change) ||
        (json_member(rest, "pending", &change) && !slice_is(change, "0"))) {
        g_set_error(error, HTTP, HTTP_TRANSPORT, "the changes feed of a document is not whole");
        return FALSE;
    }
    for (gsize i = 0; json_next_element(results, &i, &row);)
        if (json_member(row, "changes", &changes))
            for (gsize j = 0; json_next_element(changes, &j, &change);) {
                char *rev = NULL;
                if (json_member_text(change, "rev", &rev))
                    g_hash_table_add(now, rev);
            }
    for (guint i = document->missing->len; i-- > 0;) {
        g_autofree char *rev = slice_dup(missing_rev(document, i));
        gboolean excused = FALSE;
        if (!g_hash_table_contains(now, rev) &&
            !is_excused(document, id, slice_of(rev), &excused, error))
            return FALSE;
        if (excused)
            g_array_remove_index_fast(document->missing, i);
    }
    return TRUE;
}

/* Finds out what became of the leaves that are missing, or of a refusal, and tells what is lost. */
static gboolean
clear_up(struct document *document, struct slice id, const struct row *held, GError **error)
{
    for (guint tries = 0; tries < ODD_TRIES && (document->missing->len > 0 || document->refused);) {
        GError *failure = NULL;
        if (ask_again(document, id, held, &failure) &&
            (document->missing->len == 0 || ask_feed(document, id, &failure))) {
            tries++;
            if (document->missing->len == 0 && (document->listed || !document->refused))
                return TRUE;
        } else if (document->ended) {
            g_propagate_error(error, failure);
            return FALSE;
        } else if ((http_has_status(failure, 500) || http_has_status(failure, HTTP_ANSWER)) &&
                   *document->given_up < DOCUMENT_GIVEN_UP_MAX) {
            g_clear_error(&failure);
            patience_progress(document->patience);
            ++*document->given_up;
            break;
        } else if (!patience_again(document->patience, &failure, error)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < document->missing->len; i++)
        document_problem(document, id, missing_rev(document, i),
                         "the server listed this revision but does not give it");
    if (!document->listed && document->refused)
        document_problem(document, id, (struct slice){"", 0},
                         "the server neither lists nor gives it");
    return TRUE;
}

gboolean
document_end(struct document *document, const struct row *listed, const struct row *held,
             GError **error)
{
    const struct fetch_handler *handler = document->handler;
    if ((document->missing->len > 0 || document->refused) && !document->incomplete &&
        !clear_up(document, listed->id, held, error))
        return FALSE;
    return handler->document_end(handler->context, listed, !document->incomplete, error);
}
