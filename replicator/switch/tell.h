/* tell: the part of `lifeboat status` that is about a pair (daemon/role.h). */
#pragma once

#include "lib/base/slice.h"

/* On standard output; `pair` is the object `switch` of the daemon's answer. */
void tell_pair(struct slice pair);

/* The exit code that it asks for. */
int tell_pair_judge(struct slice pair);
