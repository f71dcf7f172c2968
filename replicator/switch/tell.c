#include "replicator/switch/tell.h"

#include "lib/base/fail.h"
#include "lib/json/json.h"
#include "replicator/tell.h"

#include <stdio.h>

static void
tell_merged(struct slice merged)
{
    g_autofree char *report = tell_text(merged, "report");
    g_autofree char *when = tell_time(json_member_time(merged, "when"));
    guint64 documents = 0, conflicts = 0;
    json_member_unsigned(merged, "documents", &documents);
    json_member_unsigned(merged, "conflicts", &conflicts);
    printf("  merged       %s: %" G_GUINT64_FORMAT
           " document%s of the other node came, %" G_GUINT64_FORMAT " with a conflict; see %s\n",
           when, documents, documents == 1 ? "" : "s", conflicts,
           report != NULL ? report : "the log");
}

void
tell_pair(struct slice pair)
{
    g_autofree char *role = tell_text(pair, "role"), *step = tell_text(pair, "step");
    guint64 term = 0, silent = 0;
    struct slice merged;
    json_member_unsigned(pair, "term", &term);
    json_member_unsigned(pair, "silent", &silent);
    printf("this node is %s", role != NULL ? role : "waiting for a word of lifeboat-netsvc");
    if (term > 0)
        printf(", term %" G_GUINT64_FORMAT, term);
    if (silent > 0)
        printf("  SILENT: lifeboat-netsvc has said nothing for %" G_GUINT64_FORMAT
               " s; all goes on as it was",
               silent);
    printf("\n");
    if (step != NULL)
        printf("  switch       '%s' goes on\n", step);
    if (json_member_true(pair, "unmerged"))
        printf("  UNMERGED     one node may have what the other has not\n");
    if (json_member(pair, "merged", &merged))
        tell_merged(merged);
}

int
tell_pair_judge(struct slice pair)
{
    guint64 silent = 0;
    json_member_unsigned(pair, "silent", &silent);
    return silent > 0 ? FAIL_FAILED : json_member_true(pair, "unmerged") ? FAIL_INCOMPLETE : 0;
}
