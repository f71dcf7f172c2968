/*
 * fail: what went wrong, in one sentence, and with which exit code a program says so.
 *
 * Libraries return GError and never log; a program prints the error once and ends with
 * fail_exit_code(). A message is lower case without a full stop, names the thing, and puts the
 * cause last:
 *
 *     database 'medic': cannot write '/media/usb/lifeboat/…/data.003': No space left on device
 *
 * A second line that begins with 'hint: ' tells the operator what to do.
 */
#pragma once

#include <glib.h>

/* The codes are the documented exit codes, 0 being 'done'. */
enum fail_code {
    FAIL_FAILED = 1,     /* anything without a code of its own */
    FAIL_USAGE = 2,      /* the command line or the configuration is wrong */
    FAIL_INCOMPLETE = 3, /* done, but something named is missing */
    FAIL_DAMAGED = 4,    /* the store is damaged, or signed by nobody whom we trust */
    FAIL_KEY = 5,        /* the key is missing or does not fit */
    FAIL_LATER =
        75, /* try later: somebody else is at it, or the server is busy (sysexits.h EX_TEMPFAIL) */
};

#define FAIL fail_quark()
GQuark fail_quark(void);

/* Sets the error and returns FALSE, so that `return fail_set(…)` reads as what it is. */
gboolean fail_set(GError **error, enum fail_code code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The same with ': ' and strerror(errnum) behind the message; code FAIL_FAILED. */
gboolean fail_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A message without its hint, which the caller frees; and the hint, in the message, or NULL. Of
 * several, each is the hint of the one before. */
char *fail_message(const char *message);
const char *fail_hint(const char *message);

/* The two in one line, "MESSAGE (HINT)", for a log or a list; the caller frees it. Without a hint
 * (NULL) it is the message alone. */
char *fail_line(const char *message, const char *hint);

/* Adds a hint to an error that has none. NULL is fine. */
void fail_add_hint(GError **error, const char *hint);

/* Whether the error came of this errno, which its message then ends with; hints aside. */
gboolean fail_came_of(const GError *error, int errnum);
gboolean fail_message_came_of(const char *message, int errnum);

/* The exit code for an error of any domain; 0 for NULL. */
int fail_exit_code(const GError *error);

/* Whether an exit code means done, be it incomplete. */
gboolean fail_is_done(int exit_code);

/* A library with a domain of its own says here what its errors mean; FAIL_FAILED where none did. */
void fail_register(GQuark domain, int (*exit_code)(const GError *error));
