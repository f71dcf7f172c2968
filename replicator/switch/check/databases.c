#include "lib/base/file.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/switch/check/check.h"
#include "replicator/switch/clients/clone.h"

#include "lib/base/fail.h"

#include <sys/statvfs.h>

struct databases {
    struct check *check;
    struct memory *memory;
    guint behind;    /* databases */
    guint64 changes; /* that are missing, about */
    guint64 lacking; /* revisions */
};

/* ---- how far it follows ---- */

static void
judge_lacking(struct databases *all, const char *name, const struct checkpoint *checkpoint)
{
    if (checkpoint->lacking->len == 0)
        return;
    const struct lacking *one = checkpoint->lacking->pdata[0];
    all->lacking += checkpoint->lacking->len;
    check_problem(all->check,
                  "database '%s': %u revisions are not on this node, of document '%s' for one: %s; "
                  "mend or delete them on the active node",
                  name, checkpoint->lacking->len, one->id, one->reason);
}

static void
judge_former(struct databases *all, const char *name, const struct checkpoint *checkpoint)
{
    g_autofree char *message = checkpoint_tell_former(checkpoint, name);
    if (message != NULL)
        check_problem(all->check, "%s", message);
}

static void
judge_behind(struct databases *all, const char *name, const struct checkpoint *checkpoint,
             struct slice info, struct slice seq)
{
    guint64 now = 0, then = 0, documents = 0;
    if (checkpoint->since == NULL) {
        json_member_unsigned(info, "doc_count", &documents);
        if (documents == 0)
            return;
        check_problem(all->check,
                      "database '%s' was not copied to this node yet: wait until `lifeboat status` "
                      "says that all is up to date",
                      name);
        return;
    }
    if (checkpoint->seen != NULL && slice_is(seq, checkpoint->seen))
        return;
    server_sequence_number(seq, &now);
    server_sequence_number(slice_of(checkpoint->since), &then);
    all->changes += now > then ? now - then : 0;
    all->behind++;
}

static guint64
documents_in(struct http *http, const char *name)
{
    struct server_database database;
    guint64 all = 0;
    if (server_database_info(http, name, &database, NULL))
        all = database.documents + database.deleted;
    server_database_clear(&database);
    return all;
}

static gboolean
judge_one(void *context, const char *name, struct slice info, GError **error)
{
    struct databases *all = context;
    struct checkpoint checkpoint;
    struct slice seq;
    g_autoptr(GError) failure = NULL;
    (void)error;
    if (info.size == 0 || !json_member(info, "update_seq", &seq))
        return TRUE;
    g_autofree char *update_seq = slice_dup(seq);
    checkpoint_init(&checkpoint);
    if (checkpoint_read(&checkpoint, all->check->own, name, all->memory->id, &failure)) {
        judge_lacking(all, name, &checkpoint);
        judge_former(all, name, &checkpoint);
        judge_behind(all, name, &checkpoint, info, seq);
        if (checkpoint.since != NULL &&
            !clone_check(all->check->own, name, update_seq, documents_in(all->check->own, name),
                         &failure)) {
            g_autofree char *message = fail_message(failure->message);
            check_problem(all->check, "%s: delete it on this node, and let it be followed anew",
                          message);
        }
    } else {
        check_problem(all->check, "database '%s' cannot be read on this node: %s", name,
                      failure->message);
    }
    checkpoint_clear(&checkpoint);
    return TRUE;
}

/* ---- indexes ---- */

static void
judge_index(struct check *check, const char *database, const char *id)
{
    struct slice index, updates;
    guint64 total = 0;
    g_autofree char *path = server_document_path(database, slice_of(id), "/_info");
    g_autoptr(GString) text = http_fetch(check->own, "GET", path, (struct slice){NULL, 0}, NULL);
    if (text == NULL || !json_member((struct slice){text->str, text->len}, "view_index", &index) ||
        !json_member(index, "updates_pending", &updates) ||
        !json_member_unsigned(updates, "total", &total) || total < CHECK_INDEX_NOTE)
        return;
    check_note(check,
               "database '%s': the index of '%s' lacks %" G_GUINT64_FORMAT
               " changes, and whoever asks for it waits until it has them: wait before you switch",
               database, id, total);
}

static void
judge_indexes(struct check *check, const char *database)
{
    struct slice rows, row;
    g_autofree char *path = server_path(database, "/_design_docs");
    g_autoptr(GString) text = http_fetch(check->own, "GET", path, (struct slice){NULL, 0}, NULL);
    if (text == NULL || !json_member((struct slice){text->str, text->len}, "rows", &rows) ||
        json_type(rows) != JSON_ARRAY)
        return;
    for (gsize place = 0; json_next_element(rows, &place, &row);) {
        g_autofree char *id = NULL;
        if (json_member_text(row, "id", &id) && g_str_has_prefix(id, "_design/"))
            judge_index(check, database, id);
    }
}

/* ---- the disk ---- */

/* CouchDB may keep its files where we cannot see them, as in a container: then the state folder's
 * disk stands for them. */
static void
judge_disk(struct check *check)
{
    struct statvfs disk;
    g_autofree char *folder = traits_setting(check->own_traits.config, "couchdb", "database_dir");
    const char *looked = folder;
    if (folder == NULL || statvfs(folder, &disk) != 0) {
        looked = check->options->state;
        if (statvfs(looked, &disk) != 0)
            return;
    }
    guint64 megabytes = (guint64)disk.f_bavail * disk.f_frsize >> 20;
    if (megabytes < CHECK_DISK_MB)
        check_problem(check,
                      "the disk with '%s' has %" G_GUINT64_FORMAT
                      " MB left on this node: make room before it becomes the active one",
                      looked, megabytes);
}

/* ---- all ---- */

static void
tell(const struct databases *all)
{
    if (all->behind == 0)
        return;
    g_autofree char *how_far = g_strdup_printf(
        "%u database%s behind by about %" G_GUINT64_FORMAT " change%s", all->behind,
        all->behind == 1 ? " is" : "s are", all->changes, all->changes == 1 ? "" : "s");
    if (all->changes >= CHECK_BEHIND_NOTE)
        check_problem(all->check, "%s: wait until `lifeboat status` says that all is up to date",
                      how_far);
    else
        check_note(all->check, "%s", how_far);
}

static gboolean
look(struct databases *all, GError **error)
{
    struct check *check = all->check;
    gboolean can;
    g_auto(GStrv) names = server_databases(check->other, error);
    if (names == NULL)
        return FALSE;
    g_autoptr(GPtrArray) ours = g_ptr_array_new();
    for (guint i = 0; names[i] != NULL; i++)
        if (!server_is_passing(names[i]) && choice_takes(&check->options->choice, names[i]))
            g_ptr_array_add(ours, names[i]);
    if (!server_ask_databases(check->other, ours, judge_one, all, &can, error))
        return FALSE;
    for (guint i = 0; i < ours->len; i++)
        judge_indexes(check, ours->pdata[i]);
    return TRUE;
}

void
check_databases(struct check *check)
{
    g_autoptr(GError) failure = NULL;
    AUTO(memory) *memory = memory_peek(check->options->state, &failure);
    struct databases all = {.check = check, .memory = memory};
    if (memory == NULL || !look(&all, &failure)) {
        g_autofree char *message = fail_message(failure->message);
        check_problem(check, "how far this node follows cannot be told: %s", message);
    }
    tell(&all);
    judge_disk(check);
}
