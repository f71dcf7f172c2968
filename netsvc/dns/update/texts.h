/*
 * texts: TXT records that ACME clients have put into our DNS for a while: at _acme-challenge.NAME,
 * in memory, for an hour at most. They lie over the zones: no serial changes, no secondary hears of
 * them.
 */
#pragma once

#include "lib/base/cleanup.h"
#include "netsvc/dns/wire/name.h"

#define TEXTS_SECONDS 3600 /* that one lives unless it is taken back */
#define TEXTS_MAX 1024     /* of all names */
#define TEXTS_OF_NAME 16
#define TEXTS_RDATA_MAX 512 /* bytes of one */

struct texts;

struct texts *texts_new(void);
void texts_free(struct texts *texts);
AUTO_DEFINE(texts)

/* `now`: seconds of a clock that does not go back. One that is there begins its hour anew. FALSE:
 * there are too many. */
gboolean texts_add(struct texts *texts, const struct name *name, const guint8 *rdata, gsize size,
                   guint32 now);

/* That one, or with rdata NULL all of the name; those that are not there are not missed. */
void texts_remove(struct texts *texts, const struct name *name, const guint8 *rdata, gsize size);

/* Each of the name in turn, with `place` 0 at first; FALSE: that was all. */
gboolean texts_next(struct texts *texts, const struct name *name, guint32 now, guint *place,
                    const guint8 **rdata, gsize *size);

guint texts_count(const struct texts *texts);
