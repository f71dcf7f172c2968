/* show: certificates in words for a person at a terminal. All texts are the caller's. */
#pragma once

#include "lib/base/slice.h"

/* What `cert/show` answers. */
char *show_certificates(struct slice answer);

/* A list of names in an answer, with commas; "" for none. */
char *show_names(struct slice answer, const char *member);

/* One line for `lifeboat status`. */
char *show_in_force(struct slice answer);
