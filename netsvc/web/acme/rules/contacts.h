/* contacts: whom an account's holder wants to be told by: mail addresses (RFC 8555, 7.3). */
#pragma once

#include "lib/base/slice.h"

#define CONTACTS_MAX 10    /* of one account … */
#define CONTACTS_BYTES 255 /* … of so many bytes each */

/* Of JSON that json_check has accepted, a list of texts; caller frees. NULL with a problem. */
char *contacts_read(struct slice list, GError **error);
