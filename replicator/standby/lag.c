#include "replicator/standby/lag.h"

#include "lib/json/json.h"

/* "123-g1AAAA…", 123 or [123,"g1AAAA…"], raw JSON. FALSE: it begins with no number. */
static gboolean
number_of(struct slice seq, guint64 *number)
{
    g_autofree char *text = slice_dup(seq);
    char *digits = text + strspn(text, "\"["), *end;
    if (!g_ascii_isdigit(*digits))
        return FALSE;
    *number = g_ascii_strtoull(digits, &end, 10);
    return *end == '\0' || strchr("-\",", *end) != NULL;
}

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
    else if (json_member(info, "update_seq", &seq) && number_of(slice_of(since), &reached) &&
             number_of(seq, &now) && now > reached)
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
