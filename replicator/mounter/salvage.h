/*
 * salvage: the files that a check makes of clusters that belong to no file. It cannot be told to
 * free them instead:
 *
 *     fsck.fat     FSCK0000.REC, … in the root folder (dosfstools, src/fat.c, reclaim_file)
 *     fsck.exfat   LOST+FOUND/FILE0000000.CHK, … (exfatprogs, fsck.c, rescue_orphan_clusters); it
 *                  makes the folder whether it needs it or not
 */
#pragma once

#include "replicator/mounter/message.h"

/* For people, where they are; NULL: this type has none. */
const char *salvage_where(enum message_type type);

/* Which of them there are below the root folder; none where that cannot be read. */
void salvage_list(enum message_type type, const char *root, struct message_salvage *found);

/* Those that are there and were not `before`: removes them, or leaves them; how many stay. */
guint salvage_settle(enum message_type type, const char *root, const struct message_salvage *before,
                     gboolean remove);
