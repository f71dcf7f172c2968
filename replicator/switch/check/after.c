/* What people would wonder at after the switch: nothing is lost by it, and nothing in its way. */
#include "lib/couch/server.h"
#include "lib/json/json.h"
#include "replicator/switch/check/check.h"

/* What was dropped from the active node stays on the standby for a while (standby/server/gone.h),
 * and clients find it there. */
static void
look_for_dropped(struct check *check)
{
    guint count = 0;
    const char *first = NULL;
    g_auto(GStrv) other = server_databases(check->other, NULL);
    g_auto(GStrv) own = other != NULL ? server_databases(check->own, NULL) : NULL;
    for (guint i = 0; own != NULL && own[i] != NULL; i++) {
        if (*own[i] == '_' || server_is_passing(own[i]) ||
            !choice_takes(&check->options->choice, own[i]) ||
            g_strv_contains((const char *const *)other, own[i]))
            continue;
        first = count++ == 0 ? own[i] : first;
    }
    if (count > 0)
        check_note(check,
                   "%u databases of this node are not on the other one (any more), '%s' for one: "
                   "with the switch they are in use again; delete here what nobody wants back",
                   count, first);
}

static guint
count_documents(const GString *answer)
{
    struct slice rows, row;
    guint count = 0;
    if (!json_member((struct slice){answer->str, answer->len}, "rows", &rows) ||
        json_type(rows) != JSON_ARRAY)
        return 0;
    for (gsize place = 0; json_next_element(rows, &place, &row);) {
        g_autofree char *id = NULL;
        count += json_member_text(row, "id", &id) && !g_str_has_prefix(id, "_design/");
    }
    return count;
}

/* Those came here marked as failed (lib/couch/write/disable.h). */
static void
look_for_replications(struct check *check)
{
    g_autoptr(GString) answer = http_fetch(check->other, "GET", "/_replicator/_all_docs?limit=1000",
                                           (struct slice){NULL, 0}, NULL);
    guint count = answer != NULL ? count_documents(answer) : 0;
    if (count > 0)
        check_note(check,
                   "%u replications stand in '_replicator': they do not begin on this node by "
                   "themselves, and go on on the other one; after the switch write those that are "
                   "still needed anew here, and delete the old ones",
                   count);
}

void
check_after(struct check *check)
{
    look_for_dropped(check);
    look_for_replications(check);
}
