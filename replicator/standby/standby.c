#include "replicator/standby/standby.h"

#include "lib/couch/server.h"
#include "replicator/standby/hints.h"

static void
followed_free(gpointer data)
{
    struct followed *followed = data;
    checkpoint_clear(&followed->checkpoint);
    g_free(followed->name);
    g_free(followed->since);
    g_free(followed->seen);
    g_free(followed->problem);
    g_free(followed);
}

gboolean
standby_takes(const struct standby *standby, const char *name)
{
    return !server_is_passing(name) && choice_takes(&standby->options->choice, name);
}

struct followed *
standby_find(const struct standby *standby, const char *name)
{
    return g_hash_table_lookup(standby->by_name, name);
}

struct followed *
standby_database(struct standby *standby, const char *name)
{
    struct followed *followed = standby_find(standby, name);
    if (followed == NULL) {
        followed = g_new0(struct followed, 1);
        followed->name = g_strdup(name);
        checkpoint_init(&followed->checkpoint);
        g_ptr_array_add(standby->databases, followed);
        g_hash_table_insert(standby->by_name, followed->name, followed);
        followed->due = followed->behind = g_get_monotonic_time();
    }
    followed->gone = FALSE;
    return followed;
}

void
standby_ahead(const struct standby *standby, const struct followed *first,
              gboolean (*ask)(const struct standby *standby, const struct followed *next))
{
    guint i = 0;
    gboolean room = g_ptr_array_find(standby->databases, first, &i);
    for (; room && i < standby->databases->len; i++)
        room = ask(standby, standby->databases->pdata[i]);
}

void
standby_init(struct standby *standby, const struct standby_options *options)
{
    *standby = (struct standby){.options = options};
    standby->databases = g_ptr_array_new_with_free_func(followed_free);
    standby->by_name = g_hash_table_new(g_str_hash, g_str_equal);
}

void
standby_clear(struct standby *standby)
{
    hints_free(standby->hints);
    if (standby->repack != NULL)
        repack_end(standby->repack, NULL);
    repack_free(standby->repack);
    traits_clear(&standby->traits);
    http_free(standby->feeds);
    http_free(standby->target);
    http_free(standby->source);
    rate_free(standby->rate);
    g_hash_table_unref(standby->by_name);
    g_ptr_array_unref(standby->databases);
    lock_free(standby->lock);
    memory_free(standby->memory);
    g_free(standby->source_uuid);
    g_free(standby->trouble);
    g_free(standby->unshared);
    g_free(standby->idle);
}

void
followed_hint(struct followed *followed)
{
    gint64 now = g_get_monotonic_time();
    followed->changed = now;
    if (followed->behind == 0)
        followed->behind = now;
    if (followed->due == 0) /* else it waits for its turn, as after a failure */
        followed->due = now;
}

void
followed_meet(struct followed *followed, const char *sequence)
{
    guint64 number;
    if (server_sequence_number(slice_of(sequence), &number))
        followed->met = MAX(followed->met, number);
}

void
followed_settle(struct followed *followed)
{
    followed->failures = 0;
    followed->due = followed->behind = 0;
    g_clear_pointer(&followed->problem, g_free);
}

void
followed_doubt(struct followed *followed)
{
    followed->is_read = followed->verified = FALSE;
}
