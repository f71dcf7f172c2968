/*
 * store: the directory `lifeboat/` that holds snapshots, and what is trusted in it.
 *
 *     STORE/lifeboat/  README.txt  store.json  signers/NODE.pub  snapshots/TIME-ID/…
 *
 * A folder under snapshots/ counts only with a signature by a trusted key over a snapshot.json that
 * fits; everything else is an unsealed rest that the next writer removes. Order is by parent, never
 * by time. The store on the medium is not believed: every text is capped and checked.
 */
#pragma once

#include "lib/base/progress.h"
#include "lib/crypt/keys.h"
#include "lib/store/catalogue.h"

#define STORE_SNAPSHOTS_MAX 100000  /* folders that a reader looks at */
#define STORE_SUMS_MAX (256 * 1024) /* bytes of SHA256SUMS */
#define STORE_JSON_MAX 65536        /* bytes of store.json */

/* What became of a folder under snapshots/. */
enum snapshot_trust {
    SNAPSHOT_TRUSTED,   /* signed by a key that we trust */
    SNAPSHOT_UNSEALED,  /* no signature: an interrupted run's rest */
    SNAPSHOT_UNSIGNED,  /* the same with snapshot.json: never finished, or tampered with */
    SNAPSHOT_FOREIGN,   /* signed by a key that we do not trust */
    SNAPSHOT_ELSEWHERE, /* signed by one that we trust, for another store or site */
    SNAPSHOT_DAMAGED,   /* signature or catalogue entry broken */
};

struct snapshot {
    char *folder; /* "20261122T081500Z-7f3a" */
    enum snapshot_trust trust;
    char *problem;               /* why it is not trusted; NULL otherwise */
    struct catalogue *catalogue; /* NULL when damaged or unsealed; for a foreign one only to show */
    guint8 signer[MINISIGN_KEY_ID]; /* key id that the signature names */
    struct snapshot
        *parent;       /* in this store, trusted; NULL when first or when the parent is missing */
    guint depth;       /* snapshots before it in its chain, as far as they are here */
    gboolean rooted;   /* the chain reaches back to a snapshot without a parent */
    gboolean replaced; /* trusted, and hidden: a merged one stands for it (lineage.h) */
    gboolean checked;  /* its parts were read, and are those that were signed */
};

struct store {
    char *path;        /* as given, for messages */
    char *id;          /* UUID; NULL when nothing tells it */
    char *site;        /* likewise */
    gboolean nameless; /* store.json was missing where snapshots are: they told id and site */
    int fd;            /* STORE/lifeboat */
    int snapshots_fd;
    GPtrArray *snapshots; /* struct snapshot, folder names ascending */
};

/*
 * Opens a store for reading. FAIL_DAMAGED when there is none, or its store.json is unreadable; one
 * that is missing is made good by what trusted snapshots say. With
 * keys, folders are checked against them; NULL: nothing is trusted, yet all is listed.
 */
struct store *store_open(const char *path, const struct keys *keys, GError **error);

/*
 * Opens one for writing, making it (with README and signers) when the directory has none. Refuses a
 * store of another site, and one with snapshots by a signer who is not accepted (FAIL_DAMAGED; the
 * hint tells how to accept him). Nobody's public key in signers/ is overwritten. `created` is the
 * time for store.json, RFC 3339.
 */
struct store *store_open_for_writing(const char *path, const struct keys *keys, const char *created,
                                     GError **error);
/* Whether it is the store with that id (FAIL_DAMAGED); NULL: any is. */
gboolean store_check_id(const struct store *store, const char *id, GError **error);
void store_free(struct store *store);
AUTO_DEFINE(store)

/* One that is not in a folder here, without snapshots as yet: `path` is its name in messages. And
 * what its store.json says: id and site. */
struct store *store_new(const char *path);
gboolean store_parse_identity(struct store *store, struct slice json, GError **error);

/* Removes folders without a signature, and what an interrupted removal left; nothing that is sealed
 * is touched. */
gboolean store_remove_unsealed(struct store *store, GError **error);

/* The newest trusted snapshot, by number, whose chain is whole; with `complete`, a complete one.
 * NULL if none. */
struct snapshot *store_tip(const struct store *store, gboolean complete);

/* The same among those that one key signed: a node that cannot decrypt another's goes on with its
 * own chain. */
struct snapshot *store_tip_by(const struct store *store, gboolean complete,
                              const guint8 signer[MINISIGN_KEY_ID]);

/*
 * Reads all parts of a trusted snapshot, past the page cache, and compares them with what was
 * signed; once for as long as the store is open. FAIL_DAMAGED: it is no longer trusted, and its
 * problem says why.
 */
gboolean store_check(struct store *store, struct snapshot *snapshot, struct progress *progress,
                     GError **error);

/* The same for `tip` and all that it builds upon. What comes out of a chain may only be believed
 * after this. */
gboolean store_check_chain(struct store *store, struct snapshot *tip, struct progress *progress,
                           GError **error);

/* Whether a snapshot that was sealed cannot be restored: damaged, or standing on one that is
 * missing or damaged. */
gboolean store_is_lost(const struct snapshot *snapshot);

/* The newest one that is lost; NULL if none. */
const struct snapshot *store_orphan(const struct store *store);

/* Whether a trusted snapshot builds upon this one: a link that was interrupted has been gone on
 * from. */
gboolean store_is_continued(const struct store *store, const struct snapshot *snapshot);

/* Whether there is a folder of that name, whatever it is. */
gboolean store_has_folder(const struct store *store, const char *folder);

/* The number for the next snapshot. */
guint64 store_next_number(const struct store *store);

/* Reads the folders again, after a seal or removal. What is no snapshot's folder is passed over. */
gboolean store_refresh(struct store *store, const struct keys *keys, GError **error);

/* By id, a unique beginning of it (4 digits at least), or folder name. FAIL_FAILED names what is
 * there. */
struct snapshot *store_find(const struct store *store, const char *name, GError **error);

/* Makes the folder for a new snapshot, named after its start and the first four digits of its id,
 * or, where a folder has that name, the next four: a merged one lies beside the one whose id it
 * takes. The name goes to *folder (caller frees). */
int store_make_snapshot(struct store *store, const char *id, const char *started, char **folder,
                        GError **error);

/* Opens the snapshot's folder; and reads SHA256SUMS, which must have the hash that the signed
 * catalogue entry names. */
int store_open_snapshot(const struct store *store, const struct snapshot *snapshot, GError **error);
char *store_read_sums(int folder_fd, const struct snapshot *snapshot, GError **error);

/*
 * Seals a folder whose parts are durable and verified: SHA256SUMS, snapshot.json, the signature
 * last. The catalogue's `sums` is filled in here.
 */
gboolean store_seal(struct store *store, int folder_fd, const char *sums,
                    struct catalogue *catalogue, const struct keys *keys, GError **error);
