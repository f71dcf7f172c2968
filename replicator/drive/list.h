/*
 * list: the drives as a table for people.
 *
 *     ID        LABEL    STATE           LAST GOOD BACKUP
 *     1a2b3c4d  monday   safe to remove  2026-11-28 20:00, 2 hours ago
 *     5e6f7a8b  tuesday  away            2026-11-03 20:00, 25 days ago  OVERDUE
 *
 *     attached, and no drives of this site:
 *       /dev/sdc1  exfat 'PHOTOS', 32.0 GB, SanDisk Ultra
 *                  lifeboat drive add /dev/sdc1
 */
#pragma once

#include "lib/base/slice.h"

/* `answer` is the daemon's to "status", checked as JSON. Caller frees. */
char *list_drives(struct slice answer);
