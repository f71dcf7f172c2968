/* step: what a step is given, and what it gives (command.h). */
#pragma once

#include "lib/base/jsontext.h"
#include "lib/command/command.h"

struct step {
    const struct command_line *line;
    const char *value; /* the argument; NULL: none */
    GString *answer;   /* an object that is open: members are added */
};

typedef gboolean (*step_run)(struct step *step, GError **error);

gboolean step_check(struct step *step, GError **error);
gboolean step_pull(struct step *step, GError **error);
gboolean step_adopt(struct step *step, GError **error);
gboolean step_fresh(struct step *step, GError **error);
gboolean step_merge(struct step *step, GError **error);
