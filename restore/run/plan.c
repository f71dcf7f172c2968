/* plan: see the header. */
#include "restore/run/plan.h"

#include "lib/base/fail.h"
#include "lib/base/slice.h"

#define NAMED_MAX 2000 /* bytes of database names in a hint */

static void
document_free(gpointer data)
{
    struct plan_document *document = data;
    g_free(document->winner);
    g_free(document);
}

static void
item_free(gpointer data)
{
    struct plan_item *item = data;
    g_free(item->name);
    g_free(item->target);
    if (item->documents != NULL)
        g_hash_table_unref(item->documents);
    g_free(item);
}

/* CouchDB's rule among leaves that are not deleted: the longer path, then the greater revision. */
static gboolean
wins(const struct leaf *leaf, const char *other)
{
    guint64 generation = 0;
    if (other == NULL || !revision_generation(slice_of(other), &generation))
        return TRUE;
    return leaf->generation != generation ? leaf->generation > generation
                                          : slice_compare(leaf->rev, slice_of(other)) > 0;
}

void
plan_found(const struct plan_item *item, const char *id, const struct leaf *leaf)
{
    struct plan_document *document =
        item->documents != NULL ? g_hash_table_lookup(item->documents, id) : NULL;
    if (document == NULL)
        return;
    document->found = TRUE;
    if (leaf == NULL || leaf->deleted || !wins(leaf, document->winner))
        return;
    g_free(document->winner);
    document->winner = slice_dup(leaf->rev);
}

/* ---- the names ---- */

static struct plan_item *
find(const GPtrArray *items, const char *name)
{
    for (guint i = 0; i < items->len; i++) {
        struct plan_item *item = items->pdata[i];
        if (g_str_equal(item->name, name))
            return item;
    }
    return NULL;
}

static struct plan_item *
add(GPtrArray *items, const char *name, const char *target)
{
    struct plan_item *item = g_new0(struct plan_item, 1);
    item->name = g_strdup(name);
    item->target = g_strdup(target);
    g_ptr_array_add(items, item);
    return item;
}

/* Where the database's name ends in NAME or NAME=NEW. No name of CouchDB's holds a '=', others'
 * may: the longest one that there is. */
static const char *
end_of_name(const struct manifest *manifest, const char *text)
{
    for (gsize size = strlen(text); size > 0; size--) {
        g_autofree char *name = g_strndup(text, size);
        if ((text[size] == '\0' || text[size] == '=') && manifest_find(manifest, name) != NULL)
            return text + size;
    }
    return text + strcspn(text, "=");
}

gboolean
plan_refuse_name(const struct manifest *manifest, const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (guint i = 0; i < manifest->databases->len && known->len < NAMED_MAX; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (manifest_is_held(database))
            g_string_append_printf(known, "%s'%s'", known->len == 0 ? "" : ", ", database->name);
    }
    return fail_set(error, FAIL_USAGE, "the snapshot has no database '%s'\nhint: it has %s", name,
                    known->len == 0 ? "none" : known->str);
}

static gboolean
add_named(GPtrArray *items, const struct manifest *manifest, const char *text, GError **error)
{
    const char *end = end_of_name(manifest, text);
    g_autofree char *name = g_strndup(text, (gsize)(end - text));
    const char *target = *end == '=' ? end + 1 : name;
    const struct manifest_database *database = manifest_find(manifest, name);
    if (database == NULL)
        return plan_refuse_name(manifest, name, error);
    if (*target == '\0')
        return fail_set(error, FAIL_USAGE, "--db '%s' has no name behind the '='", text);
    if (find(items, name) != NULL)
        return fail_set(error, FAIL_USAGE, "--db names '%s' twice", name);
    if (manifest_is_held(database))
        add(items, name, target);
    return TRUE;
}

