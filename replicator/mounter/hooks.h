/*
 * hooks: programs that tell people what happens: with sound, light, on the console. Each executable
 * file of the folder is run in the order of the names, with the event as its only argument and the
 * rest in LIFEBOAT_… variables (etc/hooks/README.md).
 *
 * They have the mounter's rights. So a file or folder that others than root, or than who started
 * us, may write is passed over with a word.
 */
#pragma once

#include "replicator/mounter/message.h"

#define HOOKS_SECONDS 10 /* for each; then it is killed with all that it started */

/* Starts the process that runs them, one event after the other, so that what is told last is what
 * people see last. Gives the socket that takes a struct message_hook each; -1 and errno. It ends
 * with the socket. */
int hooks_start(const char *folder);
