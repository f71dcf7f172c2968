/* http_answer: answers read whole, and what the server says is wrong (http.h). */
#include "lib/http/http_inside.h"

#include "lib/http/patience.h"
#include "lib/json/json.h"

GString *
http_read_all(struct http_call *call, gsize cap, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (;;) {
        struct slice bytes;
        if (!http_peek(call, &bytes, error))
            return NULL;
        if (bytes.size == 0)
            return g_steal_pointer(&text);
        if (text->len + bytes.size > cap) {
            http_bad_answer(error, "%s: the answer is larger than %" G_GSIZE_FORMAT " bytes",
                            call->what, cap);
            return NULL;
        }
        g_string_append_len(text, bytes.data, (gssize)bytes.size);
        http_skip(call, bytes.size);
    }
}

/* CouchDB says this of the password alone; other refusals of 401 and 403 do not count towards its
 * lock. */
static gboolean
is_wrong_password(guint status, const char *reason)
{
    return reason != NULL && ((status == 401 && strstr(reason, "password is incorrect") != NULL) ||
                              (status == 403 && strstr(reason, "temporarily locked") != NULL));
}

static char *
hint_at_login(const struct http *http, guint status)
{
    if (status != 401 && status != 403)
        return NULL;
    return http->user != NULL
               ? g_strdup("\nhint: check the credentials; the account must be a server admin")
               : g_strdup_printf("\nhint: give %s FILE, with the USER:PASSWORD of a server admin",
                                 http->login_option);
}

gboolean
http_expect_success(struct http_call *call, GError **error)
{
    guint status;
    if (!http_status(call, &status, error))
        return FALSE;
    if (status >= 200 && status < 300)
        return TRUE;
    g_autoptr(GString) text = http_read_all(call, 65536, NULL);
    g_autofree char *name = NULL;
    g_autofree char *reason = NULL;
    struct slice answer = {text != NULL ? text->str : "", text != NULL ? text->len : 0};
    if (json_check(answer, NULL)) {
        json_member_text(answer, "error", &name);
        json_member_text(answer, "reason", &reason);
    }
    g_autofree char *hint = hint_at_login(call->http, status);
    GError *failure =
        g_error_new(HTTP, (int)status, "%s: status %u%s%s%s%s%s", call->what, status,
                    name != NULL ? ", " : "", name != NULL ? name : "", reason != NULL ? ": " : "",
                    reason != NULL ? reason : "", hint != NULL ? hint : "");
    if (is_wrong_password(status, reason) && call->http->wrong_password == NULL)
        call->http->wrong_password = g_error_copy(failure);
    g_propagate_error(error, failure);
    return FALSE;
}

static GString *
fetch_once(struct http *http, const struct http_request *request, GError **error)
{
    AUTO(http_call) *call = http_start(http, request);
    if (!http_expect_success(call, error))
        return NULL;
    g_autoptr(GString) text = http_read_all(call, HTTP_ANSWER_MAX, error);
    if (text == NULL)
        return NULL;
    if (!json_check((struct slice){text->str, text->len}, error)) {
        http_blame_transport(error);
        g_prefix_error(error, "%s: ", call->what);
        return NULL;
    }
    return g_steal_pointer(&text);
}

void
http_be_patient(struct http *http, struct patience *patience)
{
    http->patience = patience;
}

gboolean
http_again(struct http *http, GError **failure, GError **error)
{
    if (http->patience != NULL)
        return patience_again(http->patience, failure, error);
    g_propagate_error(error, g_steal_pointer(failure));
    return FALSE;
}

GString *
http_fetch(struct http *http, const char *method, const char *path, struct slice body,
           GError **error)
{
    struct http_request request = {.method = method, .path = path, .body = body};
    GError *failure = NULL;
    GString *answer;
    while ((answer = fetch_once(http, &request, &failure)) == NULL)
        if (!http_again(http, &failure, error))
            return NULL;
    if (http->patience != NULL)
        patience_progress(http->patience);
    return answer;
}
