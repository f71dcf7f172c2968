#include "replicator/standby/trust.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/couch/token.h"
#include "replicator/standby/server/here.h"

enum trusted { BOTH, NOT_SOURCE, NOT_TARGET };

static char *
token_reader(const struct standby *standby)
{
    return g_strconcat("standby-", standby->memory->id, NULL);
}

static gboolean
check(struct standby *standby, const struct followed *database, guint64 shards, gboolean *none,
      enum trusted *trusted, GError **error)
{
    const struct checkpoint *checkpoint = &database->checkpoint;
    g_autofree char *reader = token_reader(standby);
    enum token_verdict source, target;
    token_ahead(standby->target, database->name, reader, checkpoint->here);
    if (!token_check(standby->source, database->name, reader, checkpoint->tokens, shards, &source,
                     error) ||
        !token_check(standby->target, database->name, reader, checkpoint->here, 0, &target,
                     error)) {
        http_ahead_end(standby->target);
        return FALSE;
    }
    *none = source == TOKEN_NONE;
    *trusted = source == TOKEN_MISMATCH ? NOT_SOURCE : target == TOKEN_MISMATCH ? NOT_TARGET : BOTH;
    return TRUE;
}

/* ---- a source that went back ---- */

/* It has the database that it had, and not what was in it: whoever writes there needs to know, for
 * its clients have been told that what is gone was written. What was removed and made anew has not
 * gone back. */
void
trust_note_backwards(struct standby *standby)
{
    struct memory *memory = standby->memory;
    g_autoptr(GError) failure = NULL;
    if (memory->backwards != NULL)
        return;
    memory->backwards = g_strdup(standby->source_uuid != NULL ? standby->source_uuid : "");
    if (!memory_write(memory, &failure))
        log_warning("%s; going on", failure->message);
    report_tell(standby, TRUE);
}

/* ---- before a pass ---- */

static void
forget_since(struct followed *database)
{
    g_clear_pointer(&database->since, g_free);
    database->fresh = 0;
    database->verified = database->begun = FALSE;
}

static void
tell(const struct followed *database, enum trusted trusted)
{
    if (trusted == NOT_SOURCE)
        log_warning("database '%s': the source was rolled back, replaced or made anew since it was "
                    "followed last; comparing all of it, what only this server has stays",
                    database->name);
    else
        log_warning("database '%s': this server was rolled back or restored since it was given "
                    "something last; comparing all of it",
                    database->name);
}

static gboolean
verify(struct standby *standby, struct followed *database, const struct server_database *source,
       GError **error)
{
    const struct checkpoint *checkpoint = &database->checkpoint;
    enum trusted trusted;
    gboolean none;
    if (checkpoint->since == NULL)
        return TRUE;
    if (!check(standby, database, source->q, &none, &trusted, error))
        return FALSE;
    gboolean anew = g_strcmp0(checkpoint->created, source->instance_start_time) != 0;
    gboolean known = checkpoint->created != NULL && !g_str_equal(checkpoint->created, "0");
    if (trusted == NOT_SOURCE && !anew && !standby->options->merge)
        trust_note_backwards(standby);
    if (none || anew)
        trusted = NOT_SOURCE;
    database->anew |= anew && known && !standby->options->merge; /* "0": a CouchDB before 3.3 */
    if (trusted != BOTH) {
        tell(database, trusted);
        return TRUE;
    }
    database->since = g_strdup(checkpoint->since);
    database->verified = TRUE;
    return TRUE;
}

gboolean
trust_find(struct standby *standby, struct followed *database, const struct server_database *source,
           GError **error)
{
    struct checkpoint *checkpoint = &database->checkpoint;
    if (database->is_read && database->verified &&
        g_strcmp0(checkpoint->created, source->instance_start_time) == 0)
        return TRUE;
    forget_since(database);
    if (!database->is_read &&
        !checkpoint_read(checkpoint, standby->target, database->name, standby->memory->id, error))
        return FALSE;
    database->is_read = TRUE;
    return verify(standby, database, source, error);
}

