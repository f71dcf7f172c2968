#include "replicator/standby/lag.h"

#include "lib/couch/server.h"
#include "lib/json/json.h"

static guint64
documents_in(struct slice info)
{
    guint64 documents = 0, deleted = 0;
    json_member_unsigned(info, "doc_count", &documents);
    json_member_unsigned(info, "doc_del_count", &deleted);
    return documents + deleted;
}

void
lag_swept(struct followed *database, struct slice info)
{
    const char *since = database->since != NULL ? database->since : database->checkpoint.since;
    guint64 reached, now;
    struct slice seq;
    if (since == NULL)
        database->pending = documents_in(info);
    else if (json_member(info, "update_seq", &seq) &&
             server_sequence_number(slice_of(since), &reached) &&
             server_sequence_number(seq, &now) && now > reached)
        database->pending = now - reached;
}

void
lag_listed(struct followed *database, guint64 rows)
{
    database->listed = database->pending = rows;
}

void
lag_done(struct followed *database, guint64 rows)
{
    database->pending = MAX(database->listed, rows + 1) - rows; /* it is not over yet */
}

guint64
lag_changes(const struct followed *database)
{
    return MAX(database->pending, 1);
}

gboolean
lag_is_counted(const struct followed *database)
{
    return database->pending > 0;
}
