/* base64url: RFC 4648, 5, without padding and as strict as lib/crypt/base64.h (RFC 7515, 2). */
#pragma once

#include "lib/base/slice.h"

void base64url_append(GString *out, const void *data, gsize size);
char *base64url_text(const void *data, gsize size); /* caller frees */

/* NULL: it is none, or gives more than `max` bytes. A zero byte stands behind them. */
GString *base64url_decode(struct slice text, gsize max);
