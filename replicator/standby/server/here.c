#include "replicator/standby/server/here.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

/* 0 where it tells none. */
static guint64
number_of(struct slice seq)
{
    guint64 number;
    return server_sequence_number(seq, &number) ? number : 0;
}

static gboolean
look_at(void *context, const char *name, struct slice info, GError **error)
{
    struct standby *standby = context;
    (void)error;
    struct followed *database = standby_find(standby, name);
    struct slice seq;
    if (database == NULL || !database->is_read)
        return TRUE;
    gboolean there = info.size > 0 && json_member(info, "update_seq", &seq);
    guint64 number = there ? number_of(seq) : 0;
    if (number < database->reached || !there)
        followed_doubt(database);
    database->reached = number;
    return TRUE;
}

void
here_note(struct followed *database, const char *update_seq)
{
    database->reached = number_of(slice_of(update_seq != NULL ? update_seq : ""));
}

gboolean
here_look(struct standby *standby, const GPtrArray *names, GError **error)
{
    gboolean can;
    return server_ask_databases(standby->target, names, look_at, standby, &can, error);
}
