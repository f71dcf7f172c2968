/* log: see the header. */
#include "lib/base/log.h"

#include "lib/base/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static enum log_level limit = LOG_LEVEL_INFO;
static void (*interrupted)(void *context);
static void *interrupted_context;

static struct {
    gboolean is_set;
    gboolean is_socket;
    gboolean is_cut; /* the last line went out in part */
    int fd;
    guint dropped;
} never;

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

/* ---- without waiting ---- */

void
log_never_wait(void)
{
    struct stat what;
    if (never.is_set || fstat(STDERR_FILENO, &what) != 0)
        return;
    never.is_socket = S_ISSOCK(what.st_mode);
    /* O_NONBLOCK is of what was opened, which others have, too: so it is opened anew. A file is
     * not: that would begin at its head, and does not wait for a reader anyway. */
    never.fd = STDERR_FILENO;
    if (S_ISFIFO(what.st_mode) || S_ISCHR(what.st_mode))
        never.fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    never.is_set = never.fd >= 0;
}

/* A line that goes out in part is ended by the next. */
static gboolean
put_at_once(const char *text)
{
    const gsize size = strlen(text);
    ssize_t put;
    do
        put = never.is_socket ? send(never.fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                              : write(never.fd, text, size);
    while (put < 0 && errno == EINTR);
    if (put >= 0)
        never.is_cut = (gsize)put < size;
    return put >= 0;
}

static void
put_or_drop(const char *text)
{
    g_autofree char *before =
        never.dropped == 0 ? g_strdup("")
                           : g_strdup_printf("%s%u line%s could not be logged\n",
                                             is_for_journal() ? "<4>" : "warning: ", never.dropped,
                                             never.dropped == 1 ? "" : "s");
    g_autofree char *all = g_strconcat(never.is_cut ? "\n" : "", before, text, NULL);
    if (put_at_once(all))
        never.dropped = 0;
    else if (never.dropped < G_MAXUINT)
        never.dropped++;
}

/* Nothing can be done about a standard error that does not take it. */
static void
put(const char *text)
{
    if (interrupted != NULL)
        interrupted(interrupted_context);
    if (never.is_set) {
        put_or_drop(text);
        return;
    }
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

gboolean
log_is_due(gint64 *last)
{
    const gint64 now = g_get_monotonic_time();
    if (*last != 0 && now - *last < LOG_QUIET_SECONDS * G_USEC_PER_SEC)
        return FALSE;
    *last = now;
    return TRUE;
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
