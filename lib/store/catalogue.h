/*
 * catalogue: what snapshot.json says of one snapshot, in clear text: which it is, on what it
 * stands, how much it holds, and the hash of SHA256SUMS that ties its data to the signature. No
 * name, id or patient data.
 */
#pragma once

#include "lib/base/hash.h"
#include "lib/base/slice.h"

#define CATALOGUE_MAX 65536 /* bytes of snapshot.json that a reader accepts */
#define CATALOGUE_FORMAT 1

struct catalogue_counts {
    guint64 databases, documents, leaves, attachments, gone; /* in this snapshot */
    guint64 unread, failed; /* documents and databases that the state at it lacks or has older */
};

struct catalogue {
    char *id;     /* UUID, lower case */
    char *parent; /* UUID, or NULL for a chain's first */
    char *store;  /* UUID of the store it was written to */
    char *site;
    char *node;
    char *kind; /* "full", "increment", "merged" */
    guint64
        number; /* one more than any in the store had: which tip is the newest, since clocks lie */
    char *started, *finished; /* RFC 3339, UTC */
    char *lifeboat, *couchdb; /* versions */
    gboolean complete;        /* every listed feed was walked to its end */
    char *heals;              /* id of the damaged snapshot whose loss it makes good, or NULL */
    struct catalogue_counts counts;
    guint64 bytes_plain, bytes_compressed, bytes_stored; /* before and after zstd; in the parts */
    guint64 manifest;                                    /* place of the manifest's frame */
    char *sums;                                          /* SHA-256 of SHA256SUMS, hex */
};

struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *catalogue);
AUTO_DEFINE(catalogue)

/* The text of snapshot.json. */
GString *catalogue_write(const struct catalogue *catalogue);

/* FAIL_DAMAGED with what is wrong: no JSON, a member missing or malformed, a format that is newer
 * than this program. */
struct catalogue *catalogue_parse(struct slice text, GError **error);
