/*
 * limits: how much the ACME server does for whom, so that a client that went mad fills no disk and
 * keeps no core busy. More is answered rateLimited, and the client comes again later.
 */
#pragma once

#include "netsvc/web/acme/ledger/ledger.h"

#include <sys/socket.h>

#define LIMIT_ACCOUNTS 2000       /* of all clients */
#define LIMIT_ORDERS 20000        /* of all accounts, old ones too */
#define LIMIT_CERTIFICATES 20000  /* that are known */
#define LIMIT_ACCOUNTS_HOURLY 60  /* of one address */
#define LIMIT_ORDERS_HOURLY 100   /* of one account */
#define LIMIT_ORDERS_KEPT 1000    /* of one account */
#define LIMIT_ORDERS_PENDING 50   /* of one account */
#define LIMIT_FAILURES_HOURLY 100 /* challenges of one account */
#define LIMIT_NAMES 50            /* of one order */
#define LIMIT_CONTACTS 10         /* of one account, of 255 bytes each */
#define LIMIT_ADDRESSES 1024      /* whose new accounts are counted */
#define LIMIT_RETRY "600"         /* seconds, in Retry-After */

struct limits;

struct limits *limits_new(struct ledger *ledger);
void limits_free(struct limits *limits);
AUTO_DEFINE(limits)

/* FALSE with a problem. `now`: seconds since 1970. */
gboolean limits_account(struct limits *limits, const struct sockaddr_storage *from, gint64 now,
                        GError **error);
gboolean limits_order(struct limits *limits, const char *account, gint64 now, GError **error);
gboolean limits_challenge(struct limits *limits, const char *account, gint64 now, GError **error);
