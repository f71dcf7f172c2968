/* lease: whatever is done, it says what a plain list would say. */
#include "netsvc/dhcp/lease/lease.h"

#include <string.h>

#define NETWORK 0x0a000000u
#define MASK 0xffffff00u
#define ADDRESSES 600 /* in three subnets */
#define CLIENTS 200

static struct lease
lease_of(guint32 address, enum lease_state state, const char *key)
{
    struct lease lease = {.address = address, .state = state, .since = 100, .until = 200};
    lease.key_size = (guint8)strlen(key);
    memcpy(lease.key, key, lease.key_size);
    return lease;
}

static struct lease *
put(struct leases *leases, guint32 address, enum lease_state state, const char *key)
{
    struct lease lease = lease_of(address, state, key);
    return leases_put(leases, &lease);
}

static struct lease *
of_key(const struct leases *leases, guint32 network, const char *key)
{
    return leases_of_key(leases, network, MASK, (const guint8 *)key, strlen(key));
}

/* ---- what the header says ---- */

static void
test_a_lease_is_found_by_its_address_and_by_its_client(void)
{
    AUTO(leases) *leases = leases_new();
    g_assert_null(leases_of_address(leases, NETWORK + 7));
    g_assert_null(of_key(leases, NETWORK, "a"));
    struct lease *lease = put(leases, NETWORK + 7, LEASE_LEASED, "a");
    g_assert_true(leases_of_address(leases, NETWORK + 7) == lease);
    g_assert_true(of_key(leases, NETWORK, "a") == lease);
    g_assert_null(of_key(leases, NETWORK, "b"));
    g_assert_null(of_key(leases, NETWORK, "ab"));
}

static void
test_a_client_has_a_lease_in_each_subnet(void)
{
    AUTO(leases) *leases = leases_new();
    struct lease *here = put(leases, NETWORK + 7, LEASE_LEASED, "a");
    struct lease *there = put(leases, NETWORK + 0x107, LEASE_LEASED, "a");
    g_assert_true(of_key(leases, NETWORK, "a") == here);
    g_assert_true(of_key(leases, NETWORK + 0x100, "a") == there);
    g_assert_null(of_key(leases, NETWORK + 0x200, "a"));
}

static void
test_what_a_client_has_comes_before_what_it_had(void)
{
    AUTO(leases) *leases = leases_new();
    put(leases, NETWORK + 1, LEASE_EXPIRED, "a");
    put(leases, NETWORK + 2, LEASE_LEASED, "a");
    put(leases, NETWORK + 3, LEASE_OFFERED, "a");
    g_assert_cmpuint(of_key(leases, NETWORK, "a")->address, ==, NETWORK + 2);
}

static void
test_an_address_that_another_client_gets_is_no_longer_the_first_ones(void)
{
    AUTO(leases) *leases = leases_new();
    struct lease *lease = put(leases, NETWORK + 7, LEASE_EXPIRED, "a");
    g_assert_true(put(leases, NETWORK + 7, LEASE_OFFERED, "b") == lease);
    g_assert_null(of_key(leases, NETWORK, "a"));
    g_assert_true(of_key(leases, NETWORK, "b") == lease);
}

static void
test_a_declined_address_is_no_clients(void)
{
    AUTO(leases) *leases = leases_new();
    put(leases, NETWORK + 7, LEASE_LEASED, "a");
    put(leases, NETWORK + 7, LEASE_DECLINED, "a");
    g_assert_null(of_key(leases, NETWORK, "a"));
    put(leases, NETWORK + 7, LEASE_OFFERED, "a");
    g_assert_nonnull(of_key(leases, NETWORK, "a"));
}

static void
test_what_was_given_up_does_not_end_again(void)
{
    AUTO(leases) *leases = leases_new();
    put(leases, NETWORK + 1, LEASE_EXPIRED, "a");
    put(leases, NETWORK + 2, LEASE_RELEASED, "b");
    g_assert_cmpint(leases_next_over(leases), ==, G_MAXINT64);
    g_assert_null(leases_over(leases, G_MAXINT64));
    put(leases, NETWORK + 3, LEASE_LEASED, "c");
    g_assert_cmpint(leases_next_over(leases), ==, 200);
    g_assert_null(leases_over(leases, 199));
    g_assert_cmpuint(leases_over(leases, 200)->address, ==, NETWORK + 3);
}

