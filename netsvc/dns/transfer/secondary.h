/*
 * secondary: follows a zone that others are primary for (RFC 1034, 4.3.5).
 *
 *     wait ─ refresh, retry, NOTIFY → connect → SOA ─ newer → IXFR or AXFR → a new zone, whole
 *      ↑                                         └─ same ─┐                         │
 *      └──────────────────────────────────────────────────┴────────────────────────┘
 *
 * All over one TCP connection, to the first primary that answers; signed with the zone's key. When
 * IXFR does not work out (unknown there, or the changes do not fit) the whole zone is asked for. A
 * connection that is silent for SECONDARY_SILENCE, or takes longer than SECONDARY_LONGEST, is given
 * up. A primary whose clock differs is asked with its own time (tsig.h).
 *
 * Refresh, retry and expire are those of the SOA, within the limits below, by the boot clock. Until
 * a zone is there, and after it expired, its names are answered SERVFAIL: by who is told. It is
 * kept on disk (kept.h): at once, but since writing it holds up answers the less often the larger
 * it is, every 15 s to 5 min; and at the end. What a power cut or a crash takes is what came since.
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/tsig.h"
#include "netsvc/dns/zone/zone.h"

#include <event2/event.h>

/* seconds */
#define SECONDARY_SILENCE 20
#define SECONDARY_LONGEST 900
#define SECONDARY_SAVE_MIN 15 /* between two times that the zone is written, and one more for … */
#define SECONDARY_SAVE_RRSETS 2000 /* … so many RRsets each, up to … */
#define SECONDARY_SAVE_MAX 300     /* … this */
#define SECONDARY_GAP 1            /* between the end of one check and the begin of the next */
#define SECONDARY_FIRST_RETRY 5    /* without a zone; then twice as long each time, up to … */
#define SECONDARY_LAST_RETRY 300   /* … this */
#define SECONDARY_TIMER_MIN 5      /* for what an SOA says */
#define SECONDARY_TIMER_MAX 86400
#define SECONDARY_EXPIRE_MIN 600

struct secondary;

struct secondary_role {
    struct event_base *events;
    const struct config_zone *config;
    const struct tsig_keys *keys;
    int folder;             /* that may be written to; -1: nothing is kept. The caller's */
    gboolean clock_is_sure; /* the wall clock */
    const char *boot_id;    /* of this boot (kept_boot_id); stays the caller's */
    gint64 (*boot)(void);   /* seconds since the machine started; NULL: the system's */
    gint64 (*wall)(void);   /* seconds since 1970; NULL: the system's */
    gpointer context;
    /* The zone has come, or is newer: it is the callee's, but changed from here. The one before, if
     * any, may be freed. */
    void (*arrived)(gpointer context, const struct config_zone *config, struct zone *zone);
    /* It is the same one still, but some of its names are others: a few among many. */
    void (*changed)(gpointer context, const struct config_zone *config, const struct zone *zone);
    /* It is not to be served any more. */
    void (*expired)(gpointer context, const struct config_zone *config);
    /* No primary could be asked: what is wrong, for an alert. NULL: nothing any more. */
    void (*trouble)(gpointer context, const struct config_zone *config, const char *text);
};

/* Reads what is kept, which arrives from within, and begins. */
struct secondary *secondary_new(const struct secondary_role *role, GError **error);

/* Saves what is not yet saved: before the zone is freed. */
void secondary_free(struct secondary *secondary);
AUTO_DEFINE(secondary)

/* A NOTIFY came from there (RFC 1996): looks now, unless the sender is no primary and `trusted`
 * (it is signed with the key) is not set. FALSE: it is refused. */
gboolean secondary_notified(struct secondary *secondary, const struct sockaddr_storage *from,
                            gboolean trusted);

/* Does what is due by its clock. By itself too, but for tests that set the clock. */
void secondary_look(struct secondary *secondary);

const struct name *secondary_origin(const struct secondary *secondary);

/* For status: the serial, seconds since a primary was last asked, and until it expires. FALSE:
 * there is no zone. */
struct secondary_status {
    guint32 serial;
    gint64 age, expires;
    const char *trouble; /* NULL: none */
};
gboolean secondary_status(const struct secondary *secondary, struct secondary_status *status);
