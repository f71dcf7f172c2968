/*
 * log: one event, one line, on standard error. Programs log, libraries return errors.
 *
 * A line is for people: `warning: drive 'blue' is 92 % full`. Where standard error is the journal
 * it begins with its syslog priority instead: `<4>drive 'blue' is 92 % full`. Whatever
 * a value holds, a line stays one line and cannot steer the terminal: control characters come out
 * escaped. LIFEBOAT_DEBUG=1 shows debug lines.
 */
#pragma once

#include <glib.h>

/* syslog's numbers (RFC 5424) */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

/* Lines above `level` are dropped. INFO at first, DEBUG with LIFEBOAT_DEBUG=1, which wins over
 * this. */
void log_limit(enum log_level level);

void log_write(enum log_level level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* For what may happen at any rate: TRUE at first (`last` 0), and then LOG_QUIET_SECONDS after it
 * was TRUE last, which `last` keeps. */
#define LOG_QUIET_SECONDS 60
gboolean log_is_due(gint64 *last);

/* Prints the error that ends a program: `lifeboat: MESSAGE`, its hint on a line of its own. */
void log_failure(const char *program, const GError *error);

/* Called before a line is written, so that a progress line can make room for it; NULL to end that.
 */
void log_interrupt(void (*before)(void *context), void *context);

/* For what serves, and must go on when nobody reads the journal: from now on a line that standard
 * error does not take at once is dropped. How many were, the next one that it takes tells. */
void log_never_wait(void);

/* The line as log_write would write it, newline included; for tests. */
char *log_format(enum log_level level, gboolean people, const char *message);

/* The text with control characters as \n, \t, \r or \x1b, and bytes that are not UTF-8 as \xff. */
char *log_escape(const char *text);
