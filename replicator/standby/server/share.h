/*
 * share: the settings that both servers must have alike (settings.h), compared again and again, so
 * that a session of the one is good on the other, and administrators log in with the same password.
 */
#pragma once

#include "replicator/standby/standby.h"

/* Sets on this node's server what differs. What cannot be set is told, and named in
 * standby->unshared. */
gboolean share_settings(struct standby *standby, GError **error);
