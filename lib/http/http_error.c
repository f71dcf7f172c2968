#include "lib/http/http_error.h"

#include "lib/base/fail.h"

G_DEFINE_QUARK(lifeboat - http, http)

gboolean
http_has_status(const GError *error, int status)
{
    return error != NULL && error->domain == HTTP && error->code == status;
}

gboolean
http_is_transient(const GError *error)
{
    if (error == NULL || error->domain != HTTP)
        return FALSE;
    return error->code == HTTP_TRANSPORT || error->code == 408 || error->code == 429 ||
           (error->code >= 500 && error->code != 501);
}

gboolean
http_is_refused(const GError *error)
{
    return http_has_status(error, 401) || http_has_status(error, 403);
}

gboolean
http_bad_answer(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, HTTP, HTTP_ANSWER, message);
    return FALSE;
}

/* A server that is away or busy is there again later; a plain 500 seldom passes. */
static int
exit_code_of(const GError *error)
{
    return http_is_transient(error) && error->code != 500 ? FAIL_LATER : FAIL_FAILED;
}

gboolean
http_is_stop(const GError *error)
{
    return g_error_matches(error, FAIL, FAIL_LATER);
}

void
http_blame_transport(GError **error)
{
    if (error == NULL || *error == NULL || (*error)->domain == HTTP || http_is_stop(*error))
        return;
    GError *blamed = g_error_new_literal(HTTP, HTTP_TRANSPORT, (*error)->message);
    g_clear_error(error);
    *error = blamed;
}

void
http_error_register(void)
{
    fail_register(HTTP, exit_code_of);
}
