#include "lib/couch/read/attach.h"

#include "lib/base/fail.h"
#include "lib/couch/read/multipart.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"

#define TRIES                                                                                      \
    3 /* failures at one place before attachments are asked for one by one, and before one is      \
         given up */

struct attach {
    struct http *http;
    char *database;
    struct patience *patience;
    gboolean no_multipart; /* the server has none */

    GPtrArray *asked; /* GString: the element of "docs" for each announced leaf */
    guint next;       /* the leaf to deliver */

    GString *body; /* of the request under way */
    struct http_call *call;
    struct multipart *multipart;
    struct leaf answer;
};

/* How far the delivery of one leaf has come. */
struct delivery {
    const struct leaf *leaf;
    const struct fetch_handler *handler;
    guint at;     /* index of the attachment being delivered */
    guint64 done; /* its bytes delivered */
    struct hash *md5;
    char *damage;
};

static void
free_text(gpointer text)
{
    g_string_free(text, TRUE);
}

struct attach *
attach_new(struct http *http, const char *database, struct patience *patience)
{
    struct attach *attach = g_new0(struct attach, 1);
    attach->http = http;
    attach->database = g_strdup(database);
    attach->patience = patience;
    attach->asked = g_ptr_array_new_with_free_func(free_text);
    attach->body = g_string_new(NULL);
    return attach;
}

static void
hang_up(struct attach *attach)
{
    g_clear_pointer(&attach->multipart, multipart_free);
    g_clear_pointer(&attach->call, http_call_free);
}

void
attach_free(struct attach *attach)
{
    if (attach == NULL)
        return;
    hang_up(attach);
    leaf_clear(&attach->answer);
    g_ptr_array_unref(attach->asked);
    g_string_free(attach->body, TRUE);
    g_free(attach->database);
    g_free(attach);
}

void
attach_begin(struct attach *attach)
{
    hang_up(attach);
    g_ptr_array_set_size(attach->asked, 0);
    attach->next = 0;
}

/* ---- asking ---- */

/*
 * CouchDB leaves out what is not newer than an ancestor named in atts_since. That is only asked for
 * when every chosen attachment came in after the held ancestor.
 */
static void
append_atts_since(GString *text, const struct leaf *leaf, const struct row *held)
{
    struct slice rest = held->leaves;
    struct row_leaf ancestor;
    guint64 generation;
    if (held->id.data == NULL)
        return;
    while (row_next_leaf(&rest, &ancestor)) {
        if (!leaf_descends_from(leaf, ancestor.rev) ||
            !revision_generation(ancestor.rev, &generation))
            continue;
        for (guint i = 0; i < leaf->n_attachments; i++)
            if (leaf->attachments[i].here && leaf->attachments[i].revpos <= generation)
                return;
        g_string_append_printf(text, ",\"atts_since\":[\"" SLICE_FORMAT "\"]",
                               SLICE_ARGS(ancestor.rev));
        return;
    }
}

void
attach_announce(struct attach *attach, const struct leaf *leaf, const struct row *held)
{
    GString *text = g_string_new("{\"id\":");
    json_append_string(text, leaf->id);
    g_string_append_printf(text, ",\"rev\":\"" SLICE_FORMAT "\"", SLICE_ARGS(leaf->rev));
    append_atts_since(text, leaf, held);
    g_string_append_c(text, '}');
    g_ptr_array_add(attach->asked, text);
}

static gboolean
source_peek(void *call, struct slice *bytes, GError **error)
{
    return http_peek(call, bytes, error);
}

static void
source_skip(void *call, gsize size)
{
    http_skip(call, size);
}

/* Sends the request for all announced leaves from the present one on. */
static void
start(struct attach *attach)
{
    g_autoptr(GString) path = g_string_new("/");
    http_escape(path, slice_of(attach->database));
    g_string_append(path, "/_bulk_get?revs=true&attachments=true");
    g_string_assign(attach->body, "{\"docs\":[");
    for (guint i = attach->next; i < attach->asked->len; i++)
        g_string_append_printf(attach->body, "%s%s", i > attach->next ? "," : "",
                               ((const GString *)attach->asked->pdata[i])->str);
    g_string_append(attach->body, "]}");
    struct http_request request = {.path = path->str,
                                   .body = {attach->body->str, attach->body->len},
                                   .accept = "multipart/related"};
    attach->call = http_start(attach->http, &request);
}

void
attach_start(struct attach *attach)
{
    if (attach->asked->len > 0 && !attach->no_multipart)
        start(attach);
}

