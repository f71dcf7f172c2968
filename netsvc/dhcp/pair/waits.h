/*
 * waits: ACKs that wait for the other node's word, in the order of their changes. They go as soon
 * as it has come; after PARTNER_WORD_MS they go without it, shorter, or not at all.
 */
#pragma once

#include "netsvc/dhcp/pair/partner.h"

#define WAITS_MAX 1024 /* beyond that the first goes without the word */

struct waits;

typedef void (*waits_send)(void *context, guint link, const struct server_reply *reply);

struct waits *waits_new(struct partner *pair, struct server *server, waits_send send,
                        void *context);
void waits_free(struct waits *waits);
AUTO_DEFINE(waits)

/* After the commit. Where no word is to be waited for it goes at once. */
void waits_add(struct waits *waits, guint link, const struct server_reply *reply, gint64 now_ms);

/* Those whose word has come, or whose time is over. What changes by it is to be committed. */
void waits_look(struct waits *waits, gint64 now_ms);

/* When to look again, milliseconds; G_MAXINT64: never. */
gint64 waits_next(const struct waits *waits);

/* Nobody is answered any more. */
void waits_drop(struct waits *waits);
