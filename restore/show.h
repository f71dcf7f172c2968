/*
 * show: text from a store on its way to a terminal. A damaged or hostile store must not steer it.
 */
#pragma once

#include <glib.h>

/* A copy in valid UTF-8 with '?' for each control character. */
static inline char *
show_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text != NULL ? text : "", -1);
    GString *shown = g_string_new(NULL);
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        g_string_append_unichar(shown, g_unichar_iscntrl(character) ? '?' : character);
    }
    return g_string_free(shown, FALSE);
}
