#include "replicator/standby/copy/purges.h"

#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/couch/write/revisions.h"
#include "lib/json/json.h"

#define BATCH                                                                                      \
    100 /* documents in a request: CouchDB takes no more ([purge] max_document_id_number) */

struct purging {
    struct standby *standby;
    const char *database;
    struct revisions *here; /* asks the target about what it is to purge */
    struct revisions *old;  /* asks the source about what may have become that */
    GString *body;          /* of _purge: {"ID":["REV"… */
    GString *id;            /* the document that it ends with */
    guint documents;
    guint64 revisions;
};

static gboolean
send(struct purging *purging, GError **error)
{
    if (purging->documents == 0)
        return TRUE;
    g_string_append(purging->body, "]}");
    g_autofree char *path = server_path(purging->database, "/_purge");
    g_autoptr(GString) answer =
        http_fetch(purging->standby->target, "POST", path,
                   (struct slice){purging->body->str, purging->body->len}, error);
    g_string_truncate(purging->body, 0);
    g_string_truncate(purging->id, 0);
    purging->documents = 0;
    return answer != NULL;
}

static gboolean
add(struct purging *purging, struct slice id, struct slice rev, GError **error)
{
    gboolean same = purging->documents > 0 &&
                    slice_compare(id, (struct slice){purging->id->str, purging->id->len}) == 0;
    if (!same && purging->documents == BATCH && !send(purging, error))
        return FALSE;
    if (same) {
        g_string_append_c(purging->body, ',');
    } else {
        g_string_append(purging->body, purging->documents > 0 ? "]," : "{");
        json_append_string(purging->body, id);
        g_string_append(purging->body, ":[");
        g_string_truncate(purging->id, 0);
        g_string_append_len(purging->id, id.data, (gssize)id.size);
        purging->documents++;
    }
    json_append_string(purging->body, rev);
    purging->revisions++;
    return TRUE;
}

/* ---- what is to be purged ---- */

/* The source does not have it. */
static gboolean
take_missing(void *context, struct slice id, struct slice rev, struct slice ancestors,
             GError **error)
{
    struct purging *purging = context;
    (void)ancestors;
    return revisions_ask(purging->here, id, rev, error) && add(purging, id, rev, error);
}

/* The target does not, either, but has older ones. */
static gboolean
take_unknown(void *context, struct slice id, struct slice rev, struct slice ancestors,
             GError **error)
{
    struct purging *purging = context;
    struct slice old;
    (void)rev;
    for (gsize place = 0; ancestors.size > 0 && json_next_element(ancestors, &place, &old);)
        if (json_type(old) == JSON_STRING &&
            !revisions_ask(purging->old, id, (struct slice){old.data + 1, old.size - 2}, error))
            return FALSE;
    return TRUE;
}

/* Whether the source has nothing of the document, not even that it was deleted. */
static gboolean
is_absent(struct purging *purging, struct slice id, gboolean *absent, GError **error)
{
    struct slice rows, row, what;
    gsize place = 0;
    g_autofree char *path = server_path(purging->database, "/_all_docs");
    g_autoptr(GString) body = g_string_new("{\"keys\":[");
    json_append_string(body, id);
    g_string_append(body, "]}");
    g_autoptr(GString) answer = http_fetch(purging->standby->source, "POST", path,
                                           (struct slice){body->str, body->len}, error);
    if (answer == NULL)
        return FALSE;
    *absent = json_member((struct slice){answer->str, answer->len}, "rows", &rows) &&
              json_type(rows) == JSON_ARRAY && json_next_element(rows, &place, &row) &&
              json_member(row, "error", &what);
    return TRUE;
}

/* Nor does the source have such an older one. */
static gboolean
take_old(void *context, struct slice id, struct slice rev, struct slice ancestors, GError **error)
{
    struct purging *purging = context;
    gboolean absent = FALSE;
    (void)ancestors;
    return is_absent(purging, id, &absent, error) && (!absent || add(purging, id, rev, error));
}

static gboolean
ask_source(struct purging *purging, struct slice infos, GError **error)
{
    struct slice one, raw_id, revs, rev;
    g_autoptr(GString) id = g_string_new(NULL);
    AUTO(revisions) *revisions =
        revisions_new(purging->standby->source, purging->database, take_missing, purging);
    for (gsize place = 0; json_next_element(infos, &place, &one);) {
        if (!json_member(one, "id", &raw_id) || json_type(raw_id) != JSON_STRING ||
            !json_member(one, "revs", &revs) || json_type(revs) != JSON_ARRAY)
            continue;
        g_string_truncate(id, 0);
        json_unescape(raw_id, id);
        for (gsize i = 0; json_next_element(revs, &i, &rev);)
            if (json_type(rev) == JSON_STRING &&
                !revisions_ask(revisions, (struct slice){id->str, id->len},
                               (struct slice){rev.data + 1, rev.size - 2}, error))
                return FALSE;
    }
    return revisions_end(revisions, error);
}

static gboolean
run(struct purging *purging, struct slice infos, GError **error)
{
    struct standby *standby = purging->standby;
    AUTO(revisions) *here =
        revisions_new(standby->target, purging->database, take_unknown, purging);
    AUTO(revisions) *old = revisions_new(standby->source, purging->database, take_old, purging);
    purging->here = here;
    purging->old = old;
    return ask_source(purging, infos, error) && revisions_end(here, error) &&
           revisions_end(old, error) && send(purging, error);
}

static gboolean
apply(struct standby *standby, const char *database, struct slice answer, GError **error)
{
    struct slice infos;
    if (!json_member(answer, "purged_infos", &infos))
        return TRUE;
    struct purging purging = {.standby = standby, .database = database};
    purging.body = g_string_new(NULL);
    purging.id = g_string_new(NULL);
    gboolean done = run(&purging, infos, error);
    if (done && purging.revisions > 0)
        log_info("database '%s': %" G_GUINT64_FORMAT " revisions that were purged in the source "
                 "are purged",
                 database, purging.revisions);
    g_string_free(purging.body, TRUE);
    g_string_free(purging.id, TRUE);
    return done;
}

static gboolean
fetch_and_apply(struct standby *standby, const char *database, GError **error)
{
    GError *failure = NULL;
    g_autoptr(GString) answer = server_purged_infos(standby->source, database, &failure);
    if (answer != NULL)
        return apply(standby, database, (struct slice){answer->str, answer->len}, error);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    log_warning("database '%s': documents were purged in the source, whose CouchDB cannot tell "
                "which (3.4 can): they stay here",
                database);
    return TRUE;
}

/* "0-…", or 0 */
static gboolean
never_purged(const char *purge_seq)
{
    const char *number = purge_seq + (*purge_seq == '"');
    return *number == '0' && !g_ascii_isdigit(number[1]);
}

gboolean
purges_apply(struct standby *standby, struct followed *database,
             const struct server_database *source, gboolean whole, GError **error)
{
    struct checkpoint *checkpoint = &database->checkpoint;
    if (source->purge_seq == NULL ||
        (!whole && g_strcmp0(checkpoint->purge_seq, source->purge_seq) == 0))
        return TRUE;
    if (!never_purged(source->purge_seq) && !fetch_and_apply(standby, database->name, error))
        return FALSE;
    g_free(checkpoint->purge_seq);
    checkpoint->purge_seq = g_strdup(source->purge_seq);
    return TRUE;
}
