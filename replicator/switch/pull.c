/* pull: this node has all that the other one has (command.h).
 *
 * Passes until nothing is pending in any database, as `follow` makes them: what a database had at
 * its last checkpoint is taken as copied where both servers still have the tokens of it
 * (standby/trust.h), so a database that did not change costs a few requests, however large it is.
 * Then all are looked at once more together: each where it was left, and none with fewer documents
 * here than there. Where one has fewer, what is believed of it is wrong: it is compared as a whole.
 */
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/couch/locals.h"
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/standby/open.h"
#include "replicator/switch/clients/clients.h"
#include "replicator/switch/clients/clone.h"
#include "replicator/switch/identity.h"
#include "replicator/switch/step.h"

#define ROUNDS_MAX 100 /* the other node goes on writing, and should not */

struct pulling {
    struct standby *standby;
    GPtrArray *names;  /* of the source's databases that are followed, sorted */
    GHashTable *there; /* name → struct state, of the source, … */
    GHashTable *here;  /* … and of the target */
    struct clients clients;
};

struct state {
    char *update_seq; /* raw JSON */
    guint64 documents, deleted;
};

static void
state_free(gpointer data)
{
    struct state *state = data;
    g_free(state->update_seq);
    g_free(state);
}

/* ---- how it stands ---- */

static gboolean
note_state(void *context, const char *name, struct slice info, GError **error)
{
    GHashTable *states = context;
    struct slice seq;
    guint64 documents = 0, deleted = 0;
    (void)error;
    if (info.size == 0 || !json_member(info, "update_seq", &seq))
        return TRUE;
    json_member_unsigned(info, "doc_count", &documents);
    json_member_unsigned(info, "doc_del_count", &deleted);
    struct state *state = g_new(struct state, 1);
    *state = (struct state){slice_dup(seq), documents, deleted};
    g_hash_table_insert(states, g_strdup(name), state);
    return TRUE;
}

static gboolean
look_at(struct http *http, const GPtrArray *names, GHashTable *states, GError **error)
{
    gboolean can;
    g_hash_table_remove_all(states);
    if (!server_ask_databases(http, names, note_state, states, &can, error))
        return FALSE;
    return can || fail_set(error, FAIL_FAILED, "%s is no CouchDB of which a switch can be made",
                           http_name(http));
}

static gboolean
list_names(struct pulling *pulling, GError **error)
{
    struct standby *standby = pulling->standby;
    g_auto(GStrv) names = server_databases(standby->source, error);
    g_ptr_array_set_size(pulling->names, 0);
    for (guint i = 0; names != NULL && names[i] != NULL; i++)
        if (standby_takes(standby, names[i]))
            g_ptr_array_add(pulling->names, g_strdup(names[i]));
    return names != NULL;
}

/* What keeps a database from being equal, whatever is tried. */
static gboolean
check_problems(const struct standby *standby, GError **error)
{
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        const GPtrArray *lacking = database->checkpoint.lacking;
        if (database->gone)
            continue;
        if (database->problem != NULL)
            return fail_set(error, FAIL_INCOMPLETE, "database '%s': %s", database->name,
                            database->problem);
        g_autofree char *former = checkpoint_tell_former(&database->checkpoint, database->name);
        if (former != NULL)
            return fail_set(error, FAIL_INCOMPLETE, "%s", former);
        if (lacking->len == 0)
            continue;
        const struct lacking *one = lacking->pdata[0];
        return fail_set(error, FAIL_INCOMPLETE,
                        "database '%s': %u revisions are not here, of document '%s' for one: %s\n"
                        "hint: mend or delete what `lifeboat status` names on the active node",
                        database->name, lacking->len, one->id, one->reason);
    }
    return TRUE;
}

static guint64
all_of(const struct state *state)
{
    return state->documents + state->deleted;
}

static gboolean
compare_again(struct followed *database, const struct state *there, const struct state *here)
{
    log_warning("database '%s': there are %" G_GUINT64_FORMAT
                " documents on the other node, and %" G_GUINT64_FORMAT
                " here, though all seemed to be copied: comparing all of it",
                database->name, all_of(there), all_of(here));
    g_clear_pointer(&database->since, g_free);
    g_clear_pointer(&database->seen, g_free);
    database->due = g_get_monotonic_time();
    return FALSE;
}

static gboolean
is_equal(struct pulling *pulling, const char *name)
{
    struct followed *database = standby_find(pulling->standby, name);
    const struct state *there = g_hash_table_lookup(pulling->there, name);
    const struct state *here = g_hash_table_lookup(pulling->here, name);
    if (there == NULL) /* it was dropped just now */
        return TRUE;
    if (database == NULL || here == NULL || g_strcmp0(database->seen, there->update_seq) != 0)
        return FALSE;
    return all_of(there) <= all_of(here) || compare_again(database, there, here);
}

static gboolean
look(struct pulling *pulling, gboolean *equal, GError **error)
{
    struct standby *standby = pulling->standby;
    *equal = FALSE;
    if (!list_names(pulling, error) ||
        !look_at(standby->source, pulling->names, pulling->there, error) ||
        !look_at(standby->target, pulling->names, pulling->here, error))
        return FALSE;
    *equal = TRUE;
    for (guint i = 0; i < pulling->names->len; i++)
        *equal &= is_equal(pulling, pulling->names->pdata[i]);
    return TRUE;
}