/* ---- tokens ---- */

static gboolean
mark_source(struct standby *standby, struct followed *database, gboolean trusted,
            const struct server_database *source, GError **error)
{
    struct checkpoint *checkpoint = &database->checkpoint;
    g_autofree char *reader = token_reader(standby);
    char *tokens = NULL;
    if (!token_write(standby->source, database->name, reader, checkpoint->tokens, trusted,
                     source->q, &tokens, error))
        return FALSE;
    g_free(checkpoint->tokens);
    g_free(checkpoint->created);
    checkpoint->tokens = tokens;
    checkpoint->created = g_strdup(source->instance_start_time);
    return TRUE;
}

static gboolean
mark_target(struct standby *standby, struct followed *database, GError **error)
{
    struct checkpoint *checkpoint = &database->checkpoint;
    g_autofree char *reader = token_reader(standby);
    struct server_database target;
    char *tokens = NULL;
    gboolean done = server_database_info(standby->target, database->name, &target, error) &&
                    token_write(standby->target, database->name, reader, checkpoint->here,
                                checkpoint->here != NULL, target.q, &tokens, error);
    if (done) {
        here_note(database, target.update_seq);
        checkpoint_add_mark(checkpoint, target.update_seq, g_get_real_time() / G_USEC_PER_SEC);
    }
    server_database_clear(&target);
    if (!done)
        return FALSE;
    g_free(checkpoint->here);
    checkpoint->here = tokens;
    return TRUE;
}

/* What was copied before says nothing of these tokens, and what was lacking is listed again. */
gboolean
trust_begin(struct standby *standby, struct followed *database,
            const struct server_database *source, GError **error)
{
    struct checkpoint *checkpoint = &database->checkpoint;
    g_clear_pointer(&checkpoint->since, g_free);
    g_clear_pointer(&checkpoint->here, g_free);
    g_ptr_array_set_size(checkpoint->lacking, 0);
    checkpoint->unnamed = 0;
    database->met = 0;
    database->begun = mark_source(standby, database, FALSE, source, error);
    return database->begun;
}

/* ---- after it ---- */

/* Between two checkpoints a source can go back without losing a token: then whatever it was lost
 * from sight for counts. An account that may not write there has none. */
gboolean
trust_still(struct standby *standby, struct followed *database, GError **error)
{
    enum trusted trusted;
    gboolean none;
    follow_glance(standby);
    if (!database->is_read && !database->begun)
        return fail_set(error, FAIL_INCOMPLETE, "a server was lost from sight in the midst of it");
    if (!check(standby, database, 0, &none, &trusted, error))
        return FALSE;
    if (trusted == BOTH)
        return TRUE;
    followed_doubt(database);
    if (trusted == NOT_SOURCE && !standby->options->merge)
        trust_note_backwards(standby);
    return fail_set(error, FAIL_INCOMPLETE, "%s went back while it was followed",
                    trusted == NOT_SOURCE ? "the source" : "this server");
}

gboolean
trust_write(struct standby *standby, struct followed *database,
            const struct server_database *source, GError **error)
{
    struct checkpoint *checkpoint = &database->checkpoint;
    if (!mark_source(standby, database, TRUE, source, error) ||
        !mark_target(standby, database, error))
        return FALSE;
    g_free(checkpoint->since);
    g_free(checkpoint->source);
    g_free(checkpoint->seen);
    checkpoint->since = g_strdup(database->since);
    checkpoint->source = g_strdup(standby->source_uuid);
    checkpoint->seen = g_strdup(database->seen);
    if (!checkpoint_write(checkpoint, standby->target, standby->source, database->name,
                          standby->memory->id, error))
        return FALSE;
    database->verified = TRUE;
    database->begun = database->anew = FALSE;
    database->fresh = 0;
    database->renew = 0;
    return TRUE;
}
