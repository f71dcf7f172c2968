/*
 * sqlite: a file of SQLite that outlives any power cut: WAL, synchronous=FULL. What was committed
 * is there after it, or it is known to be lost.
 *
 *     NAME                SQLite; its user_version is the version of its tables
 *     NAME-wal            what was committed last; belongs to it
 *     NAME.damaged-TIME   what was set aside, with its -wal; seconds since 1970
 *
 * Functions that give an int give SQLite's (extended) codes; sqlite_failed makes an error of them.
 * What has to be said in SQL stays with who owns the tables, and so do its statements: whoever
 * prepared one finalizes it before the file is closed.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <sqlite3.h>
#include <sys/types.h>

/* What is alike for all files of one purpose. */
struct sqlite_kind {
    const char *what;   /* for messages: "record" */
    int version;        /* of the tables; a file of a newer one is refused */
    const char *tables; /* SQL that makes them in an empty file; NULL: no file is made */
    /* 0: one process has it open at a time, with the lock held until it closes; no other files are
     * touched after opening, so that it works in a chroot. Else several may, and each waits so long
     * for another one's commit. */
    int share_ms;
    gboolean unreadable_is_damage; /* and not a fault of the disk that may pass */
};

/* Which file has a name; number 0: none has. */
struct sqlite_place {
    dev_t device;
    ino_t number;
};

struct sqlite {
    const struct sqlite_kind *kind;
    sqlite3 *db; /* NULL: it is closed */
    char *path;
    int version;                   /* as it was found; of a new one 0 */
    gboolean damaged;              /* it cannot be relied on; closing it changes nothing any more */
    struct sqlite_place main, wal; /* those that are open */
};

/* Opens it with its lock, checks all of it, and makes the tables of an empty one. Where that fails,
 * `damaged` tells whether it is to be set aside; either way it is to be closed. */
gboolean sqlite_open(struct sqlite *sqlite, const struct sqlite_kind *kind, const char *path,
                     GError **error);
void sqlite_close(struct sqlite *sqlite);

/* Closes it with nothing written, and renames it. *name: how it is called now (caller frees). */
gboolean sqlite_set_aside(struct sqlite *sqlite, char **name, GError **error);

/* Whether the file or its WAL was removed or replaced since it was opened: what is written to it
 * would be found by nobody. It is to be abandoned then: closed, with nothing written. */
gboolean sqlite_is_lost(const struct sqlite *sqlite);
void sqlite_abandon(struct sqlite *sqlite);

/* For who makes or looks at one in a way of its own: opened with those SQLITE_OPEN_… flags, with
 * nothing checked and no lock taken, and SQLite's journal. It is to be closed even where it
 * failed. */
int sqlite_connect(struct sqlite *sqlite, const struct sqlite_kind *kind, const char *path,
                   int flags);

/* Gives FALSE, with what the code means: FAIL_LATER while another process has it, FAIL_DAMAGED, or
 * FAIL_FAILED. */
gboolean sqlite_failed(struct sqlite *sqlite, int code, GError **error);

/* ---- statements; they give SQLITE_OK when all is done ---- */

/* One statement or several, whose rows are of no interest. */
int sqlite_run(struct sqlite *sqlite, const char *text);

/* All rows of one, and the first value of the first row (NULL: none; the caller frees it). */
typedef void (*sqlite_row)(gpointer context, sqlite3_stmt *row);
int sqlite_each(struct sqlite *sqlite, const char *text, sqlite_row row, gpointer context);
int sqlite_ask(struct sqlite *sqlite, const char *text, char **value);

/* One that is used again and again; and runs it, ready for the next time. */
int sqlite_prepare(struct sqlite *sqlite, const char *text, sqlite3_stmt **statement);
int sqlite_step(sqlite3_stmt *statement);
