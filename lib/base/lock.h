/*
 * lock: one run at a time on a store. A file in the folder is held with flock(2) and says who holds
 * it:
 *
 *     [lock]
 *     purpose=lifeboat snapshot
 *     process=123
 *     host=a
 *     boot=UUID
 *     since=2026-11-22T08:15:00Z
 *
 * The kernel drops the lock with the process that held it, however that ends, so what a dead
 * process or another boot left behind is taken over by itself; the text is only for the message
 * that a second run gets. Works on FAT and exFAT: nothing but a plain file is needed. On NFS flock
 * is good between machines too.
 *
 * A forked child shares the lock until it ends or runs another program; a lock is not inherited
 * through exec.
 */
#pragma once

#include "lib/base/cleanup.h"

struct lock;

/*
 * Takes folder/name for `purpose`, such as "lifeboat snapshot". FAIL_LATER when somebody has it:
 * "'/media/blue/lifeboat' is in use: 'lifeboat snapshot' (process 123 on host 'a') since 08:15:00".
 * Does not wait. The folder's descriptor is duplicated.
 */
struct lock *lock_take(int folder_fd, const char *name, const char *purpose, GError **error);

/* Removes the file and lets go. NULL is fine. */
void lock_free(struct lock *lock);
AUTO_DEFINE(lock)
