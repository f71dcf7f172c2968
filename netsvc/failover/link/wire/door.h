/*
 * door: where the other node's connections come in. What is not through TLS and has not said who it
 * is waits here: so many at once from the other node's addresses, and so many from all others; for
 * one more the oldest of the same sort is hung up on. So strangers cannot keep the other node out.
 */
#pragma once

#include "netsvc/failover/link/wire/session.h"

#define DOOR_KNOWN_MAX 16
#define DOOR_STRANGERS_MAX 8

struct door;

/* Greeted; it is whose takes it from now on. `place`: of the address that was called. */
typedef void (*door_open)(void *context, struct session *session, guint place);

/* `sockets`: struct child_socket, of which those that are the link's count. `own`, `other`: struct
 * config_peer; they and the world live as long. */
struct door *door_new(const struct session_world *world, const GArray *sockets, const GArray *own,
                      const GArray *other, door_open opened, void *context);
void door_free(struct door *door);
AUTO_DEFINE(door)

/* Whether it is one of these addresses (struct config_peer), at whatever port. */
gboolean door_knows(const GArray *other, const struct sockaddr_storage *from);

guint door_waiting(const struct door *door);
