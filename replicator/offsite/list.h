/* list: what stands in a bucket, for people and in JSON. */
#pragma once

#include "lib/base/progress.h"
#include "replicator/offsite/outline.h"

/* One object a line for each snapshot, `"event":"snapshot"`, then the summary; or a table. Whether
 * there is one that can be restored. `checked`: signatures were. */
gboolean list_tell(const struct outline *outline, struct progress *progress, gboolean json,
                   gboolean checked);
