/*
 * disable: a replication that starts by itself would be a surprise. So a document that comes back
 * into a _replicator database says that it has failed: the one exception to byte identity.
 */
#pragma once

#include "lib/couch/leaf.h"

struct disable {
    gboolean active;  /* it is such a database */
    struct leaf leaf; /* the changed one */
    GString *text;
};

/* `database`: the name that it has in the target. */
void disable_init(struct disable *disable, const char *database);
void disable_clear(struct disable *disable);

/* *leaf becomes the changed one, valid until the next call, if it is one that would start. */
gboolean disable_leaf(struct disable *disable, const struct leaf **leaf, GError **error);