static gboolean
ask(struct attach *attach, GError **error)
{
    if (attach->call == NULL)
        start(attach);
    if (!http_expect_success(attach->call, error))
        return FALSE;
    const char *type = http_header(attach->call, "content-type");
    attach->no_multipart = type == NULL || !g_str_has_prefix(type, "multipart/");
    if (attach->no_multipart)
        return TRUE;
    struct multipart_source source = {source_peek, source_skip, attach->call};
    attach->multipart = multipart_new(&source, type, error);
    return attach->multipart != NULL;
}

/* ---- delivering ---- */

/* Moves on to the next chosen attachment after the present one. */
static void
next_chosen(struct delivery *delivery, guint from)
{
    delivery->at = from;
    delivery->done = 0;
    while (delivery->at < delivery->leaf->n_attachments &&
           !delivery->leaf->attachments[delivery->at].here)
        delivery->at++;
}

static void
note_damage(struct delivery *delivery, const struct attachment *attachment, const char *reason)
{
    if (delivery->damage == NULL)
        delivery->damage = g_strdup_printf("attachment " SLICE_FORMAT ": %s",
                                           SLICE_ARGS(attachment->name), reason);
}

static void
finish_attachment(struct delivery *delivery)
{
    const struct attachment *attachment = &delivery->leaf->attachments[delivery->at];
    guint8 digest[HASH_MAX];
    gsize size = hash_take(delivery->md5, digest);
    g_autofree char *base64 = g_base64_encode(digest, size);
    g_autofree char *text = g_strconcat("md5-", base64, NULL);
    /* A digest that needed unescaping is empty here: then there is nothing to compare with. */
    if (attachment->digest.size > 0 && !slice_is(attachment->digest, text))
        note_damage(delivery, attachment, "the bytes do not match their digest");
    next_chosen(delivery, delivery->at + 1);
}

static gboolean
pass_on(struct delivery *delivery, const void *data, gsize size, GError **error)
{
    hash_add(delivery->md5, data, size);
    delivery->done += size;
    return delivery->handler->bytes(delivery->handler->context, data, size, error);
}

static gboolean
fill_with_zeros(struct delivery *delivery, const char *reason, GError **error)
{
    static const char zeros[65536];
    const struct attachment *attachment = &delivery->leaf->attachments[delivery->at];
    note_damage(delivery, attachment, reason);
    while (delivery->done < attachment->stored)
        if (!pass_on(delivery, zeros, MIN(sizeof zeros, attachment->stored - delivery->done),
                     error))
            return FALSE;
    finish_attachment(delivery);
    return TRUE;
}

/* One attachment of the multipart answer: those that are not chosen, or delivered already, are
 * passed over. */
static gboolean
take_part(struct attach *attach, struct delivery *delivery, int which, gboolean *handler_failed,
          GError **error)
{
    const struct attachment *part = &attach->answer.attachments[which];
    const struct attachment *wanted = delivery->at < delivery->leaf->n_attachments
                                          ? &delivery->leaf->attachments[delivery->at]
                                          : NULL;
    if (wanted == NULL || slice_compare(part->name, wanted->name) != 0)
        return TRUE;
    if (part->stored != wanted->stored)
        return fail_set(error, FAIL_FAILED, "attachment " SLICE_FORMAT " has changed its length",
                        SLICE_ARGS(part->name));
    guint64 skip = delivery->done;
    for (;;) {
        struct slice bytes;
        if (!multipart_data(attach->multipart, &bytes, error))
            return FALSE;
        if (bytes.size == 0)
            break;
        gsize passed = MIN(skip, bytes.size);
        skip -= passed;
        if (passed < bytes.size &&
            !pass_on(delivery, bytes.data + passed, bytes.size - passed, error)) {
            *handler_failed = TRUE;
            return FALSE;
        }
        multipart_skip(attach->multipart, bytes.size);
    }
    finish_attachment(delivery);
    return TRUE;
}

static gboolean
take_document(struct attach *attach, struct delivery *delivery, gboolean *handler_failed,
              GError **error)
{
    const char *refused;
    int which;
    if (!multipart_document(attach->multipart, delivery->leaf->id, &attach->answer, &refused,
                            error))
        return FALSE;
    if (refused != NULL)
        return fail_set(error, FAIL_FAILED, "the server refused the document: %s", refused);
    if (slice_compare(attach->answer.rev, delivery->leaf->rev) != 0)
        return fail_set(error, FAIL_FAILED, "the server gave another revision than asked for");
    for (;;) {
        if (!multipart_attachment(attach->multipart, &attach->answer, &which, error))
            return FALSE;
        if (which < 0)
            return TRUE;
        if (!take_part(attach, delivery, which, handler_failed, error))
            return FALSE;
    }
}

