/* format: the file systems that we make, with the tools of the system. */
#pragma once

#include <glib.h>
#include <sys/types.h>

struct format;

/* By the operator's word for it; FAIL_USAGE when there is none. */
const struct format *format_find(const char *name, GError **error);
const char *format_name(const struct format *format);

/* Whether a file system of that kind can be called so; FAIL_USAGE. */
gboolean format_check_label(const struct format *format, const char *label, GError **error);

/* Whether its tool is here; the error names the Debian package. */
gboolean format_check_tool(const struct format *format, GError **error);

/* Makes it, over whatever was there. The root folder belongs to user and group where a file system
 * has such. What the tool prints is shown when it fails. */
gboolean format_make(const struct format *format, const char *device, const char *label, uid_t user,
                     gid_t group, GError **error);
