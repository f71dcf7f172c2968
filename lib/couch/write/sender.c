#include "lib/couch/write/sender.h"

#include "lib/couch/server.h"

#define UNDER_WAY 8         /* requests at a time: CouchDB commits several PUTs in one go … */
#define BATCHES_UNDER_WAY 4 /* … but batches keep it busy as they are */
#define HELD_MAX (16 * 1024 * 1024) /* bytes of bodies under way, unless one alone is larger */
#define SPARE_MAX (4 * 1024 * 1024) /* bytes of a body whose memory is kept for the next */
#define STUCK 3 /* failures (500) at the same documents before they are cut apart, then refused */
#define FIRST_WAIT 250U /* milliseconds after the first of them */
#define HOPELESS                                                                                   \
    100 /* documents refused that way without one success: it is the server, not they */

struct sender {
    struct http *http;
    const struct target_handler *handler;
    struct patience *patience;
    char *bulk_path;
    struct post *under_way[UNDER_WAY]; /* NULL where there is none */
    GQueue waiting;                    /* struct post to be sent (again) */
    GPtrArray *spare;                  /* posts whose memory can be used again */
    gsize held;                        /* bytes of bodies under way */
    guint hopeless;
};

struct sender *
sender_new(struct http *http, const char *database, const struct target_handler *handler,
           struct patience *patience)
{
    struct sender *sender = g_new0(struct sender, 1);
    sender->http = http;
    sender->handler = handler;
    sender->patience = patience;
    sender->bulk_path = server_path(database, "/_bulk_docs");
    sender->spare = g_ptr_array_new_with_free_func((GDestroyNotify)post_free);
    g_queue_init(&sender->waiting);
    return sender;
}

void
sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    for (guint i = 0; i < UNDER_WAY; i++)
        post_free(sender->under_way[i]);
    for (struct post *post; (post = g_queue_pop_head(&sender->waiting)) != NULL;)
        post_free(post);
    g_ptr_array_unref(sender->spare);
    g_free(sender->bulk_path);
    g_free(sender);
}

struct post *
sender_fresh(struct sender *sender)
{
    return sender->spare->len > 0
               ? g_ptr_array_steal_index_fast(sender->spare, sender->spare->len - 1)
               : post_new();
}

static void
put_aside(struct sender *sender, struct post *post)
{
    if (sender->spare->len >= UNDER_WAY || post->body->allocated_len > SPARE_MAX) {
        post_free(post);
        return;
    }
    post_reset(post);
    g_ptr_array_add(sender->spare, post);
}

/* ---- what became of a request ---- */

static void
refuse(struct sender *sender, const char *id, const char *rev, const char *reason)
{
    sender->handler->refused(sender->handler->context, slice_of(id != NULL ? id : ""),
                             slice_of(rev != NULL ? rev : ""),
                             reason != NULL ? reason : "no reason given");
}

static void
refuse_post(struct sender *sender, const struct post *post, const GError *cause)
{
    g_autofree char *id = NULL;
    g_autofree char *rev = NULL;
    post_name(post, &id, &rev);
    refuse(sender, id, rev, cause->message);
}

static void
arrived(struct sender *sender, guint64 leaves, guint64 bytes)
{
    sender->hopeless = 0;
    patience_progress(sender->patience);
    sender->handler->arrived(sender->handler->context, leaves, bytes);
}

/* A refusal that the document's content decides, so that another attempt gives the same. */
static gboolean
is_final(const struct post_refusal *refusal)
{
    static const char *const final[] = {"forbidden", "unauthorized", "doc_validation",
                                        "illegal_docid", "bad_request"};
    if (refusal->error == NULL)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(final); i++)
        if (g_str_equal(refusal->error, final[i]))
            return TRUE;
    return FALSE;
}

/* Some documents of a batch were not taken: those that may yet be are sent again, the others
 * reported. */