/* ---- one attachment at a time ---- */

static gboolean
take_single(struct attach *attach, struct delivery *delivery, gboolean *handler_failed,
            GError **error)
{
    static const char *const gzip[] = {"Accept-Encoding: gzip", NULL};
    const struct attachment *wanted = &delivery->leaf->attachments[delivery->at];
    g_autofree char *path = server_attachment_path(attach->database, delivery->leaf->id,
                                                   wanted->name, delivery->leaf->rev);
    struct http_request request = {
        .path = path, .accept = "*/*", .headers = wanted->encoded ? gzip : NULL};
    AUTO(http_call) *call = http_start(attach->http, &request);
    if (!http_expect_success(call, error))
        return FALSE;
    guint64 skip = delivery->done, seen = 0;
    for (;;) {
        struct slice bytes;
        if (!http_peek(call, &bytes, error))
            return FALSE;
        seen += bytes.size;
        if (seen > wanted->stored || (bytes.size == 0 && seen < wanted->stored))
            return fail_set(error, FAIL_FAILED, "it is not as long as the document says");
        if (bytes.size == 0)
            return TRUE;
        gsize passed = MIN(skip, bytes.size);
        skip -= passed;
        if (passed < bytes.size &&
            !pass_on(delivery, bytes.data + passed, bytes.size - passed, error)) {
            *handler_failed = TRUE;
            return FALSE;
        }
        http_skip(call, bytes.size);
    }
}

/* Whether the server answers for the database: then it is this attachment that it cannot give. */
static gboolean
is_there(struct attach *attach)
{
    g_autofree char *path = server_path(attach->database, "");
    return server_answers(attach->http, path);
}

/* Delivers what is left of a leaf attachment by attachment; what cannot be had becomes zeros and
 * damage. */
static gboolean
deliver_singly(struct attach *attach, struct delivery *delivery, GError **error)
{
    for (guint tries = 0; delivery->at < delivery->leaf->n_attachments;) {
        gboolean handler_failed = FALSE;
        g_autoptr(GError) failure = NULL;
        if (take_single(attach, delivery, &handler_failed, &failure)) {
            finish_attachment(delivery);
            tries = 0;
            continue;
        }
        if (handler_failed || http_is_refused(failure) || http_is_stop(failure)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (http_is_transient(failure) && (++tries < TRIES || !is_there(attach))) {
            if (!patience_again(attach->patience, &failure, error))
                return FALSE;
            continue;
        }
        if (!fill_with_zeros(delivery, failure->message, error))
            return FALSE;
        tries = 0;
    }
    return TRUE;
}

/* Delivers a leaf from the multipart answer; FALSE without *error means: singly, please. */
static gboolean
deliver_from_multipart(struct attach *attach, struct delivery *delivery, GError **error)
{
    for (guint tries = 0; !attach->no_multipart && tries < TRIES; tries++) {
        gboolean handler_failed = FALSE;
        g_autoptr(GError) failure = NULL;
        gboolean asked = attach->multipart != NULL || ask(attach, &failure);
        if (asked && attach->no_multipart)
            break;
        if (asked && take_document(attach, delivery, &handler_failed, &failure))
            return delivery->at == delivery->leaf->n_attachments;
        hang_up(attach);
        if (handler_failed || http_is_refused(failure) || http_is_stop(failure)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (http_is_transient(failure) && !patience_again(attach->patience, &failure, error))
            return FALSE;
    }
    hang_up(attach);
    return FALSE;
}

gboolean
attach_deliver(struct attach *attach, const struct leaf *leaf, const struct fetch_handler *handler,
               char **damage, GError **error)
{
    AUTO(hash) *md5 = hash_new(HASH_MD5);
    struct delivery delivery = {.leaf = leaf, .handler = handler, .md5 = md5};
    GError *failure = NULL;
    next_chosen(&delivery, 0);
    gboolean done = deliver_from_multipart(attach, &delivery, &failure);
    attach->next++;
    if (!done && failure == NULL) {
        /* The answer, if there is one, may stand anywhere: the next leaf asks anew. */
        hang_up(attach);
        done = deliver_singly(attach, &delivery, &failure);
    }
    *damage = delivery.damage;
    if (done) {
        patience_progress(attach->patience);
        return TRUE;
    }
    g_clear_pointer(damage, g_free);
    g_propagate_error(error, failure);
    return FALSE;
}
