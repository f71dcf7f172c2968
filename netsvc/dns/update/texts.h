/*
 * texts: TXT records that ACME clients have put into our DNS for a while: at _acme-challenge.NAME,
 * in memory, for an hour at most. They lie over the zones: no serial changes, no secondary hears of
 * them; but the process after this one and the other node do (share.h).
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/wire/name.h"

#define TEXTS_SECONDS 3600 /* that one lives unless it is taken back */
#define TEXTS_MAX 1024     /* of all names */
#define TEXTS_OF_NAME 16
#define TEXTS_RDATA_MAX 512 /* bytes of one */

struct texts;

struct text {
    struct name name;
    guint32 until; /* seconds of the clock of `now` */
    gsize size;
    guint8 rdata[TEXTS_RDATA_MAX];
};

struct texts *texts_new(void);
void texts_free(struct texts *texts);
AUTO_DEFINE(texts)

/* Whether it is a TXT record's: strings that fill it (RFC 1035, 3.3.14). */
gboolean texts_is_rdata(const guint8 *rdata, gsize size);

/* For so many of TEXTS_SECONDS, or longer where it is there already. `now`: seconds of a clock that
 * does not go back. FALSE: there are too many. */
gboolean texts_add(struct texts *texts, const struct name *name, const guint8 *rdata, gsize size,
                   guint32 seconds, guint32 now);

/* That one, or with rdata NULL all of the name; those that are not there are not missed. */
void texts_remove(struct texts *texts, const struct name *name, const guint8 *rdata, gsize size);

/* Each of the name in turn, with `place` 0 at first; FALSE: that was all. */
gboolean texts_next(struct texts *texts, const struct name *name, guint32 now, guint *place,
                    const guint8 **rdata, gsize *size);

/* Each of all names, likewise; NULL: that was all. */
const struct text *texts_each(const struct texts *texts, guint32 now, guint *place);

guint texts_count(const struct texts *texts);
