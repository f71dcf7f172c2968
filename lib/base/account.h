/*
 * account: giving up root's rights for those of another user.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <sys/types.h>

struct account {
    uid_t uid;
    gid_t gid;
};

/* FALSE when there is no such user. */
gboolean account_find(const char *name, struct account *account);

/*
 * Becomes that user for good: groups, capabilities, everything. With `may_read`, programs that are
 * run from here can be given the right to read any file (account_let_read).
 */
gboolean account_become(const struct account *account, gboolean may_read, GError **error);

/* The same, but for these capabilities (CAP_NET_ADMIN, …; ends with -1; NULL: none), which stay in
 * force in this process and go to no program that it would run. */
gboolean account_become_with(const struct account *account, const int *rights, GError **error);

/*
 * What root does by hand with a store that belongs to the user is done as the user, so that the
 * daemon can go on with it: becomes him, with the right to read any file, where `folder/lifeboat`
 * (or `folder` itself) is his. `state` is handed to him. Does nothing for others than root.
 */
gboolean account_follow(const char *name, const char *folder, const char *state, GError **error);

/* In a child, before it runs a program: that one may read any file, as CHT's .env, which is root's.
 * Does nothing where account_become was not told so. */
void account_let_read(void);

/* Hands a folder and all in it to the user, following no link. An errno; 0 when done. */
int account_give(const struct account *account, const char *folder);

/*
 * Makes a folder, if need be, and hands it and all in it to the user, unless it is his already.
 * Refused, and nothing changed, where it holds what is neither his nor named in `ours` (ends with
 * NULL): who sets `key` to a folder such as /run does not mean to give all in it away.
 */
gboolean account_own(const struct account *account, const char *key, const char *folder,
                     mode_t mode, const char *const *ours, GError **error);

/* The same with the state folder, and what all parts of Lifeboat keep there. */
gboolean account_own_state(const struct account *account, const char *state, GError **error);
