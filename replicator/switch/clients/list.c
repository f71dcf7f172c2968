#include "replicator/switch/clients/list.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/switch/clients/translate.h"

#define POST_DOCUMENTS 1000
#define POST_BYTES (1024 * 1024)

/* ---- reading ---- */

struct reading {
    locals_take take;
    void (*again)(void *context);
    void *context;
};

static gboolean
take_checkpoint(void *context, struct slice json, GError **error)
{
    const struct reading *reading = context;
    return !translate_is_checkpoint(json) || reading->take(reading->context, json, error);
}

static void
read_again(void *context)
{
    const struct reading *reading = context;
    reading->again(reading->context);
}

gboolean
list_checkpoints(struct http *http, const char *database, locals_take take,
                 void (*again)(void *context), void *context, GError **error)
{
    struct reading reading = {take, again, context};
    return locals_each(http, database, take_checkpoint, read_again, &reading, error);
}

/* ---- writing ---- */

struct list_post {
    struct http *http;
    char *database;
    GString *body;
    guint documents;
};

struct list_post *
list_post_new(struct http *http, const char *database)
{
    struct list_post *post = g_new0(struct list_post, 1);
    post->http = http;
    post->database = g_strdup(database);
    post->body = g_string_new(NULL);
    return post;
}

void
list_post_free(struct list_post *post)
{
    if (post == NULL)
        return;
    g_string_free(post->body, TRUE);
    g_free(post->database);
    g_free(post);
}

GString *
list_post_begin(struct list_post *post)
{
    g_string_append(post->body, post->documents == 0 ? "{\"docs\":[" : ",");
    return post->body;
}

/* One that somebody else wrote meanwhile, or that was written by a request whose answer was lost,
 * is for the next look: the step fails and is asked for again. */
static gboolean
judge(const struct list_post *post, struct slice answer, GError **error)
{
    struct slice one;
    for (gsize place = 0;
         json_type(answer) == JSON_ARRAY && json_next_element(answer, &place, &one);) {
        g_autofree char *refusal = NULL, *id = NULL;
        if (!json_member_text(one, "error", &refusal))
            continue;
        json_member_text(one, "id", &id);
        return fail_set(error, FAIL_LATER,
                        "database '%s': a client's checkpoint '%s' cannot be written: %s",
                        post->database, id != NULL ? id : "?", refusal);
    }
    return TRUE;
}

gboolean
list_post_flush(struct list_post *post, GError **error)
{
    if (post->documents == 0)
        return TRUE;
    g_autofree char *path = server_path(post->database, "/_bulk_docs");
    g_string_append(post->body, "]}");
    g_autoptr(GString) answer = http_fetch(post->http, "POST", path,
                                           (struct slice){post->body->str, post->body->len}, error);
    g_string_truncate(post->body, 0);
    post->documents = 0;
    return answer != NULL && judge(post, (struct slice){answer->str, answer->len}, error);
}

gboolean
list_post_end(struct list_post *post, GError **error)
{
    post->documents++;
    return (post->documents < POST_DOCUMENTS && post->body->len < POST_BYTES) ||
           list_post_flush(post, error);
}
