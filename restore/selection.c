/* selection: see the header. */
#include "restore/selection.h"

#include "lib/base/fail.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/command/settings.h"
#include "restore/stranger.h"

#include <dirent.h>
#include <fcntl.h>

/* ---- keys ---- */

/* Keys of this node that need not be there: a store can be listed without any. Those that are there
 * must be good, or what they do not vouch for would pass. */
static gboolean
open_default_keys(struct selection *selection, const char *folder, gboolean decrypt, GError **error)
{
    g_autoptr(GError) cause = NULL;
    gboolean fine = keys_open_if_any(folder, &selection->keys, &cause);
    if (fine && (selection->keys != NULL || !decrypt))
        return TRUE;
    if (fine)
        fail_set(&cause, FAIL_KEY, "no keys in '%s'", folder);
    g_autofree char *what = g_strndup(cause->message, strcspn(cause->message, "\n"));
    return fail_set(error, FAIL_KEY,
                    "%s\nhint: name a node's keys with --keys DIR, or on a bare machine give --key "
                    "FILE and --signer PUBLICKEY from the recovery sheet",
                    what);
}

static gboolean
open_keys(struct selection *selection, const struct command_line *line, gboolean decrypt,
          GError **error)
{
    const char *folder = options_string(line, "keys");
    const char *key = options_string(line, "key");
    const char *const *signers = options_list(line, "signer");
    gboolean bare = key != NULL || *signers != NULL;
    if (!bare && !options_given(line, "keys"))
        return open_default_keys(selection, folder, decrypt, error);
    if (!bare) {
        selection->keys = keys_open(folder, error);
        return selection->keys != NULL;
    }
    if (options_typed(line, "keys"))
        return fail_set(error, FAIL_USAGE,
                        "--keys and %s exclude each other\nhint: --keys is a node's folder; --key "
                        "and --signer are for a bare machine",
                        key != NULL ? "--key" : "--signer");
    if (decrypt && key == NULL)
        return fail_set(error, FAIL_KEY,
                        "--signer alone decrypts nothing\nhint: give --key FILE too, with the "
                        "secret from the recovery sheet");
    if (key != NULL && keys_is_open_to_others(key))
        log_warning("others may read the key file '%s'; close it with: chmod 600 '%s'", key, key);
    selection->keys = keys_open_bare(key, signers, error);
    if (selection->keys == NULL || selection->keys->n_trusted > 0)
        return selection->keys != NULL;
    return fail_set(error, FAIL_USAGE,
                    "--key needs --signer PUBLICKEY\nhint: it stands on the recovery sheet; "
                    "without it nothing tells who made the snapshots");
}

/* ---- which snapshot ---- */

static gint
by_number(gconstpointer a, gconstpointer b)
{
    const struct snapshot *const *left = a, *const *right = b;
    guint64 l = (*left)->catalogue->number, r = (*right)->catalogue->number;
    return (l > r) - (l < r);
}

static gboolean
started_by(const struct snapshot *snapshot, gint64 microseconds)
{
    g_autoptr(GDateTime) started = g_date_time_new_from_iso8601(snapshot->catalogue->started, NULL);
    return started != NULL && g_date_time_to_unix(started) * G_USEC_PER_SEC <= microseconds;
}

/*
 * The newest that had started at limit->time. Snapshots are numbered and clocks lie, so the row of
 * snapshots is cut in two where the fewest are on the wrong side of the time, the earlier place if
 * there are several. limit->number is of the last one before the cut.
 */
static struct snapshot *
find_at(const struct store *store, struct newer_limit *limit, gboolean partial)
{
    g_autoptr(GPtrArray) row = g_ptr_array_new();
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->replaced)
            g_ptr_array_add(row, snapshot);
    }
    g_ptr_array_sort(row, by_number);
    gint wrong = 0, least = 0;
    guint cut = 0;
    for (guint i = 0; i < row->len; i++) {
        wrong += started_by(row->pdata[i], limit->time) ? -1 : 1;
        if (wrong < least) {
            least = wrong;
            cut = i + 1;
        }
    }
    if (cut > 0)
        limit->number = ((const struct snapshot *)row->pdata[cut - 1])->catalogue->number;
    while (cut > 0) {
        struct snapshot *snapshot = row->pdata[--cut];
        if (snapshot->rooted && (partial || snapshot->catalogue->complete))
            return snapshot;
    }
    return NULL;
}

