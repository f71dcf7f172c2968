/*
 * chain: see the header.
 *
 * Opening reads the manifests from the newest snapshot back to the first, and keeps for each
 * database where the snapshots that count for it have it. Only opening a database opens its
 * archives.
 *
 * Which snapshots count for a database: from the newest manifest back, one that read it holds part
 * of its state; one that names another snapshot for it (`at`) says that those in between hold
 * nothing of it, whatever the reason: nothing changed, it could not be read, it was left out, or a
 * run was interrupted before it came to it. One that names none for a database that it lists leaves
 * older ones as they are; one that does not list it makes them void, and so does a `fresh` base.
 */
#include "lib/archive/chain.h"

#include "lib/archive/chain_passes.h"
#include "lib/archive/merge.h"
#include "lib/base/fail.h"
#include "lib/json/json.h"

#define DEFAULT_MEMORY (32 * 1024 * 1024) /* bytes */
#define PIECE (128 * 1024)                /* bytes of a file given at once */

/* A database's entries in one snapshot. */
struct member {
    guint snapshot; /* index in chain->snapshots */
    guint64 place, end;
};

/* What is known of a database while the manifests are read, and after. */
struct track {
    GArray *members;    /* struct member, newest first */
    char *since;        /* when the newest of them was read */
    const char *resume; /* nothing counts before the snapshot with this id */
    gboolean ended;     /* nothing older counts */
};

struct chain {
    struct store *store;
    const struct keys *keys;
    GPtrArray *snapshots;  /* struct snapshot of the store, newest first */
    guint reach;           /* how many of them count */
    GHashTable *positions; /* id → 1 + index in snapshots */
    GHashTable *tracks;    /* name → struct track */
    struct manifest *manifest;
    struct chain_passes *passes;
    guint64 largest; /* bytes of an entry */
};

struct open_database {
    struct chain_database public; /* first, so that one is the other */
    GPtrArray *parts;             /* struct chain_part */
    GPtrArray *readers;
    struct merge *merge;
};

/* ---- opening ---- */

static void
track_free(gpointer data)
{
    struct track *track = data;
    g_array_unref(track->members);
    g_free(track->since);
    g_free(track);
}

/* The missing one is not known by name: it may be one of the folders that are not trusted. */
static gboolean
report_missing(const struct store *store, const struct snapshot *last, GError **error)
{
    g_autoptr(GString) hint = g_string_new(NULL);
    for (guint i = 0; i < store->snapshots->len && hint->len < 1000; i++) {
        const struct snapshot *other = store->snapshots->pdata[i];
        if (other->trust == SNAPSHOT_DAMAGED || other->trust == SNAPSHOT_FOREIGN)
            g_string_append_printf(hint, "%s%s: %s", hint->len == 0 ? "\nhint: " : "; ",
                                   other->folder, other->problem);
    }
    return fail_set(error, FAIL_DAMAGED,
                    "snapshot %s builds upon snapshot %s, which is not in '%s' or is not usable%s",
                    last->folder, last->catalogue->parent, store->path, hint->str);
}

static gboolean
collect_snapshots(struct chain *chain, const struct snapshot *at, GError **error)
{
    for (const struct snapshot *one = at; one != NULL; one = one->parent) {
        if (one->trust != SNAPSHOT_TRUSTED)
            return fail_set(error, FAIL_DAMAGED, "snapshot %s is not usable: %s", one->folder,
                            one->problem);
        if (g_hash_table_contains(chain->positions, one->catalogue->id))
            return fail_set(error, FAIL_DAMAGED, "snapshot %s is its own ancestor", one->folder);
        g_ptr_array_add(chain->snapshots, (gpointer)one);
        g_hash_table_insert(chain->positions, one->catalogue->id,
                            GUINT_TO_POINTER(chain->snapshots->len));
        if (one->parent == NULL && one->catalogue->parent != NULL)
            return report_missing(chain->store, one, error);
    }
    return TRUE;
}

