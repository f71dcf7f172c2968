/* log: see the header. */
#include "lib/base/log.h"

#include "lib/base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum log_level limit = LOG_LEVEL_INFO;
static void (*interrupted)(void *context);
static void *interrupted_context;

void
log_limit(enum log_level level)
{
    limit = level;
}

void
log_interrupt(void (*before)(void *context), void *context)
{
    interrupted = before;
    interrupted_context = context;
}

static void
escape_byte(GString *out, guchar byte)
{
    switch (byte) {
    case '\n':
        g_string_append(out, "\\n");
        break;
    case '\r':
        g_string_append(out, "\\r");
        break;
    case '\t':
        g_string_append(out, "\\t");
        break;
    default:
        g_string_append_printf(out, "\\x%02x", byte);
        break;
    }
}

char *
log_escape(const char *text)
{
    GString *out = g_string_new(NULL);
    while (*text != '\0') {
        gunichar character = g_utf8_get_char_validated(text, -1);
        gboolean valid = character != (gunichar)-1 && character != (gunichar)-2;
        const char *next = valid ? g_utf8_next_char(text) : text + 1;
        if (valid && !g_unichar_iscntrl(character))
            g_string_append_len(out, text, next - text);
        else
            for (; text < next; text++) /* C1 controls have two bytes */
                escape_byte(out, (guchar)*text);
        text = next;
    }
    return g_string_free(out, FALSE);
}

char *
log_format(enum log_level level, gboolean people, const char *message)
{
    static const char *const words[] = {
        [LOG_LEVEL_ERROR] = "error: ", [LOG_LEVEL_WARNING] = "warning: ", [LOG_LEVEL_NOTICE] = "",
        [LOG_LEVEL_INFO] = "",         [LOG_LEVEL_DEBUG] = "debug: ",
    };
    g_autofree char *escaped = log_escape(message);
    if (people)
        return g_strdup_printf("%s%s\n", words[level], escaped);
    return g_strdup_printf("<%d>%s\n", (int)level, escaped);
}

/* Priorities are for the journal; people who read a file or a mail have no use for them. */
static gboolean
is_for_journal(void)
{
    return getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO);
}

/* Nothing can be done about a standard error that does not take it. */
static void
put(const char *text)
{
    if (interrupted != NULL)
        interrupted(interrupted_context);
    fwrite(text, 1, strlen(text), stderr);
    fflush(stderr);
}

void
log_write(enum log_level level, const char *format, ...)
{
    if (level > limit && g_strcmp0(getenv("LIFEBOAT_DEBUG"), "1") != 0)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *line = log_format(level, !is_for_journal(), message);
    put(line);
}

void
log_failure(const char *program, const GError *error)
{
    const char *priority = is_for_journal() ? "<3>" : "";
    g_autoptr(GString) text = g_string_new(NULL);
    const char *prefix = program;
    for (const char *part = error->message; part != NULL; part = fail_hint(part)) {
        g_autofree char *one = fail_message(part);
        g_autofree char *escaped = log_escape(one);
        g_string_append_printf(text, "%s%s: %s\n", priority, prefix, escaped);
        prefix = "hint";
    }
    put(text->str);
}