/* Why there is nothing to restore. */
static gboolean
report_none(const struct store *store, const struct keys *keys, const char *when, GError **error)
{
    g_autofree char *stranger = stranger_site(store, keys);
    const struct snapshot *cause = NULL;
    gboolean incomplete = FALSE, unrooted = FALSE;
    for (guint i = 0; i < store->snapshots->len; i++) {
        const struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->trust != SNAPSHOT_TRUSTED && snapshot->trust != SNAPSHOT_UNSEALED)
            cause = snapshot;
        incomplete |= snapshot->trust == SNAPSHOT_TRUSTED && snapshot->rooted;
        unrooted |= snapshot->trust == SNAPSHOT_TRUSTED && !snapshot->rooted;
    }
    if (when != NULL && incomplete)
        return fail_set(error, FAIL_USAGE,
                        "'%s' has no complete snapshot that began before %s\nhint: "
                        "lifeboat-restore list '%s'",
                        store->path, when, store->path);
    if (incomplete)
        return fail_set(error, FAIL_INCOMPLETE,
                        "'%s' has unfinished snapshots only\nhint: `lifeboat-restore run "
                        "--partial` restores what they hold",
                        store->path);
    if (stranger != NULL)
        return fail_set(error, FAIL_DAMAGED, "'%s' has no usable snapshot: %s", store->path,
                        stranger);
    if (cause != NULL)
        return fail_set(error, FAIL_DAMAGED, "'%s' has no usable snapshot: %s: %s", store->path,
                        cause->folder, cause->problem);
    return fail_set(error, FAIL_DAMAGED, "'%s' has no %s", store->path,
                    unrooted ? "usable snapshot: all build upon one that is missing"
                             : "snapshot yet");
}

static gboolean
check_chosen(const struct store *store, const struct snapshot *snapshot, gboolean partial,
             GError **error)
{
    if (snapshot->trust != SNAPSHOT_TRUSTED)
        return fail_set(error, FAIL_DAMAGED, "snapshot %s is not usable: %s", snapshot->folder,
                        snapshot->problem);
    if (!snapshot->rooted) {
        const struct snapshot *last = newer_last_reachable(snapshot);
        g_autofree char *parent = newer_parent_name(store, last);
        return fail_set(error, FAIL_DAMAGED,
                        "snapshot %s cannot be read: snapshot %s builds upon snapshot %s, which is "
                        "missing or not usable",
                        snapshot->folder, last->folder, parent);
    }
    if (!snapshot->catalogue->complete && !partial)
        return fail_set(error, FAIL_INCOMPLETE,
                        "snapshot %s is unfinished: its run was interrupted\nhint: "
                        "`lifeboat-restore run --partial` restores what it holds",
                        snapshot->folder);
    return TRUE;
}

static gboolean
choose(struct selection *selection, const struct command_line *line, gboolean needed,
       GError **error)
{
    guint64 takes = command_of(line)->takes;
    struct newer_limit limit = {0};
    gboolean partial = (takes & FOR_RUN) != 0 && options_flag(line, "partial");
    gboolean selects = (takes & (FOR_RUN | FOR_EXTRACT)) != 0;
    const char *name = selects ? options_string(line, "snapshot") : NULL;
    gboolean timed = selects && options_time(line, "at", &limit.time);
    if (name != NULL && timed)
        return fail_set(error, FAIL_USAGE, "--at and --snapshot exclude each other");
    if (name != NULL)
        selection->snapshot = store_find(selection->store, name, error);
    else if (timed)
        selection->snapshot = find_at(selection->store, &limit, partial);
    else
        selection->snapshot = store_tip(selection->store, !partial);
    if (selection->snapshot != NULL &&
        !check_chosen(selection->store, selection->snapshot, partial, error))
        return FALSE;
    selection->partial = selection->snapshot != NULL && !selection->snapshot->catalogue->complete;
    selection->newer = newer_find(selection->store, name == NULL ? selection->snapshot : NULL,
                                  timed ? &limit : NULL);
    if (selection->snapshot != NULL || (name == NULL && !needed))
        return TRUE;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(limit.time / G_USEC_PER_SEC);
    g_autofree char *when = timed ? g_date_time_format_iso8601(time) : NULL;
    return name == NULL ? report_none(selection->store, selection->keys, when, error) : FALSE;
}