static void
test_a_lease_without_end_never_ends(void)
{
    AUTO(leases) *leases = leases_new();
    struct lease endless = lease_of(NETWORK + 1, LEASE_LEASED, "a");
    endless.until = G_MAXINT64;
    leases_put(leases, &endless);
    g_assert_null(leases_over(leases, G_MAXINT64));
}

/* ---- against a list ---- */

struct list {
    struct lease leases[ADDRESSES];
    gboolean there[ADDRESSES];
};

static void
assert_same_end(struct leases *leases, const struct list *list, gint64 now)
{
    gint64 next = G_MAXINT64;
    for (guint i = 0; i < ADDRESSES; i++)
        if (list->there[i] && list->leases[i].state != LEASE_EXPIRED &&
            list->leases[i].state != LEASE_RELEASED)
            next = MIN(next, list->leases[i].until);
    g_assert_cmpint(leases_next_over(leases), ==, next);
    const struct lease *over = leases_over(leases, now);
    g_assert_true((over != NULL) == (next <= now));
    if (over != NULL)
        g_assert_cmpint(over->until, ==, next);
}

static void
assert_same_range(const struct leases *leases, const struct list *list, guint first, guint last)
{
    const struct lease *oldest = NULL;
    guint count[LEASE_STATES] = {0};
    for (guint i = first; i <= last; i++) {
        const struct lease *lease = &list->leases[i];
        if (!list->there[i])
            continue;
        count[lease->state]++;
        if ((lease->state == LEASE_EXPIRED || lease->state == LEASE_RELEASED) &&
            (oldest == NULL || lease->since < oldest->since))
            oldest = lease;
    }
    for (guint state = 0; state < LEASE_STATES; state++)
        g_assert_cmpuint(leases_count(leases, state, NETWORK + first, NETWORK + last), ==,
                         count[state]);
    const struct lease *found = leases_oldest(leases, NETWORK + first, NETWORK + last);
    g_assert_true((found != NULL) == (oldest != NULL));
    if (found != NULL)
        g_assert_cmpuint(found->address, ==, oldest->address);
}

static void
assert_same_order(const struct leases *leases, const struct list *list)
{
    const struct lease *lease = leases_after(leases, 0);
    for (guint i = 0; i < ADDRESSES; i++) {
        g_assert_true((leases_of_address(leases, NETWORK + i) != NULL) == list->there[i]);
        if (!list->there[i])
            continue;
        g_assert_nonnull(lease);
        g_assert_cmpmem(lease, sizeof *lease, &list->leases[i], sizeof list->leases[i]);
        lease = leases_after(leases, lease->address);
    }
    g_assert_null(lease);
}

static void
assert_found_by_key(const struct leases *leases, const struct list *list, guint i)
{
    const struct lease *lease = &list->leases[i];
    if (!list->there[i] || lease->state == LEASE_DECLINED)
        return;
    const struct lease *found =
        leases_of_key(leases, lease->address & MASK, MASK, lease->key, lease->key_size);
    g_assert_nonnull(found);
    g_assert_cmpmem(found->key, found->key_size, lease->key, lease->key_size);
}

static void
change_one(struct leases *leases, struct list *list)
{
    guint i = (guint)g_test_rand_int_range(0, ADDRESSES);
    if (list->there[i] && g_test_rand_int_range(0, 4) == 0) {
        leases_remove(leases, leases_of_address(leases, NETWORK + i));
        list->there[i] = FALSE;
        return;
    }
    g_autofree char *key = g_strdup_printf("client-%d", g_test_rand_int_range(0, CLIENTS));
    struct lease lease = lease_of(NETWORK + i, (guint)g_test_rand_int_range(0, LEASE_STATES), key);
    lease.since = g_test_rand_int_range(0, 1000);
    lease.until = g_test_rand_int_range(0, 1000);
    leases_put(leases, &lease);
    list->leases[i] = lease;
    list->there[i] = TRUE;
}

