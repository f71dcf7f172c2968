/*
 * book: leases change here, and all that follows with them: what is stored, who has which name,
 * which addresses are free, and who must be told.
 */
#pragma once

#include "netsvc/dhcp/choose/choose.h"
#include "netsvc/dhcp/serve/names.h"
#include "netsvc/dhcp/serve/server.h"

struct book {
    const struct config *config;
    struct leases *leases;
    struct store *store; /* NULL: none */
    struct server_ears ears;
    const struct server_pair *pair; /* NULL: there is one node */
    gboolean paired;                /* and another one, which … */
    gboolean word;                  /* … says what it knows before a client is told */
    struct choose *choose;
    struct names *names;
    gboolean exhausted[CONFIG_SUBNETS_MAX]; /* as was told */
};

void book_open(struct book *book, const struct config *config, struct leases *leases,
               struct store *store, const struct server_ears *ears);
void book_close(struct book *book);

/* The client has the address from now on, for so long, and no other one in the subnet. `wish` is
 * the hostname that it asks for; NULL: it says none, and keeps what it had. */
const struct lease *book_bind(struct book *book, const struct choose_who *who, guint32 address,
                              guint32 seconds, const char *wish, gint64 now);

/* The client gives it up; it stays its own until others need it. */
void book_release(struct book *book, const struct lease *lease, gint64 now);

/* The address is in use by somebody whom we did not give it to: it rests. */
void book_rest(struct book *book, guint32 address, const guint8 *mac, gint64 now);

/* Whether a subnet has no room any more, or has some again. */
void book_room(struct book *book, guint subnet, gboolean tight);

/* Until when the other node surely knows that lease. */
gint64 book_acked(const struct book *book, const struct lease *lease);

/* As it is, without a change of its own: what the other node has, or how long one lasts. */
void book_copy(struct book *book, const struct lease *lease);

/* How long it lasts has changed. */
void book_change(struct book *book, const struct lease *lease);
void book_drop(struct book *book, guint32 address, gboolean is_told);

/* When to be called next: boot clock. */
gint64 book_expire(struct book *book, gint64 now);
