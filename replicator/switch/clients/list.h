/* list: the clients' checkpoints of a database, one by one, and how many are changed at once. */
#pragma once

#include "lib/couch/locals.h"

/* As locals_each, of those alone. */
gboolean list_checkpoints(struct http *http, const char *database, locals_take take,
                          void (*again)(void *context), void *context, GError **error);

/* Documents for _bulk_docs, sent when there are enough of them. */
struct list_post;
struct list_post *list_post_new(struct http *http, const char *database);
void list_post_free(struct list_post *post);
AUTO_DEFINE(list_post)

/* Begin a document in the buffer, then end it. */
GString *list_post_begin(struct list_post *post);
gboolean list_post_end(struct list_post *post, GError **error);
gboolean list_post_flush(struct list_post *post, GError **error);
