/*
 * change: from what is served to what is to be served: all services at once, or none.
 *
 *     the start, a reload, or interfaces that came and went
 *       → world.next is read, and its sockets opened   those of `current` are kept in world.before
 *       → each service that it wants prepares          change_prepared: all do → they take over
 *       → each serves it                               change_serves: all do → it is `current`
 *     a mistake in any of it → change_failed           what served before serves on
 *
 * At the start there is nothing before: a mistake ends the daemon, with world.failure.
 */
#pragma once

#include "netsvc/parent/world.h"

/* The start, with world.next as it was read. */
gboolean change_start(struct world *world, GError **error);

/* Reads the configuration anew; its end is told by questions_reloaded. */
void change_reload(struct world *world);

/* The same configuration, at the sockets that it wants now. */
void change_links(struct world *world);

/* Told of services. With no change under way they do nothing. */
void change_prepared(struct world *world);
void change_serves(struct world *world);

/* It is over. `code` is of the exit, where that was the start. */
void change_failed(struct world *world, const char *message, int code);
