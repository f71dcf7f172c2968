#include "lib/base/fail.h"
#include "replicator/switch/step.h"

gboolean
step_merge(struct step *step, GError **error)
{
    (void)step;
    return fail_set(error, FAIL_FAILED, "not yet");
}
