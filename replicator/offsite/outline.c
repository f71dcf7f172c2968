/* outline: see the header. */
#include "replicator/offsite/outline.h"

#include "lib/base/fail.h"
#include "lib/store/judge.h"
#include "lib/store/lineage.h"
#include "lib/store/parts.h"

#define SNAPSHOTS OUTLINE_ROOT "snapshots/"

/* ---- keys ---- */

char *
outline_key(const char *folder, const char *name)
{
    return g_strconcat(SNAPSHOTS, folder, "/", name, NULL);
}

static gboolean
is_part_name(const char *name)
{
    return g_str_has_prefix(name, "data.") && strlen(name) == 8 && g_ascii_isdigit(name[5]) &&
           g_ascii_isdigit(name[6]) && g_ascii_isdigit(name[7]);
}

static gboolean
is_file_name(const char *name)
{
    return g_str_equal(name, "SHA256SUMS") || g_str_equal(name, "snapshot.json") ||
           g_str_equal(name, "snapshot.json.minisig") || is_part_name(name);
}

char *
outline_folder_of(const char *key)
{
    if (!g_str_has_prefix(key, SNAPSHOTS))
        return NULL;
    g_auto(GStrv) parts = g_strsplit(key + strlen(SNAPSHOTS), "/", 3);
    gboolean fits =
        g_strv_length(parts) == 2 && judge_is_folder_name(parts[0]) && is_file_name(parts[1]);
    return fits ? g_strdup(parts[0]) : NULL;
}

gboolean
outline_is_signer(const char *key)
{
    static const char signers[] = OUTLINE_ROOT "signers/";
    static const char fine[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    if (!g_str_has_prefix(key, signers) || !g_str_has_suffix(key, ".pub"))
        return FALSE;
    const char *name = key + strlen(signers);
    return *name != '.' && strspn(name, fine) == strlen(name);
}

const struct object *
outline_file(const struct outline *outline, const char *folder, const char *name)
{
    g_autofree char *key = outline_key(folder, name);
    return g_hash_table_lookup(outline->objects, key);
}

/* The signature first, then the entry: without them it does not count. */
static guint
rank(const char *key)
{
    return g_str_has_suffix(key, ".minisig") ? 0 : g_str_has_suffix(key, "snapshot.json") ? 1 : 2;
}

static gint
by_rank(gconstpointer a, gconstpointer b)
{
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    return rank(left) != rank(right) ? (gint)rank(left) - (gint)rank(right) : strcmp(left, right);
}

GPtrArray *
outline_keys(const struct outline *outline, const char *folder)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < outline->list->len; i++) {
        const struct object *object = outline->list->pdata[i];
        g_autofree char *its = outline_folder_of(object->key);
        if (g_strcmp0(its, folder) == 0)
            g_ptr_array_add(keys, g_strdup(object->key));
    }
    g_ptr_array_sort(keys, by_rank);
    return keys;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
outline_folders(const struct outline *outline)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *folders = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < outline->list->len; i++) {
        const struct object *object = outline->list->pdata[i];
        g_autofree char *folder = outline_folder_of(object->key);
        if (folder == NULL || g_hash_table_contains(seen, folder))
            continue;
        g_hash_table_add(seen, folder);
        g_ptr_array_add(folders, g_steal_pointer(&folder));
    }
    g_ptr_array_sort(folders, by_name);
    return folders;
}

struct snapshot *
outline_snapshot(const struct outline *outline, const char *folder)
{
    for (guint i = 0; i < outline->store->snapshots->len; i++) {
        struct snapshot *snapshot = outline->store->snapshots->pdata[i];
        if (g_str_equal(snapshot->folder, folder))
            return snapshot;
    }
    return NULL;
}

/* ---- reading ---- */

static guint64
bytes_of_parts(const struct outline *outline, const char *folder)
{
    guint64 sum = 0;
    for (guint number = 0; number < PARTS_MAX; number++) {
        g_autofree char *name = g_strdup_printf("data.%03u", number);
        const struct object *object = outline_file(outline, folder, name);
        if (object == NULL)
            break;
        sum += MIN(object->size, PARTS_SIZE + 1);
    }
    return sum;
}

