#include "lib/base/fail.h"

#include <string.h>

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

#define HINT "\nhint: "

char *
fail_message(const char *message)
{
    const char *hint = strstr(message, HINT);
    return hint != NULL ? g_strndup(message, (gsize)(hint - message)) : g_strdup(message);
}

const char *
fail_hint(const char *message)
{
    const char *hint = strstr(message, HINT);
    return hint != NULL ? hint + strlen(HINT) : NULL;
}

char *
fail_line(const char *message, const char *hint)
{
    return hint != NULL ? g_strdup_printf("%s (%s)", message, hint) : g_strdup(message);
}

void
fail_add_hint(GError **error, const char *hint)
{
    if (error == NULL || *error == NULL || fail_hint((*error)->message) != NULL)
        return;
    GError *hinted =
        g_error_new((*error)->domain, (*error)->code, "%s" HINT "%s", (*error)->message, hint);
    g_clear_error(error);
    *error = hinted;
}

gboolean
fail_message_came_of(const char *message, int errnum)
{
    g_autofree char *sentence = fail_message(message);
    return g_str_has_suffix(sentence, g_strerror(errnum));
}

gboolean
fail_came_of(const GError *error, int errnum)
{
    return error != NULL && fail_message_came_of(error->message, errnum);
}

#define DOMAINS_MAX 4

static struct {
    GQuark domain;
    int (*exit_code)(const GError *error);
} domains[DOMAINS_MAX];

void
fail_register(GQuark domain, int (*exit_code)(const GError *error))
{
    guint i = 0;
    while (i < DOMAINS_MAX && domains[i].domain != 0 && domains[i].domain != domain)
        i++;
    g_assert(i < DOMAINS_MAX);
    domains[i].domain = domain;
    domains[i].exit_code = exit_code;
}

int
fail_exit_code(const GError *error)
{
    if (error == NULL)
        return 0;
    if (error->domain == FAIL)
        return error->code;
    for (guint i = 0; i < DOMAINS_MAX; i++)
        if (domains[i].domain == error->domain)
            return domains[i].exit_code(error);
    return FAIL_FAILED;
}

gboolean
fail_is_done(int exit_code)
{
    return exit_code == 0 || exit_code == FAIL_INCOMPLETE;
}
