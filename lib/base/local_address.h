/* local_address: the address of a local socket, from its path. */
#pragma once

#include <glib.h>
#include <sys/un.h>

/* FAIL_USAGE when the path is longer than such an address can be: unix(7), 107 bytes. */
gboolean local_address(const char *path, struct sockaddr_un *address, GError **error);
