#include "replicator/standby/check/compare.h"

#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/couch/read/listing.h"
#include "lib/couch/server.h"
#include "lib/couch/write/same.h"
#include "lib/json/json.h"
#include "replicator/standby/check/fingerprint.h"

#define LOOKS 3         /* at a database that differs */
#define LOOK_AGAIN 2000 /* milliseconds later */

void
comparison_init(struct comparison *comparison)
{
    comparison->sentences = g_ptr_array_new_with_free_func(g_free);
}

void
comparison_clear(struct comparison *comparison)
{
    g_ptr_array_unref(comparison->sentences);
}

static void differs(struct comparison *comparison, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
differs(struct comparison *comparison, const char *format, ...)
{
    va_list arguments;
    comparison->differences++;
    if (comparison->sentences->len == COMPARE_NAMED)
        return;
    va_start(arguments, format);
    g_ptr_array_add(comparison->sentences, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* ---- leaves ---- */

/* The leaves of the one that the other lacks. */
static void
tell_lacking(struct comparison *comparison, const struct row *row, const struct row *other,
             const char *what)
{
    struct slice rest = row->leaves;
    struct row_leaf found;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);)
        if (!row_find_leaf(other, leaf.rev, &found))
            differs(comparison, "document '" SLICE_FORMAT "': revision " SLICE_FORMAT " %s",
                    SLICE_ARGS(row->id), SLICE_ARGS(leaf.rev), what);
}

static void
count(struct comparison *comparison, const struct row *row)
{
    comparison->documents++;
    comparison->leaves += row_count_leaves(row);
}

static gboolean
keep(struct row_spool *spool, const struct row *row, GError **error)
{
    GByteArray *out = row_spool_buffer(spool);
    gsize mark = out->len;
    row_append(out, row);
    return row_spool_add(spool, mark, error);
}

/* Rows that are alike go into `alike`, whose content can be compared. */
static gboolean
compare_rows(struct comparison *comparison, struct listing *there, struct listing *here,
             struct row_spool *alike, GError **error)
{
    struct row source, target;
    if (!listing_next(there, &source, error) || !listing_next(here, &target, error))
        return FALSE;
    while (source.id.data != NULL || target.id.data != NULL) {
        int order = source.id.data == NULL   ? 1
                    : target.id.data == NULL ? -1
                                             : row_compare_ids(source.id, target.id);
        if (order <= 0)
            count(comparison, &source);
        if (order < 0) {
            differs(comparison, "document '" SLICE_FORMAT "' is missing", SLICE_ARGS(source.id));
        } else if (order > 0) {
            comparison->only_here++;
        } else if (row_same_leaves(&source, &target)) {
            if (comparison->deep && !keep(alike, &source, error))
                return FALSE;
        } else {
            tell_lacking(comparison, &source, &target, "is missing");
            tell_lacking(comparison, &target, &source, "is only here");
        }
        if ((order <= 0 && !listing_next(there, &source, error)) ||
            (order >= 0 && !listing_next(here, &target, error)))
            return FALSE;
    }
    return TRUE;
}

/* ---- content ---- */

/* Members may stand in another order: then the hashes differ, and the documents do not. */
static gboolean
is_same_leaf(struct comparison *comparison, const char *database, struct slice id, struct slice rev,
             gboolean *same, GError **error)
{
    g_autoptr(GString) rest = g_string_new("?revs=true&att_encoding_info=true&rev=");
    http_escape(rest, rev);
    g_autofree char *path = server_document_path(database, id, rest->str);
    const struct slice nothing = {NULL, 0};
    g_autoptr(GString) there = http_fetch(comparison->source, "GET", path, nothing, error);
    g_autoptr(GString) here =
        there != NULL ? http_fetch(comparison->target, "GET", path, nothing, error) : NULL;
    if (here == NULL)
        return FALSE;
    *same = json_same(slice_of(g_strchomp(there->str)), slice_of(g_strchomp(here->str)));
    return TRUE;
}

static gboolean
compare_leaves(struct comparison *comparison, const char *database, const struct row *source,
               const struct row *target, GError **error)
{
    struct slice rest = source->leaves;
    struct row_leaf found;
    for (struct row_leaf leaf; row_next_leaf(&rest, &leaf);) {
        gboolean same = FALSE;
        if (row_find_leaf(target, leaf.rev, &found) &&
            slice_compare(leaf.attachments, found.attachments) == 0)
            continue;
        if (!is_same_leaf(comparison, database, source->id, leaf.rev, &same, error))
            return FALSE;
        if (!same)
            differs(comparison,
                    "document '" SLICE_FORMAT "': the content of revision " SLICE_FORMAT " differs",
                    SLICE_ARGS(source->id), SLICE_ARGS(leaf.rev));
    }
    return TRUE;
}

static gboolean
compare_contents(struct comparison *comparison, const char *database, struct row_spool *alike,
                 GError **error)
{
    struct row source, target;
    AUTO(row_spool) *there =
        fingerprint_all(comparison->source, database, alike, comparison->patience, error);
    AUTO(row_spool) *here = there != NULL ? fingerprint_all(comparison->target, database, alike,
                                                            comparison->patience, error)
                                          : NULL;
    if (here == NULL)
        return FALSE;
    for (;;) {
        if (!row_spool_next(there, &source, error) || !row_spool_next(here, &target, error))
            return FALSE;
        if (source.id.data == NULL || target.id.data == NULL)
            return TRUE;
        if (!compare_leaves(comparison, database, &source, &target, error))
            return FALSE;
    }
}

/* ---- the set-up ---- */

static void
compare_setup(struct comparison *comparison, const struct server_database *source,
              const struct server_database *target)
{
    if (source->security != NULL && target->security != NULL &&
        !json_same(slice_of(source->security), slice_of(target->security)))
        differs(comparison, "its _security differs");
    if (source->revs_limit != target->revs_limit)
        differs(comparison,
                "its _revs_limit is %" G_GUINT64_FORMAT
                ", and on the other node %" G_GUINT64_FORMAT,
                target->revs_limit, source->revs_limit);
    if (source->partitioned != target->partitioned)
        differs(comparison, "only one of the two is partitioned");
}

/* ---- one database ---- */

static void
forget(struct comparison *comparison)
{
    comparison->documents = comparison->leaves = comparison->differences = 0;
    comparison->only_here = 0;
    g_ptr_array_set_size(comparison->sentences, 0);
}

static gboolean
look(struct comparison *comparison, const char *database, GError **error)
{
    struct server_database source, target;
    AUTO(row_spool) *alike = row_spool_new();
    gboolean done = FALSE;
    forget(comparison);
    if (server_database_fetch(comparison->source, database, &source, error)) {
        done = server_database_fetch(comparison->target, database, &target, error);
        if (done)
            compare_setup(comparison, &source, &target);
        server_database_clear(&target);
    }
    server_database_clear(&source);
    AUTO(listing) *there =
        done ? listing_fetch(comparison->source, database, NULL, NULL, NULL, error) : NULL;
    AUTO(listing) *here =
        there != NULL ? listing_fetch(comparison->target, database, NULL, NULL, NULL, error) : NULL;
    if (here == NULL || !compare_rows(comparison, there, here, alike, error))
        return FALSE;
    /* a replication that arrived is made to say that it failed */
    return !comparison->deep || server_is_replicator(database) ||
           compare_contents(comparison, database, alike, error);
}

gboolean
compare_database(struct comparison *comparison, const char *database, GError **error)
{
    for (guint looks = 1;; looks++) {
        if (!stop_check(error) || !look(comparison, database, error))
            return FALSE;
        if (comparison->differences == 0 || looks == LOOKS)
            return TRUE;
        log_info("database '%s' differs; looking again, since it may have changed meanwhile",
                 database);
        stop_sleep(LOOK_AGAIN);
    }
}
