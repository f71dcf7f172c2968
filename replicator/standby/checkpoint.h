/*
 * checkpoint: how far a database was followed, as _local/lifeboat-standby-ID in the source and in
 * the target, in the form that CouchDB's replication has (session_id, history), so that whoever
 * knows that form can read it, and lifeboat never copies it (locals_kept).
 *
 * It is believed only together with the tokens (token.h) that both got when it was written: so what
 * was copied after it is listed again after a restart, which costs little, since the target says
 * that it has it.
 */
#pragma once

#include "lib/http/http.h"

#define CHECKPOINT_MARKS_MAX 24     /* the oldest is months old then */
#define CHECKPOINT_LACKING_MAX 1000 /* revisions that it names */

/* A revision that the source did not give, or the target did not take. */
struct lacking {
    char *id, *rev; /* rev "": the document */
    char *reason;
};

void lacking_free(gpointer lacking);

/* Where the target stood at some time: at a switch a client may go on from there
 * (switch/clients/behind.h). Each is about twice as old as the next. */
struct mark {
    char *sequence; /* raw JSON */
    gint64 at;      /* seconds since 1970 UTC */
};

void mark_free(gpointer mark);

struct checkpoint {
    char *since;        /* raw JSON; NULL: there is none */
    char *source;       /* uuid of the CouchDB that it is of */
    char *tokens;       /* those of the source, raw JSON */
    char *here;         /* those of the target, raw JSON; NULL: none */
    char *purge_seq;    /* raw JSON or NULL: of the source, up to which purges were applied */
    char *created;      /* instance_start_time of the source's database, or NULL */
    char *seen;         /* update_seq of the source when all up to `since` was copied, raw JSON */
    guint64 former;     /* documents of which the target has what is of a database that the source
                           dropped, and made anew under the same name */
    GPtrArray *marks;   /* struct mark, the newest first */
    GPtrArray *lacking; /* struct lacking */
    guint64 unnamed;    /* revisions beyond CHECKPOINT_LACKING_MAX: then it may not be written */
};

void checkpoint_init(struct checkpoint *checkpoint);
void checkpoint_clear(struct checkpoint *checkpoint);

/* Notes where the target stands, and drops what is not needed of the older ones. */
void checkpoint_add_mark(struct checkpoint *checkpoint, const char *sequence, gint64 now);

/* Names a revision, once; `reason` is the newest. */
void checkpoint_add_lacking(struct checkpoint *checkpoint, struct slice id, struct slice rev,
                            const char *reason);

/* Why clients must not be switched to the target as it stands, and what to do; NULL: `former` is 0.
 * Whoever looks would find the former's documents, and those before newer ones: the revision that
 * was written more often wins. */
char *checkpoint_tell_former(const struct checkpoint *checkpoint, const char *database);

/* Reads what the target has; without one, `since` is NULL. */
gboolean checkpoint_read(struct checkpoint *checkpoint, struct http *target, const char *database,
                         const char *id, GError **error);

/* That is soon read. FALSE: there is no room for more (http_ahead). */
gboolean checkpoint_ahead(struct http *target, const char *database, const char *id);

/* Writes it to the target, then to the source; an account that may not write there is no error. */
gboolean checkpoint_write(const struct checkpoint *checkpoint, struct http *target,
                          struct http *source, const char *database, const char *id,
                          GError **error);
