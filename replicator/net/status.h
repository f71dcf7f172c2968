/* status: what `lifeboat status` and `lifeboat reload` have to do with lifeboat-netsvc. A node
 * where that does not run has nothing of it. */
#pragma once

#include "lib/base/slice.h"

/*
 * How it stands, {"node": …, "dhcp": {…}, "dns": {…}}, as JSON; *absent: it does not run here,
 * which is no error. A socket where nobody answers is one.
 */
GString *net_status_ask(const char *socket, gboolean *absent, GError **error);

/* For people; and the exit code that it makes. Caller frees the text. */
char *net_status_text(struct slice status);
int net_status_judge(struct slice status);
