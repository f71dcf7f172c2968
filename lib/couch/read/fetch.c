#include "lib/couch/read/fetch.h"

#include "lib/base/fail.h"
#include "lib/couch/read/batch.h"
#include "lib/couch/read/document.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#define STUCK 6    /* failures in a row before a document that is asked for alone is given up */
#define NARROWER 8 /* after failures, so many times fewer documents are asked for at once */
#define ROWS_MAX (1024 * 1024)      /* bytes of rows in a batch, about */
#define CHUNK_MAX (4 * FETCH_CHUNK) /* a document with so many leaves is passed on in pieces */
#define GROWTH_TARGET                                                                              \
    (2 * FETCH_CHUNK) /* bytes that an answer should have: batches shrink for large documents */

/* What was read of the first batch and not yet passed on. */
struct piece {
    guint document; /* index in the batch */
    gsize offset, size;
    guint names, n_names; /* of a leaf's outline, in the chunk's; none: it has to be walked */
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
    GArray *names;  /* guint32, of their outlines (json.h) */
    GArray *leaves; /* struct leaf for each PIECE_LEAF, reused */
    struct attach *attach;

    guint given_up;       /* documents in a row */
    guint at;             /* index in the batch of the document being passed on */
    struct document *one; /* that document */
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

/* Small documents are asked for 1,000 at a time, large ones so that an answer stays at some
 * megabytes. */
static void
adapt(struct fetch *fetch, const struct batch *batch)
{
    guint64 each = batch->bytes / MAX(batch->places->len, 1) + 1;
    guint64 fitting = CLAMP(GROWTH_TARGET / each, 1, FETCH_BATCH);
    fetch->batch_size = (guint)MIN(fitting, (guint64)fetch->batch_size * 2);
}

/* ---- passing on a chunk ---- */

static void
begin_document(struct fetch *fetch, const struct batch *batch, guint document)
{
    struct row listed = batch_listed(batch, document);
    fetch->at = document;
    document_begin(fetch->one, &listed);
}

static gboolean
take_apart(const struct fetch *fetch, const struct piece *piece, struct leaf *leaf)
{
    struct slice json = {fetch->text->str + piece->offset, piece->size};
    if (piece->n_names == 0)
        return leaf_parse(leaf, json, NULL);
    return leaf_parse_outlined(leaf, json, &g_array_index(fetch->names, guint32, piece->names),
                               piece->n_names, NULL);
}

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
        if (!take_apart(fetch, piece, leaf) ||
            slice_compare(leaf->id, batch_listed(batch, piece->document).id) != 0) {
            piece->kind = PIECE_ERROR;
            continue;
        }
        n++;
        fetch->handler->choose(fetch->handler->context, leaf, &held);
        if (leaf_needs_bytes(leaf))
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
        return document_leaf(fetch->one, fetch->attach,
                             &g_array_index(fetch->leaves, struct leaf, (*leaf)++), error);
    case PIECE_ERROR:
        document_refused(fetch->one);
        return TRUE;
    case PIECE_GIVEN_UP:
        document_problem(fetch->one, listed.id, (struct slice){"", 0},
                         fetch->text->str + piece->offset);
        break;
    case PIECE_END:
        break;
    }
    if (!document_end(fetch->one, &listed, &held, error))
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
    g_array_set_size(fetch->names, 0);
    g_string_truncate(fetch->text, 0);
    return TRUE;
}

/* ---- reading the first batch ---- */

static void
add_piece(struct fetch *fetch, const struct batch *batch, int kind, struct slice text,
          const struct json_outline *outline)
{
    struct piece piece = {batch->at, fetch->text->len, text.size, fetch->names->len, 0, 0};
    piece.kind = kind;
    if (outline != NULL && outline->n_names <= JSON_OUTLINE_NAMES) {
        piece.n_names = outline->n_names;
        g_array_append_vals(fetch->names, outline->names, outline->n_names);
    }
    g_string_append_len(fetch->text, text.data, (gssize)text.size);
    g_array_append_val(fetch->pieces, piece);
}

/* A leaf that was passed on before the answer broke off is not passed on again. */
static gboolean
add_leaf(struct fetch *fetch, const struct batch *batch, struct slice json,
         const struct json_outline *outline, GError **error)
{
    if (batch->at == fetch->at && document_has_begun(fetch->one)) {
        if (!leaf_parse(&fetch->spare, json, error))
            return FALSE;
        if (document_was_given(fetch->one, &fetch->spare))
            return TRUE;
    }
    add_piece(fetch, batch, PIECE_LEAF, json, outline);
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
        g_array_set_size(fetch->names, last->names);
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

/* The document in {"ok":…}, whose outline the element's is when there is nothing before it. */
static gboolean
is_ok(struct slice element, const struct json_outline **outline, struct slice *json)
{
    static const char start[] = "{\"ok\":{";
    const gsize before = sizeof start - 2;
    if ((*outline)->begin != before || memcmp(element.data, start, before) != 0) {
        *outline = NULL;
        return json_member(element, "ok", json);
    }
    *json = (struct slice){element.data + before, (*outline)->end - before};
    return TRUE;
}

static gboolean
take_event(struct fetch *fetch, struct batch *batch, enum json_event event, struct slice element,
           GError **error)
{
    const struct json_outline *outline = json_split_outline(batch->split);
    struct slice json;
    if (batch->at >= batch->asked_to)
        return fail_set(error, FAIL_FAILED, "the server gave more documents than asked for");
    if (event == JSON_BREAK) {
        add_piece(fetch, batch, PIECE_END, (struct slice){"", 0}, NULL);
        fetch->given_up = 0;
        document_done(batch, fetch->patience);
        return TRUE;
    }
    if (is_ok(element, &outline, &json))
        return add_leaf(fetch, batch, json, outline, error);
    if (batch_listed(batch, batch->at).leaves.size > 0 || !document_is_absent(element))
        add_piece(fetch, batch, PIECE_ERROR, (struct slice){"", 0}, NULL);
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
    if (!http_is_transient(failure) || fetch->given_up == DOCUMENT_GIVEN_UP_MAX)
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
        add_piece(fetch, batch, PIECE_GIVEN_UP, slice_of((*failure)->message), NULL);
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
    g_array_free(fetch->names, TRUE);
    g_string_free(fetch->text, TRUE);
    document_free(fetch->one);
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
    fetch.batch_size = FETCH_BATCH / 2; /* it is not known yet how large the documents are */
    g_queue_init(&fetch.batches);
    fetch.text = g_string_new(NULL);
    fetch.pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    fetch.names = g_array_new(FALSE, FALSE, sizeof(guint32));
    fetch.leaves = g_array_new(FALSE, TRUE, sizeof(struct leaf));
    fetch.one = document_new(http, database, fetch.path, handler, patience, &fetch.given_up);
    fetch.attach = attach_new(http, database, patience);
    gboolean done = run(&fetch, error);
    fetch_clear(&fetch);
    return done;
}
