#include "netsvc/dns/zone/journal.h"

#include <string.h>

struct journal {
    struct zone *zone;
    struct journal_change **ring; /* JOURNAL_CHANGES, each from the serial of the one before */
    guint first, count;
    gsize bytes;
};

/* ---- what is kept ---- */

static gsize
rrset_bytes(const struct rrset *set)
{
    return set != NULL ? sizeof *set + set->size : 0;
}

static gsize
change_bytes(const struct journal_change *change)
{
    return sizeof *change + rrset_bytes(change->old) + rrset_bytes(change->now);
}

/* Without the compressed copy, which only answers need. */
static struct rrset *
copy(const struct rrset *set)
{
    if (set == NULL)
        return NULL;
    struct rrset *copied = g_memdup2(set, rrset_bytes(set));
    copied->next = NULL;
    copied->compact_size = 0;
    return copied;
}

static struct journal_change *
change_at(const struct journal *journal, guint index)
{
    return journal->ring[(journal->first + index) % JOURNAL_CHANGES];
}

static void
drop_oldest(struct journal *journal)
{
    struct journal_change *change = change_at(journal, 0);
    journal->bytes -= change_bytes(change);
    journal->first = (journal->first + 1) % JOURNAL_CHANGES;
    journal->count--;
    g_free(change->old);
    g_free(change->now);
    g_free(change);
}

static void
forget(struct journal *journal)
{
    while (journal->count > 0)
        drop_oldest(journal);
}

static void
on_change(void *context, const struct name *owner, guint16 type, const struct rrset *old,
          const struct rrset *now)
{
    struct journal *journal = context;
    guint32 serial = zone_serial(journal->zone);
    /* A serial that was set by hand, or a new SOA: no difference leads there. */
    if (type == TYPE_SOA ||
        (journal->count > 0 && change_at(journal, journal->count - 1)->to != serial - 1)) {
        forget(journal);
        if (type == TYPE_SOA)
            return;
    }
    struct journal_change *change = g_new(struct journal_change, 1);
    *change = (struct journal_change){serial - 1, serial, *owner, type, copy(old), copy(now)};
    if (journal->count == JOURNAL_CHANGES)
        drop_oldest(journal);
    journal->ring[(journal->first + journal->count++) % JOURNAL_CHANGES] = change;
    journal->bytes += change_bytes(change);
    while (journal->bytes > JOURNAL_BYTES)
        drop_oldest(journal);
}

/* ---- all ---- */

struct journal *
journal_new(struct zone *zone)
{
    struct journal *journal = g_new0(struct journal, 1);
    journal->zone = zone;
    journal->ring = g_new0(struct journal_change *, JOURNAL_CHANGES);
    zone_watch(zone, on_change, journal);
    return journal;
}

void
journal_free(struct journal *journal)
{
    if (journal == NULL)
        return;
    zone_watch(journal->zone, NULL, NULL);
    forget(journal);
    g_free(journal->ring);
    g_free(journal);
}

const struct journal_change *
journal_since(const struct journal *journal, guint32 serial)
{
    if (journal->count == 0)
        return NULL;
    guint32 index = serial - change_at(journal, 0)->from;
    return index < journal->count ? change_at(journal, index) : NULL;
}
