/* pass: one database brought up to date. See standby.h. */
#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "replicator/standby/copy/carry.h"
#include "replicator/standby/copy/purges.h"
#include "replicator/standby/lag.h"
#include "replicator/standby/server/dress.h"
#include "replicator/standby/server/warm.h"
#include "replicator/standby/trust.h"

#define RENEW_ROWS 1000                      /* rows after which the checkpoint is written, … */
#define RENEW_WAIT (30 * G_TIME_SPAN_SECOND) /* … or so long after the first of them */

struct pass {
    struct standby *standby;
    struct followed *database;
    struct server_database source;
    gboolean designs; /* design documents were copied */
    guint64 rows;     /* listed */
};

/* ---- what differs ---- */

static void
is_listing(void *context, guint64 rows)
{
    struct pass *pass = context;
    (void)rows;
    report_tell(pass->standby, FALSE);
}

/* Lists with patience. */
static struct listing *
list(struct pass *pass, struct http *http, const char *since, GError **error)
{
    struct listing *listing;
    GError *failure = NULL;
    while ((listing = listing_fetch(http, pass->database->name, since, is_listing, pass,
                                    &failure)) == NULL)
        if (!patience_again(&pass->standby->patience, &failure, error))
            return NULL;
    patience_progress(&pass->standby->patience);
    return listing;
}

static void
note_only_here(const struct pass *pass, const struct difference *difference)
{
    guint64 only = difference_only_here(difference), other = difference_other_here(difference);
    if (only > 0 || other > 0)
        log_notice(
            "database '%s': this server has %" G_GUINT64_FORMAT
            " documents that the source does not have, and other revisions of %" G_GUINT64_FORMAT
            "; they stay",
            pass->database->name, only, other);
    if (pass->database->anew || pass->database->checkpoint.former > 0)
        pass->database->checkpoint.former = only + other;
}

static gboolean
copy_listed(struct pass *pass, struct listing *listing, struct listing *present, GError **error)
{
    struct followed *database = pass->database;
    gboolean designs = FALSE;
    AUTO(difference) *difference =
        difference_new(pass->standby->target, database->name, listing, present);
    lag_listed(database, listing_rows(listing));
    followed_meet(database, listing_last_seq(listing));
    if (!carry(pass->standby, database, difference, &designs, error))
        return FALSE;
    if (present != NULL)
        note_only_here(pass, difference);
    pass->designs = designs;
    pass->rows = listing_rows(listing);
    g_free(database->since);
    database->since = g_strdup(listing_last_seq(listing));
    database->fresh += pass->rows;
    return TRUE;
}

static gboolean
copy_whole(struct pass *pass, GError **error)
{
    struct standby *standby = pass->standby;
    if (!trust_begin(standby, pass->database, &pass->source, error))
        return FALSE;
    AUTO(listing) *listing = list(pass, standby->source, NULL, error);
    AUTO(listing) *present = listing != NULL ? list(pass, standby->target, NULL, error) : NULL;
    return present != NULL && copy_listed(pass, listing, present, error);
}

static gboolean
copy_changes(struct pass *pass, GError **error)
{
    AUTO(listing) *listing = list(pass, pass->standby->source, pass->database->since, error);
    return listing != NULL && copy_listed(pass, listing, NULL, error);
}

/* ---- the checkpoint ---- */

/* What is not among the changes is compared, what was lacking is tried again. */
static gboolean
renew(struct pass *pass, GError **error)
{
    struct standby *standby = pass->standby;
    struct followed *database = pass->database;
    if (!trust_still(standby, database, error) || !carry_lacking(standby, database, error) ||
        !dress_compare(standby, database, error))
        return FALSE;
    if (database->checkpoint.unnamed > 0) {
        followed_doubt(database); /* from the last checkpoint on */
        return fail_set(error, FAIL_INCOMPLETE,
                        "more than %d documents cannot be copied: all of them are tried again",
                        CHECKPOINT_LACKING_MAX);
    }
    if (!trust_write(standby, database, &pass->source, error))
        return FALSE;
    warm_indexes(standby, database->name);
    return TRUE;
}

static gboolean
is_to_renew(const struct pass *pass, gboolean whole)
{
    const struct followed *database = pass->database;
    gint64 now = g_get_monotonic_time();
    const struct standby_options *options = pass->standby->options;
    return whole || (options->once && (pass->rows > 0 || !options->quick)) ||
           database->fresh >= RENEW_ROWS || (database->renew != 0 && database->renew <= now);
}

/* ---- the pass ---- */

/* A pass that finds nothing new was called for by something else: the set-up, or a purge. */
static gboolean
copy(struct pass *pass, GError **error)
{
    struct followed *database = pass->database;
    gint64 now = g_get_monotonic_time();
    const struct standby_options *options = pass->standby->options;
    gboolean whole = database->since == NULL, keep = options->merge || options->keep_all;
    if ((!keep && !purges_apply(pass->standby, database, &pass->source, whole, error)) ||
        !(whole ? copy_whole(pass, error) : copy_changes(pass, error)))
        return FALSE;
    g_free(database->seen);
    database->seen = g_strdup(pass->source.update_seq);
    if (database->renew == 0 && pass->rows > 0)
        database->renew = now + RENEW_WAIT;
    if (is_to_renew(pass, whole))
        return renew(pass, error);
    return pass->rows > 0 || dress_compare(pass->standby, database, error);
}

gboolean
pass_is_unmoved(const struct standby *standby, const struct followed *database)
{
    return standby->options->quick && database->is_read && database->verified &&
           database->seen != NULL && database->behind == 0 && !database->gone;
}

gboolean
pass_over(struct standby *standby, struct followed *database, GError **error)
{
    if (pass_is_unmoved(standby, database))
        return dress_locals(standby, database, error);
    struct pass pass = {.standby = standby, .database = database};
    gboolean done = server_database_info(standby->source, database->name, &pass.source, error) &&
                    (database->is_read || dress_make(standby, database, &pass.source, error)) &&
                    trust_find(standby, database, &pass.source, error) && copy(&pass, error);
    server_database_clear(&pass.source);
    return done;
}