static void
begin_tracks(struct chain *chain)
{
    for (guint i = 0; i < chain->manifest->databases->len; i++) {
        const struct manifest_database *database = chain->manifest->databases->pdata[i];
        if (!manifest_is_held(database) && chain->reach == chain->snapshots->len)
            continue; /* of a range all are told, so that what it holds is not passed over */
        struct track *track = g_new0(struct track, 1);
        track->members = g_array_new(FALSE, FALSE, sizeof(struct member));
        g_hash_table_insert(chain->tracks, g_strdup(database->name), track);
    }
}

/* What a manifest means for a database of the newest one. */
static void
follow(struct chain *chain, struct track *track, const struct manifest_database *database,
       guint number)
{
    const struct snapshot *snapshot = chain->snapshots->pdata[number];
    if (track->ended ||
        (track->resume != NULL && !g_str_equal(track->resume, snapshot->catalogue->id)))
        return;
    track->resume = NULL;
    if (database == NULL) {
        track->ended = TRUE;
    } else if (manifest_is_here(database)) {
        if (track->since == NULL)
            track->since =
                g_strdup(database->as_of != NULL ? database->as_of : snapshot->catalogue->started);
        struct member member = {number, database->place, database->end};
        g_array_append_val(track->members, member);
    } else if (database->at != NULL) {
        guint position = GPOINTER_TO_UINT(g_hash_table_lookup(chain->positions, database->at));
        if (position > number + 1) /* merged snapshots have lost their ids: then step by step */
            track->resume =
                ((struct snapshot *)chain->snapshots->pdata[position - 1])->catalogue->id;
    }
}

static void
follow_all(struct chain *chain, const struct manifest *manifest, guint number)
{
    GHashTableIter iter;
    gpointer name, track;
    g_autoptr(GHashTable) databases = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < manifest->databases->len; i++) {
        struct manifest_database *database = manifest->databases->pdata[i];
        g_hash_table_insert(databases, database->name, database);
    }
    g_hash_table_iter_init(&iter, chain->tracks);
    while (g_hash_table_iter_next(&iter, &name, &track))
        follow(chain, track, g_hash_table_lookup(databases, name), number);
}

static gboolean
look_at_entry(void *context, const struct manifest_entry *entry, GError **error)
{
    struct chain *chain = context;
    (void)error;
    chain->largest = MAX(chain->largest, entry->size);
    return TRUE;
}

static gboolean
read_manifests(struct chain *chain, GError **error)
{
    for (guint i = 0; i < chain->reach; i++) {
        AUTO(snapshot_reader) *reader =
            snapshot_reader_open(chain->store, chain->snapshots->pdata[i], chain->keys, error);
        AUTO(manifest) *manifest =
            reader != NULL ? snapshot_reader_manifest(reader, look_at_entry, chain, error) : NULL;
        if (manifest == NULL)
            return FALSE;
        if (i == 0) {
            chain->manifest = g_steal_pointer(&manifest);
            begin_tracks(chain);
            follow_all(chain, chain->manifest, i);
        } else {
            follow_all(chain, manifest, i);
        }
    }
    return TRUE;
}

/* Compares the parts of those that count with what was signed. */
static gboolean
check_range(struct chain *chain, GError **error)
{
    for (guint i = 0; i < chain->reach; i++)
        if (!store_check(chain->store, chain->snapshots->pdata[i], NULL, error))
            return FALSE;
    return TRUE;
}

struct chain *
chain_open(struct store *store, struct snapshot *at, const struct keys *keys, gsize memory,
           GError **error)
{
    return chain_open_range(store, at, NULL, keys, memory, error);
}

