/* progress: see the header. */
#include "lib/base/progress.h"

#include "lib/base/log.h"

#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define REDRAW_USEC (G_USEC_PER_SEC / 5)
#define JSON_USEC G_USEC_PER_SEC
#define COLUMNS_FALLBACK 80
#define NEVER G_MININT64

struct progress {
    struct progress_output output;
    char *doing; /* NULL before the first progress_begin */
    char *database;
    guint64 documents, total, bytes;
    gint64 begun;   /* microseconds on the output's clock */
    gint64 drawn;   /* when the terminal's line was, or NEVER */
    gint64 written; /* when the last JSON progress was, or NEVER */
    gboolean visible;
    GString *event; /* the event being built; kept for its memory */
};

/* To some milliseconds, which costs a tenth: it is asked for with every document. */
static gint64
monotonic(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
clear_line(void *context)
{
    progress_clear(context);
}

struct progress *
progress_new_to(const struct progress_output *output)
{
    struct progress *progress = g_new0(struct progress, 1);
    progress->output = *output;
    if (progress->output.clock == NULL)
        progress->output.clock = monotonic;
    progress->drawn = NEVER;
    progress->written = NEVER;
    progress->event = g_string_new(NULL);
    if (output->terminal != NULL)
        log_interrupt(clear_line, progress);
    return progress;
}

struct progress *
progress_new(gboolean json, gboolean quiet)
{
    gboolean terminal = !quiet && isatty(STDERR_FILENO);
    return progress_new_to(&(struct progress_output){
        .json = json ? stdout : NULL,
        .terminal = terminal ? stderr : NULL,
    });
}

void
progress_free(struct progress *progress)
{
    if (progress == NULL)
        return;
    progress_clear(progress);
    if (progress->output.terminal != NULL)
        log_interrupt(NULL, NULL);
    g_free(progress->doing);
    g_free(progress->database);
    g_string_free(progress->event, TRUE);
    g_free(progress);
}

/* ---- the terminal's line ---- */

static guint
columns(const struct progress *progress)
{
    struct winsize size;
    if (progress->output.columns != 0)
        return progress->output.columns;
    if (ioctl(fileno(progress->output.terminal), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_FALLBACK;
    return size.ws_col;
}

/* Cuts the text to a width, so that the line never wraps and can be taken back. */
static void
cut(GString *text, guint width)
{
    guint used = 0;
    for (const char *at = text->str; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        used += g_unichar_iszerowidth(character) ? 0 : g_unichar_iswide(character) ? 2 : 1;
        if (used > width) {
            g_string_truncate(text, (gsize)(at - text->str));
            return;
        }
    }
}

static void
append_time_left(GString *text, double seconds)
{
    guint64 whole = (guint64)(seconds + 0.5);
    if (seconds > 99.0 * 3600)
        return;
    if (whole >= 3600)
        g_string_append_printf(text, ", %u:%02u:%02u left", (guint)(whole / 3600),
                               (guint)(whole / 60 % 60), (guint)(whole % 60));
    else
        g_string_append_printf(text, ", %u:%02u left", (guint)(whole / 60), (guint)(whole % 60));
}

/* The line, in UTF-8 and without control characters whatever the database's name holds. */
static GString *
describe(const struct progress *progress, double seconds)
{
    GString *text = g_string_new(progress->doing);
    if (progress->database != NULL) {
        g_autofree char *name = log_escape(progress->database);
        g_string_append_printf(text, " '%s'", name);
    }
    g_string_append_printf(text, ": %" G_GUINT64_FORMAT, progress->documents);
    if (progress->total > 0)
        g_string_append_printf(text, " of %" G_GUINT64_FORMAT, progress->total);
    g_string_append(text, " documents");
    if (progress->total > 0)
        g_string_append_printf(
            text, ", %.0f %%",
            MIN(100.0, 100.0 * (double)progress->documents / (double)progress->total));
    if (seconds <= 0)
        return text;
    if (progress->bytes > 0)
        g_string_append_printf(text, ", %.1f MB/s", (double)progress->bytes / 1e6 / seconds);
    if (progress->documents > 0 && progress->documents < progress->total)
        append_time_left(text, seconds * (double)(progress->total - progress->documents) /
                                   (double)progress->documents);
    return text;
}

static void
draw(struct progress *progress, gint64 now)
{
    g_autoptr(GString) text = describe(progress, (double)(now - progress->begun) / G_USEC_PER_SEC);
    cut(text, columns(progress) - 1);
    fprintf(progress->output.terminal, "\r%s\033[K", text->str);
    fflush(progress->output.terminal);
    progress->visible = TRUE;
    progress->drawn = now;
}

void
progress_clear(struct progress *progress)
{
    if (progress == NULL || !progress->visible)
        return;
    fputs("\r\033[K", progress->output.terminal);
    fflush(progress->output.terminal);
    progress->visible = FALSE;
}

/* ---- JSON ---- */

GString *
progress_event_begin(struct progress *progress, const char *name)
{
    static GString *nowhere; /* what is built without a progress goes here */
    if (nowhere == NULL)
        nowhere = g_string_new(NULL);
    GString *event = progress != NULL ? progress->event : nowhere;
    g_string_truncate(event, 0);
    json_text_begin_object(event);
    json_text_member_string(event, "event", name);
    return event;
}

/* Ends the object and writes its line. */
static void
write_event(struct progress *progress, GString *event)
{
    json_text_end_object(event);
    g_string_append_c(event, '\n');
    progress_clear(progress); /* both may be the same terminal */
    fwrite(event->str, 1, event->len, progress->output.json);
    fflush(progress->output.json);
}

void
progress_event_end(struct progress *progress)
{
    if (progress != NULL && progress->output.json != NULL)
        write_event(progress, progress->event);
}

void
progress_event(struct progress *progress, const char *name, ...)
{
    va_list args;
    GString *event = progress_event_begin(progress, name);
    va_start(args, name);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        json_text_member_string(event, key, va_arg(args, const char *));
    va_end(args);
    progress_event_end(progress);
}

/* In a text of its own: the caller may be building an event. */
static void
write_progress(struct progress *progress, gint64 now)
{
    g_autoptr(GString) event = g_string_new(NULL);
    json_text_begin_object(event);
    json_text_member_string(event, "event", "progress");
    json_text_member_string(event, "doing", progress->doing);
    if (progress->database != NULL)
        json_text_member_string(event, "database", progress->database);
    json_text_member_unsigned(event, "documents", progress->documents);
    if (progress->total > 0)
        json_text_member_unsigned(event, "total", progress->total);
    json_text_member_unsigned(event, "bytes", progress->bytes);
    json_text_member_decimal(event, "seconds", (double)(now - progress->begun) / G_USEC_PER_SEC);
    write_event(progress, event);
    progress->written = now;
}

/* ---- the work ---- */

static gboolean
due(gint64 last, gint64 now, gint64 interval)
{
    return last == NEVER || now - last >= interval;
}

static void
show(struct progress *progress)
{
    gint64 now = progress->output.clock(progress->output.context);
    if (progress->output.json != NULL && due(progress->written, now, JSON_USEC))
        write_progress(progress, now);
    if (progress->output.terminal != NULL && due(progress->drawn, now, REDRAW_USEC))
        draw(progress, now);
}

void
progress_begin(struct progress *progress, const char *doing, const char *database, guint64 total)
{
    if (progress == NULL)
        return;
    g_free(progress->doing);
    g_free(progress->database);
    progress->doing = g_strdup(doing);
    progress->database = g_strdup(database);
    progress->documents = progress->bytes = 0;
    progress->total = total;
    progress->begun = progress->output.clock(progress->output.context);
    show(progress);
}

void
progress_total(struct progress *progress, guint64 total)
{
    if (progress != NULL)
        progress->total = total;
}

void
progress_add(struct progress *progress, guint64 documents, guint64 bytes)
{
    if (progress == NULL)
        return;
    g_assert(progress->doing != NULL);
    progress->documents += documents;
    progress->bytes += bytes;
    show(progress);
}
