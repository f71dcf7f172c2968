/*
 * One treap (a binary tree ordered by address, and by random weight from the top down) holds all
 * leases. Each node sums up what is below it: how many of each state, the earliest end, the
 * earliest giving-up. So what is over first, the oldest of a range and the counts of a range are
 * found on one way down, and there is one structure to keep right instead of four.
 *
 * Clients are found by a hash table beside it. Its key is chosen at random, since clients choose
 * their identifiers.
 */
#include "netsvc/dhcp/lease/lease.h"

#include "lib/base/keyed_hash.h"

#include <string.h>

#define NEVER G_MAXINT64
#define BUCKETS_FIRST 64 /* a power of two; doubled when there are more clients than that */

struct summary {
    guint32 count[LEASE_STATES];
    gint64 over;     /* the earliest `until` of what ends by itself */
    gint64 given_up; /* the earliest `since` of what was given up */
};

struct node {
    struct lease lease; /* the first: what is handed out is the node */
    struct node *left, *right;
    struct node *next; /* in its bucket */
    struct summary below;
    guint32 weight;
};

struct leases {
    struct node *root;
    struct node **buckets;
    gsize bucket_count, client_count;
    struct keyed_hash key; /* of the buckets */
};

/* ---- what a node knows ---- */

static gboolean
ends_by_itself(enum lease_state state)
{
    return state == LEASE_OFFERED || state == LEASE_LEASED || state == LEASE_DECLINED;
}

static gboolean
is_given_up(enum lease_state state)
{
    return state == LEASE_EXPIRED || state == LEASE_RELEASED;
}

static const struct summary summary_none = {.over = NEVER, .given_up = NEVER};

static void
add_lease(struct summary *summary, const struct lease *lease)
{
    summary->count[lease->state]++;
    if (ends_by_itself(lease->state))
        summary->over = MIN(summary->over, lease->until);
    if (is_given_up(lease->state))
        summary->given_up = MIN(summary->given_up, lease->since);
}

static void
add_below(struct summary *summary, const struct node *node)
{
    if (node == NULL)
        return;
    for (gsize i = 0; i < LEASE_STATES; i++)
        summary->count[i] += node->below.count[i];
    summary->over = MIN(summary->over, node->below.over);
    summary->given_up = MIN(summary->given_up, node->below.given_up);
}

static void
sum_up(struct node *node)
{
    node->below = summary_none;
    add_lease(&node->below, &node->lease);
    add_below(&node->below, node->left);
    add_below(&node->below, node->right);
}

/* ---- the tree ---- */

static void
rotate(struct node **place, struct node **child)
{
    struct node *down = *place, *up = *child;
    gboolean is_left = child == &down->left;
    struct node **between = is_left ? &up->right : &up->left;
    *child = *between;
    *between = down;
    *place = up;
    sum_up(down);
    sum_up(up);
}

static void
tree_insert(struct node **place, struct node *node)
{
    if (*place == NULL) {
        *place = node;
        sum_up(node);
        return;
    }
    struct node *here = *place;
    struct node **child = node->lease.address < here->lease.address ? &here->left : &here->right;
    tree_insert(child, node);
    sum_up(here);
    if ((*child)->weight > here->weight)
        rotate(place, child);
}

static struct node *
tree_join(struct node *left, struct node *right)
{
    if (left == NULL || right == NULL)
        return left != NULL ? left : right;
    if (left->weight > right->weight) {
        left->right = tree_join(left->right, right);
        sum_up(left);
        return left;
    }
    right->left = tree_join(left, right->left);
    sum_up(right);
    return right;
}

static void
tree_remove(struct node **place, const struct node *node)
{
    struct node *here = *place;
    g_assert(here != NULL);
    if (here == node) {
        *place = tree_join(here->left, here->right);
        return;
    }
    tree_remove(node->lease.address < here->lease.address ? &here->left : &here->right, node);
    sum_up(here);
}

/* The lease at `address` has changed. */
static void
tree_refresh(struct node *here, guint32 address)
{
    g_assert(here != NULL);
    if (here->lease.address != address)
        tree_refresh(address < here->lease.address ? here->left : here->right, address);
    sum_up(here);
}

static struct node *
tree_find(struct node *here, guint32 address)
{
    while (here != NULL && here->lease.address != address)
        here = address < here->lease.address ? here->left : here->right;
    return here;
}

static void
tree_free(struct node *node)
{
    if (node == NULL)
        return;
    tree_free(node->left);
    tree_free(node->right);
    g_free(node);
}

/* Sums up the addresses first … last of what is below `here`. */
static void
tree_sum(const struct node *here, guint32 first, guint32 last, struct summary *summary)
{
    if (here == NULL)
        return;
    if (first == 0 && last == G_MAXUINT32) {
        add_below(summary, here);
    } else if (here->lease.address < first) {
        tree_sum(here->right, first, last, summary);
    } else if (here->lease.address > last) {
        tree_sum(here->left, first, last, summary);
    } else {
        add_lease(summary, &here->lease);
        tree_sum(here->left, first, G_MAXUINT32, summary);
        tree_sum(here->right, 0, last, summary);
    }
}

/* The first one that was given up at `since`, of the addresses first … last. */
static struct node *
tree_given_up(struct node *here, guint32 first, guint32 last, gint64 since)
{
    if (here == NULL || here->below.given_up > since)
        return NULL;
    if (here->lease.address < first)
        return tree_given_up(here->right, first, last, since);
    if (here->lease.address > last)
        return tree_given_up(here->left, first, last, since);
    struct node *found = tree_given_up(here->left, first, G_MAXUINT32, since);
    if (found != NULL)
        return found;
    if (is_given_up(here->lease.state) && here->lease.since == since)
        return here;
    return tree_given_up(here->right, 0, last, since);
}

