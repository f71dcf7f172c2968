/* peer: addresses of those whom zones come from or go to. */
#pragma once

#include <glib.h>
#include <netinet/in.h>

/* Without the port. */
gboolean peer_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* With it. */
gboolean peer_is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* The address itself: 4 or 16 bytes in network order. */
const void *peer_bytes(const struct sockaddr_storage *address);

/* Without the port; `text` is given back. */
const char *peer_text(const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN]);
