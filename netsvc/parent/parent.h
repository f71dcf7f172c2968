/*
 * parent: the process that keeps the privileges, and parses nothing that a peer sent.
 *
 *     lifeboat-netsvc run ── root: opens the sockets, starts children, answers `lifeboat net …`
 *        ├─ dns   (as lifeboat-net, chroot, filter of system calls)
 *        └─ dhcp  (the same)          names of its clients → parent → dns
 *
 *     parent.c      the loop: signals, changes of the configuration and of interfaces
 *     questions.c   what the control socket is asked, and alerts
 *     service.c     a role, whichever process serves it; process.c: one of them
 *     generation.c  one reading of the configuration, as its children get it
 *     wanted.c      which sockets it asks for, by this machine's addresses
 *     sockets.c     opened and kept here, so that what has come waits while a child is replaced
 *     links.c       interfaces and addresses that come and go
 *     privileges.c  what root gives up, and whom children become
 *     timekeeper.c  the clock's floor, and the alert of one that is wrong
 */
#pragma once

#include "netsvc/config/config.h"

/* Runs until SIGTERM or SIGINT. The error is of the start: later mistakes are told and what served
 * before serves on. */
gboolean parent_run(const struct command_line *line, GError **error);
