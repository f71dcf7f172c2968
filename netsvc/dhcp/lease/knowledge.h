/*
 * knowledge: which changes of leases a node has seen, its own and the other's.
 *
 * Each change has a version: its writer and the how manieth of that writer's it is. A writer is
 * drawn whenever a node begins to give out leases: the term in the upper half, so that of two the
 * one of the later term is larger, and random bits below. So a node whose disk was set back never
 * gives a number a second time.
 *
 * What is seen of a writer are all of its changes up to a number. A node may know more than it
 * says, never less: of what one says that it has not seen, the other one takes nothing for granted.
 */
#pragma once

#include "netsvc/dhcp/lease/lease.h"

#define KNOWLEDGE_MAX 16 /* writers; the smallest is forgotten for a new one */

struct knowledge {
    guint n;
    struct version of[KNOWLEDGE_MAX]; /* up to that change */
};

guint64 knowledge_writer(guint64 term);

/* Without a writer there is nothing to know. */
gboolean knowledge_has(const struct knowledge *knowledge, struct version version);

/* All up to `counter` is seen. TRUE: it was not. */
gboolean knowledge_raise(struct knowledge *knowledge, guint64 writer, guint64 counter);
gboolean knowledge_join(struct knowledge *knowledge, const struct knowledge *other);

/* <0, 0, >0: the later term is larger, and the later change of one writer. */
int version_compare(struct version a, struct version b);
