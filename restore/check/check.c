/*
 * check: proves that what was meant to be in a database is there. See check.h.
 *
 *     the feed → _revs_diff for what it does not name → _bulk_get for what that does not know
 *
 * One copy of a cluster answers each of the first two, and may lag behind; only _bulk_get asks all
 * copies before it says that a leaf is not there.
 */
#include "restore/check/check.h"

#include "lib/base/stop.h"
#include "lib/couch/write/revisions.h"
#include "restore/check/details.h"

struct check {
    struct restore *restore;
    const struct plan_item *item;
    struct expectation *expectation;
    struct revisions *revisions;
    struct details *details; /* NULL: only whether they are there */
    struct details *doubted; /* leaves that are neither listed nor known to _revs_diff */
    struct row listed; /* the target's row at or behind the present one; id.data NULL at the end */
    struct present *present;
    guint64 unexpected;
    guint64 asked, missing; /* leaves that are not listed */
    GHashTable *collected;  /* ids of documents with missing leaves, instead of a report; or NULL */
};

#define COLLECTED_MAX 100000 /* ids; what is beyond is found the next time */

/* No copy of the target has it. */
static void
on_absent(void *context, struct slice id, struct slice rev, const char *difference)
{
    struct check *check = context;
    (void)difference;
    if (check->collected == NULL)
        report_problem(&check->restore->report, check->item->target, id, rev,
                       "it is not in the target");
    else if (g_hash_table_size(check->collected) < COLLECTED_MAX)
        g_hash_table_insert(check->collected, slice_dup(id),
                            g_strdup("it was taken, and is not in the target"));
}

static gboolean
on_missing(void *context, struct slice id, struct slice rev, struct slice ancestors, GError **error)
{
    (void)ancestors;
    struct check *check = context;
    const struct row_leaf leaf = {.rev = rev};
    check->missing++;
    return stop_check(error) && details_ask(check->doubted, id, &leaf, error);
}

static void
on_difference(void *context, struct slice id, struct slice rev, const char *difference)
{
    struct check *check = context;
    report_problem(&check->restore->report, check->item->target, id, rev, "%s", difference);
}

static gboolean
has_more_leaves(const struct row *listed, const struct row *expected)
{
    struct slice rest = listed->leaves;
    struct row_leaf leaf, found;
    while (row_next_leaf(&rest, &leaf))
        if (!row_find_leaf(expected, leaf.rev, &found))
            return TRUE;
    return FALSE;
}

/* A leaf that is not listed may still be there as the past of a newer one; _revs_diff tells. */
static gboolean
check_row(struct check *check, const struct row *expected, GError **error)
{
    struct slice rest = expected->leaves;
    struct row_leaf leaf, found;
    if (!present_seek(check->present, expected->id, &check->listed, &check->unexpected, error))
        return FALSE;
    gboolean is_listed =
        check->listed.id.data != NULL && slice_compare(check->listed.id, expected->id) == 0;
    while (row_next_leaf(&rest, &leaf)) {
        if (expectation_is_excused(check->expectation, expected->id, leaf.rev))
            continue;
        gboolean is_leaf = is_listed && row_find_leaf(&check->listed, leaf.rev, &found);
        check->asked += !is_leaf;
        if (!is_leaf && !revisions_ask(check->revisions, expected->id, leaf.rev, error))
            return FALSE;
        if (is_leaf && check->details != NULL && expectation_has_details(&leaf) &&
            !details_ask(check->details, expected->id, &leaf, error))
            return FALSE;
    }
    if (!is_listed)
        return TRUE;
    check->unexpected += has_more_leaves(&check->listed, expected);
    return present_next(check->present, &check->listed, error);
}

static gboolean
check_rows(struct check *check, GError **error)
{
    struct row expected;
    row_spool_rewind(check->expectation->rows);
    for (guint n = 0;; n++) {
        if (!row_spool_next(check->expectation->rows, &expected, error))
            return FALSE;
        if (expected.id.data == NULL)
            break;
        if (!check_row(check, &expected, error))
            return FALSE;
        if (n % 1024 == 1023) {
            progress_add(check->restore->report.progress, 1024, 0);
            if (!stop_check(error))
                return FALSE;
        }
    }
    while (check->listed.id.data != NULL) {
        check->unexpected++;
        if (!present_next(check->present, &check->listed, error))
            return FALSE;
    }
    return revisions_end(check->revisions, error) && details_end(check->doubted, error);
}

void
check_begin(struct restore *restore, const struct plan_item *item,
            const struct expectation *expectation)
{
    progress_begin(restore->report.progress, "checking", restore_shown(restore, item),
                   expectation->documents);
}

static gboolean
open_check(struct check *check, GError **error)
{
    if (check->present == NULL) {
        check_begin(check->restore, check->item, check->expectation);
        check->present = present_open(check->restore, check->item, error);
    }
    if (check->present == NULL || !present_next(check->present, &check->listed, error))
        return FALSE;
    check->revisions = revisions_new(check->restore->http, check->item->target, on_missing, check);
    check->doubted = details_new(check->restore->http, check->item->target,
                                 &check->restore->patience, on_absent, check);
    return TRUE;
}

static void
close_check(struct check *check)
{
    revisions_free(check->revisions);
    details_free(check->details);
    details_free(check->doubted);
    present_free(check->present);
}

gboolean
check_missing(struct restore *restore, const struct plan_item *item,
              struct expectation *expectation, GHashTable *ids, GError **error)
{
    struct check check = {
        .restore = restore, .item = item, .expectation = expectation, .collected = ids};
    gboolean fine = open_check(&check, error) && check_rows(&check, error);
    close_check(&check);
    return fine;
}

gboolean
check_database(struct restore *restore, const struct plan_item *item,
               struct expectation *expectation, gboolean own, struct present *listed,
               GError **error)
{
    struct check check = {
        .restore = restore, .item = item, .expectation = expectation, .present = listed};
    check.details =
        details_new(restore->http, item->target, &restore->patience, on_difference, &check);
    gboolean fine =
        open_check(&check, error) && check_rows(&check, error) && details_end(check.details, error);
    close_check(&check);
    restore->report.foreign += own ? check.unexpected : 0;
    restore->report.superseded += check.asked - check.missing;
    return fine;
}
