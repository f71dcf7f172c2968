/* merge: this node, the active one, gets what only the other one has (command.h): after a forced
 * switch, or when the follower saw it go backwards.
 *
 * The standby's passes bring documents: all leaf revisions that are missing here, so that of two
 * that were written on both sides both stay, as CouchDB's conflicts. Nothing else comes: no
 * settings, no _local documents, no _security of a database that is here, and what was dropped or
 * purged there stays.
 */
#include "lib/base/fail.h"
#include "replicator/standby/open.h"
#include "replicator/switch/merged.h"
#include "replicator/switch/step.h"

static gboolean
note(void *context, const char *database, const struct leaf *leaf, GError **error)
{
    return merged_note(context, database, leaf->id, leaf->rev, error);
}

/* Why it is not complete. */
static gboolean
blame(const struct standby *standby, GError **error)
{
    for (guint i = 0; i < standby->databases->len; i++) {
        const struct followed *database = standby->databases->pdata[i];
        const GPtrArray *lacking = database->checkpoint.lacking;
        if (!database->gone && database->problem != NULL)
            return fail_set(error, FAIL_INCOMPLETE, "database '%s': %s", database->name,
                            database->problem);
        if (database->gone || lacking->len == 0)
            continue;
        const struct lacking *one = lacking->pdata[0];
        return fail_set(error, FAIL_INCOMPLETE,
                        "database '%s': %u revisions of the other node cannot be brought here, of "
                        "document '%s' for one: %s",
                        database->name, lacking->len, one->id, one->reason);
    }
    return fail_set(error, FAIL_INCOMPLETE,
                    "not all that the other node has could be brought here");
}

static gboolean
merge(struct standby *standby, struct merged *merged, GString *answer, GError **error)
{
    gboolean incomplete = FALSE;
    return standby_open(standby, error) && follow(standby, &incomplete, error) &&
           (!incomplete || blame(standby, error)) &&
           merged_finish(merged, standby->target, answer, error);
}

gboolean
step_merge(struct step *step, GError **error)
{
    struct standby_options options;
    struct standby standby;
    struct pair pair;
    if (!standby_options_read(step->line, &pair, &options, error))
        return FALSE;
    AUTO(merged) *merged = merged_open(options.state, error);
    options.once = options.quick = options.merge = TRUE;
    options.taken = note;
    options.context = merged;
    standby_init(&standby, &options);
    gboolean done = merged != NULL && merge(&standby, merged, step->answer, error);
    standby_clear(&standby);
    pair_clear(&pair);
    return done;
}
