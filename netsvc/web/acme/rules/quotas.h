/*
 * quotas: how much the ACME server does for whom, so that a client that went mad fills no disk and
 * keeps no core busy. More of one client is answered rateLimited, and it comes again later; where
 * all together are too many, the oldest make room, so that nobody keeps others out.
 */
#pragma once

#include "netsvc/web/acme/ledger/ledger.h"

#include <sys/socket.h>

#define QUOTA_ACCOUNTS 2000       /* of all clients */
#define QUOTA_ORDERS 20000        /* of all accounts, old ones too */
#define QUOTA_CERTIFICATES 20000  /* that are known */
#define QUOTA_ACCOUNTS_HOURLY 60  /* of one address */
#define QUOTA_ORDERS_HOURLY 100   /* of one account */
#define QUOTA_ORDERS_KEPT 1000    /* of one account */
#define QUOTA_ORDERS_PENDING 50   /* of one account */
#define QUOTA_FAILURES_HOURLY 100 /* challenges of one account */
#define QUOTA_NAMES 50            /* of one order */
#define QUOTA_ADDRESSES 1024      /* whose new accounts are counted */
#define QUOTA_RETRY "600"         /* seconds, in Retry-After */

struct quotas;

struct quotas *quotas_new(struct ledger *ledger);
void quotas_free(struct quotas *quotas);
AUTO_DEFINE(quotas)

/* FALSE with a problem. `now`: seconds since 1970. */
gboolean quotas_account(struct quotas *quotas, const struct sockaddr_storage *from, gint64 now,
                        GError **error);
gboolean quotas_order(struct quotas *quotas, const char *account, gint64 now, GError **error);
gboolean quotas_challenge(struct quotas *quotas, const char *account, gint64 now, GError **error);
