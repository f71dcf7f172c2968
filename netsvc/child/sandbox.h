/*
 * sandbox: what a child gives up before it reads the first byte of a peer.
 */
#pragma once

#include "lib/base/account.h"

struct sandbox {
    const struct account *account; /* whom it becomes; NULL: it has no root's rights to give up */
    const char *folder;     /* its root folder from then on, the only one that it may write to */
    const int *calls;       /* system calls beside everybody's; ends with -1; NULL: none */
    const int *rights;      /* capabilities that it keeps nevertheless; ends with -1; NULL: none */
    gboolean makes_sockets; /* UDP and TCP ones */
};

/* For good. After it the current folder is `folder`; with root's rights it is the root folder, too.
 */
gboolean sandbox_enter(const struct sandbox *sandbox, GError **error);
