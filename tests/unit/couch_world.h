/*
 * couch_world: for tests of fetch, a CouchDB of a few hand-made documents behind http_server, and a
 * reader that writes down what fetch tells it.
 */
#pragma once

#include "lib/couch/read/fetch.h"
#include "tests/unit/http_server.h"

struct world_document {
    char *id;          /* plain */
    char *listed;      /* revisions that the listing named, separated by spaces; "" none */
    GPtrArray *leaves; /* char *: JSON as _bulk_get gives it */
    GHashTable *bytes; /* attachment name (raw JSON) → GString, the same for all leaves */
    char *feed;        /* revisions that the feed names now; NULL: as listed */
    gboolean fails;    /* an error for this document */
    gboolean purged;
};

struct world {
    GPtrArray *documents; /* in the order of asking */
    GHashTable *by_id;
    gboolean no_multipart;
    /* May spoil an answer that is otherwise ready. `asked` are the ids in the request. */
    void (*fault)(struct world *world, const struct server_request *request, GPtrArray *asked,
                  struct server_answer *answer);
    guint fault_number;
    gsize fault_at;
    gboolean choose_none;
    guint fail_at; /* the handler fails at its so-manieth leaf, from 1 */

    guint bulk_requests, multipart_requests, single_requests, feed_requests;
    gsize most_asked;
    guint64 waited; /* milliseconds */
    GString *log;
    guint leaves_seen;
    gsize next;
    GByteArray *row;
};

struct world *world_new(void);
void world_free(struct world *world);
AUTO_DEFINE(world)

/* `leaf` is the JSON of its first leaf, or NULL. */
struct world_document *world_add(struct world *world, const char *id, const char *listed,
                                 const char *leaf);

/* Fetches all; the log is "id{rev rev:name=bytes,}" with '!' and a reason for problems and damage.
 */
gboolean world_fetch(struct world *world, GError **error);
gboolean world_asks(GPtrArray *asked, const char *id);
