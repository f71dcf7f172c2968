/*
 * details: compares leaves in the target with what was expected of them beyond their revisions:
 * attachments by digest, length, encoding and revpos. Asked for in batches of _bulk_get, without
 * the attachments' bytes, in the order of ids; one batch is under way while the next gathers.
 */
#pragma once

#include "lib/couch/row.h"
#include "lib/http/http.h"
#include "lib/http/patience.h"

struct details;

/* Is told what differs of a leaf, or why it could not be read. */
typedef void (*details_differ)(void *context, struct slice id, struct slice rev,
                               const char *difference);

struct details *details_new(struct http *http, const char *database, struct patience *patience,
                            details_differ differ, void *context);
gboolean details_ask(struct details *details, struct slice id, const struct row_leaf *expected,
                     GError **error);
gboolean details_end(struct details *details, GError **error);
void details_free(struct details *details);
AUTO_DEFINE(details)
