#include "lib/json/json.h"

#include "lib/base/fail.h"
#include "lib/json/json_scan.h"

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static gboolean
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *
skip_spaces(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

/* ---- checking ---- */

/* Bytes of the UTF-8 character at `at` (a lead byte over 0x7f), 0 if it is none: RFC 3629, no
 * surrogates. */
static gsize
utf8_length(const char *at, const char *end)
{
    const guint8 *byte = (const guint8 *)at;
    gsize left = (gsize)(end - at);
    if (byte[0] >= 0xc2 && byte[0] <= 0xdf)
        return left >= 2 && (byte[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((byte[0] & 0xf0) == 0xe0) {
        if (left < 3 || (byte[1] & 0xc0) != 0x80 || (byte[2] & 0xc0) != 0x80)
            return 0;
        gboolean overlong = byte[0] == 0xe0 && byte[1] < 0xa0;
        gboolean surrogate = byte[0] == 0xed && byte[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
        if (left < 4 || (byte[1] & 0xc0) != 0x80 || (byte[2] & 0xc0) != 0x80 ||
            (byte[3] & 0xc0) != 0x80)
            return 0;
        gboolean overlong = byte[0] == 0xf0 && byte[1] < 0x90;
        gboolean beyond = byte[0] == 0xf4 && byte[1] > 0x8f;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
}

/* Each of these takes the place where its token begins and gives the place behind it, or NULL. */

static const char *
check_escape(const char *at, const char *end)
{
    if (end - at < 2)
        return NULL;
    if (at[1] != 'u')
        return strchr("\"\\/bfnrt", at[1]) != NULL && at[1] != '\0' ? at + 2 : NULL;
    if (end - at < 6)
        return NULL;
    for (int i = 2; i < 6; i++)
        if (!g_ascii_isxdigit(at[i]))
            return NULL;
    return at + 6;
}

static const char *
check_string(const char *at, const char *end)
{
    for (at = json_scan_to_unplain(at + 1, end); at < end; at = json_scan_to_unplain(at, end)) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\') {
            at = check_escape(at, end);
            if (at == NULL)
                return NULL;
        } else if ((guint8)*at < 0x20) {
            return NULL;
        }
        while (at < end && (guint8)*at >= 0x80) {
            gsize length = utf8_length(at, end);
            if (length == 0)
                return NULL;
            at += length;
        }
    }
    return NULL;
}

static const char *
check_digits(const char *at, const char *end)
{
    if (at == end || !is_digit(*at))
        return NULL;
    while (at < end && is_digit(*at))
        at++;
    return at;
}

static const char *
check_number(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    at = at < end && *at == '0' ? at + 1 : check_digits(at, end);
    if (at != NULL && at < end && *at == '.')
        at = check_digits(at + 1, end);
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = check_digits(at, end);
    }
    return at;
}

static const char *
check_word(const char *at, const char *end, const char *word)
{
    gsize length = strlen(word);
    return (gsize)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

static const char *
check_scalar(const char *at, const char *end)
{
    switch (*at) {
    case '"':
        return check_string(at, end);
    case 't':
        return check_word(at, end, "true");
    case 'f':
        return check_word(at, end, "false");
    case 'n':
        return check_word(at, end, "null");
    default:
        return check_number(at, end);
    }
}

/* The key and colon of a member: the place of its value. */
static const char *
check_key(const char *at, const char *end)
{
    if (at == end || *at != '"')
        return NULL;
    at = check_string(at, end);
    if (at == NULL)
        return NULL;
    at = skip_spaces(at, end);
    return at < end && *at == ':' ? skip_spaces(at + 1, end) : NULL;
}

/* Which containers are open: one bit a level, set for an object. */
struct levels {
    guint depth;
    guint8 bits[JSON_DEPTH_MAX / 8 + 1];
};

static gboolean
levels_push(struct levels *levels, gboolean object)
{
    if (levels->depth == JSON_DEPTH_MAX)
        return FALSE;
    guint8 bit = (guint8)(1 << (levels->depth & 7));
    guint8 *byte = &levels->bits[levels->depth++ >> 3];
    guint8 below = bit == 1 ? 0 : *byte; /* a byte that is new has nothing in it */
    *byte = (guint8)(object ? below | bit : below & ~bit);
    return TRUE;
}

static gboolean
levels_in_object(const struct levels *levels)
{
    guint top = levels->depth - 1;
    return (levels->bits[top >> 3] >> (top & 7)) & 1;
}

/* Notes what an outline holds; `at` is a bracket or a name's quote, `depth` counts the containers
 * around it. */
#define OUTLINE_DEPTH 2

static void
outline_open(struct json_outline *outline, guint depth, const char *text, const char *at)
{
    if (depth == OUTLINE_DEPTH - 1 && *at == '{' && outline->begin == 0)
        outline->begin = (gsize)(at - text);
}

static void
outline_close(struct json_outline *outline, guint depth, const char *text, const char *behind)
{
    if (depth == OUTLINE_DEPTH && outline->begin != 0 && outline->end == 0)
        outline->end = (gsize)(behind - text);
}

static void
outline_name(struct json_outline *outline, guint depth, const char *text, const char *at)
{
    if (depth != OUTLINE_DEPTH || outline->begin == 0 || outline->end != 0)
        return;
    if (outline->n_names < JSON_OUTLINE_NAMES)
        outline->names[outline->n_names] = (guint32)(at - text - (gssize)outline->begin);
    outline->n_names++;
}

/* What a walk was doing when it failed. */
struct fault {
    const char *at;
    const char *what;
};

static const char *
fault_at(struct fault *fault, const char *at, const char *what)
{
    *fault = (struct fault){at, what};
    return NULL;
}

/*
 * Checks the value at `at`, before `end`: the place behind it, or NULL. Places in the outline are
 * from `text` on.
 */
static const char *
check_value(const char *text, const char *at, const char *end, struct json_outline *outline,
            struct fault *fault)
{
    struct levels levels;
    levels.depth = 0;
    *outline = (struct json_outline){0};
    for (;;) {
        /* here a value begins */
        if (at == end)
            return fault_at(fault, at, "it ends where a value should be");
        if (*at == '{' || *at == '[') {
            gboolean object = *at == '{';
            outline_open(outline, levels.depth, text, at);
            if (!levels_push(&levels, object))
                return fault_at(fault, at, "nested deeper than 100,000 levels");
            const char *inside = skip_spaces(at + 1, end);
            if (inside == end || *inside != (object ? '}' : ']')) {
                at = object ? check_key(inside, end) : inside;
                if (at == NULL)
                    return fault_at(fault, inside, "a member's name is expected");
                if (object && inside[1] == '_')
                    outline_name(outline, levels.depth, text, inside);
                continue;
            }
            at = inside;
        } else {
            const char *behind = check_scalar(at, end);
            if (behind == NULL)
                return fault_at(fault, at, "not a valid value");
            at = behind;
        }
        /* here a value has ended, or a closing bracket stands */
        for (;;) {
            if (levels.depth == 0)
                return at;
            at = skip_spaces(at, end);
            if (at == end)
                return fault_at(fault, at, "it ends inside a value");
            gboolean object = levels_in_object(&levels);
            if (*at == (object ? '}' : ']')) {
                outline_close(outline, levels.depth--, text, ++at);
                continue;
            }
            if (*at != ',')
                return fault_at(fault, at, "a comma or the end is expected");
            const char *next = skip_spaces(at + 1, end);
            at = object ? check_key(next, end) : next;
            if (at == NULL)
                return fault_at(fault, next, "a member's name is expected");
            if (object && next[1] == '_')
                outline_name(outline, levels.depth, text, next);
            break;
        }
    }
}

gboolean
json_check_leading(struct slice text, gsize *size, struct json_outline *outline)
{
    struct fault fault;
    if (text.size == 0 || strchr("{[\"", text.data[0]) == NULL || text.data[0] == '\0')
        return FALSE;
    const char *end = text.data + MIN(text.size, G_MAXUINT32);
    const char *behind = check_value(text.data, text.data, end, outline, &fault);
    if (behind != NULL)
        *size = (gsize)(behind - text.data);
    return behind != NULL;
}

static gboolean
check_failed(GError **error, struct slice text, const struct fault *fault)
{
    return fail_set(error, FAIL_FAILED,
                    "invalid JSON at byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT ": %s",
                    (gsize)(fault->at - text.data), text.size, fault->what);
}

gboolean
json_check_outlined(struct slice text, struct json_outline *outline, GError **error)
{
    struct fault fault = {text.data, "it is empty"};
    if (text.size == 0) /* data may be NULL */
        return check_failed(error, text, &fault);
    const char *end = text.data + text.size;
    const char *begin = skip_spaces(text.data, end);
    const char *behind = check_value(text.data, begin, end, outline, &fault);
    if (behind == NULL)
        return check_failed(error, text, &fault);
    behind = skip_spaces(behind, end);
    fault = (struct fault){behind, "more follows behind the value"};
    return behind == end ? TRUE : check_failed(error, text, &fault);
}

gboolean
json_check(struct slice text, GError **error)
{
    struct json_outline outline;
    return json_check_outlined(text, &outline, error);
}

/* ---- walking checked text ---- */

static const char *
skip_string(const char *at, const char *end)
{
    at = json_scan_to_quote(at + 1, end);
    while (*at == '\\')
        at = json_scan_to_quote(at + 2, end);
    return at + 1;
}

static const char *
skip_value(const char *at, const char *end)
{
    if (*at == '"')
        return skip_string(at, end);
    if (*at != '{' && *at != '[') {
        while (at < end && !is_space(*at) && *at != ',' && *at != '}' && *at != ']')
            at++;
        return at;
    }
    guint depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (depth > 0);
    return at;
}

enum json_type
json_type(struct slice value)
{
    const char *at = skip_spaces(value.data, value.data + value.size);
    return *at == '-' || is_digit(*at) ? JSON_NUMBER : (enum json_type) * at;
}

/* Moves to the next thing in a container: behind its bracket, or behind a comma. NULL at its end.
 */
static const char *
next_in(struct slice container, gsize place)
{
    const char *end = container.data + container.size;
    const char *at = skip_spaces(container.data + place, end);
    if (place == 0 || *at == ',')
        at = skip_spaces(at + 1, end);
    return *at == '}' || *at == ']' ? NULL : at;
}

gboolean
json_next_member(struct slice object, gsize *place, struct slice *key, struct slice *value)
{
    if (*place == 0 && json_type(object) != JSON_OBJECT)
        return FALSE;
    const char *end = object.data + object.size;
    const char *at = next_in(object, *place);
    if (at == NULL)
        return FALSE;
    const char *behind = skip_string(at, end);
    *key = (struct slice){at + 1, (gsize)(behind - at - 2)};
    at = skip_spaces(skip_spaces(behind, end) + 1, end);
    behind = skip_value(at, end);
    *value = (struct slice){at, (gsize)(behind - at)};
    *place = (gsize)(behind - object.data);
    return TRUE;
}

gboolean
json_next_element(struct slice array, gsize *place, struct slice *value)
{
    if (*place == 0 && json_type(array) != JSON_ARRAY)
        return FALSE;
    const char *at = next_in(array, *place);
    if (at == NULL)
        return FALSE;
    const char *behind = skip_value(at, array.data + array.size);
    *value = (struct slice){at, (gsize)(behind - at)};
    *place = (gsize)(behind - array.data);
    return TRUE;
}

gsize
json_container_size(struct slice container, gsize place)
{
    const char *end = container.data + container.size;
    const char *at = skip_spaces(container.data + (place == 0 ? 1 : place), end);
    return (gsize)(at + 1 - container.data);
}

gboolean
json_key_is(struct slice key, const char *name)
{
    if (memchr(key.data, '\\', key.size) == NULL)
        return slice_is(key, name);
    g_autoptr(GString) plain = g_string_new(NULL);
    json_unescape((struct slice){key.data - 1, key.size + 2}, plain);
    return slice_is((struct slice){plain->str, plain->len}, name);
}

gboolean
json_member(struct slice object, const char *name, struct slice *value)
{
    struct slice key;
    for (gsize place = 0; json_next_member(object, &place, &key, value);)
        if (json_key_is(key, name))
            return TRUE;
    return FALSE;
}

/* ---- text ---- */

static guint32
hex4(const char *at)
{
    guint32 code = 0;
    for (int i = 0; i < 4; i++)
        code = code << 4 | (guint32)g_ascii_xdigit_value(at[i]);
    return code;
}

/* Appends in UTF-8 without the refusals of g_string_append_unichar: a lone surrogate becomes 3
 * bytes. */
static void
append_code(GString *out, guint32 code)
{
    char bytes[6];
    g_string_append_len(out, bytes, g_unichar_to_utf8(code, bytes));
}

static const char *
unescape_one(const char *at, const char *end, GString *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        g_string_append_c(out, to[strchr(from, at[1]) - from]);
        return at + 2;
    }
    guint32 code = hex4(at + 2);
    at += 6;
    gboolean high = code >= 0xd800 && code <= 0xdbff;
    if (high && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        guint32 low = hex4(at + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
    }
    append_code(out, code);
    return at;
}

void
json_unescape(struct slice string, GString *out)
{
    const char *at = string.data + 1;
    const char *end = string.data + string.size - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (gsize)(end - at));
        const char *plain_end = escape != NULL ? escape : end;
        g_string_append_len(out, at, plain_end - at);
        at = escape != NULL ? unescape_one(escape, end, out) : end;
    }
}

gboolean
json_member_text(struct slice object, const char *name, char **text)
{
    struct slice value;
    if (!json_member(object, name, &value) || json_type(value) != JSON_STRING)
        return FALSE;
    g_autoptr(GString) out = g_string_sized_new(value.size);
    json_unescape(value, out);
    if (memchr(out->str, '\0', out->len) != NULL)
        return FALSE;
    *text = g_string_free(g_steal_pointer(&out), FALSE);
    return TRUE;
}

gint64
json_member_time(struct slice object, const char *name)
{
    g_autofree char *text = NULL;
    if (!json_member_text(object, name, &text))
        return 0;
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    return time != NULL ? g_date_time_to_unix(time) : 0;
}

gboolean
json_unsigned(struct slice value, guint64 *number)
{
    char digits[24];
    if (value.size == 0 || value.size >= sizeof digits || !is_digit(value.data[0]))
        return FALSE;
    memcpy(digits, value.data, value.size);
    digits[value.size] = '\0';
    return g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, number, NULL);
}

gboolean
json_member_unsigned(struct slice object, const char *name, guint64 *number)
{
    struct slice value;
    return json_member(object, name, &value) && json_unsigned(value, number);
}

gboolean
json_member_true(struct slice object, const char *name)
{
    struct slice value;
    return json_member(object, name, &value) && slice_is(value, "true");
}

void
json_append_string(GString *out, struct slice text)
{
    const char *end = text.data + text.size;
    g_string_append_c(out, '"');
    for (const char *at = text.data; at < end;) {
        const char *plain_end = json_scan_to_unplain(at, end);
        g_string_append_len(out, at, plain_end - at);
        at = plain_end;
        if (at == end)
            break;
        guint8 byte = (guint8)*at;
        gsize length = byte < 0x80 ? 1 : utf8_length(at, end);
        if (byte == '"' || byte == '\\')
            g_string_append_printf(out, "\\%c", byte);
        else if (byte < 0x20)
            g_string_append_printf(out, "\\u%04x", byte);
        else if (length == 0)
            g_string_append(out, "\\ufffd");
        else
            g_string_append_len(out, at, (gssize)length);
        at += MAX(length, 1);
    }
    g_string_append_c(out, '"');
}
