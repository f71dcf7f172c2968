/* setup: making a database as it was, closed until it is whole. See restore.h. */
#include "restore/database/setup.h"

#include "lib/base/fail.h"
#include "lib/couch/write/same.h"
#include "lib/json/json.h"
#include "restore/database/limit.h"
#include "restore/database/mark.h"

#define NOTHING ((struct slice){NULL, 0})

static struct slice
text_of(const GString *string)
{
    return (struct slice){string->str, string->len};
}

/*
 * Accounts and replications hold passwords, which CouchDB hides in databases of those names only.
 * Under another name, the _security that they had may be a public one.
 */
static gboolean
must_stay_closed(const struct plan_item *item)
{
    return (server_is_users(item->name) && !server_is_users(item->target)) ||
           (server_is_replicator(item->name) && !server_is_replicator(item->target));
}

struct setup
setup_parse(const struct plan_item *item, const struct chain_database *source)
{
    struct setup setup = {0};
    struct slice json = text_of(source->db_json);
    json_member_unsigned(json, "q", &setup.shape.q);
    json_member_unsigned(json, "n", &setup.shape.n);
    json_member_unsigned(json, "revs_limit", &setup.revs_limit);
    setup.shape.partitioned = json_member_true(json, "partitioned");
    if (must_stay_closed(item) || !json_member(json, "security", &setup.security) ||
        json_type(setup.security) != JSON_OBJECT || mark_is_one(setup.security))
        setup.security = slice_of(MARK_CLOSED);
    return setup;
}

/* CouchDB sets nothing of a database while one of the nodes that keep it is down, and does not say
 * so: after a minute it answers 500. */
static void
hint_at_down_node(struct restore *restore, GError **failure)
{
    char **names = restore->traits.nodes;
    struct slice up, name;
    if (g_strv_length(names) < 2 || !http_is_transient(*failure))
        return;
    g_autoptr(GString) answer = http_fetch(restore->http, "GET", "/_membership", NOTHING, NULL);
    for (; answer != NULL && *names != NULL &&
           json_member((struct slice){answer->str, answer->len}, "all_nodes", &up);
         names++) {
        gboolean found = FALSE;
        for (gsize place = 0; json_next_element(up, &place, &name);)
            found = found || (name.size == strlen(*names) + 2 &&
                              memcmp(name.data + 1, *names, name.size - 2) == 0);
        if (found)
            continue;
        g_autofree char *hint = g_strdup_printf(
            "the cluster's node %s is down: start it, or take it out of the cluster", *names);
        fail_add_hint(failure, hint);
        return;
    }
}

