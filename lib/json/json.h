/*
 * json: reading JSON without ever rewriting it.
 *
 * A document's bytes are a patient's record: integers beyond 2^53, `1.0`, `-0.0`, escapes and
 * duplicate keys must come out as they went in, so nothing is parsed into numbers or trees. There
 * are two readers, both strict (RFC 8259, UTF-8 checked, depth and size capped):
 *
 *   json_value   checks one value in memory and hands out slices of it: members of an object,
 * elements of an array. json_split   cuts a stream of any length into the elements that matter (a
 * feed's rows, an answer's documents) while holding only one of them.
 *
 * Strings that we need (ids, revisions) are unescaped on demand.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#define JSON_DEPTH_MAX 100000 /* levels of nesting accepted; CouchDB itself sets no limit */

enum json_type {
    JSON_OBJECT = '{',
    JSON_ARRAY = '[',
    JSON_STRING = '"',
    JSON_NUMBER = '0',
    JSON_TRUE = 't',
    JSON_FALSE = 'f',
    JSON_NULL = 'n',
};

/* One whole value with nothing but white space around it: FALSE with the byte's place and what is
 * wrong. */
gboolean json_check(struct slice text, GError **error);

/*
 * What the walk that checks a text can note on its way, for whoever would have to walk through it
 * again: the first object that lies two levels deep, as the document in {"ok":{…}} does, and the
 * members of it whose names begin with '_'.
 */
#define JSON_OUTLINE_NAMES 16 /* CouchDB has ten such names */

struct json_outline {
    gsize begin, end; /* of that object, from the text's first byte; end 0: there is none */
    guint n_names;    /* more than JSON_OUTLINE_NAMES: not all are noted */
    guint32 names[JSON_OUTLINE_NAMES]; /* where those names' quotes stand, from `begin` */
};

/* Whether a whole value, not beyond 4 GB, stands at the text's beginning: an object, array or
 * string, whose end shows. *size is its length; what follows it is not looked at. FALSE says
 * nothing: it may be cut off, or wrong. */
gboolean json_check_leading(struct slice text, gsize *size, struct json_outline *outline);

/* json_check, and the outline of an accepted text of less than 4 GB. */
gboolean json_check_outlined(struct slice text, struct json_outline *outline, GError **error);

/*
 * The functions below take text that json_check or json_split has accepted; they do not check again
 * and may not be given anything else.
 */
enum json_type json_type(struct slice value);

/* Walks an object or array. Start with *place = 0, or where a member's name stands. Keys are raw
 * (escaped, without the quotes). FALSE after the last. */
gboolean json_next_member(struct slice object, gsize *place, struct slice *key,
                          struct slice *value);
gboolean json_next_element(struct slice array, gsize *place, struct slice *value);

/* The size up to and with its closing bracket, where `place` is behind its last value. So one can
 * be walked through that begins in a text whose end was not looked for. */
gsize json_container_size(struct slice container, gsize place);

/* The first member of that (plain ASCII) name, however its key is escaped. FALSE if there is none
 * or it is no object. */
gboolean json_member(struct slice object, const char *name, struct slice *value);

/* Whether a raw key is that name, and an integer without sign, fraction or exponent that fits. */
gboolean json_key_is(struct slice key, const char *name);
gboolean json_unsigned(struct slice value, guint64 *number);

/* A string's text, unescaped to UTF-8; an escaped lone surrogate is kept as CouchDB keeps it (3
 * bytes). May hold NULs. */
void json_unescape(struct slice string, GString *out);

/* Convenience on members: FALSE if absent or of another type. Text that holds a NUL counts as
 * another type. */
gboolean json_member_text(struct slice object, const char *name, char **text); /* caller frees */
gboolean json_member_unsigned(struct slice object, const char *name, guint64 *number);
gboolean json_member_true(struct slice object, const char *name);

/* RFC 3339, in seconds since 1970 UTC; 0: none. */
gint64 json_member_time(struct slice object, const char *name);

/* Appends a JSON string with quotes; every byte sequence comes out valid. */
void json_append_string(GString *out, struct slice text);

/* ---- splitting a stream ---- */

/*
 * Cuts the array `outer` of a top-level object into elements: the rows of a feed's "results". With
 * `inner`, the elements are those of the array `inner` in each element of `outer`: the "docs" in
 * each of the "results" of _bulk_get. What is not in those arrays is kept as the rest.
 */
struct json_split;

enum json_event {
    JSON_MORE,    /* feed more bytes */
    JSON_ELEMENT, /* *element is one element, valid until the next call */
    JSON_BREAK,   /* with `inner`: an element of `outer` ended; *element is what it held beside
                     `inner` */
    JSON_END,     /* the value is complete; bytes left in the input belong to whoever comes next */
    JSON_FAILED,  /* *error is set; the splitter cannot go on */
};

/* `cap`: bytes of one element, and of the rest, at most. With outer NULL the whole value is one
 * element. */
struct json_split *json_split_new(const char *outer, const char *inner, gsize cap);
void json_split_free(struct json_split *split);
AUTO_DEFINE(json_split)

/* Goes on through the input, moving it forward. Call again with the same input until JSON_MORE. */
enum json_event json_split_feed(struct json_split *split, struct slice *input,
                                struct slice *element, GError **error);

/* The outline of the element that was given last. */
const struct json_outline *json_split_outline(const struct json_split *split);

/* After JSON_END: the top-level object without `outer`, for json_member ("last_seq", "pending",
 * "error"). */
struct slice json_split_rest(const struct json_split *split);

/* Whether there was an array `outer`, be it empty. */
gboolean json_split_found(const struct json_split *split);
