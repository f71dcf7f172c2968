/*
 * sockets: those that the children serve at. The parent opens them and keeps a duplicate of each,
 * so that what has come waits in them while a child is replaced, and none is lost.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/message.h"

struct sockets {
    GArray *held;      /* struct sockets_held */
    GPtrArray *absent; /* char *: what is served as soon as it is there, "interface 'eth0'" */
};

struct sockets_held {
    int fd;
    struct message_socket what;
};

/* Opens what the configuration wants, with those of `before` (NULL: none) that are the same: they
 * are duplicated. An address in use by another program is an error that names it. */
struct sockets *sockets_open(const struct config *config, const struct sockets *before,
                             GError **error);
void sockets_free(struct sockets *sockets);
AUTO_DEFINE(sockets)

gboolean sockets_equal(const struct sockets *a, const struct sockets *b);

/* Whether the child of that name serves at it. */
gboolean sockets_are_for(const struct message_socket *socket, const char *role);
