/*
 * transfer: zones from server to server: all that this folder has, as the dns child uses it.
 *
 *     requests   tsig (any signed one) · outgoing (AXFR, IXFR) · NOTIFY in → secondary
 *     by itself  secondary (zones of others) · notify (changes of ours)
 *
 * records and content are what they are made of; incoming is a secondary's half of a transfer; kept
 * is its file.
 *
 *     transfer_open   with root's rights: keys, the boot's id
 *     transfer_begin  in the sandbox: secondaries read what is kept, sockets are opened
 */
#pragma once

#include "netsvc/config/config.h"
#include "netsvc/dns/serve/asker.h"
#include "netsvc/dns/transfer/secondary.h"
#include "netsvc/dns/transfer/tsig.h"
#include "netsvc/dns/zone/journal.h"

struct transfer_role {
    const struct config_dns *config; /* outlives it */
    struct event_base *events;
    int folder;             /* that may be written to; -1: none */
    gboolean clock_is_sure; /* the wall clock */
    gpointer context;
    /* NULL: it is not there now, which is answered SERVFAIL. */
    const struct zone *(*zone)(gpointer context, const struct name *origin);
    /* NULL: none is kept. The whole may be NULL. */
    const struct journal *(*journal)(gpointer context, const struct name *origin);
    /* As in secondary.h. */
    void (*arrived)(gpointer context, const struct config_zone *config, struct zone *zone);
    void (*expired)(gpointer context, const struct config_zone *config);
    void (*trouble)(gpointer context, const struct config_zone *config, const char *text);
    gint64 (*boot)(void), (*wall)(void); /* for tests; NULL: the system's */
};

struct transfer;

struct transfer *transfer_open(const struct config_dns *config, GError **error);
gboolean transfer_begin(struct transfer *transfer, const struct transfer_role *role,
                        GError **error);
/* Before the zones are freed, and after all TCP streams have ended. */
void transfer_free(struct transfer *transfer);
AUTO_DEFINE(transfer)

/*
 * The signature of any request, before it is answered: with NOERROR it is answered as any other,
 * with tsig_size(tsig) bytes left free, and then through transfer_sign. NOTAUTH: the answer is that
 * code alone, through transfer_sign. FORMERR: that code, unsigned. Cheap where there is none.
 */
enum rcode transfer_check(const struct transfer *transfer, const struct query *query,
                          struct tsig *tsig);

/* The query as if its asker took less by UDP: what the answer may be long without its signature. */
struct query transfer_leave_room(const struct query *query, const struct tsig *tsig);

/* Signs the answer, if the request was signed, and clears `tsig`. The answer's size; 0: no room, or
 * there was none: what is answered later, by the uplink, goes without a signature. */
gsize transfer_sign(const struct transfer *transfer, struct tsig *tsig, guint8 *out, gsize size,
                    gsize room);

/* Whether transfer_serve answers it: NOTIFY, AXFR, IXFR. */
gboolean transfer_is_ours(const struct query *query);

/* Answers such a request, signed; `tsig` (checked, NOERROR) is taken over. The size of the answer
 * in `out` with `room` bytes; 0: a stream over the asker's connection is on its way. */
gsize transfer_serve(struct transfer *transfer, const struct asker *asker,
                     const struct query *query, struct tsig *tsig, guint8 *out, gsize room);

/* A zone of ours is new, or has changed: its secondaries are told. For each change. */
void transfer_changed(struct transfer *transfer, const struct zone *zone);

/* Of a zone that is transferred from others; FALSE: it is not such a one. */
gboolean transfer_status(const struct transfer *transfer, const struct name *origin,
                         struct secondary_status *status);
