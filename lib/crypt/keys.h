/*
 * keys: a node's keys and the site's recovery key.
 *
 *     KEYS/                     default /var/lib/lifeboat/keys, mode 0700
 *       identity.age            the node's age identity (secret), 0600
 *       signing.pem             the node's signing key (secret), 0600
 *       signing.pub             its minisign public key
 *       recovery.pub            the recovery key's age recipient; its secret half is on paper only
 *       site                    site name, and node name, one a line
 *       trusted/NAME.pub        further signers whom this node accepts (the other node), …
 *       trusted/NAME.age        … and whom it encrypts for, too
 *
 * `keys_init` makes all of them and hands out the recovery sheet: the only place where the recovery
 * secret ever is.
 */
#pragma once

#include "lib/crypt/age.h"
#include "lib/crypt/minisign.h"

#define KEYS_TRUSTED_MAX 64 /* signers accepted at most */

struct keys {
    char *folder;                    /* for messages; NULL on a bare machine */
    char *site;                      /* NULL when opened for restoring on a bare machine */
    char *node;                      /* likewise */
    struct age_identity *identities; /* what we can decrypt with */
    guint n_identities;
    guint8 (*recipients)[AGE_KEY_SIZE]; /* whom we encrypt for: node, recovery, other nodes. None on
                                           a bare machine */
    guint n_recipients;
    struct minisign_secret *signing; /* NULL on a bare machine */
    struct minisign_public *trusted; /* whose snapshots we use; our own is among them */
    guint n_trusted;
};

/* What the recovery sheet says. On the heap: keys_sheet_free wipes the secret and frees the struct
 * as well. */
struct keys_sheet {
    char *site;
    char *secret;    /* AGE-SECRET-KEY-1… */
    char *signer;    /* minisign public key, base64 line */
    char *recipient; /* age1… */
};

/*
 * Makes a node's keys in `folder`. Refuses (FAIL_USAGE) a folder that has some: keys are never
 * overwritten. Whatever interrupts it, the folder holds all or nothing that keys_open accepts.
 */
gboolean keys_init(const char *folder, const char *site, const char *node, struct keys_sheet *sheet,
                   GError **error);

/* Opens a node's keys. Refuses secrets that others can read (mode), with the command that mends it.
 * FAIL_KEY when missing. */
struct keys *keys_open(const char *folder, GError **error);

/* The same where keys need not be: *keys is NULL when there is no such folder. Broken keys and
 * those that may not be read are an error all the same. */
gboolean keys_open_if_any(const char *folder, struct keys **keys, GError **error);

/*
 * A bare machine: an age identity file (or "-" for standard input) and the signers from the
 * recovery sheets, ended by NULL; either may be NULL: without an identity nothing can be decrypted,
 * without a signer nothing is trusted. The file may be a whole saved recovery sheet: lines that are
 * no key are passed over. Without signers, those that stand in it are trusted.
 */
struct keys *keys_open_bare(const char *identity_file, const char *const *signers, GError **error);

/* Accepts what another node signs, and encrypts for it from now on: its public halves, as texts.
 * FAIL_USAGE when they are none. */
gboolean keys_accept(const char *folder, const char *node, const char *recipient,
                     const char *signer, GError **error);

/* The site's recovery key alone, which is on paper only: for what a stolen server must not open. */
gboolean keys_recovery(const char *folder, guint8 recipient[AGE_KEY_SIZE], GError **error);

/* Whether it is a regular file that others than its owner may read or write. */
gboolean keys_is_open_to_others(const char *path);

/* ` --keys DIR` for a command that a hint names; empty for the default folder. Caller frees. */
char *keys_option(const char *folder);

/* The trusted key with that id, or NULL. */
const struct minisign_public *keys_trusted(const struct keys *keys,
                                           const guint8 id[MINISIGN_KEY_ID]);

void keys_free(struct keys *keys); /* wipes secrets */
void keys_sheet_free(struct keys_sheet *sheet);
AUTO_DEFINE(keys)
AUTO_DEFINE(keys_sheet)

/* The recovery sheet as text for a screen or printer, QR codes (UTF-8 half blocks) included; wipe
 * after use. */
char *keys_sheet_text(const struct keys_sheet *sheet, GError **error);