/* A text of a snapshot; NULL: there is none. */
static gboolean
read_text(struct bucket *bucket, const struct outline *outline, const char *folder,
          const char *name, gsize cap, GString **text, GError **error)
{
    const struct object *object = outline_file(outline, folder, name);
    *text = NULL;
    return object == NULL || object_read(bucket, object->key, cap, text, error);
}

static gboolean
read_snapshot(struct bucket *bucket, struct outline *outline, const char *folder,
              const struct keys *keys, GError **error)
{
    g_autoptr(GString) entry = NULL;
    g_autoptr(GString) signature = NULL;
    if (!read_text(bucket, outline, folder, "snapshot.json", CATALOGUE_MAX, &entry, error) ||
        !read_text(bucket, outline, folder, "snapshot.json.minisig", MINISIGN_FILE_MAX, &signature,
                   error))
        return FALSE;
    const struct judge_texts texts = {
        .entry = entry != NULL ? entry->str : NULL,
        .entry_size = entry != NULL ? entry->len : 0,
        .signature = signature != NULL ? signature->str : NULL,
        .bytes = bytes_of_parts(outline, folder),
    };
    g_ptr_array_add(outline->store->snapshots, judge_texts(outline->store, folder, &texts, keys));
    return TRUE;
}

static gboolean
is_known(const struct store *known, const char *folder)
{
    for (guint i = 0; known != NULL && i < known->snapshots->len; i++) {
        const struct snapshot *snapshot = known->snapshots->pdata[i];
        if (g_str_equal(snapshot->folder, folder))
            return snapshot->trust == SNAPSHOT_TRUSTED;
    }
    return FALSE;
}

static gboolean
read_identity(struct bucket *bucket, struct outline *outline, GError **error)
{
    g_autoptr(GString) text = NULL;
    if (!object_read(bucket, OUTLINE_ROOT "store.json", STORE_JSON_MAX, &text, error))
        return FALSE;
    return text == NULL ||
           store_parse_identity(outline->store, (struct slice){text->str, text->len}, error);
}

static gboolean
read_all(struct bucket *bucket, struct outline *outline, const struct store *known,
         const struct keys *keys, GError **error)
{
    outline->list = object_list(bucket, OUTLINE_ROOT, error);
    if (outline->list == NULL || !read_identity(bucket, outline, error))
        return FALSE;
    for (guint i = 0; i < outline->list->len; i++) {
        struct object *object = outline->list->pdata[i];
        g_hash_table_insert(outline->objects, object->key, object);
    }
    g_autoptr(GPtrArray) folders = outline_folders(outline);
    if (folders->len > STORE_SNAPSHOTS_MAX)
        return http_bad_answer(error, "'%s' lists more than %d snapshots", bucket->url,
                               STORE_SNAPSHOTS_MAX);
    for (guint i = 0; i < folders->len; i++)
        if (!is_known(known, folders->pdata[i]) &&
            !read_snapshot(bucket, outline, folders->pdata[i], keys, error))
            return FALSE;
    lineage_link(outline->store->snapshots);
    return TRUE;
}

struct outline *
outline_read(struct bucket *bucket, const struct store *known, const struct keys *keys,
             GError **error)
{
    AUTO(outline) *outline = g_new0(struct outline, 1);
    outline->store = store_new(bucket->url);
    outline->objects = g_hash_table_new(g_str_hash, g_str_equal);
    return read_all(bucket, outline, known, keys, error) ? g_steal_pointer(&outline) : NULL;
}

void
outline_free(struct outline *outline)
{
    if (outline == NULL)
        return;
    g_hash_table_unref(outline->objects);
    if (outline->list != NULL)
        g_ptr_array_unref(outline->list);
    store_free(outline->store);
    g_free(outline);
}