gboolean
setup_put(struct restore *restore, const char *target, const char *rest, struct slice json,
          GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = server_path(target, rest);
    g_autoptr(GString) answer = http_fetch(restore->http, "PUT", path, json, &failure);
    if (answer != NULL)
        return TRUE;
    if (!restore->traits.couchdb && !http_is_refused(failure) && !http_is_transient(failure))
        return TRUE;
    hint_at_down_node(restore, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* ---- how it stands ---- */

gboolean
setup_is_own(enum setup_standing standing)
{
    return standing == SETUP_MADE || standing == SETUP_CONTINUED;
}

/* Nothing was ever done to it, not even its _security set, which moves CouchDB's sequence and shows
 * elsewhere: a restore was interrupted just then, or somebody made it who has nothing to lose. */
static gboolean
is_untouched(const struct server_database *present)
{
    const char *seq = present->update_seq;
    gboolean first = present->security == NULL ||
                     json_same(slice_of(present->security), slice_of("{}")) ||
                     json_same(slice_of(present->security), slice_of(MARK_CLOSED));
    if (seq == NULL || present->documents > 0 || present->deleted > 0 || !first)
        return FALSE;
    seq += *seq == '"';
    return *seq == '0' && !g_ascii_isdigit(seq[1]);
}

static enum setup_standing
standing_of(const struct restore *restore, const struct plan_item *item,
            const struct server_database *present)
{
    gboolean documents;
    g_autofree char *snapshot = mark_read(present->security, item->target, &documents);
    if (snapshot == NULL)
        return item->documents == NULL && is_untouched(present) ? SETUP_CONTINUED : SETUP_EXISTED;
    if (item->documents != NULL)
        return documents ? SETUP_CONTINUED : SETUP_UNFINISHED;
    return g_str_equal(snapshot, restore->snapshot) ? SETUP_CONTINUED : SETUP_OUTDATED;
}

gboolean
setup_look(struct restore *restore, const struct plan_item *item, enum setup_standing *standing,
           struct server_database *present, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (server_database_fetch(restore->http, item->target, present, &failure)) {
        *standing = standing_of(restore, item, present);
        return TRUE;
    }
    server_database_clear(present);
    *standing = SETUP_ABSENT;
    if (http_has_status(failure, 404))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "database '%s': ", item->target);
    return FALSE;
}

/* ---- making it ---- */

/* What came of it. Whether it has partitions can never be changed later. */
static gboolean
check_made(struct restore *restore, const char *target, const struct setup *setup,
           const struct server_database *present, GError **error)
{
    if (setup->shape.partitioned == present->partitioned)
        return TRUE;
    if (!create_remove(restore->http, &restore->patience, target, error))
        return FALSE;
    return fail_set(error, FAIL_FAILED,
                    "the target makes it without the partitions that it has in the snapshot\n"
                    "hint: give the address of the CouchDB itself, 3.0 or newer");
}

static gboolean
make(struct restore *restore, const struct plan_item *item, const struct setup *setup,
     enum setup_standing *standing, struct server_database *present, GError **error)
{
    gboolean made = FALSE;
    if (!create_database(restore->http, &restore->traits, &restore->patience, item->target,
                         &setup->shape, &made, error) ||
        !server_database_fetch(restore->http, item->target, present, error))
        return FALSE;
    *standing = made || is_untouched(present) ? SETUP_MADE : SETUP_EXISTED;
    return *standing == SETUP_EXISTED || check_made(restore, item->target, setup, present, error);
}

/* q and n as they were asked for; a server need not listen. */
static void
tell_shape(struct restore *restore, const struct plan_item *item, const struct setup *setup,
           const struct server_database *present)
{
    guint64 n = shape_copies(&setup->shape, &restore->traits);
    if (setup->shape.q > 0 && present->q > 0 && setup->shape.q != present->q)
        report_note(&restore->report,
                    "database '%s' has q=%" G_GUINT64_FORMAT
                    " in the target, and q=%" G_GUINT64_FORMAT " in the snapshot",
                    item->target, present->q, setup->shape.q);
    if (n > 0 && present->n > 0 && n != present->n)
        report_note(&restore->report,
                    "database '%s' has n=%" G_GUINT64_FORMAT
                    " in the target, and n=%" G_GUINT64_FORMAT " in the snapshot",
                    item->target, present->n, setup->shape.n);
}

static gboolean
close_database(struct restore *restore, const struct plan_item *item, GError **error)
{
    if (server_is_users(item->target))
        return TRUE; /* CouchDB lets nobody set that one's _security */
    g_autoptr(GString) security =
        mark_make(restore->snapshot, item->target, item->documents != NULL);
    return setup_put(restore, item->target, "/_security", text_of(security), error);
}

static gboolean
make_again(struct restore *restore, const struct plan_item *item, GError **error)
{
    report_note(&restore->report,
                "database '%s' is half made, by a restore of another snapshot that was "
                "interrupted: it is removed and made again",
                item->target);
    return create_remove(restore->http, &restore->patience, item->target, error);
}

static gboolean
get_ready(struct restore *restore, const struct plan_item *item, const struct setup *setup,
          enum setup_standing *standing, struct limit *limit, struct server_database *present,
          GError **error)
{
    gboolean outdated = *standing == SETUP_OUTDATED;
    if (outdated && !make_again(restore, item, error))
        return FALSE;
    if (outdated || *standing == SETUP_ABSENT) {
        server_database_clear(present);
        if (!make(restore, item, setup, standing, present, error))
            return FALSE;
    }
    if (setup_is_own(*standing)) {
        tell_shape(restore, item, setup, present);
        if (!close_database(restore, item, error))
            return FALSE;
    }
    return limit_begin(limit, restore, item, setup->revs_limit, present->revs_limit,
                       *standing != SETUP_EXISTED, error);
}

gboolean
setup_begin(struct restore *restore, const struct plan_item *item, const struct setup *setup,
            enum setup_standing *standing, struct limit *limit, GError **error)
{
    struct server_database present;
    if (!setup_look(restore, item, standing, &present, error))
        return FALSE;
    gboolean fine = get_ready(restore, item, setup, standing, limit, &present, error);
    server_database_clear(&present);
    return fine;
}

/* ---- the end ---- */

void
setup_compare_security(struct restore *restore, const struct plan_item *item,
                       const struct setup *setup, struct slice present)
{
    if (restore->traits.couchdb && item->documents == NULL && !json_same(present, setup->security))
        report_kept(&restore->report,
                    "database '%s': its _security is not the snapshot's, and stays as it is: "
                    "the snapshot has " SLICE_FORMAT,
                    item->target, SLICE_ARGS(setup->security));
}

static gboolean
end_others(struct restore *restore, const struct plan_item *item, const struct setup *setup,
           GError **error)
{
    g_autofree char *path = server_path(item->target, "/_security");
    if (item->documents != NULL || !restore->traits.couchdb)
        return TRUE;
    g_autoptr(GString) present = http_fetch(restore->http, "GET", path, NOTHING, error);
    if (present == NULL)
        return FALSE;
    if (restore->standby && !server_is_users(item->target))
        return json_same(text_of(present), setup->security) ||
               setup_put(restore, item->target, "/_security", setup->security, error);
    setup_compare_security(restore, item, setup, text_of(present));
    return TRUE;
}

gboolean
setup_end(struct restore *restore, const struct plan_item *item, const struct setup *setup,
          enum setup_standing standing, struct limit *limit, GError **error)
{
    if (restore->scratch)
        return TRUE;
    if (standing == SETUP_UNFINISHED) {
        report_kept(&restore->report,
                    "database '%s' is half made, by a restore that was interrupted and is not "
                    "finished: it stays closed to all but admins until that restore is run again",
                    item->target);
        return TRUE;
    }
    if (!limit_end(limit, error))
        return FALSE;
    if (!setup_is_own(standing) || server_is_users(item->target))
        return end_others(restore, item, setup, error);
    return setup_put(restore, item->target, "/_security", setup->security, error);
}
