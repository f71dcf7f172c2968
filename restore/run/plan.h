/*
 * plan: which databases of a snapshot are restored, under which names, and which documents of them.
 */
#pragma once

#include "lib/archive/manifest.h"
#include "lib/couch/leaf.h"

struct plan_document {
    gboolean found; /* in the snapshot */
    char *winner;   /* its revision that is not deleted and wins there, or NULL */
};

struct plan_item {
    char *name;            /* in the snapshot */
    char *target;          /* in the target */
    GHashTable *documents; /* ids of --doc, each with a struct plan_document; NULL: all */
};

/*
 * `databases` are NAME or NAME=NEW, `documents` DB/ID; both end with NULL and may be empty. Of the
 * databases that a DB/ID may mean, the longest name does, those of `databases` first. The items
 * come in the order of their names in the snapshot. Databases that the manifest lists but no
 * snapshot of the chain holds are left out. FAIL_USAGE when it does not know a name; two that would
 * become one are refused.
 */
GPtrArray *plan_make(const struct manifest *manifest, const char *const *databases,
                     const char *const *documents, GError **error);

/* FAIL_USAGE that the snapshot has no such database, with those that it holds. */
gboolean plan_refuse_name(const struct manifest *manifest, const char *name, GError **error);

/* FAIL_USAGE that a --doc begins with no database of `place`. */
gboolean plan_refuse_document(const char *text, const char *place, GError **error);

/* Whether the text is a document of the database: NAME/ID. */
gboolean plan_is_document_of(const char *text, const char *name);

/* Whether `databases` names one, as NAME or NAME=NEW. */
gboolean plan_names(const char *const *databases, const char *name);

/* Notes that a document was found; `leaf` is one of its leaves, or NULL. Nothing when it is none of
 * the item's. */
void plan_found(const struct plan_item *item, const char *id, const struct leaf *leaf);