static void
take_refusals(struct sender *sender, struct post *post, GPtrArray *refusals)
{
    g_autoptr(GHashTable) again = g_hash_table_new(g_str_hash, g_str_equal);
    post->failures++;
    for (guint i = 0; i < refusals->len; i++) {
        struct post_refusal *refusal = refusals->pdata[i];
        if (!is_final(refusal) && post->failures < STUCK) {
            g_hash_table_add(again, refusal->id);
            continue;
        }
        g_autofree char *reason =
            g_strdup_printf("%s%s%s", refusal->error != NULL ? refusal->error : "",
                            refusal->error != NULL && refusal->reason != NULL ? ": " : "",
                            refusal->reason != NULL ? refusal->reason : "");
        refuse(sender, refusal->id, refusal->rev, reason);
    }
    guint leaves = post_count(post) - MIN(refusals->len, post_count(post));
    arrived(sender, leaves, post->body->len);
    if (g_hash_table_size(again) > 0) {
        struct post *picked = post_pick(post, again);
        if (picked != NULL)
            g_queue_push_head(&sender->waiting, picked);
    }
}

/* The request as a whole failed in a way that waiting does not mend: finds the document that is to
 * blame. */
static gboolean
take_apart(struct sender *sender, struct post *post, GError **failure, GError **error)
{
    gboolean is_server = http_has_status(*failure, 500);
    if (post_count(post) > 1) {
        struct post *first, *second;
        post_halve(post, &first, &second);
        first->failures = second->failures = is_server ? STUCK - 1 : 0;
        g_queue_push_head(&sender->waiting, second);
        g_queue_push_head(&sender->waiting, first);
    } else if (is_server && ++sender->hopeless >= HOPELESS) {
        g_propagate_error(error, g_steal_pointer(failure));
        post_free(post);
        return FALSE;
    } else {
        refuse_post(sender, post, *failure);
    }
    g_clear_error(failure);
    post_free(post);
    return TRUE;
}

/* What 401, 403 and 404 mean: for a PUT a validator's refusal, else that nobody can go on here. */
static gboolean
is_end(struct sender *sender, const struct post *post, const GError *failure)
{
    if (http_is_refused(failure))
        return post->path == NULL || !traits_admitted(sender->http);
    return http_has_status(failure, 404) || failure->domain != HTTP;
}

/* A 500 has waits of its own: it may be one document's doing, and must not use up the patience that
 * all share. */
static void
wait_for_server(struct sender *sender, const struct post *post, const GError *failure)
{
    if (sender->patience->wait != NULL)
        sender->patience->wait(sender->patience->context, FIRST_WAIT << MIN(post->failures, 4),
                               failure);
}

/* Takes the post over. */
static gboolean
take_failure(struct sender *sender, struct post *post, GError *failure, GError **error)
{
    gboolean is_500 = http_has_status(failure, 500);
    if (is_end(sender, post, failure)) {
        g_propagate_error(error, failure);
        post_free(post);
        return FALSE;
    }
    if (!http_is_transient(failure) || (is_500 && ++post->failures >= STUCK))
        return take_apart(sender, post, &failure, error);
    if (is_500) {
        wait_for_server(sender, post, failure);
        g_clear_error(&failure);
    } else if (!patience_again(sender->patience, &failure, error)) {
        post_free(post);
        return FALSE;
    }
    g_queue_push_head(&sender->waiting, post);
    return TRUE;
}

/* Takes the post over, whose answer can be read. */
static gboolean
settle(struct sender *sender, struct post *post, GError **error)
{
    g_autoptr(GPtrArray) refusals = NULL;
    GError *failure = NULL;
    if (!post_finish(post, &refusals, &failure))
        return take_failure(sender, post, failure, error);
    if (refusals != NULL)
        take_refusals(sender, post, refusals);
    else
        arrived(sender, MAX(post_count(post), 1), post->body->len);
    put_aside(sender, post);
    return TRUE;
}

