/*
 * xml: the small XML texts that an S3-compatible server answers with, read element by element.
 *
 * Strict: one root, well-formed, UTF-8, no entities but the five that XML has by itself. Bounded:
 * the text is in memory already, and depth and the length of a name or text are limited here. What
 * an element means is the caller's, who knows it by its path from the root. Attributes, comments
 * and name spaces' declarations are passed over.
 */
#pragma once

#include "lib/base/slice.h"

#define XML_DEPTH_MAX 8   /* elements within each other */
#define XML_NAME_MAX 64   /* bytes of an element's name */
#define XML_TEXT_MAX 4096 /* bytes of text in one element; a key in S3 has 1024 at most */

/* An element has ended: "ListBucketResult/Contents/Key" and the text in it, without the text of
 * elements in it, which ended before. FALSE with the error ends the reading. */
typedef gboolean (*xml_element)(void *context, const char *path, const char *text, GError **error);

/* FAIL_FAILED tells what is wrong with the text. */
gboolean xml_read(struct slice text, xml_element element, void *context, GError **error);
