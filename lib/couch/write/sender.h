/*
 * sender: keeps several posts of one target under way, and deals with what becomes of them.
 *
 * What fails for now is sent again: posting is idempotent. What is refused is halved until the
 * document that is to blame stands alone, which is then reported; the rest goes on. Only target.c
 * uses this.
 */
#pragma once

#include "lib/couch/write/post.h"
#include "lib/couch/write/target.h"

struct sender;

/* All but the name stay the caller's. */
struct sender *sender_new(struct http *http, const char *database,
                          const struct target_handler *handler, struct patience *patience);
void sender_free(struct sender *sender); /* ends what is under way */
AUTO_DEFINE(sender)

/* An empty post to fill. */
struct post *sender_fresh(struct sender *sender);

/* Takes the post over, and waits while there are too many. FALSE when it makes no sense to go on.
 */
gboolean sender_send(struct sender *sender, struct post *post, GError **error);

/* Sends a leaf while its attachments are read; the posts under way go on meanwhile. `path` NULL:
 * _bulk_docs. */
gboolean sender_stream(struct sender *sender, const struct leaf *leaf, struct body *body,
                       const char *path, GError **error);

/* Waits until all have arrived or were refused. */
gboolean sender_flush(struct sender *sender, GError **error);