/* What shows at once when all is looked at together. */
static gboolean
check_store(const struct selection *selection, const struct command_line *line, GError **error)
{
    const struct store *store = selection->store;
    gboolean named = *options_list(line, "signer") != NULL || options_string(line, "key") != NULL;
    g_autofree char *stranger = named ? stranger_signer(store, selection->keys) : NULL;
    if (store->nameless)
        log_warning("'%s/lifeboat/store.json' is missing: going on with what the signed snapshots "
                    "name as the store's id; the next snapshot makes it anew",
                    store->path);
    return stranger == NULL || fail_set(error, FAIL_DAMAGED, "%s", stranger);
}

gboolean
selection_open(struct selection *selection, const struct command_line *line, gboolean decrypt,
               GError **error)
{
    *selection = (struct selection){0};
    if (!open_keys(selection, line, decrypt, error))
        return FALSE;
    if (decrypt && selection->keys->n_identities == 0)
        return fail_set(error, FAIL_KEY, "the keys can decrypt nothing");
    /* the history of a document is in all snapshots, also where none can be restored */
    gboolean history =
        (command_of(line)->takes & FOR_EXTRACT) != 0 && *options_list(line, "doc") != NULL;
    selection->store = store_open(command_argument(line, "STORE"), selection->keys, error);
    return selection->store != NULL && check_store(selection, line, error) &&
           choose(selection, line, decrypt && !history, error);
}

void
selection_clear(struct selection *selection)
{
    if (selection->newer != NULL)
        g_ptr_array_unref(selection->newer);
    store_free(selection->store);
    keys_free(selection->keys);
    *selection = (struct selection){0};
}

/* ---- order ---- */

/* Snapshots are numbered and clocks lie; one whose number cannot be read takes its place by the
 * folder's name. */
struct place {
    guint64 number;
    guint position;
    struct snapshot *snapshot;
};

static gint
by_place(gconstpointer a, gconstpointer b)
{
    const struct place *left = a, *right = b;
    if (left->number != right->number)
        return left->number > right->number ? 1 : -1;
    return (left->position > right->position) - (left->position < right->position);
}

GPtrArray *
selection_in_order(const struct store *store)
{
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(struct place));
    GPtrArray *row = g_ptr_array_new();
    guint64 number = 0;
    for (guint i = 0; i < store->snapshots->len; i++) {
        struct snapshot *snapshot = store->snapshots->pdata[i];
        if (snapshot->catalogue != NULL)
            number = snapshot->catalogue->number;
        struct place place = {number, i, snapshot};
        g_array_append_val(places, place);
    }
    g_array_sort(places, by_place);
    for (guint i = 0; i < places->len; i++)
        g_ptr_array_add(row, g_array_index(places, struct place, i).snapshot);
    return row;
}

/* ---- without keys ---- */

static void
add_signer(struct keys *keys, int folder_fd, const char *name)
{
    struct minisign_public public;
    g_autofree char *text = file_read(folder_fd, name, MINISIGN_FILE_MAX, NULL, NULL);
    if (text != NULL && keys->n_trusted < KEYS_TRUSTED_MAX &&
        minisign_public_parse(text, &public, NULL))
        keys->trusted[keys->n_trusted++] = public;
}

gboolean
selection_trust_medium(struct selection *selection, GError **error)
{
    g_assert(selection->keys == NULL);
    selection->keys = keys_open_bare(NULL, NULL, error);
    if (selection->keys == NULL)
        return FALSE;
    int fd = file_open_folder(selection->store->fd, "signers", FALSE, NULL);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;)
        if (g_str_has_suffix(entry->d_name, ".pub"))
            add_signer(selection->keys, dirfd(entries), entry->d_name);
    if (entries != NULL)
        closedir(entries);
    selection->snapshot = NULL;
    g_ptr_array_set_size(selection->newer, 0);
    return store_refresh(selection->store, selection->keys, error);
}
