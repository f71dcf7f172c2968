/*
 * attach: brings the stored bytes of attachments, for fetch.
 *
 * All leaves of a chunk that need some are asked for in one multipart request and come in that
 * order. When an answer breaks off, the next begins at the leaf that was interrupted and passes
 * over the bytes already delivered. A server without multipart, or a leaf that breaks the answer
 * again and again, is asked for one attachment at a time. Every attachment is compared with its
 * digest.
 */
#pragma once

#include "lib/couch/read/fetch.h"

struct attach;

struct attach *attach_new(struct http *http, const char *database, struct patience *patience);
void attach_free(struct attach *attach);
AUTO_DEFINE(attach)

/* A new round: forgets the leaves of the last one. */
void attach_begin(struct attach *attach);

/* Announces a leaf whose chosen attachments will be asked for. `held` as in fetch_wanted. */
void attach_announce(struct attach *attach, const struct leaf *leaf, const struct row *held);

/* All are announced: asks for them now, so that the server is at it while other leaves are passed
 * on. */
void attach_start(struct attach *attach);

/*
 * Delivers the chosen attachments of the next announced leaf. *damage (caller frees) is NULL, or
 * says what could not be read: then the bytes were filled up with zeros. FALSE only when the
 * handler or patience ended it.
 */
gboolean attach_deliver(struct attach *attach, const struct leaf *leaf,
                        const struct fetch_handler *handler, char **damage, GError **error);
