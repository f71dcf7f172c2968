/* jsontext: see the header. */
#include "lib/base/jsontext.h"

#include "lib/base/rfc3339.h"

#include <math.h>

/* A value or name never ends in one of these bytes, so that the end of the text tells where we are.
 */
static void
comma(GString *text)
{
    if (text->len > 0 && strchr("{[:,\n", text->str[text->len - 1]) == NULL)
        g_string_append_c(text, ',');
}

void
json_text_begin_object(GString *text)
{
    comma(text);
    g_string_append_c(text, '{');
}

void
json_text_end_object(GString *text)
{
    g_string_append_c(text, '}');
}

void
json_text_begin_array(GString *text)
{
    comma(text);
    g_string_append_c(text, '[');
}

void
json_text_end_array(GString *text)
{
    g_string_append_c(text, ']');
}

static void
append_control(GString *text, guchar byte)
{
    static const char letters[] = "\bb\ff\nn\rr\tt";
    for (const char *pair = letters; *pair != '\0'; pair += 2) {
        if (byte == (guchar)*pair) {
            g_string_append_c(text, '\\');
            g_string_append_c(text, pair[1]);
            return;
        }
    }
    g_string_append_printf(text, "\\u%04x", byte);
}

/* Appends one character beyond ASCII and returns its length; a byte that is none becomes U+FFFD. */
static gsize
append_character(GString *text, const char *at, gsize rest)
{
    gunichar character = g_utf8_get_char_validated(at, (gssize)MIN(rest, 6));
    if (character == (gunichar)-1 || character == (gunichar)-2) {
        g_string_append(text, "\xef\xbf\xbd");
        return 1;
    }
    gsize length = (gsize)(g_utf8_next_char(at) - at);
    g_string_append_len(text, at, (gssize)length);
    return length;
}

static void
append_quoted(GString *text, struct slice value)
{
    g_string_append_c(text, '"');
    for (gsize at = 0; at < value.size;) {
        guchar byte = (guchar)value.data[at];
        if (byte >= 0x80) {
            at += append_character(text, value.data + at, value.size - at);
            continue;
        }
        if (byte < 0x20) {
            append_control(text, byte);
        } else {
            if (byte == '"' || byte == '\\')
                g_string_append_c(text, '\\');
            g_string_append_c(text, (char)byte);
        }
        at++;
    }
    g_string_append_c(text, '"');
}

void
json_text_slice(GString *text, struct slice value)
{
    comma(text);
    append_quoted(text, value);
}

void
json_text_string(GString *text, const char *value)
{
    if (value == NULL)
        json_text_null(text);
    else
        json_text_slice(text, slice_of(value));
}

void
json_text_integer(GString *text, gint64 value)
{
    comma(text);
    g_string_append_printf(text, "%" G_GINT64_FORMAT, value);
}

void
json_text_unsigned(GString *text, guint64 value)
{
    comma(text);
    g_string_append_printf(text, "%" G_GUINT64_FORMAT, value);
}

void
json_text_decimal(GString *text, double value)
{
    if (!isfinite(value)) {
        json_text_null(text);
        return;
    }
    /* printf would follow the locale's decimal comma. 1e300 has 301 digits, hence the size. */
    char number[G_ASCII_DTOSTR_BUF_SIZE + 320];
    comma(text);
    g_string_append(text, g_ascii_formatd(number, sizeof number, "%.3f", value));
}

void
json_text_boolean(GString *text, gboolean value)
{
    comma(text);
    g_string_append(text, value ? "true" : "false");
}

void
json_text_null(GString *text)
{
    comma(text);
    g_string_append(text, "null");
}

void
json_text_raw(GString *text, struct slice json)
{
    /* a line end at its end would hide from comma() that a value stands there */
    while (json.size > 0 && strchr(" \t\r\n", json.data[json.size - 1]) != NULL)
        json.size--;
    g_assert(json.size > 0);
    comma(text);
    g_string_append_len(text, json.data, (gssize)json.size);
}

void
json_text_name(GString *text, const char *name)
{
    json_text_slice(text, slice_of(name));
    g_string_append_c(text, ':');
}

void
json_text_member_object(GString *text, const char *name)
{
    json_text_name(text, name);
    json_text_begin_object(text);
}

void
json_text_member_array(GString *text, const char *name)
{
    json_text_name(text, name);
    json_text_begin_array(text);
}

void
json_text_member_string(GString *text, const char *name, const char *value)
{
    json_text_name(text, name);
    json_text_string(text, value);
}

void
json_text_member_slice(GString *text, const char *name, struct slice value)
{
    json_text_name(text, name);
    json_text_slice(text, value);
}

void
json_text_member_integer(GString *text, const char *name, gint64 value)
{
    json_text_name(text, name);
    json_text_integer(text, value);
}

void
json_text_member_unsigned(GString *text, const char *name, guint64 value)
{
    json_text_name(text, name);
    json_text_unsigned(text, value);
}

void
json_text_member_decimal(GString *text, const char *name, double value)
{
    json_text_name(text, name);
    json_text_decimal(text, value);
}

void
json_text_member_boolean(GString *text, const char *name, gboolean value)
{
    json_text_name(text, name);
    json_text_boolean(text, value);
}

void
json_text_member_time(GString *text, const char *name, gint64 time)
{
    g_autofree char *shown = rfc3339_local(time);
    json_text_member_string(text, name, shown);
}

void
json_text_member_strings(GString *text, const char *name, const GPtrArray *values)
{
    json_text_member_array(text, name);
    for (guint i = 0; i < values->len; i++)
        json_text_string(text, values->pdata[i]);
    json_text_end_array(text);
}

void
json_text_member_null(GString *text, const char *name)
{
    json_text_name(text, name);
    json_text_null(text);
}

void
json_text_member_raw(GString *text, const char *name, struct slice json)
{
    json_text_name(text, name);
    json_text_raw(text, json);
}
