/*
 * http_error: how a request to a server failed, and whether asking again may help.
 */
#pragma once

#include <glib.h>

/* Errors: the code is the HTTP status, HTTP_TRANSPORT when there was no (complete) answer, or
 * HTTP_ANSWER when there was one that is of no use and will be the next time too. */
#define HTTP http_quark()
GQuark http_quark(void);
#define HTTP_TRANSPORT 1
#define HTTP_ANSWER 2

/* FALSE with HTTP_ANSWER. */
gboolean http_bad_answer(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Whether waiting and asking again may help: no or a cut answer, 408, 429, 5xx but 501 (it has not
 * what was asked for, and never will). Never 401 (CouchDB locks accounts). */
gboolean http_is_transient(const GError *error);
gboolean http_has_status(const GError *error, int status);

/* 401 or 403: the account may not do this; asking again only makes it worse. */
gboolean http_is_refused(const GError *error);

/* Whether a call was ended by http_set_stop. */
gboolean http_is_stop(const GError *error);

/* Makes a transport failure of an error found while reading an answer (cut, malformed), so that it
 * may be asked again. */
void http_blame_transport(GError **error);

/* Tells fail.h what these errors mean for a program: what is transient is FAIL_LATER, but for a
 * plain 500, which seldom passes. */
void http_error_register(void);