/* ---- clients ---- */

static struct node **
bucket_of(const struct leases *leases, const guint8 *key, gsize size)
{
    return &leases->buckets[keyed_hash_bytes(&leases->key, key, size) & (leases->bucket_count - 1)];
}

/* A declined address is no client's. */
static gboolean
has_client(const struct lease *lease)
{
    return lease->state != LEASE_DECLINED;
}

static gboolean
is_key(const struct lease *lease, const guint8 *key, gsize size)
{
    return lease->key_size == size && (size == 0 || memcmp(lease->key, key, size) == 0);
}

static void
push_client(struct leases *leases, struct node *node)
{
    struct node **bucket = bucket_of(leases, node->lease.key, node->lease.key_size);
    node->next = *bucket;
    *bucket = node;
}

static void
double_buckets(struct leases *leases)
{
    g_autofree struct node **old = leases->buckets;
    gsize old_count = leases->bucket_count;
    leases->bucket_count *= 2;
    leases->buckets = g_new0(struct node *, leases->bucket_count);
    for (gsize i = 0; i < old_count; i++)
        for (struct node *node = old[i], *next; node != NULL; node = next) {
            next = node->next;
            push_client(leases, node);
        }
}

static void
add_client(struct leases *leases, struct node *node)
{
    if (!has_client(&node->lease))
        return;
    if (++leases->client_count > leases->bucket_count)
        double_buckets(leases);
    push_client(leases, node);
}

static void
remove_client(struct leases *leases, struct node *node)
{
    if (!has_client(&node->lease))
        return;
    struct node **place = bucket_of(leases, node->lease.key, node->lease.key_size);
    while (*place != node)
        place = &(*place)->next;
    *place = node->next;
    leases->client_count--;
}

/* ---- public ---- */

struct leases *
leases_new(void)
{
    struct leases *leases = g_new0(struct leases, 1);
    leases->bucket_count = BUCKETS_FIRST;
    leases->buckets = g_new0(struct node *, leases->bucket_count);
    keyed_hash_draw(&leases->key);
    return leases;
}

void
leases_free(struct leases *leases)
{
    if (leases == NULL)
        return;
    tree_free(leases->root);
    g_free(leases->buckets);
    g_free(leases);
}

struct lease *
leases_of_address(const struct leases *leases, guint32 address)
{
    return (struct lease *)tree_find(leases->root, address);
}

/* Of two leases of one client: what it has counts more than what it was offered, and that more
 * than what it had; then the newer. */
static gboolean
is_better(const struct lease *a, const struct lease *b)
{
    static const guint8 rank[LEASE_STATES] = {[LEASE_LEASED] = 2, [LEASE_OFFERED] = 1};
    if (rank[a->state] != rank[b->state])
        return rank[a->state] > rank[b->state];
    return a->since != b->since ? a->since > b->since : a->address < b->address;
}

struct lease *
leases_of_key(const struct leases *leases, guint32 network, guint32 mask, const guint8 *key,
              gsize size)
{
    struct lease *best = NULL;
    for (struct node *node = *bucket_of(leases, key, size); node != NULL; node = node->next) {
        struct lease *lease = &node->lease;
        if ((lease->address & mask) == network && is_key(lease, key, size) &&
            (best == NULL || is_better(lease, best)))
            best = lease;
    }
    return best;
}

struct lease *
leases_put(struct leases *leases, const struct lease *lease)
{
    g_assert((guint)lease->state < LEASE_STATES);
    struct node *node = tree_find(leases->root, lease->address);
    if (node != NULL) {
        remove_client(leases, node);
        if (&node->lease != lease)
            node->lease = *lease;
        tree_refresh(leases->root, lease->address);
    } else {
        node = g_new0(struct node, 1);
        node->lease = *lease;
        node->weight = g_random_int();
        tree_insert(&leases->root, node);
    }
    add_client(leases, node);
    return &node->lease;
}

void
leases_remove(struct leases *leases, struct lease *lease)
{
    struct node *node = (struct node *)lease;
    remove_client(leases, node);
    tree_remove(&leases->root, node);
    g_free(node);
}

gint64
leases_next_over(const struct leases *leases)
{
    return leases->root != NULL ? leases->root->below.over : NEVER;
}

struct lease *
leases_over(struct leases *leases, gint64 now)
{
    gint64 first = leases_next_over(leases);
    if (first > now || first == NEVER)
        return NULL;
    struct node *here = leases->root;
    while (!(ends_by_itself(here->lease.state) && here->lease.until == first))
        here = here->left != NULL && here->left->below.over == first ? here->left : here->right;
    return &here->lease;
}

struct lease *
leases_oldest(const struct leases *leases, guint32 first, guint32 last)
{
    struct summary summary = summary_none;
    tree_sum(leases->root, first, last, &summary);
    if (summary.given_up == NEVER)
        return NULL;
    return (struct lease *)tree_given_up(leases->root, first, last, summary.given_up);
}

struct lease *
leases_after(const struct leases *leases, guint32 after)
{
    struct node *next = NULL;
    for (struct node *here = leases->root; here != NULL;)
        if (here->lease.address > after) {
            next = here;
            here = here->left;
        } else {
            here = here->right;
        }
    return (struct lease *)next;
}

guint
leases_count(const struct leases *leases, enum lease_state state, guint32 first, guint32 last)
{
    struct summary summary = summary_none;
    tree_sum(leases->root, first, last, &summary);
    return summary.count[state];
}
