/*
 * jsontext: writes JSON, piece by piece, at the end of a GString.
 *
 *     g_autoptr(GString) text = g_string_new(NULL);
 *     json_text_begin_object(text);
 *     json_text_member_string(text, "name", "medic");
 *     json_text_member_array(text, "ids");
 *     json_text_string(text, "a");
 *     json_text_end_array(text);
 *     json_text_end_object(text);                        {"name":"medic","ids":["a"]}
 *
 * There is no state beside the text: its last byte tells whether a comma is due. So several values
 * can follow one another with a newline between them, and documents can be spliced in as the bytes
 * that they are. Strings need not be UTF-8: each byte that is not becomes U+FFFD. That begin and
 * end match is the caller's care.
 */
#pragma once

#include "lib/base/slice.h"

/* ---- values: the document itself, elements of an array, or what follows json_text_name ---- */

void json_text_begin_object(GString *text);
void json_text_end_object(GString *text);
void json_text_begin_array(GString *text);
void json_text_end_array(GString *text);

void json_text_string(GString *text, const char *value); /* null when NULL */
void json_text_slice(GString *text, struct slice value);
void json_text_integer(GString *text, gint64 value);
void json_text_unsigned(GString *text, guint64 value);
void json_text_decimal(GString *text, double value); /* three decimals; null unless finite */
void json_text_boolean(GString *text, gboolean value);
void json_text_null(GString *text);
void json_text_raw(GString *text, struct slice json); /* JSON already, taken as it is; not empty */

/* ---- members of an object ---- */

void json_text_name(GString *text, const char *name);

void json_text_member_object(GString *text, const char *name); /* begins it */
void json_text_member_array(GString *text, const char *name);  /* begins it */
void json_text_member_string(GString *text, const char *name, const char *value);
void json_text_member_strings(GString *text, const char *name,
                              const GPtrArray *values); /* char * */
void json_text_member_slice(GString *text, const char *name, struct slice value);
void json_text_member_integer(GString *text, const char *name, gint64 value);
void json_text_member_unsigned(GString *text, const char *name, guint64 value);
void json_text_member_decimal(GString *text, const char *name, double value);
void json_text_member_boolean(GString *text, const char *name, gboolean value);
void json_text_member_null(GString *text, const char *name);
void json_text_member_raw(GString *text, const char *name, struct slice json);

/* Seconds since 1970 UTC, as RFC 3339 in local time; null for 0 and less. */
void json_text_member_time(GString *text, const char *name, gint64 time);
