#include "lib/couch/read/fetch.h"

#include "lib/base/fail.h"
#include "lib/couch/json.h"
#include "lib/couch/read/attach.h"
#include "lib/couch/read/batch.h"
#include "lib/couch/server.h"

#define STUCK 6    /* failures in a row before a document that is asked for alone is given up */
#define NARROWER 8 /* after failures, so many times fewer documents are asked for at once */
#define GIVEN_UP_MAX 20        /* documents in a row; then it is the server, not they */
#define ODD_TRIES 3            /* times that a document is asked for about which something is odd */
#define ROWS_MAX (1024 * 1024) /* bytes of rows in a batch, about */
#define CHUNK_MAX (4 * FETCH_CHUNK) /* a document with so many leaves is passed on in pieces */
#define GROWTH_TARGET                                                                              \
    (2 * FETCH_CHUNK) /* bytes that an answer should have: batches shrink for large documents */

/* What was read of the first batch and not yet passed on. */
struct piece {
    guint document; /* index in the batch */
    gsize offset, size;
    enum { PIECE_LEAF, PIECE_ERROR, PIECE_END, PIECE_GIVEN_UP } kind;
};

struct fetch {
    struct http *http;
    const char *database;
    const struct fetch_handler *handler;
    struct patience *patience;
    char *path;
    GQueue batches; /* struct batch, in order */
    gboolean no_more;
    guint batch_size;

    GString *text;  /* the documents of the chunk */
    GArray *pieces; /* struct piece */
    GArray *leaves; /* struct leaf for each PIECE_LEAF, reused */
    struct attach *attach;

    guint given_up; /* documents in a row */

    /* the document being passed on */
    guint document;      /* its index in the batch */
    GHashTable *given;   /* revisions passed on */
    GPtrArray *missing;  /* listed revisions that nothing accounts for yet */
    gboolean listed;     /* the listing had it */
    guint64 stem;        /* generation at which the longest history given was cut off */
    gboolean refused;    /* the answer held an error for it */
    gboolean incomplete; /* a problem was told */
    gboolean ended;      /* the handler or patience ended it: the error is theirs */
    struct leaf spare;
};

/* ---- batches ---- */

static gboolean
batch_start(struct fetch *fetch, GError **error)
{
    struct batch *batch = batch_new();
    g_queue_push_tail(&fetch->batches, batch);
    while (batch->places->len < fetch->batch_size && batch->rows->len < ROWS_MAX &&
           !fetch->no_more) {
        struct fetch_wanted wanted = {{{NULL, 0}, {NULL, 0}}, {{NULL, 0}, {NULL, 0}}};
        if (!fetch->handler->next(fetch->handler->context, &wanted, &fetch->no_more, error))
            return FALSE;
        if (fetch->no_more)
            break;
        batch_add(batch, &wanted.listed, &wanted.held);
    }
    if (batch->places->len > 0)
        batch_ask(batch, fetch->http, fetch->path);
    else
        batch_free(g_queue_pop_tail(&fetch->batches));
    return TRUE;
}

/* Small documents are asked for 500 at a time, large ones so that an answer stays at some
 * megabytes. */
static void
adapt(struct fetch *fetch, const struct batch *batch)
{
    guint64 each = batch->bytes / MAX(batch->places->len, 1) + 1;
    guint64 fitting = CLAMP(GROWTH_TARGET / each, 1, FETCH_BATCH);
    fetch->batch_size = (guint)MIN(fitting, (guint64)fetch->batch_size * 2);
}

/* ---- passing on ---- */

static void
begin_document(struct fetch *fetch, const struct batch *batch, guint document)
{
    struct slice rest = batch_listed(batch, document).leaves;
    fetch->document = document;
    g_hash_table_remove_all(fetch->given);
    g_ptr_array_set_size(fetch->missing, 0);
    fetch->refused = fetch->incomplete = FALSE;
    fetch->stem = 0;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        g_ptr_array_add(fetch->missing, slice_dup(leaf.rev));
    fetch->listed = fetch->missing->len > 0;
}

