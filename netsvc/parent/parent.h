/*
 * parent: the process that keeps the privileges, and parses nothing that a peer sent.
 *
 *     lifeboat-netsvc run ── root: opens the sockets, starts children, answers `lifeboat net …`
 *        ├─ dns, dhcp          answer the LAN      each as lifeboat-net, in a chroot, with a filter
 *        ├─ failover           which node is active                            of system calls
 *        ├─ address            holds the service address
 *        └─ cert, web          the site's keys; pages and ACME
 *
 * Children talk to each other through it alone: packets (message.h) and tasks (task.h).
 *
 *     parent.c      the loop: signals, what children say, the start and the end
 *     change.c      what was read comes to be served by all, or by none
 *     role.c        which role the node has: the failover child says it, all are told
 *     questions.c   what the control socket is asked, and alerts
 *     service.c     one child's work, whichever process does it; process.c: one of them
 *     generation.c  one reading of the configuration, as its children get it
 *     last_good.c   the one that was served last, for a boot with a mistake in the file
 *     folders.c     the state folder, and in it each child's own
 *     privileges.c  what root gives up, and whom children become
 *     pair.c        keeps clients off the service address when no child is left
 *     timekeeper.c  the clock's floor, and the alert of one that is wrong
 *     socket/       which sockets it asks for (wanted), opened and kept here, so that what has come
 *                   waits while a child is replaced (sockets); interfaces come and go (links)
 *     task/         what one child asks of another: who may (tasks); what root does for them: run
 *                   hooks, install certificates, ask lifeboat-replicator
 */
#pragma once

#include "netsvc/config/config.h"

/* Runs until SIGTERM or SIGINT. The error is of the start: later mistakes are told and what served
 * before serves on. */
gboolean parent_run(const struct command_line *line, GError **error);
