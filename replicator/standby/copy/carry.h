/*
 * carry: brings documents from the source to the target, with every leaf that the target lacks and
 * the attachments as stored.
 *
 * Whatever is not carried over is named in the checkpoint, and tried again now and then; the rest
 * goes on. Design documents come last: their validators would refuse what comes after them.
 */
#pragma once

#include "replicator/standby/copy/difference.h"
#include "replicator/standby/standby.h"

/* Carries all that differs. TRUE: all that could be is durable in the target. *designs: design
 * documents were among it. */
gboolean carry(struct standby *standby, struct followed *database, struct difference *difference,
               gboolean *designs, GError **error);

/* Tries again what was lacking; what still is stays named. */
gboolean carry_lacking(struct standby *standby, struct followed *database, GError **error);
