/*
 * selection: what the commands of lifeboat-restore begin with: the keys, the store, and which
 * snapshot is meant.
 */
#pragma once

#include "lib/command/command.h"
#include "lib/store/store.h"
#include "restore/newer.h"

struct selection {
    struct keys
        *keys; /* a node's (--keys, or the default place), or a bare machine's (--key, --signer) */
    struct store *store;
    struct snapshot
        *snapshot; /* by --snapshot or --at, else the newest complete one; NULL if there is none */
    gboolean partial; /* it is an incomplete one, allowed by --partial */
    GPtrArray *newer; /* struct newer: what is newer and cannot be used; none with --snapshot */
};

/*
 * Reads --key, --signer (which a whole recovery sheet given with --key names too), --keys, STORE,
 * and where the command has them --snapshot, --at and
 * --partial. --key together with --keys, or --at with --snapshot, is FAIL_USAGE. With `decrypt`,
 * keys that cannot decrypt are FAIL_KEY. `--at TIME` is the newest complete snapshot that had
 * started by then, following the chain, not the clock, where it can. A snapshot that is not
 * trusted, or whose chain is broken, is FAIL_DAMAGED with what is missing.
 */
gboolean selection_open(struct selection *selection, const struct command_line *line,
                        gboolean decrypt, GError **error);
void selection_clear(struct selection *selection);

/* All snapshots (struct snapshot) in their order, the newest last; the array is the caller's. */
GPtrArray *selection_in_order(const struct store *store);

/*
 * Without any keys: takes the signers' public keys that lie on the medium itself. That a signature
 * fits one of them shows that nothing was damaged, not who made it. Nothing is selected afterwards.
 */
gboolean selection_trust_medium(struct selection *selection, GError **error);