static gboolean
pull_all(struct pulling *pulling, GError **error)
{
    gboolean incomplete, equal = FALSE;
    for (guint round = 0; round < ROUNDS_MAX && !equal; round++)
        if (!stop_check(error) || !follow(pulling->standby, &incomplete, error) ||
            !check_problems(pulling->standby, error) || !look(pulling, &equal, error))
            return FALSE;
    return equal || fail_set(error, FAIL_LATER,
                             "the other node's databases go on changing\nhint: something beside "
                             "CHT writes there; stop it, or let its stop hook do so");
}

/* ---- the clients ---- */

static gboolean
is_text(const char *sequence)
{
    return json_type(slice_of(sequence)) == JSON_STRING;
}

static gboolean
carry_clients_of(struct pulling *pulling, const char *name, const struct state *there,
                 const struct state *here, GError **error)
{
    struct standby *standby = pulling->standby;
    const struct followed *followed = standby_find(standby, name);
    const struct clients_database database = {
        .name = name,
        .marks = followed->checkpoint.marks,
        .sequence = here->update_seq,
        .end = there->update_seq,
        .alike = there->documents == here->documents && there->deleted == here->deleted &&
                 is_text(there->update_seq) && is_text(here->update_seq),
    };
    return clone_check(standby->target, name, there->update_seq, all_of(here), error) &&
           clients_carry(standby->source, standby->target, &database, &pulling->clients, error);
}

/* FALSE: there is no room for more. */
static gboolean
read_one_ahead(const struct pulling *pulling, const char *name)
{
    const struct standby *standby = pulling->standby;
    const struct state *there = g_hash_table_lookup(pulling->there, name);
    const struct state *here = g_hash_table_lookup(pulling->here, name);
    return there == NULL || here == NULL || all_of(here) == 0 ||
           (clone_ahead(standby->target, name, there->update_seq) &&
            locals_ahead(standby->target, name) && locals_ahead(standby->source, name));
}

static gboolean
carry_clients(struct pulling *pulling, GError **error)
{
    const struct standby *standby = pulling->standby;
    gboolean done = TRUE;
    for (guint i = 0; i < pulling->names->len && done; i++) {
        const char *name = pulling->names->pdata[i];
        const struct state *there = g_hash_table_lookup(pulling->there, name);
        const struct state *here = g_hash_table_lookup(pulling->here, name);
        for (guint next = i; next < pulling->names->len; next++)
            if (!read_one_ahead(pulling, pulling->names->pdata[next]))
                break;
        if (there != NULL && here != NULL && standby_find(standby, name) != NULL)
            done = carry_clients_of(pulling, name, there, here, error);
    }
    http_ahead_end(standby->source);
    http_ahead_end(standby->target);
    return done;
}

/* Before: nobody is to take what stands here by half for the whole. */
static gboolean
remember(const char *state, const char *uuid, GError **error)
{
    AUTO(identity) *identity = identity_open(state, error);
    if (identity == NULL)
        return FALSE;
    if (g_strcmp0(identity->carried, uuid) == 0)
        return TRUE;
    g_free(identity->carried);
    identity->carried = g_strdup(uuid);
    return identity_write(identity, error);
}

/* ---- the answer ---- */

static char *
digest(const struct pulling *pulling)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (guint i = 0; i < pulling->names->len; i++) {
        const char *name = pulling->names->pdata[i];
        const struct state *there = g_hash_table_lookup(pulling->there, name);
        if (there == NULL)
            continue;
        g_checksum_update(sum, (const guint8 *)name, (gssize)strlen(name) + 1);
        g_checksum_update(sum, (const guint8 *)there->update_seq,
                          (gssize)strlen(there->update_seq) + 1);
    }
    return g_strdup(g_checksum_get_string(sum));
}

static void
append_answer(const struct pulling *pulling, gint64 began, GString *out)
{
    g_autofree char *sequences = digest(pulling);
    json_text_member_string(out, "uuid", pulling->standby->source_uuid);
    json_text_member_string(out, "sequences", sequences);
    json_text_member_unsigned(out, "databases", pulling->names->len);
    json_text_member_unsigned(out, "revisions", pulling->standby->documents);
    json_text_member_unsigned(out, "pulls", pulling->clients.pulls);
    json_text_member_unsigned(out, "pushes", pulling->clients.pushes);
    json_text_member_unsigned(out, "dropped", pulling->clients.dropped);
    json_text_member_decimal(out, "seconds",
                             (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC);
}

static gboolean
run(struct pulling *pulling, GError **error)
{
    struct standby *standby = pulling->standby;
    return standby_open(standby, error) && remember(standby->options->state, NULL, error) &&
           pull_all(pulling, error) && carry_clients(pulling, error) &&
           remember(standby->options->state, standby->source_uuid, error);
}

gboolean
step_pull(struct step *step, GError **error)
{
    struct standby_options options;
    struct standby standby;
    struct pair pair;
    gint64 began = g_get_monotonic_time();
    if (!standby_options_read(step->line, &pair, &options, error))
        return FALSE;
    options.once = options.quick = TRUE;
    standby_init(&standby, &options);
    struct pulling pulling = {
        .standby = &standby,
        .names = g_ptr_array_new_with_free_func(g_free),
        .there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, state_free),
        .here = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, state_free),
    };
    gboolean done = run(&pulling, error);
    if (done)
        append_answer(&pulling, began, step->answer);
    g_hash_table_unref(pulling.here);
    g_hash_table_unref(pulling.there);
    g_ptr_array_unref(pulling.names);
    standby_clear(&standby);
    pair_clear(&pair);
    return done;
}
