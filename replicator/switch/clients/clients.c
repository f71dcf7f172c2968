#include "replicator/switch/clients/clients.h"

#include "lib/base/fail.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/switch/clients/behind.h"
#include "replicator/switch/clients/list.h"
#include "replicator/switch/clients/translate.h"

#define KEPT_MAX (128 * 1024 * 1024) /* bytes of checkpoints in memory; what is more is dropped */
#define ASKED_AT_ONCE 6
#define ASKED_MAX 2000 /* sequences of one database that are looked at; others are dropped */
#define LOOKS 3        /* at what is left, when all are to go */

struct kept {
    GPtrArray *documents; /* char *: raw JSON */
    gsize bytes;
    guint64 beyond; /* that were not kept */
};

static void
kept_init(struct kept *kept)
{
    *kept = (struct kept){.documents = g_ptr_array_new_with_free_func(g_free)};
}

static void
kept_forget(void *context)
{
    struct kept *kept = context;
    g_ptr_array_set_size(kept->documents, 0);
    kept->bytes = kept->beyond = 0;
}

static gboolean
keep(void *context, struct slice json, GError **error)
{
    struct kept *kept = context;
    (void)error;
    if (kept->bytes + json.size > KEPT_MAX) {
        kept->beyond++;
        return TRUE;
    }
    kept->bytes += json.size;
    g_ptr_array_add(kept->documents, slice_dup(json));
    return TRUE;
}

/* ---- from where a pull goes on ---- */

static GHashTable *
sequences_of(const struct kept *kept)
{
    GHashTable *sequences = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < kept->documents->len; i++) {
        struct slice sequence;
        if (translate_kind_of(slice_of(kept->documents->pdata[i]), &sequence) == TRANSLATE_PULL)
            g_hash_table_add(sequences, slice_dup(sequence));
    }
    return sequences;
}

/* Each sequence of the one node → that of the other, which stays the caller's. */
static void
translate_all(struct behind *behind, GHashTable *sequences, const struct clients_database *database,
              GHashTable *translated)
{
    if (g_hash_table_remove(sequences, database->end)) /* nothing is listed since then */
        g_hash_table_insert(translated, g_strdup(database->end), (gpointer)database->sequence);
    g_autofree gpointer *all = g_hash_table_get_keys_as_array(sequences, NULL);
    const guint n = MIN(g_hash_table_size(sequences), ASKED_MAX);
    for (guint from = 0; from < n; from += ASKED_AT_ONCE) {
        struct http_call *calls[ASKED_AT_ONCE];
        const guint some = MIN(ASKED_AT_ONCE, n - from);
        for (guint i = 0; i < some; i++)
            calls[i] = behind_ask(behind, all[from + i]);
        for (guint i = 0; i < some; i++) {
            const char *found = behind_find(behind, calls[i], database->sequence);
            if (found != NULL)
                g_hash_table_insert(translated, g_strdup(all[from + i]), (gpointer)found);
            http_call_free(calls[i]);
        }
    }
}

/* ---- carrying over ---- */

struct carrying {
    struct kept there;      /* in the node that was active */
    GHashTable *here;       /* id → revision, raw JSON, of those that stand in the other one */
    GHashTable *translated; /* sequence there → sequence here, raw JSON */
    struct list_post *post;
    struct clients *clients;
};

static void
here_forget(void *context)
{
    g_hash_table_remove_all(context);
}

static gboolean
note_here(void *context, struct slice json, GError **error)
{
    g_autofree char *id = NULL;
    struct slice rev;
    (void)error;
    if (json_member_text(json, "_id", &id) && json_member(json, "_rev", &rev))
        g_hash_table_insert(context, g_steal_pointer(&id), slice_dup(rev));
    return TRUE;
}

