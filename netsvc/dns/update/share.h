/*
 * share: the TXT records of ACME clients (texts.h) for the process that comes after this one, be it
 * by a reload, and for the other node, whose answers are to be the same.
 *
 *     file "texts"   "lifeboat texts 1\n", the boot's id, a space, its seconds, a line feed,
 * entries message        entries; failover/send to dns/peer entry          act(1) seconds that are
 * left(2) name size(2) rdata     numbers big endian act            SHARE_PUT, SHARE_REMOVE that
 * one, SHARE_CLEAR all of the name
 *
 * The file is written with each change. Of another boot it is not read: by then the client has
 * begun anew. At a reload the process before may take one more update after this one has read what
 * it had, so it is read once more when that is gone; what was taken back in that moment comes back
 * for its hour.
 *
 * The other node gets each change, and all that there is when the two meet, and so gives what it
 * has.
 */
#pragma once

#include "netsvc/dns/update/texts.h"

#include <sys/types.h>

#define SHARE_MESSAGE_MAX 50000          /* bytes */
#define SHARE_FILE_MAX (2 * 1024 * 1024) /* bytes */
#define SHARE_AGAIN 2                    /* seconds until it is read once more */

enum share_act { SHARE_PUT = 1, SHARE_REMOVE, SHARE_CLEAR };

struct share;

struct share_means {
    struct texts *texts;
    int folder;                       /* the caller's */
    const char *boot_id;              /* "": not known; nothing is kept then */
    guint32 (*now)(gpointer context); /* of `texts`: seconds of the boot */
    gboolean (*may_hold)(gpointer context, const struct name *name);
    void (*send)(gpointer context, const guint8 *data, gsize size);
    gpointer context;
};

struct share *share_new(const struct share_means *means);
void share_free(struct share *share);
AUTO_DEFINE(share)

/* What is in the file, unless it is here already. */
void share_read(struct share *share);

/* What there is is written. */
void share_write(struct share *share);

/* One was put, or taken back (update_changed). */
void share_change(struct share *share, gboolean put, const struct name *name, const guint8 *rdata,
                  gsize size);

/* Whether the other node can be talked to. */
void share_peer(struct share *share, gboolean there);

/* From the other node: what makes sense of it. */
void share_take(struct share *share, const guint8 *data, gsize size);
