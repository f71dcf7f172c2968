#include "netsvc/web/acme/rules/quotas.h"

#include "netsvc/web/acme/problem.h"

#include <netinet/in.h>

#define HOUR 3600

struct quotas {
    struct ledger *ledger;
    GHashTable *addresses; /* GBytes → number of accounts in this hour */
    gint64 hour;
};

struct quotas *
quotas_new(struct ledger *ledger)
{
    struct quotas *quotas = g_new0(struct quotas, 1);
    quotas->ledger = ledger;
    quotas->addresses =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    return quotas;
}

void
quotas_free(struct quotas *quotas)
{
    if (quotas == NULL)
        return;
    g_hash_table_unref(quotas->addresses);
    g_free(quotas);
}

static gboolean
has_room(struct quotas *quotas, enum ledger_what what, const char *account, gint64 since, guint max,
         const char *of_what, GError **error)
{
    guint count;
    if (!ledger_count(quotas->ledger, what, account, since, &count, error))
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
quotas_account(struct quotas *quotas, const struct sockaddr_storage *from, gint64 now,
               GError **error)
{
    if (quotas->hour != now / HOUR || g_hash_table_size(quotas->addresses) >= QUOTA_ADDRESSES)
        g_hash_table_remove_all(quotas->addresses);
    quotas->hour = now / HOUR;
    GBytes *key = key_of(from);
    guint made = GPOINTER_TO_UINT(g_hash_table_lookup(quotas->addresses, key));
    g_hash_table_replace(quotas->addresses, key, GUINT_TO_POINTER(made + 1));
    if (made >= QUOTA_ACCOUNTS_HOURLY)
        return problem_set(error, PROBLEM_RATE_LIMITED,
                           "there were too many new accounts of your address in this hour");
    return ledger_make_room(quotas->ledger, LEDGER_ACCOUNTS, QUOTA_ACCOUNTS, error);
}

gboolean
quotas_order(struct quotas *quotas, const char *account, gint64 now, GError **error)
{
    return has_room(quotas, LEDGER_ORDERS_PENDING, account, now, QUOTA_ORDERS_PENDING,
                    "pending orders of this account", error) &&
           has_room(quotas, LEDGER_ORDERS_SINCE, account, now - HOUR, QUOTA_ORDERS_HOURLY,
                    "orders of this account in an hour", error) &&
           has_room(quotas, LEDGER_ORDERS_SINCE, account, 0, QUOTA_ORDERS_KEPT,
                    "orders of this account", error) &&
           ledger_make_room(quotas->ledger, LEDGER_ORDERS, QUOTA_ORDERS, error) &&
           ledger_make_room(quotas->ledger, LEDGER_CERTIFICATES, QUOTA_CERTIFICATES, error);
}

gboolean
quotas_challenge(struct quotas *quotas, const char *account, gint64 now, GError **error)
{
    return has_room(quotas, LEDGER_FAILURES_SINCE, account, now - HOUR, QUOTA_FAILURES_HOURLY,
                    "failed challenges of this account in an hour", error);
}