static void
tell_problem(struct fetch *fetch, struct slice id, struct slice rev, const char *reason)
{
    fetch->incomplete = TRUE;
    fetch->handler->problem(fetch->handler->context, id, rev, reason);
}

static gboolean
needs_bytes(const struct leaf *leaf)
{
    for (guint i = 0; i < leaf->n_attachments; i++)
        if (leaf->attachments[i].here)
            return TRUE;
    return FALSE;
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
tick_off(struct fetch *fetch, const struct leaf *leaf)
{
    for (guint i = fetch->missing->len; i-- > 0;)
        if (leaf_descends_from(leaf, slice_of(fetch->missing->pdata[i])))
            g_ptr_array_remove_index_fast(fetch->missing, i);
    if (fetch->missing->len > 0)
        fetch->stem = MAX(fetch->stem, stem_of(leaf));
}

/* The attachments of the leaf, if some are chosen, must have been announced. */
static gboolean
pass_leaf(struct fetch *fetch, struct attach *attach, const struct leaf *leaf, GError **error)
{
    const struct fetch_handler *handler = fetch->handler;
    g_autofree char *damage = NULL;
    tick_off(fetch, leaf);
    g_hash_table_add(fetch->given, slice_dup(leaf->rev));
    if (!handler->leaf(handler->context, leaf, error))
        return FALSE;
    if (needs_bytes(leaf) && !attach_deliver(attach, leaf, handler, &damage, error))
        return FALSE;
    if (damage != NULL)
        tell_problem(fetch, leaf->id, leaf->rev, damage);
    return handler->leaf_end(handler->context, leaf, damage, error);
}

static gboolean
was_given(struct fetch *fetch, const struct leaf *leaf)
{
    g_autofree char *rev = slice_dup(leaf->rev);
    return g_hash_table_contains(fetch->given, rev);
}

/* ---- a document about which something is odd ---- */

/* No copy of the server has it: no fault of a document that was not listed. */
static gboolean
is_absence(struct slice entry)
{
    struct slice error, kind;
    return json_member(entry, "error", &error) && json_member(error, "error", &kind) &&
           slice_is(kind, "\"not_found\"");
}

/* A leaf that ask_again brought. Its attachments are asked for apart from the chunk's. */
static gboolean
pass_late(struct fetch *fetch, const struct row *held, GError **error)
{
    AUTO(attach) *attach = attach_new(fetch->http, fetch->database, fetch->patience);
    fetch->handler->choose(fetch->handler->context, &fetch->spare, held);
    if (needs_bytes(&fetch->spare))
        attach_announce(attach, &fetch->spare, held);
    fetch->ended = !pass_leaf(fetch, attach, &fetch->spare, error);
    return !fetch->ended;
}

/* The document by its id, and each missing revision by name: PouchDB Server gives only the winner
 * of an id. */
static GString *
again_body(const struct fetch *fetch, struct slice id)
{
    GString *body = g_string_new("{\"docs\":[{\"id\":");
    json_append_string(body, id);
    for (guint i = 0; i < fetch->missing->len; i++) {
        g_string_append(body, "},{\"id\":");
        json_append_string(body, id);
        g_string_append_printf(body, ",\"rev\":\"%s\"", (const char *)fetch->missing->pdata[i]);
    }
    g_string_append(body, "}]}");
    return body;
}

static gboolean
take_again(struct fetch *fetch, struct slice id, const struct row *held, struct slice entry,
           GError **error)
{
    struct slice json;
    if (!fetch->listed && is_absence(entry))
        return TRUE;
    if (!json_member(entry, "ok", &json) || !leaf_parse(&fetch->spare, json, NULL) ||
        slice_compare(fetch->spare.id, id) != 0)
        fetch->refused = TRUE;
    else if (!was_given(fetch, &fetch->spare))
        return pass_late(fetch, held, error);
    return TRUE;
}

/* Asks for one document again and passes on the leaves that were not given yet. */
static gboolean
ask_again(struct fetch *fetch, struct slice id, const struct row *held, GError **error)
{
    g_autoptr(GString) body = again_body(fetch, id);
    g_autoptr(GString) answer =
        http_fetch(fetch->http, "POST", fetch->path, (struct slice){body->str, body->len}, error);
    struct slice results, result, docs, entry;
    if (answer == NULL)
        return FALSE;
    gsize place = 0;
    if (!json_member((struct slice){answer->str, answer->len}, "results", &results) ||
        json_type(results) != JSON_ARRAY) {
        g_set_error(error, HTTP, HTTP_TRANSPORT, "the server does not answer for a document");
        return FALSE;
    }
    fetch->refused = FALSE;
    while (json_next_element(results, &place, &result))
        if (json_member(result, "docs", &docs))
            for (gsize at = 0; json_next_element(docs, &at, &entry);)
                if (!take_again(fetch, id, held, entry, error))
                    return FALSE;
    return TRUE;
}

/*
 * Whether a revision that the feed does not name any more may have been replaced, by a leaf whose
 * history does not reach back to it, or was purged.
 */
static gboolean
is_excused(struct fetch *fetch, struct slice id, struct slice rev, gboolean *excused,
           GError **error)
{
    guint64 generation;
    *excused = revision_generation(rev, &generation) && generation < fetch->stem;
    return *excused || fetch->handler->purged == NULL ||
           fetch->handler->purged(fetch->handler->context, id, excused, error);
}

/* Drops from `missing` what was replaced or purged since it was listed. */
static gboolean
ask_feed(struct fetch *fetch, struct slice id, GError **error)
{
    g_autoptr(GString) path = g_string_new("/");
    g_autoptr(GString) body = g_string_new("{\"doc_ids\":[");
    http_escape(path, slice_of(fetch->database));
    g_string_append(path, "/_changes?style=all_docs&filter=_doc_ids");
    json_append_string(body, id);
    g_string_append(body, "]}");
    g_autoptr(GString) answer =
        http_fetch(fetch->http, "POST", path->str, (struct slice){body->str, body->len}, error);
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
    for (guint i = fetch->missing->len; i-- > 0;) {
        const char *rev = fetch->missing->pdata[i];
        gboolean excused = FALSE;
        if (!g_hash_table_contains(now, rev) &&
            !is_excused(fetch, id, slice_of(rev), &excused, error))
            return FALSE;
        if (excused)
            g_ptr_array_remove_index_fast(fetch->missing, i);
    }
    return TRUE;
}

/* Finds out what became of the leaves that are missing, or of a refusal, and tells what is lost. */
static gboolean
clear_up(struct fetch *fetch, struct slice id, const struct row *held, GError **error)
{
    for (guint tries = 0; tries < ODD_TRIES && (fetch->missing->len > 0 || fetch->refused);) {
        GError *failure = NULL;
        if (ask_again(fetch, id, held, &failure) &&
            (fetch->missing->len == 0 || ask_feed(fetch, id, &failure))) {
            tries++;
            if (fetch->missing->len == 0 && (fetch->listed || !fetch->refused))
                return TRUE;
        } else if (fetch->ended) {
            g_propagate_error(error, failure);
            return FALSE;
        } else if ((http_has_status(failure, 500) || http_has_status(failure, HTTP_ANSWER)) &&
                   fetch->given_up < GIVEN_UP_MAX) {
            g_clear_error(&failure);
            patience_progress(fetch->patience);
            fetch->given_up++;
            break;
        } else if (!patience_again(fetch->patience, &failure, error)) {
            return FALSE;
        }
    }
    for (guint i = 0; i < fetch->missing->len; i++)
        tell_problem(fetch, id, slice_of(fetch->missing->pdata[i]),
                     "the server listed this revision but does not give it");
    if (!fetch->listed && fetch->refused)
        tell_problem(fetch, id, (struct slice){"", 0}, "the server neither lists nor gives it");
    return TRUE;
}

static gboolean
end_document(struct fetch *fetch, const struct row *listed, const struct row *held, GError **error)
{
    const struct fetch_handler *handler = fetch->handler;
    if ((fetch->missing->len > 0 || fetch->refused) && !fetch->incomplete &&
        !clear_up(fetch, listed->id, held, error))
        return FALSE;
    return handler->document_end(handler->context, listed, !fetch->incomplete, error);
}

/* ---- the chunk ---- */

/* Takes the leaves apart, lets the handler choose attachments, and announces those in one go. What
 * is not as it should be counts as refused. */
static void
prepare_chunk(struct fetch *fetch, const struct batch *batch)
{
    guint n = 0;
    attach_begin(fetch->attach);
    for (guint i = 0; i < fetch->pieces->len; i++) {
        struct piece *piece = &g_array_index(fetch->pieces, struct piece, i);
        if (piece->kind != PIECE_LEAF)
            continue;
        if (n == fetch->leaves->len)
            g_array_set_size(fetch->leaves, n + 1);
        struct leaf *leaf = &g_array_index(fetch->leaves, struct leaf, n);
        struct row held = batch_held(batch, piece->document);
        if (!leaf_parse(leaf, (struct slice){fetch->text->str + piece->offset, piece->size},
                        NULL) ||
            slice_compare(leaf->id, batch_listed(batch, piece->document).id) != 0) {
            piece->kind = PIECE_ERROR;
            continue;
        }
        n++;
        fetch->handler->choose(fetch->handler->context, leaf, &held);
        if (needs_bytes(leaf))
            attach_announce(fetch->attach, leaf, &held);
    }
    attach_start(fetch->attach);
}

static gboolean
pass_piece(struct fetch *fetch, const struct batch *batch, const struct piece *piece, guint *leaf,
           GError **error)
{
    struct row listed = batch_listed(batch, piece->document);
    struct row held = batch_held(batch, piece->document);
    switch (piece->kind) {
    case PIECE_LEAF:
        return pass_leaf(fetch, fetch->attach,
                         &g_array_index(fetch->leaves, struct leaf, (*leaf)++), error);
    case PIECE_ERROR:
        fetch->refused = TRUE;
        return TRUE;
    case PIECE_GIVEN_UP:
        tell_problem(fetch, listed.id, (struct slice){"", 0}, fetch->text->str + piece->offset);
        break;
    case PIECE_END:
        break;
    }
    if (!end_document(fetch, &listed, &held, error))
        return FALSE;
    if (piece->document + 1 < batch->places->len)
        begin_document(fetch, batch, piece->document + 1);
    return TRUE;
}

static gboolean
pass_chunk(struct fetch *fetch, const struct batch *batch, GError **error)
{
    guint leaf = 0;
    prepare_chunk(fetch, batch);
    for (guint i = 0; i < fetch->pieces->len; i++)
        if (!pass_piece(fetch, batch, &g_array_index(fetch->pieces, struct piece, i), &leaf, error))
            return FALSE;
    g_array_set_size(fetch->pieces, 0);
    g_string_truncate(fetch->text, 0);
    return TRUE;
}

/* ---- reading the first batch ---- */

static void
add_piece(struct fetch *fetch, const struct batch *batch, int kind, struct slice text)
{
    struct piece piece = {batch->at, fetch->text->len, text.size, 0};
    piece.kind = kind;
    g_string_append_len(fetch->text, text.data, (gssize)text.size);
    g_array_append_val(fetch->pieces, piece);
}

/* A leaf that was passed on before the answer broke off is not passed on again. */
static gboolean
add_leaf(struct fetch *fetch, const struct batch *batch, struct slice json, GError **error)
{
    if (batch->at == fetch->document && g_hash_table_size(fetch->given) > 0) {
        if (!leaf_parse(&fetch->spare, json, error))
            return FALSE;
        if (was_given(fetch, &fetch->spare))
            return TRUE;
    }
    add_piece(fetch, batch, PIECE_LEAF, json);
    return TRUE;
}

/* Forgets what the chunk holds of the document in whose midst the answer broke off. */
static void
drop_unfinished(struct fetch *fetch, const struct batch *batch)
{
    while (fetch->pieces->len > 0) {
        const struct piece *last =
            &g_array_index(fetch->pieces, struct piece, fetch->pieces->len - 1);
        if (last->document != batch->at)
            break;
        g_string_truncate(fetch->text, last->offset);
        g_array_set_size(fetch->pieces, fetch->pieces->len - 1);
    }
}

static void
document_done(struct batch *batch, struct patience *patience)
{
    batch->at++;
    batch->stuck = 0;
    patience_progress(patience);
}

/* The document in {"ok":…}. Nothing but its bracket follows: leaf_parse finds the end, which saves
 * walking through every document once more. */
static gboolean
is_ok(struct slice element, struct slice *json)
{
    static const char start[] = "{\"ok\":{";
    const gsize before = sizeof start - 2;
    if (element.size <= before || memcmp(element.data, start, sizeof start - 1) != 0)
        return json_member(element, "ok", json);
    *json = (struct slice){element.data + before, element.size - before};
    return TRUE;
}

static gboolean
take_event(struct fetch *fetch, struct batch *batch, enum json_event event, struct slice element,
           GError **error)
{
    struct slice json;
    if (batch->at >= batch->asked_to)
        return fail_set(error, FAIL_FAILED, "the server gave more documents than asked for");
    if (event == JSON_BREAK) {
        add_piece(fetch, batch, PIECE_END, (struct slice){"", 0});
        fetch->given_up = 0;
        document_done(batch, fetch->patience);
        return TRUE;
    }
    if (is_ok(element, &json))
        return add_leaf(fetch, batch, json, error);
    if (batch_listed(batch, batch->at).leaves.size > 0 || !is_absence(element))
        add_piece(fetch, batch, PIECE_ERROR, (struct slice){"", 0});
    return TRUE;
}

/* Reads some of the answer into the chunk. *done when it has ended cleanly. */
static gboolean
read_some(struct fetch *fetch, struct batch *batch, gboolean *done, GError **error)
{
    struct slice input, element;
    *done = FALSE;
    if (!http_expect_success(batch->call, error) || !http_peek(batch->call, &input, error))
        return FALSE;
    gsize size = input.size;
    if (size == 0) {
        *done = batch->at == batch->asked_to;
        return *done
                   ? TRUE
                   : fail_set(error, FAIL_FAILED, "the server gave fewer documents than asked for");
    }
    for (;;) {
        enum json_event event = json_split_feed(batch->split, &input, &element, error);
        if (event == JSON_FAILED)
            return FALSE;
        if (event == JSON_MORE || event == JSON_END)
            break;
        if (!take_event(fetch, batch, event, element, error))
            return FALSE;
        if (fetch->text->len >= FETCH_CHUNK)
            break;
    }
    gsize used = size - input.size;
    batch->bytes += used;
    http_skip(batch->call, used > 0 ? used : size);
    return TRUE;
}

/* Whether a failure that stays must be the document's: the server answers other questions, now. */
static gboolean
is_to_blame(struct fetch *fetch, const GError *failure)
{
    static const int busy[] = {408, 429, 503};
    for (gsize i = 0; i < G_N_ELEMENTS(busy); i++)
        if (http_has_status(failure, busy[i]))
            return FALSE;
    if (!http_is_transient(failure) || fetch->given_up == GIVEN_UP_MAX)
        return FALSE;
    g_autofree char *path = server_path(fetch->database, "");
    return server_answers(fetch->http, path);
}

/* After a failure: waits and asks again, for fewer documents when it stays, and gives one up that
 * fails even alone. */
static gboolean
recover(struct fetch *fetch, struct batch *batch, GError **failure, GError **error)
{
    gboolean alone = batch->asked_to == batch->at + 1;
    batch_hang_up(batch);
    drop_unfinished(fetch, batch);
    http_blame_transport(failure);
    gboolean too_large = http_has_status(*failure, 413);
    if (++batch->stuck > 1 || batch->span < batch->places->len || too_large)
        batch->span = MAX(batch->span / NARROWER, 1);
    if (too_large && !alone) {
        g_clear_error(failure); /* for fewer at once, without waiting */
    } else if (alone && (too_large || (batch->stuck >= STUCK && is_to_blame(fetch, *failure)))) {
        add_piece(fetch, batch, PIECE_GIVEN_UP, slice_of((*failure)->message));
        g_string_append_c(fetch->text, '\0');
        fetch->given_up++;
        document_done(batch, fetch->patience);
        g_clear_error(failure);
    } else if (!patience_again(fetch->patience, failure, error)) {
        return FALSE;
    }
    if (batch->at < batch->places->len)
        batch_ask(batch, fetch->http, fetch->path);
    return TRUE;
}

static gboolean
run_batch(struct fetch *fetch, struct batch *batch, GError **error)
{
    begin_document(fetch, batch, 0);
    while (batch->at < batch->places->len || batch->call != NULL) {
        gboolean done;
        GError *failure = NULL;
        if (!read_some(fetch, batch, &done, &failure)) {
            if (!recover(fetch, batch, &failure, error))
                return FALSE;
        } else if (done) {
            batch_hang_up(batch);
            batch->span = MIN(batch->span * NARROWER, batch->places->len);
            if (batch->at < batch->places->len)
                batch_ask(batch, fetch->http, fetch->path);
        }
        gboolean whole =
            fetch->pieces->len > 0 &&
            g_array_index(fetch->pieces, struct piece, fetch->pieces->len - 1).document < batch->at;
        if ((fetch->text->len >= FETCH_CHUNK && whole) || fetch->text->len >= CHUNK_MAX)
            if (!pass_chunk(fetch, batch, error))
                return FALSE;
    }
    adapt(fetch, batch);
    /* It is no longer under way: the next takes its place before this one is passed on. */
    if (!fetch->no_more && fetch->batches.length <= FETCH_AHEAD && !batch_start(fetch, error))
        return FALSE;
    return pass_chunk(fetch, batch, error);
}

/* ---- the whole ---- */

static void
fetch_clear(struct fetch *fetch)
{
    for (struct batch *batch; (batch = g_queue_pop_head(&fetch->batches)) != NULL;)
        batch_free(batch);
    for (guint i = 0; i < fetch->leaves->len; i++)
        leaf_clear(&g_array_index(fetch->leaves, struct leaf, i));
    leaf_clear(&fetch->spare);
    g_array_free(fetch->leaves, TRUE);
    g_array_free(fetch->pieces, TRUE);
    g_string_free(fetch->text, TRUE);
    g_hash_table_unref(fetch->given);
    g_ptr_array_unref(fetch->missing);
    attach_free(fetch->attach);
    g_free(fetch->path);
}

static gboolean
run(struct fetch *fetch, GError **error)
{
    for (;;) {
        while (fetch->batches.length < FETCH_AHEAD && !fetch->no_more)
            if (!batch_start(fetch, error))
                return FALSE;
        struct batch *first = g_queue_peek_head(&fetch->batches);
        if (first == NULL)
            return TRUE;
        if (!run_batch(fetch, first, error))
            return FALSE;
        batch_free(g_queue_pop_head(&fetch->batches));
    }
}

gboolean
fetch_documents(struct http *http, const char *database, const struct fetch_handler *handler,
                struct patience *patience, GError **error)
{
    struct fetch fetch = {
        .http = http, .database = database, .handler = handler, .patience = patience};
    g_autoptr(GString) path = g_string_new("/");
    http_escape(path, slice_of(database));
    g_string_append(path, "/_bulk_get?revs=true&att_encoding_info=true");
    fetch.path = g_string_free(g_steal_pointer(&path), FALSE);
    fetch.batch_size = FETCH_BATCH;
    g_queue_init(&fetch.batches);
    fetch.text = g_string_new(NULL);
    fetch.pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    fetch.leaves = g_array_new(FALSE, TRUE, sizeof(struct leaf));
    fetch.given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fetch.missing = g_ptr_array_new_with_free_func(g_free);
    fetch.attach = attach_new(http, database, patience);
    gboolean done = run(&fetch, error);
    fetch_clear(&fetch);
    return done;
}
