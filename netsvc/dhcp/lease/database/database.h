/*
 * database: the file that store.h keeps leases in.
 *
 *     NAME             SQLite: tables `lease`, `clock`, `knowledge`; user_version DATABASE_VERSION
 *     NAME-wal         what was committed last; belongs to it
 *     NAME.new         one that is being built
 *     NAME.built       one that is complete, and counts from now on: it is about to become NAME
 *     NAME.damaged-…   what was set aside, with its -wal
 *
 * A new file is built whole beside the old one and then takes its name, so a power cut leaves the
 * old one or the new one. The old WAL must not stay beside a new NAME (SQLite would replay it), nor
 * go before it: NAME.built is what says that both are over; whoever opens finishes that first.
 *
 * One process has it open at a time: the lock is held from opening to closing (locking_mode
 * EXCLUSIVE, which also needs no shared memory). After opening, no other files are touched: it
 * works in a chroot.
 *
 * Times of leases are of the elapsed clock here (store.h).
 */
#pragma once

#include "netsvc/dhcp/lease/knowledge.h"
#include "netsvc/dhcp/lease/lease.h"

#define DATABASE_VERSION 2 /* 1: without what a pair needs; it is made 2 when it is opened */
#define DATABASE_BOOT_ID_MAX 64

struct database;

/* When a commit was: by all clocks. */
struct database_clock {
    char boot_id[DATABASE_BOOT_ID_MAX];
    gint64 boot;    /* boot clock */
    gint64 wall;    /* 0: it was not believed */
    gint64 elapsed; /* store.h */
};

struct database_change {
    struct lease lease;
    gboolean gone; /* of that address; nothing else of `lease` counts */
};

/* Of the elapsed clock: far from where sums overflow. */
static inline gboolean
database_is_time(gint64 time)
{
    const gint64 most = G_GINT64_CONSTANT(1) << 48;
    return time == G_MAXINT64 || (time > -most && time < most);
}

/* What errors mean to who calls. */
enum database_fault {
    DATABASE_FINE,
    DATABASE_FAILED,  /* for now: no room, no rights; another process has it for FAIL_LATER */
    DATABASE_DAMAGED, /* what is in it cannot be relied on */
};

/* Where there is none yet, an empty one is made. */
struct database *database_open(const char *path, enum database_fault *fault, GError **error);
void database_free(struct database *database);
AUTO_DEFINE(database)

/* Whether the file or its WAL was removed or replaced since it was opened. Then it is to be
 * abandoned: freed, with nothing written. */
gboolean database_is_lost(const struct database *database);
void database_abandon(struct database *database);

enum database_fault database_read_clock(struct database *database, struct database_clock *clock,
                                        GError **error);

/* All leases, one by one. Rows that make no sense are left out and counted. */
typedef void (*database_row)(void *context, const struct lease *lease);
enum database_fault database_read(struct database *database, database_row row, void *context,
                                  guint *senseless, GError **error);

/* What can be read of a damaged one, in any order, never twice the same; nothing is changed. A
 * clock that cannot be read has an empty boot_id. FALSE: something could not be read. */
gboolean database_salvage(const char *path, struct database_clock *clock, database_row row,
                          void *context);

enum database_fault database_read_knowledge(struct database *database, struct knowledge *knowledge,
                                            GError **error);

/* What goes with leases into a commit; NULL: that stays as it is. */
struct database_rest {
    const struct database_clock *clock;
    const struct knowledge *knowledge;
};

/* All of it is durable, or nothing is. */
enum database_fault database_commit(struct database *database,
                                    const struct database_change *changes, gsize count,
                                    const struct database_rest *rest, GError **error);

/* Pages in the WAL; and writes them back into the file, so that the WAL begins anew. */
guint database_wal_pages(const struct database *database);
enum database_fault database_write_back(struct database *database, GError **error);

/* Puts a new file of those leases in the place of the old one, which is set aside as
 * NAME.damaged-TIME where it is there (the name is given back, caller frees), and must not be
 * open. */
gboolean database_replace(const char *path, const struct database_change *changes, gsize count,
                          const struct database_rest *rest, gint64 time, char **aside,
                          GError **error);
