#include "lib/base/fail.h"

G_DEFINE_QUARK(lifeboat - fail, fail)

gboolean
fail_set(GError **error, enum fail_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, FAIL, (int)code, message);
    return FALSE;
}

gboolean
fail_errno(GError **error, int errnum, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, FAIL, FAIL_FAILED, "%s: %s", message, g_strerror(errnum));
    return FALSE;
}

int
fail_exit_code(const GError *error)
{
    if (error == NULL)
        return 0;
    return error->domain == FAIL ? error->code : FAIL_FAILED;
}
