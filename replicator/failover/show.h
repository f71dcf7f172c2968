/* show: how the pair stands, in words; for `lifeboat failover` and `lifeboat status`. */
#pragma once

#include "lib/base/slice.h"

/* Of the answer to failover/status: lines for people. */
char *show_pair(struct slice pair);

/* Likewise, what stands in a planned switch's way, as the nodes found when they looked last. */
char *show_look(struct slice pair);

/* 0, or FAIL_FAILED: something of the pair needs a person. */
int show_judge(struct slice pair);

/* Of the answer to failover/look: a line for each finding. *problems: how many stop a switch. */
char *show_findings(struct slice findings, guint *problems);

/* Whether this node has another. */
gboolean show_is_paired(struct slice pair);

/* "a", the node that is active as far as this one knows; NULL: unknown. Caller frees. */
char *show_active(struct slice pair);

/* How far the standby had followed: a sentence. Caller frees. */
char *show_followed(struct slice pair);
