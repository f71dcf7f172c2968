/*
 * message: what the nodes tell each other, as one line of JSON without its newline.
 *
 *     {"kind":"state","cluster":"…","id":"…","about":"","attempt":"","visit":"…","term":4,"held":3,
 *      "taken":true,"granted":false,"unmerged":false,"open":true,"role":"active","why":""}
 *
 * All these members must be there, once, of their type and size; others are left alone: a newer
 * Lifeboat may say more.
 */
#pragma once

#include "lib/base/slice.h"
#include "netsvc/failover/protocol/protocol.h"

#define PROTOCOL_MESSAGE_MAX 4096 /* bytes */

/* Appends it. What is not UTF-8 in `why` is replaced, and it is cut to its size. */
void protocol_message_write(const struct protocol_message *message, GString *text);
gboolean protocol_message_read(struct slice text, struct protocol_message *message, GError **error);