struct chain *
chain_open_range(struct store *store, struct snapshot *at, const struct snapshot *oldest,
                 const struct keys *keys, gsize memory, GError **error)
{
    guint last;
    AUTO(chain) *chain = g_new0(struct chain, 1);
    chain->store = store;
    chain->keys = keys;
    chain->snapshots = g_ptr_array_new();
    chain->positions = g_hash_table_new(g_str_hash, g_str_equal);
    chain->tracks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, track_free);
    chain->passes = chain_passes_new(store, keys, memory != 0 ? memory : DEFAULT_MEMORY);
    if (!collect_snapshots(chain, at, error))
        return NULL;
    gboolean found = g_ptr_array_find(chain->snapshots, oldest, &last);
    g_assert(found || oldest == NULL);
    chain->reach = found ? last + 1 : chain->snapshots->len;
    if (!check_range(chain, error) || !read_manifests(chain, error))
        return NULL;
    return g_steal_pointer(&chain);
}

void
chain_free(struct chain *chain)
{
    if (chain == NULL)
        return;
    chain_passes_free(chain->passes);
    manifest_free(chain->manifest);
    g_hash_table_unref(chain->tracks);
    g_hash_table_unref(chain->positions);
    g_ptr_array_unref(chain->snapshots);
    g_free(chain);
}

guint64
chain_largest(const struct chain *chain)
{
    return chain->largest;
}

const struct manifest *
chain_manifest(const struct chain *chain)
{
    return chain->manifest;
}

const struct snapshot *
chain_stands_at(const struct chain *chain, const char *name)
{
    const struct track *track = g_hash_table_lookup(chain->tracks, name);
    if (track == NULL || track->members->len == 0)
        return NULL;
    return chain->snapshots->pdata[g_array_index(track->members, struct member, 0).snapshot];
}

const char *
chain_stands_since(const struct chain *chain, const char *name)
{
    const struct track *track = g_hash_table_lookup(chain->tracks, name);
    return track != NULL ? track->since : NULL;
}

/* ---- the server ---- */

static struct snapshot_reader *
open_newest(struct chain *chain, GError **error)
{
    return snapshot_reader_open(chain->store, chain->snapshots->pdata[0], chain->keys, error);
}

/* Goes to the next entry that belongs to the server; *here FALSE behind the last. */
static gboolean
next_server_entry(struct snapshot_entries *entries, gboolean *here, GError **error)
{
    if (!snapshot_entries_next(entries, error))
        return FALSE;
    const struct pack_entry *entry = snapshot_entries_now(entries);
    *here = entry != NULL && g_str_has_prefix(entry->name, "server/");
    return TRUE;
}

char *
chain_source(struct chain *chain, GError **error)
{
    struct slice source;
    char *uuid = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    AUTO(snapshot_reader) *reader = open_newest(chain, error);
    AUTO(snapshot_entries) *entries =
        reader != NULL ? snapshot_entries_new(reader, 0, error) : NULL;
    if (entries == NULL || !snapshot_entries_expect(entries, "header.json", error) ||
        !snapshot_entries_json(entries, text, error))
        return NULL;
    if (json_member((struct slice){text->str, text->len}, "source", &source))
        json_member_text(source, "uuid", &uuid);
    return uuid;
}

GString *
chain_server_config(struct chain *chain, GError **error)
{
    gboolean here;
    AUTO(snapshot_reader) *reader = open_newest(chain, error);
    AUTO(snapshot_entries) *entries =
        reader != NULL ? snapshot_entries_new(reader, 0, error) : NULL;
    if (entries == NULL || !snapshot_entries_expect(entries, "header.json", error))
        return NULL;
    while (next_server_entry(entries, &here, error)) {
        if (!here)
            return NULL;
        if (!snapshot_entries_is(entries, "server/config.json"))
            continue;
        g_autoptr(GString) text = g_string_new(NULL);
        return snapshot_entries_json(entries, text, error) ? g_steal_pointer(&text) : NULL;
    }
    return NULL;
}

static gboolean
give_file(struct snapshot_entries *entries, const char *path, const struct chain_files *files,
          char *buffer, GError **error)
{
    const struct pack_entry *entry = snapshot_entries_now(entries);
    const struct chain_file file = {path,        entry->mode,  entry->uid, entry->gid,
                                    entry->user, entry->group, entry->size};
    if (!files->begin(files->context, &file, error))
        return FALSE;
    for (gsize got = 1; got > 0;)
        if (!snapshot_entries_read(entries, buffer, PIECE, &got, error) ||
            (got > 0 && !files->bytes(files->context, buffer, got, error)))
            return FALSE;
    return files->end(files->context, error);
}