gboolean
plan_names(const char *const *databases, const char *name)
{
    gsize size = strlen(name);
    for (; *databases != NULL; databases++)
        if (strncmp(*databases, name, size) == 0 &&
            ((*databases)[size] == '\0' || (*databases)[size] == '='))
            return TRUE;
    return FALSE;
}

/* ---- documents ---- */

gboolean
plan_refuse_document(const char *text, const char *place, GError **error)
{
    return fail_set(error, FAIL_USAGE,
                    "--doc '%s' does not begin with the name of a database in the %s and a "
                    "slash\nhint: such as --doc medic/ID",
                    text, place);
}

gboolean
plan_is_document_of(const char *text, const char *name)
{
    gsize length = strlen(name);
    return g_str_has_prefix(text, name) && text[length] == '/' && text[length + 1] != '\0';
}

static const char *
longer(const char *a, const char *b)
{
    return a == NULL || strlen(b) > strlen(a) ? b : a;
}

/* The longest name of a database that the text begins with, followed by a slash: names may hold
 * slashes. Those that --db names, the first items, come before all others. */
static const char *
database_of(const GPtrArray *items, guint named, const struct manifest *manifest, const char *text)
{
    const char *longest = NULL;
    for (guint i = 0; i < named; i++) {
        const struct plan_item *item = items->pdata[i];
        if (plan_is_document_of(text, item->name))
            longest = longer(longest, item->name);
    }
    if (longest != NULL)
        return longest;
    for (guint i = 0; i < manifest->databases->len; i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (manifest_is_held(database) && plan_is_document_of(text, database->name))
            longest = longer(longest, database->name);
    }
    return longest;
}

static gboolean
add_document(GPtrArray *items, guint named, const struct manifest *manifest, const char *text,
             GError **error)
{
    const char *name = database_of(items, named, manifest, text);
    if (name == NULL)
        return plan_refuse_document(text, "snapshot", error);
    struct plan_item *item = find(items, name);
    if (item == NULL)
        item = add(items, name, name);
    if (item->documents == NULL)
        item->documents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, document_free);
    g_hash_table_insert(item->documents, g_strdup(text + strlen(name) + 1),
                        g_new0(struct plan_document, 1));
    return TRUE;
}

/* With --doc, a --db only tells the new name; one without documents would be restored whole by
 * mistake. */
static gboolean
check_used(const GPtrArray *items, GError **error)
{
    for (guint i = 0; i < items->len; i++) {
        const struct plan_item *item = items->pdata[i];
        if (item->documents == NULL)
            return fail_set(error, FAIL_USAGE,
                            "--db '%s': none of the documents named with --doc is in it",
                            item->name);
    }
    return TRUE;
}

/* ---- the plan ---- */

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const struct plan_item *const *)a)->name,
                  (*(const struct plan_item *const *)b)->name);
}

static gboolean
check_targets(const GPtrArray *items, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < items->len; i++) {
        const struct plan_item *item = items->pdata[i];
        if (!g_hash_table_add(names, item->target))
            return fail_set(error, FAIL_USAGE, "two databases would be restored into '%s'",
                            item->target);
    }
    return TRUE;
}

GPtrArray *
plan_make(const struct manifest *manifest, const char *const *databases,
          const char *const *documents, GError **error)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(item_free);
    for (const char *const *name = databases; *name != NULL; name++)
        if (!add_named(items, manifest, *name, error))
            return NULL;
    guint named = items->len;
    for (const char *const *text = documents; *text != NULL; text++)
        if (!add_document(items, named, manifest, *text, error))
            return NULL;
    if (*documents != NULL && !check_used(items, error))
        return NULL;
    for (guint i = 0; *databases == NULL && *documents == NULL && i < manifest->databases->len;
         i++) {
        const struct manifest_database *database = manifest->databases->pdata[i];
        if (manifest_is_held(database))
            add(items, database->name, database->name);
    }
    if (!check_targets(items, error))
        return NULL;
    g_ptr_array_sort(items, by_name);
    return g_steal_pointer(&items);
}
