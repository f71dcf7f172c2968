#include "netsvc/web/acme/rules/limits.h"

#include "netsvc/web/acme/problem.h"

#include <netinet/in.h>

#define HOUR 3600

struct limits {
    struct ledger *ledger;
    GHashTable *addresses; /* GBytes → number of accounts in this hour */
    gint64 hour;
};

struct limits *
limits_new(struct ledger *ledger)
{
    struct limits *limits = g_new0(struct limits, 1);
    limits->ledger = ledger;
    limits->addresses =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    return limits;
}

void
limits_free(struct limits *limits)
{
    if (limits == NULL)
        return;
    g_hash_table_unref(limits->addresses);
    g_free(limits);
}

static gboolean
has_room(struct limits *limits, enum ledger_what what, const char *account, gint64 since, guint max,
         const char *of_what, GError **error)
{
    guint count;
    if (!ledger_count(limits->ledger, what, account, since, &count, error))
        return FALSE;
    return count < max ||
           problem_set(error, PROBLEM_RATE_LIMITED,
                       "there are too many %s, %u at most: try again later", of_what, max);
}

/* One address of IPv4, a /64 of IPv6. */
static GBytes *
key_of(const struct sockaddr_storage *from)
{
    if (from->ss_family == AF_INET6)
        return g_bytes_new(&((const struct sockaddr_in6 *)from)->sin6_addr, 8);
    return g_bytes_new(&((const struct sockaddr_in *)from)->sin_addr, 4);
}

gboolean
limits_account(struct limits *limits, const struct sockaddr_storage *from, gint64 now,
               GError **error)
{
    if (limits->hour != now / HOUR || g_hash_table_size(limits->addresses) >= LIMIT_ADDRESSES)
        g_hash_table_remove_all(limits->addresses);
    limits->hour = now / HOUR;
    GBytes *key = key_of(from);
    guint made = GPOINTER_TO_UINT(g_hash_table_lookup(limits->addresses, key));
    g_hash_table_replace(limits->addresses, key, GUINT_TO_POINTER(made + 1));
    if (made >= LIMIT_ACCOUNTS_HOURLY)
        return problem_set(error, PROBLEM_RATE_LIMITED,
                           "there were too many new accounts of your address in this hour");
    return has_room(limits, LEDGER_ACCOUNTS, NULL, 0, LIMIT_ACCOUNTS, "accounts", error);
}

gboolean
limits_order(struct limits *limits, const char *account, gint64 now, GError **error)
{
    return has_room(limits, LEDGER_ORDERS_PENDING, account, now, LIMIT_ORDERS_PENDING,
                    "pending orders of this account", error) &&
           has_room(limits, LEDGER_ORDERS_SINCE, account, now - HOUR, LIMIT_ORDERS_HOURLY,
                    "orders of this account in an hour", error) &&
           has_room(limits, LEDGER_ORDERS_SINCE, account, 0, LIMIT_ORDERS_KEPT,
                    "orders of this account", error) &&
           has_room(limits, LEDGER_ORDERS, NULL, 0, LIMIT_ORDERS, "orders", error) &&
           has_room(limits, LEDGER_CERTIFICATES, NULL, 0, LIMIT_CERTIFICATES, "certificates",
                    error);
}

gboolean
limits_challenge(struct limits *limits, const char *account, gint64 now, GError **error)
{
    return has_room(limits, LEDGER_FAILURES_SINCE, account, now - HOUR, LIMIT_FAILURES_HOURLY,
                    "failed challenges of this account in an hour", error);
}