gboolean
chain_server_files(struct chain *chain, const struct chain_files *files, GError **error)
{
    static const char prefix[] = "server/files/";
    gboolean here;
    g_autofree char *buffer = g_malloc(PIECE);
    AUTO(snapshot_reader) *reader = open_newest(chain, error);
    AUTO(snapshot_entries) *entries =
        reader != NULL ? snapshot_entries_new(reader, 0, error) : NULL;
    if (entries == NULL || !snapshot_entries_expect(entries, "header.json", error))
        return FALSE;
    while (next_server_entry(entries, &here, error)) {
        if (!here)
            return TRUE;
        const char *name = snapshot_entries_now(entries)->name;
        if (!g_str_has_prefix(name, prefix))
            continue;
        g_autofree char *path = g_strdup(name + strlen(prefix) - 1);
        if (!give_file(entries, path, files, buffer, error))
            return FALSE;
    }
    return FALSE;
}

/* ---- a database ---- */

static void
part_free(gpointer part)
{
    chain_part_free(part);
}

static void
reader_free(gpointer reader)
{
    snapshot_reader_free(reader);
}

/* Whether a snapshot's db.json says that nothing older counts. */
static gboolean
read_fresh(struct chain *chain, const char *name, const struct chain_part *part, gboolean *fresh,
           GError **error)
{
    AUTO(snapshot_reader) *reader = chain_passes_open(chain->passes, part, error);
    AUTO(snapshot_stream) *stream =
        reader != NULL ? snapshot_stream_new(reader, name, part->place, error) : NULL;
    *fresh = stream != NULL && snapshot_stream_is_fresh(stream);
    return stream != NULL;
}

/* Whether the oldest snapshot that counts is a chain's first. */
static gboolean
reaches_first(const struct chain *chain)
{
    const struct snapshot *oldest = chain->snapshots->pdata[chain->reach - 1];
    return oldest->catalogue->parent == NULL;
}

/* The snapshots that count for a database: back to the newest fresh one. *whole: nothing older
 * does. */
static GPtrArray *
list_parts(struct chain *chain, const char *name, const struct track *track, gboolean *whole,
           GError **error)
{
    gboolean first = reaches_first(chain);
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    gboolean fresh = FALSE;
    for (guint i = 0; i < track->members->len && !fresh; i++) {
        const struct member *member = &g_array_index(track->members, struct member, i);
        struct chain_part *part =
            chain_part_new(chain->snapshots->pdata[member->snapshot], member->place);
        g_ptr_array_add(parts, part);
        gboolean last = i + 1 == track->members->len;
        if (!(last && first) && !read_fresh(chain, name, part, &fresh, error))
            return NULL;
    }
    *whole = fresh || first || track->ended;
    return g_steal_pointer(&parts);
}

static gboolean
read_texts(struct chain *chain, struct open_database *open, const struct member *newest,
           GError **error)
{
    struct chain_database *database = &open->public;
    AUTO(snapshot_reader) *reader = snapshot_reader_open(
        chain->store, chain->snapshots->pdata[newest->snapshot], chain->keys, error);
    if (reader == NULL)
        return FALSE;
    database->end_json = snapshot_end_json(reader, database->name, newest->end, error);
    AUTO(snapshot_stream) *stream =
        database->end_json != NULL
            ? snapshot_stream_new(reader, database->name, newest->place, error)
            : NULL;
    if (stream == NULL)
        return FALSE;
    struct slice db = snapshot_stream_db_json(stream), local = snapshot_stream_local_json(stream);
    database->db_json = g_string_new_len(db.data, (gssize)db.size);
    database->local_json = g_string_new_len(local.data, (gssize)local.size);
    return TRUE;
}

