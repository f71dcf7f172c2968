/*
 * standing: how old the nodes are that live off a store, as they say there themselves:
 * nodes/NODE.json, with a signature beside it. So the node that writes the snapshots learns which
 * of them the other one has.
 */
#pragma once

#include "lib/store/store.h"

#define STANDING_NODES_MAX 16 /* that are read */

struct standing {
    char *node;
    char *snapshot; /* UUID of the one whose state it has */
    char *state;    /* when that began, RFC 3339, UTC: so old is the node */
    char *applied;  /* when it was brought there, likewise, by its clock */
};

void standing_free(struct standing *standing);
AUTO_DEFINE(standing)

/* Replaces what this node said before, durably. */
gboolean standing_write(const struct store *store, const struct keys *keys,
                        const struct catalogue *of, GError **error);

/* What nodes say whose signature is by a trusted key: struct standing. Others are passed over, and
 * unless it is `own`, this node too. */
GPtrArray *standing_read_all(const struct store *store, const struct keys *keys, gboolean own);

/* The same as an array `nodes` in a report in JSON. */
void standing_append_all(const struct store *store, const struct keys *keys, gboolean own,
                         GString *out);
