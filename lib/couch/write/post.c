#include "lib/couch/write/post.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"

#define ANSWER_MAX (64 * 1024 * 1024) /* bytes of an answer of _bulk_docs */

struct post *
post_new(void)
{
    struct post *post = g_new0(struct post, 1);
    post->body = g_string_new(NULL);
    post->documents = g_array_new(FALSE, FALSE, sizeof(struct post_document));
    post_reset(post);
    return post;
}

void
post_reset(struct post *post)
{
    g_clear_pointer(&post->call, http_call_free);
    g_clear_pointer(&post->path, g_free);
    g_clear_pointer(&post->content_type, g_free);
    g_clear_pointer(&post->id, g_free);
    g_clear_pointer(&post->rev, g_free);
    g_array_set_size(post->documents, 0);
    g_string_assign(post->body, POST_HEAD);
    post->failures = 0;
}

void
post_free(struct post *post)
{
    if (post == NULL)
        return;
    post_reset(post);
    g_string_free(post->body, TRUE);
    g_array_free(post->documents, TRUE);
    g_free(post);
}

/* ---- a batch ---- */

void
post_begin_document(struct post *post)
{
    if (post->documents->len > 0)
        g_string_append_c(post->body, ',');
    struct post_document document = {post->body->len, 0};
    g_array_append_val(post->documents, document);
}

void
post_end_document(struct post *post)
{
    struct post_document *last =
        &g_array_index(post->documents, struct post_document, post->documents->len - 1);
    last->size = post->body->len - last->offset;
}

guint
post_count(const struct post *post)
{
    return post->documents->len;
}

void
post_close(struct post *post)
{
    g_string_append(post->body, POST_TAIL);
}

static struct slice
document_of(const struct post *post, guint i)
{
    struct post_document document = g_array_index(post->documents, struct post_document, i);
    return (struct slice){post->body->str + document.offset, document.size};
}

/* An id as a C string: a NUL in it becomes a line break, which tells as much to people and compares
 * as well. */
static char *
id_member(struct slice json, const char *name)
{
    g_autoptr(GString) id = g_string_new(NULL);
    struct slice value;
    if (json_member(json, name, &value) && json_type(value) == JSON_STRING)
        json_unescape(value, id);
    for (gsize i = 0; i < id->len; i++)
        if (id->str[i] == '\0')
            id->str[i] = '\n';
    return g_string_free(g_steal_pointer(&id), FALSE);
}

static char *
id_of(struct slice json)
{
    return id_member(json, "_id");
}

void
post_name(const struct post *post, char **id, char **rev)
{
    *rev = NULL;
    if (post->path != NULL) {
        *id = g_strdup(post->id);
        *rev = g_strdup(post->rev);
        return;
    }
    *id = id_of(document_of(post, 0));
    json_member_text(document_of(post, 0), "_rev", rev);
}

static void
copy_document(struct post *to, const struct post *from, guint i)
{
    struct slice json = document_of(from, i);
    post_begin_document(to);
    g_string_append_len(to->body, json.data, (gssize)json.size);
    post_end_document(to);
}

static struct post *
copy_range(const struct post *post, guint from, guint to)
{
    struct post *copy = post_new();
    for (guint i = from; i < to; i++)
        copy_document(copy, post, i);
    post_close(copy);
    return copy;
}

void
post_halve(const struct post *post, struct post **first, struct post **second)
{
    guint n = post->documents->len;
    *first = copy_range(post, 0, n / 2);
    *second = copy_range(post, n / 2, n);
}

struct post *
post_pick(const struct post *post, GHashTable *ids)
{
    AUTO(post) *picked = post_new();
    for (guint i = 0; i < post->documents->len; i++) {
        g_autofree char *id = id_of(document_of(post, i));
        if (g_hash_table_contains(ids, id))
            copy_document(picked, post, i);
    }
    if (post_count(picked) == 0)
        return NULL;
    post_close(picked);
    picked->failures = post->failures;
    return g_steal_pointer(&picked);
}

/* ---- sending ---- */

void
post_start(struct post *post, struct http *http, const char *bulk_path)
{
    struct http_request request = {
        .method = post->path != NULL ? "PUT" : "POST",
        .path = post->path != NULL ? post->path : bulk_path,
        .content_type = post->content_type,
        .body = {post->body->str, post->body->len},
    };
    http_call_free(post->call);
    post->call = http_start(http, &request);
}

static void
refusal_free(gpointer data)
{
    struct post_refusal *refusal = data;
    g_free(refusal->id);
    g_free(refusal->rev);
    g_free(refusal->error);
    g_free(refusal->reason);
    g_free(refusal);
}

/* An entry is an error unless it says ok: with new_edits=false CouchDB lists errors only, PouchDB
 * Server sometimes all. */
static void
take_entry(struct slice entry, GPtrArray **refusals)
{
    struct slice member;
    char *error = NULL, *reason = NULL;
    json_member_text(entry, "error", &error);
    if (!json_member_text(entry, "reason", &reason) && json_member(entry, "reason", &member))
        reason = slice_dup(member);
    if (error == NULL && reason == NULL)
        return;
    struct post_refusal *refusal = g_new0(struct post_refusal, 1);
    refusal->error = error;
    refusal->reason = reason;
    refusal->id = id_member(entry, "id");
    json_member_text(entry, "rev", &refusal->rev);
    if (*refusals == NULL)
        *refusals = g_ptr_array_new_with_free_func(refusal_free);
    g_ptr_array_add(*refusals, refusal);
}

gboolean
post_finish(struct post *post, GPtrArray **refusals, GError **error)
{
    *refusals = NULL;
    gboolean fine = http_expect_success(post->call, error);
    g_autoptr(GString) answer = fine ? http_read_all(post->call, ANSWER_MAX, error) : NULL;
    g_clear_pointer(&post->call, http_call_free);
    if (answer == NULL)
        return FALSE;
    struct slice text = {answer->str, answer->len}, entry;
    if (post->path != NULL)
        return TRUE;
    if (!json_check(text, error) || json_type(text) != JSON_ARRAY) {
        if (error != NULL && *error == NULL)
            fail_set(error, FAIL_FAILED, "the answer of _bulk_docs is no array");
        http_blame_transport(error);
        return FALSE;
    }
    for (gsize place = 0; json_next_element(text, &place, &entry);)
        take_entry(entry, refusals);
    return TRUE;
}