static gboolean
begin_merge(struct chain *chain, struct open_database *open, GError **error)
{
    guint n = open->parts->len;
    g_autofree struct snapshot_stream **streams = g_new0(struct snapshot_stream *, n);
    gboolean done = TRUE;
    for (guint i = 0; done && i < n; i++) {
        const struct chain_part *part = open->parts->pdata[i];
        struct snapshot_reader *reader = chain_passes_open(chain->passes, part, error);
        done = reader != NULL;
        if (done) {
            g_ptr_array_add(open->readers, reader);
            streams[i] = snapshot_stream_new(reader, open->public.name, part->place, error);
            done = streams[i] != NULL;
        }
    }
    if (done)
        open->merge = merge_new(streams, n);
    for (guint i = 0; i < n; i++)
        snapshot_stream_free(streams[i]);
    return done;
}

struct chain_database *
chain_database_look(struct chain *chain, const char *name, GError **error)
{
    const struct track *track = g_hash_table_lookup(chain->tracks, name);
    const struct snapshot *at = chain_stands_at(chain, name);
    if (at == NULL) {
        at = chain->snapshots->pdata[0];
        fail_set(error, track == NULL ? FAIL_FAILED : FAIL_DAMAGED,
                 "snapshot %s holds no database '%s'", at->folder, name);
        return NULL;
    }
    const struct member *newest = &g_array_index(track->members, struct member, 0);
    AUTO(chain_database) *database = (struct chain_database *)g_new0(struct open_database, 1);
    struct open_database *open = (struct open_database *)database;
    database->name = g_strdup(name);
    database->at = g_strdup(at->catalogue->id);
    open->readers = g_ptr_array_new_with_free_func(reader_free);
    return read_texts(chain, open, newest, error) ? g_steal_pointer(&database) : NULL;
}

struct chain_database *
chain_database_open(struct chain *chain, const char *name, GError **error)
{
    AUTO(chain_database) *database = chain_database_look(chain, name, error);
    struct open_database *open = (struct open_database *)database;
    if (database == NULL)
        return NULL;
    open->parts =
        list_parts(chain, name, g_hash_table_lookup(chain->tracks, name), &database->whole, error);
    if (open->parts == NULL || !chain_passes_reduce(chain->passes, name, open->parts, error) ||
        !begin_merge(chain, open, error))
        return NULL;
    return g_steal_pointer(&database);
}

static void
free_text(GString *text)
{
    if (text != NULL)
        g_string_free(text, TRUE);
}

void
chain_database_free(struct chain_database *database)
{
    struct open_database *open = (struct open_database *)database;
    if (database == NULL)
        return;
    merge_free(open->merge);
    g_ptr_array_unref(open->readers);
    if (open->parts != NULL)
        g_ptr_array_unref(open->parts);
    free_text(database->db_json);
    free_text(database->local_json);
    free_text(database->end_json);
    g_free(database->name);
    g_free(database->at);
    g_free(open);
}

gboolean
chain_next(struct chain_database *database, const struct leaf **leaf, gboolean *end, GError **error)
{
    struct merge *merge = ((struct open_database *)database)->merge;
    struct snapshot_item item;
    do {
        if (!merge_next(merge, &item, error))
            return FALSE;
    } while (item.kind == SNAPSHOT_GONE);
    *end = item.kind == SNAPSHOT_END;
    *leaf = item.leaf;
    return TRUE;
}

gboolean
chain_attachment(struct chain_database *database, guint which, GError **error)
{
    return merge_attachment(((struct open_database *)database)->merge, which, error);
}

gboolean
chain_data(struct chain_database *database, void *data, gsize size, gsize *got, GError **error)
{
    return merge_data(((struct open_database *)database)->merge, data, size, got, error);
}

gboolean
chain_write(struct chain_database *database, struct snapshot_writer *writer, GError **error)
{
    return merge_write(((struct open_database *)database)->merge, writer, !database->whole, error);
}