/* ---- keeping four under way ---- */

static guint
count_under_way(const struct sender *sender, gboolean batches_only)
{
    guint n = 0;
    for (guint i = 0; i < UNDER_WAY; i++)
        n += sender->under_way[i] != NULL && (!batches_only || sender->under_way[i]->path == NULL);
    return n;
}

static gboolean
finish_one(struct sender *sender, GError **error)
{
    struct http_call *calls[UNDER_WAY];
    for (guint i = 0; i < UNDER_WAY; i++)
        calls[i] = sender->under_way[i] != NULL ? sender->under_way[i]->call : NULL;
    guint which = http_wait_any(sender->http, calls, UNDER_WAY);
    struct post *post = g_steal_pointer(&sender->under_way[which]);
    sender->held -= post->body->len;
    return settle(sender, post, error);
}

static gboolean
has_room(const struct sender *sender, const struct post *post)
{
    guint n = count_under_way(sender, FALSE);
    if (n == 0)
        return TRUE;
    if (n == UNDER_WAY || sender->held + post->body->len > HELD_MAX)
        return FALSE;
    return post->path != NULL || count_under_way(sender, TRUE) < BATCHES_UNDER_WAY;
}

/* Sends what waits. */
static gboolean
send_waiting(struct sender *sender, GError **error)
{
    while (sender->waiting.length > 0) {
        if (!has_room(sender, sender->waiting.head->data)) {
            if (!finish_one(sender, error))
                return FALSE;
            continue;
        }
        struct post *post = g_queue_pop_head(&sender->waiting);
        guint free_place = 0;
        while (sender->under_way[free_place] != NULL)
            free_place++;
        sender->under_way[free_place] = post;
        sender->held += post->body->len;
        post_start(post, sender->http, sender->bulk_path);
    }
    return TRUE;
}

gboolean
sender_send(struct sender *sender, struct post *post, GError **error)
{
    g_queue_push_tail(&sender->waiting, post);
    return send_waiting(sender, error);
}

gboolean
sender_flush(struct sender *sender, GError **error)
{
    while (sender->waiting.length > 0 || count_under_way(sender, FALSE) > 0)
        if (!send_waiting(sender, error) ||
            (count_under_way(sender, FALSE) > 0 && !finish_one(sender, error)))
            return FALSE;
    return TRUE;
}

/* ---- streams ---- */

/* The answer to a stream, which cannot be sent a second time from here. */
static gboolean
settle_stream(struct sender *sender, const struct leaf *leaf, struct post *post, guint64 size,
              GError **error)
{
    g_autoptr(GPtrArray) refusals = NULL;
    g_autoptr(GError) failure = NULL;
    if (post_finish(post, &refusals, &failure)) {
        if (refusals != NULL)
            take_refusals(sender, post, refusals);
        else
            arrived(sender, 1, size);
    } else if (is_end(sender, post, failure)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    } else if (http_is_transient(failure)) {
        sender->handler->interrupted(sender->handler->context, leaf->id, leaf->rev, failure);
    } else {
        sender->handler->refused(sender->handler->context, leaf->id, leaf->rev, failure->message);
    }
    return TRUE;
}

gboolean
sender_stream(struct sender *sender, const struct leaf *leaf, struct body *body, const char *path,
              GError **error)
{
    AUTO(post) *post = post_new();
    post->path = g_strdup(path);
    post->id = slice_dup(leaf->id);
    post->rev = slice_dup(leaf->rev);
    post->failures = STUCK; /* it is not sent again from here */
    struct http_request request = {
        .method = path != NULL ? "PUT" : "POST",
        .path = path != NULL ? path : sender->bulk_path,
        .content_type = body_content_type(body),
        .source = body_read,
        .source_context = body,
        .source_size = body_size(body),
    };
    post->call = http_start(sender->http, &request);
    return settle_stream(sender, leaf, post, request.source_size, error);
}