static void
test_after_any_changes_it_says_what_a_list_says(void)
{
    g_autofree struct list *list = g_new0(struct list, 1);
    AUTO(leases) *leases = leases_new();
    for (guint n = 0; n < 20000; n++) {
        change_one(leases, list);
        guint first = (guint)g_test_rand_int_range(0, ADDRESSES);
        guint last = (guint)g_test_rand_int_range((gint32)first, ADDRESSES);
        if (n % 10 == 0) {
            assert_same_end(leases, list, g_test_rand_int_range(0, 1000));
            assert_same_range(leases, list, first, last);
            assert_found_by_key(leases, list, first);
        }
        if (n % 1000 == 0)
            assert_same_order(leases, list);
    }
}

/* ---- many ---- */

#define MANY 100000

static void
put_many(struct leases *leases, enum lease_state state)
{
    for (guint i = 0; i < MANY; i++) {
        struct lease lease = lease_of(NETWORK + i, state, "");
        memcpy(lease.key, &i, sizeof i);
        lease.key_size = 7;
        lease.since = lease.until = (gint64)i * 7919 % MANY;
        leases_put(leases, &lease);
    }
}

static void
report(const char *what, gint64 begin)
{
    g_test_message("%s: %.0f ns each", what,
                   (double)(g_get_monotonic_time() - begin) * 1000 / MANY);
}

static void
test_a_hundred_thousand_are_as_quick_as_a_few(void)
{
    AUTO(leases) *leases = leases_new();
    gint64 begin = g_get_monotonic_time();
    put_many(leases, LEASE_LEASED);
    report("new", begin);
    begin = g_get_monotonic_time();
    for (guint i = 0; i < MANY; i++)
        g_assert_nonnull(leases_of_address(leases, NETWORK + i * 7919u % MANY));
    report("by address", begin);
    begin = g_get_monotonic_time();
    for (guint i = 0; i < MANY; i++) {
        guint8 key[7] = {0};
        guint number = i * 7919u % MANY;
        memcpy(key, &number, sizeof number);
        g_assert_nonnull(leases_of_key(leases, NETWORK, 0xff000000u, key, sizeof key));
    }
    report("by client", begin);
    begin = g_get_monotonic_time();
    struct lease *over;
    for (guint i = 0; (over = leases_over(leases, MANY)) != NULL; i++) {
        g_assert_cmpint(over->until, ==, i);
        struct lease expired = *over;
        expired.state = LEASE_EXPIRED;
        leases_put(leases, &expired);
    }
    report("expiry", begin);
    begin = g_get_monotonic_time();
    for (guint i = 0; i < MANY; i++) {
        struct lease again = *leases_oldest(leases, NETWORK + 1, NETWORK + MANY);
        again.state = LEASE_OFFERED;
        leases_put(leases, &again);
        if (leases_count(leases, LEASE_EXPIRED, NETWORK + 1, NETWORK + MANY) == 0)
            break;
    }
    report("oldest, given to another", begin);
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lease/a lease is found by its address and by its client",
                    test_a_lease_is_found_by_its_address_and_by_its_client);
    g_test_add_func("/lease/a client has a lease in each subnet",
                    test_a_client_has_a_lease_in_each_subnet);
    g_test_add_func("/lease/what a client has comes before what it had",
                    test_what_a_client_has_comes_before_what_it_had);
    g_test_add_func("/lease/an address that another client gets is no longer the first ones",
                    test_an_address_that_another_client_gets_is_no_longer_the_first_ones);
    g_test_add_func("/lease/a declined address is no clients",
                    test_a_declined_address_is_no_clients);
    g_test_add_func("/lease/what was given up does not end again",
                    test_what_was_given_up_does_not_end_again);
    g_test_add_func("/lease/a lease without end never ends", test_a_lease_without_end_never_ends);
    g_test_add_func("/lease/after any changes it says what a list says",
                    test_after_any_changes_it_says_what_a_list_says);
    g_test_add_func("/lease/a hundred thousand are as quick as a few",
                    test_a_hundred_thousand_are_as_quick_as_a_few);
    return g_test_run();
}
