#include "netsvc/dhcp/pair/merge.h"

#include <string.h>

static gboolean
is_same_client(const struct lease *a, const struct lease *b)
{
    return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

/* How much is lost where it goes: a lease most, then a rest. */
static int
weight(const struct lease *lease, gint64 now)
{
    if (lease->until <= now || lease->pending)
        return 0;
    return lease->state == LEASE_LEASED ? 2 : lease->state == LEASE_DECLINED ? 1 : 0;
}

static enum merge
settle(const struct merge_sides *sides, const struct lease *own, struct lease *in)
{
    const int own_weight = weight(own, sides->now), in_weight = weight(in, sides->now);
    const gboolean later = version_compare(in->version, own->version) > 0;
    const gboolean takes = own_weight != in_weight ? in_weight > own_weight : later;
    if (own_weight < 2 || in_weight < 2)
        return takes ? MERGE_TAKE : MERGE_NOTHING;
    if (!is_same_client(own, in))
        return takes ? MERGE_CONFLICT_TAKEN : MERGE_CONFLICT_KEPT;
    gint64 until = MAX(own->until, in->until);
    if (!takes && own->until == until)
        return MERGE_NOTHING;
    if (!takes)
        *in = *own;
    in->until = until;
    return MERGE_TAKE;
}

enum merge
merge_lease(const struct merge_sides *sides, const struct lease *own, struct lease *in)
{
    const gboolean seen = knowledge_has(sides->mine, in->version);
    if (own == NULL)
        return seen ? MERGE_NOTHING : MERGE_TAKE;
    if (version_compare(own->version, in->version) == 0)
        return MERGE_NOTHING;
    const gboolean is_seen = knowledge_has(sides->theirs, own->version);
    if (seen != is_seen)
        return seen ? MERGE_NOTHING : MERGE_TAKE;
    return settle(sides, own, in);
}

gboolean
merge_is_gone(const struct merge_sides *sides, const struct lease *own)
{
    return knowledge_has(sides->theirs, own->version);
}
