/*
 * The splitter reads the grammar of the few levels around the elements and captures whole values in
 * between: names, members of the rest, elements. A value that lies in one piece in the input, as
 * nearly all do, is checked where it is, and the check finds its end. One that does not, or is
 * wrong, is walked through for its end alone, gathered if it spans two inputs, and then checked.
 */
#include "lib/json/json.h"

#include "lib/base/fail.h"
#include "lib/json/json_scan.h"

/* What is expected next. OBJECT_… are in the top-level object, or in an element of `outer` when
 * level is 1. */
enum state {
    START,
    OBJECT_FIRST, /* a name or '}' */
    OBJECT_NAME,
    OBJECT_COLON,
    OBJECT_VALUE,
    OBJECT_NEXT,   /* ',' or '}' */
    ELEMENT_FIRST, /* an element or ']' */
    ELEMENT,
    ELEMENT_NEXT, /* ',' or ']' */
    DONE,
};

struct json_split {
    const char *names[2]; /* outer, inner */
    gsize cap;
    enum state state;
    int level;        /* 0: the top-level object and `outer`; 1: an element of it and `inner` */
    GString *rest[2]; /* per level, the object without its split array, "}" missing until it ends */
    GString *name;    /* the member's name, with quotes */
    gboolean found;   /* `outer` was there */

    gboolean capturing;
    GString *gathered; /* the part of the value that came in earlier inputs */
    guint depth;
    gboolean in_string, escaped;
    struct json_outline outline; /* of the value captured last */
};

struct json_split *
json_split_new(const char *outer, const char *inner, gsize cap)
{
    struct json_split *split = g_new0(struct json_split, 1);
    split->names[0] = outer;
    split->names[1] = inner;
    split->cap = cap;
    split->state = START;
    split->rest[0] = g_string_new(NULL);
    split->rest[1] = g_string_new(NULL);
    split->name = g_string_new(NULL);
    split->gathered = g_string_new(NULL);
    return split;
}

void
json_split_free(struct json_split *split)
{
    if (split == NULL)
        return;
    g_string_free(split->rest[0], TRUE);
    g_string_free(split->rest[1], TRUE);
    g_string_free(split->name, TRUE);
    g_string_free(split->gathered, TRUE);
    g_free(split);
}

struct slice
json_split_rest(const struct json_split *split)
{
    return (struct slice){split->rest[0]->str, split->rest[0]->len};
}

const struct json_outline *
json_split_outline(const struct json_split *split)
{
    return &split->outline;
}

gboolean
json_split_found(const struct json_split *split)
{
    return split->found;
}

/* ---- capturing one value ---- */

static const char *
capture_string(struct json_split *split, const char *at, const char *end)
{
    for (; at < end; at++) {
        if (split->escaped) {
            split->escaped = FALSE;
            continue;
        }
        at = json_scan_to_quote(at, end);
        if (at == end)
            break;
        if (*at == '"') {
            split->in_string = FALSE;
            return at + 1;
        }
        split->escaped = TRUE;
    }
    return end;
}

/* Goes to the end of the value, or of the input; *whole says which. */
static const char *
capture_scan(struct json_split *split, const char *at, const char *end, gboolean *whole)
{
    *whole = FALSE;
    while (at < end) {
        if (split->in_string) {
            at = capture_string(split, at, end);
            if (!split->in_string && split->depth == 0) {
                *whole = TRUE;
                return at;
            }
            continue;
        }
        char c = *at;
        if (c == '"') {
            split->in_string = TRUE;
        } else if (c == '{' || c == '[') {
            split->depth++;
        } else if ((c == '}' || c == ']') && split->depth > 0) {
            if (--split->depth == 0) {
                *whole = TRUE;
                return at + 1;
            }
        } else if (split->depth == 0 && strchr(",]} \t\r\n:", c) != NULL) {
            *whole = TRUE; /* the end of a number or word; the character is not ours */
            return at;
        }
        at++;
    }
    return at;
}

/* The first `size` bytes of the input become *value. */
static void
cut_off(struct slice *input, gsize size, struct slice *value)
{
    *value = (struct slice){input->data, size};
    input->data += size;
    input->size -= size;
}

/* JSON_ELEMENT when *value is whole and valid. */
static enum json_event
capture(struct json_split *split, struct slice *input, struct slice *value, GError **error)
{
    gsize size;
    if (!split->capturing) {
        if (json_check_leading(*input, &size, &split->outline) && size <= split->cap) {
            cut_off(input, size, value);
            return JSON_ELEMENT;
        }
        split->capturing = TRUE;
        split->depth = 0;
        split->in_string = split->escaped = FALSE;
        g_string_truncate(split->gathered, 0);
    }
    gboolean whole;
    const char *behind = capture_scan(split, input->data, input->data + input->size, &whole);
    gsize taken = (gsize)(behind - input->data);
    if (split->gathered->len + taken > split->cap) {
        fail_set(error, FAIL_FAILED,
                 "the answer holds a value of more than %" G_GSIZE_FORMAT " bytes", split->cap);
        return JSON_FAILED;
    }
    cut_off(input, taken, value);
    if (!whole || split->gathered->len > 0) {
        g_string_append_len(split->gathered, value->data, (gssize)value->size);
        *value = (struct slice){split->gathered->str, split->gathered->len};
    }
    if (!whole)
        return JSON_MORE;
    split->capturing = FALSE;
    return json_check_outlined(*value, &split->outline, error) ? JSON_ELEMENT : JSON_FAILED;
}

/* ---- the grammar around the values ---- */

