/*
 * store: the record of the switch (protocol.h) on this node's disk: one row of an SQLite file, WAL,
 * synchronous=FULL. What was written is there after any power cut, or the node knows that it has
 * lost it: a file that is damaged is set aside as NAME.damaged-TIME, and an empty one made.
 *
 * A node without a record that is paired by what the link's files say has lost its memory: it
 * begins with term 0 and nothing taken, so that it waits until the other one tells it better, or a
 * person does.
 *
 * One process has it open at a time; after opening no other files than NAME and NAME-wal are
 * touched, so that it works in a chroot.
 */
#pragma once

#include "netsvc/failover/protocol/protocol.h"

struct failover_store;

/* Where there is none yet, an empty one is made. *damaged (NULL, or the caller frees): how the one
 * that was found is called now. */
struct failover_store *failover_store_open(const char *path, char **damaged, GError **error);
void failover_store_free(struct failover_store *store);
AUTO_DEFINE(failover_store)

/* *found: FALSE: nothing was ever written, or it is lost; *record is empty then. */
gboolean failover_store_read(struct failover_store *store, struct protocol_record *record,
                             gboolean *found, GError **error);

/* Durable when it returns. FALSE: it is not, or nobody knows. */
gboolean failover_store_write(struct failover_store *store, const struct protocol_record *record,
                              GError **error);