/* *sequence: of a pull. */
static gboolean
is_carried(const struct carrying *carrying, struct slice json, const char **sequence)
{
    struct slice raw;
    enum translate_kind kind = translate_kind_of(json, &raw);
    *sequence = NULL;
    if (kind != TRANSLATE_PULL)
        return kind == TRANSLATE_PUSH;
    g_autofree char *text = slice_dup(raw);
    *sequence = g_hash_table_lookup(carrying->translated, text);
    return *sequence != NULL;
}

static gboolean
carry_one(struct carrying *carrying, struct slice json, GError **error)
{
    g_autofree char *id = NULL;
    const char *sequence;
    if (!json_member_text(json, "_id", &id) || !is_carried(carrying, json, &sequence)) {
        carrying->clients->dropped++;
        return TRUE;
    }
    translate_append(list_post_begin(carrying->post), json, sequence,
                     g_hash_table_lookup(carrying->here, id));
    g_hash_table_remove(carrying->here, id);
    if (sequence != NULL)
        carrying->clients->pulls++;
    else
        carrying->clients->pushes++;
    return list_post_end(carrying->post, error);
}

static gboolean
delete_all(struct list_post *post, GHashTable *all, GError **error)
{
    GHashTableIter iter;
    gpointer id, rev;
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &id, &rev)) {
        GString *out = list_post_begin(post);
        g_string_append(out, "{\"_id\":");
        json_append_string(out, slice_of(id));
        g_string_append_printf(out, ",\"_rev\":%s,\"_deleted\":true}", (const char *)rev);
        if (!list_post_end(post, error))
            return FALSE;
    }
    return list_post_flush(post, error);
}

static gboolean
prepare(struct carrying *carrying, struct http *from, struct http *into,
        const struct clients_database *database, GError **error)
{
    if (!list_checkpoints(into, database->name, note_here, here_forget, carrying->here, error))
        return FALSE;
    if (!database->alike)
        return TRUE;
    if (!list_checkpoints(from, database->name, keep, kept_forget, &carrying->there, error))
        return FALSE;
    g_autoptr(GHashTable) sequences = sequences_of(&carrying->there);
    AUTO(behind) *behind = behind_new(from, into, database->name, database->marks);
    translate_all(behind, sequences, database, carrying->translated);
    return TRUE;
}

static gboolean
carry_all(struct carrying *carrying, GError **error)
{
    for (guint i = 0; i < carrying->there.documents->len; i++)
        if (!carry_one(carrying, slice_of(carrying->there.documents->pdata[i]), error))
            return FALSE;
    carrying->clients->dropped += carrying->there.beyond;
    return delete_all(carrying->post, carrying->here, error);
}

gboolean
clients_carry(struct http *from, struct http *into, const struct clients_database *database,
              struct clients *clients, GError **error)
{
    struct carrying carrying = {.clients = clients};
    kept_init(&carrying.there);
    carrying.here = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    carrying.translated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    carrying.post = list_post_new(into, database->name);
    gboolean done = prepare(&carrying, from, into, database, error) && carry_all(&carrying, error);
    list_post_free(carrying.post);
    g_hash_table_unref(carrying.translated);
    g_hash_table_unref(carrying.here);
    g_ptr_array_unref(carrying.there.documents);
    return done;
}

/* ---- dropping ---- */

/* A cluster lists what one copy has: another may have more. */
static gboolean
drop_in(struct http *http, const char *database, guint64 *dropped, GError **error)
{
    g_autoptr(GHashTable) here = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    AUTO(list_post) *post = list_post_new(http, database);
    for (guint look = 0; look < LOOKS; look++) {
        g_hash_table_remove_all(here);
        if (!list_checkpoints(http, database, note_here, here_forget, here, error))
            return FALSE;
        if (g_hash_table_size(here) == 0)
            return TRUE;
        *dropped += g_hash_table_size(here);
        if (!delete_all(post, here, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
clients_drop_all(struct http *http, guint64 *dropped, GError **error)
{
    g_auto(GStrv) names = server_databases(http, error);
    *dropped = 0;
    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        if (!drop_in(http, names[i], dropped, error))
            return FALSE;
    return names != NULL;
}
