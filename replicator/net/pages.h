/*
 * pages: a list that lifeboat-netsvc knows, asked for page by page (netsvc/message.h): there may be
 * 100,000 leases.
 */
#pragma once

#include "lib/base/slice.h"

struct pages_list {
    const char *ask; /* "leases" */
    const char *key; /* of an entry, by which the next page is asked for: "address" */
};

/* Each page's text (GString), checked as JSON; the caller frees the array. */
GPtrArray *pages_ask(const char *socket, const struct pages_list *list, GError **error);

/* Walks through the entries of all pages: zeroed at first. FALSE after the last. */
struct pages_place {
    guint page;
    gsize at;
};
gboolean pages_next(const GPtrArray *pages, const char *ask, struct pages_place *place,
                    struct slice *entry);

/* As what json_member takes. */
struct slice pages_first(const GPtrArray *pages);

/* What the first page has beside the list, an array `member`: a line each, as `line` has it, with
 * an empty one before the first. `line` also says whether the entry is bad, which is of no use
 * here. */
void pages_append_lines(const GPtrArray *pages, const char *member,
                        char *(*line)(struct slice entry, gboolean *bad), GString *out);

/* For --json: an object for each entry, {"event": KIND, …}, a line each; and the summary that ends
 * them, with the number of entries and what the first page has beside the list. */
void pages_print_json(const GPtrArray *pages, const char *ask, const char *kind);
