/* mend: the other node says that this one's CouchDB went backwards: it was rolled back, or
 * replaced. What it lost is with the standby: that is brought in, and then clients are told to look
 * through all (a uuid never used before). Until that is done the other one says so again.
 */
#include "netsvc/failover/world.h"

#include "lib/json/json.h"

#include <string.h>

static void
over(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct failover *failover = context;
    (void)size;
    failover->mends = FALSE;
    history_step(failover->history, "mend", done ? PROTOCOL_WELL : PROTOCOL_FAILED,
                 done ? "what was lost is back, and clients look through all again" : answer);
}

static void
merged(gpointer context, gboolean done, const char *answer, gsize size)
{
    struct failover *failover = context;
    g_autofree char *token = g_strdup_printf("back-%" G_GINT64_FORMAT, g_get_real_time());
    g_autofree char *body = g_strdup_printf("{\"token\":\"%s\"}", token);
    if (!done) {
        over(context, FALSE, answer, size);
        return;
    }
    child_ask(failover->child, "replicator/fresh", body, strlen(body), over, failover);
}

void
mend_look(struct failover *failover)
{
    struct slice replicator;
    if (failover->mends || !protocol_is_open(failover->protocol) ||
        !json_member(slice_of(failover->note), "replicator", &replicator) ||
        !json_member_true(replicator, "backwards"))
        return;
    failover->mends = TRUE;
    history_step(failover->history, "mend", PROTOCOL_BEGUN,
                 "this node's CouchDB was set back: what it lost is brought in from the other one");
    child_ask(failover->child, "replicator/merge", "{}", 2, merged, failover);
}
