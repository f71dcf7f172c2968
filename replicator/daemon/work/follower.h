/*
 * follower: the process that follows the other node (replicator/standby), kept running, and what it
 * told last of how it stands.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

#include <event2/event.h>

struct follower;

/* `command` reports in JSON, and ends with NULL. `changed` is told when it stands otherwise than
 * before: equal or not, troubled or not. It begins with the loop. */
struct follower *follower_new(struct event_base *events, const char *const *command,
                              void (*changed)(void *context), void *context);

/* Kills it: whenever that is, it goes on from there the next time. */
void follower_free(struct follower *follower);
AUTO_DEFINE(follower)

/* What it reported last, a JSON object; empty: nothing yet, or it has ended since. */
struct slice follower_report(const struct follower *follower);

/* Why it does not follow now, caller frees; NULL: it does, as far as is known. */
char *follower_trouble(const struct follower *follower);

/* How it stands, a JSON object: what it reported last, or, before it has and when it has ended,
 * since when there was no contact, why, and when it is started again. */
void follower_append(const struct follower *follower, GString *out);