static gboolean
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* What begins no value. */
static gboolean
is_punctuation(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ':' || c == '\0';
}

static enum json_event
unexpected(char c, GError **error)
{
    if (g_ascii_isprint(c))
        fail_set(error, FAIL_FAILED, "invalid JSON: '%c' is not expected here", c);
    else
        fail_set(error, FAIL_FAILED, "invalid JSON: byte 0x%02x is not expected here", (guint8)c);
    return JSON_FAILED;
}

/* Adds "name":value to the rest of this level; '{' is its beginning. */
static gboolean
rest_add(struct json_split *split, struct slice value, GError **error)
{
    GString *rest = split->rest[split->level];
    if (rest->len + split->name->len + value.size + 4 > split->cap)
        return fail_set(error, FAIL_FAILED,
                        "the answer is larger than %" G_GSIZE_FORMAT " bytes beside its rows",
                        split->cap);
    if (rest->len > 1)
        g_string_append_c(rest, ',');
    g_string_append_len(rest, split->name->str, (gssize)split->name->len);
    g_string_append_c(rest, ':');
    g_string_append_len(rest, value.data, (gssize)value.size);
    return TRUE;
}

static gboolean
name_is_split(const struct json_split *split)
{
    const char *wanted = split->names[split->level];
    return wanted != NULL &&
           json_key_is((struct slice){split->name->str + 1, split->name->len - 2}, wanted);
}

static void
object_begin(struct json_split *split, int level)
{
    split->level = level;
    g_string_assign(split->rest[level], "{");
    split->state = OBJECT_FIRST;
}

/* A character of the grammar: consumes it, or sets the state in which a value is captured. */
static enum json_event
step(struct json_split *split, char c, gboolean *consumed, GError **error)
{
    *consumed = TRUE;
    gboolean elements_are_split = split->level == 0 && split->names[1] != NULL;
    switch (split->state) {
    case START:
        if (split->names[0] == NULL || c != '{')
            return unexpected(c, error);
        object_begin(split, 0);
        return JSON_MORE;
    case OBJECT_COLON:
        if (c != ':')
            return unexpected(c, error);
        split->state = OBJECT_VALUE;
        return JSON_MORE;
    case OBJECT_VALUE:
        if (c == '[' && name_is_split(split)) {
            split->state = ELEMENT_FIRST;
            split->found = TRUE;
            return JSON_MORE;
        }
        break;
    case OBJECT_FIRST:
    case OBJECT_NEXT:
        if (c == '}') {
            g_string_append_c(split->rest[split->level], '}');
            split->state = split->level == 0 ? DONE : ELEMENT_NEXT;
            return split->level == 0 ? JSON_END : JSON_BREAK;
        }
        if (split->state == OBJECT_FIRST)
            break;
        if (c != ',')
            return unexpected(c, error);
        split->state = OBJECT_NAME;
        return JSON_MORE;
    case ELEMENT_FIRST:
    case ELEMENT_NEXT:
        if (c == ']') {
            split->state = OBJECT_NEXT;
            return JSON_MORE;
        }
        if (split->state == ELEMENT_NEXT) {
            if (c != ',')
                return unexpected(c, error);
            split->state = ELEMENT;
            return JSON_MORE;
        }
        split->state = ELEMENT;
        break;
    case ELEMENT:
    case OBJECT_NAME:
    case DONE:
        break;
    }
    if (split->state == ELEMENT && elements_are_split) {
        if (c != '{')
            return unexpected(c, error);
        object_begin(split, 1);
        return JSON_MORE;
    }
    *consumed = FALSE;
    return JSON_MORE;
}

/* A captured value takes its place. JSON_MORE goes on. */
static enum json_event
take(struct json_split *split, struct slice value, struct slice *element, GError **error)
{
    switch (split->state) {
    case OBJECT_FIRST:
    case OBJECT_NAME:
        if (value.data[0] != '"')
            return unexpected(value.data[0], error);
        g_string_truncate(split->name, 0);
        g_string_append_len(split->name, value.data, (gssize)value.size);
        split->state = OBJECT_COLON;
        return JSON_MORE;
    case OBJECT_VALUE:
        split->state = OBJECT_NEXT;
        return rest_add(split, value, error) ? JSON_MORE : JSON_FAILED;
    default:
        *element = value;
        split->state = split->names[0] == NULL ? DONE : ELEMENT_NEXT;
        return JSON_ELEMENT;
    }
}

enum json_event
json_split_feed(struct json_split *split, struct slice *input, struct slice *element,
                GError **error)
{
    if (split->state == DONE)
        return JSON_END;
    while (input->size > 0) {
        char c = *input->data;
        if (!split->capturing) {
            gboolean consumed = is_space(c);
            enum json_event event = JSON_MORE;
            int level = split->level;
            if (!consumed && !(split->names[0] == NULL && split->state == START))
                event = step(split, c, &consumed, error);
            if (consumed) {
                input->data++;
                input->size--;
                if (event == JSON_BREAK) {
                    *element = (struct slice){split->rest[level]->str, split->rest[level]->len};
                    split->level = 0;
                }
                if (event != JSON_MORE)
                    return event;
                continue;
            }
            if (event == JSON_FAILED)
                return event;
            if (is_punctuation(c))
                return unexpected(c, error);
        }
        struct slice value;
        enum json_event event = capture(split, input, &value, error);
        if (event == JSON_ELEMENT)
            event = take(split, value, element, error);
        if (event != JSON_MORE)
            return event;
    }
    return JSON_MORE;
}
