#include "netsvc/dns/zone/zone.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"

#include <ldns/ldns.h>
#include <string.h>

#define SOA_TAIL 20    /* bytes behind its two names: serial, refresh, retry, expire, minimum */
#define SOA_MINIMUM 16 /* among them */

struct zone {
    struct name origin;
    struct nodes nodes;
    GPtrArray *nsec; /* nodes that have NSEC, in canonical order; NULL: not signed */
    gsize rrsets, records;
    gboolean is_signed;
    void (*changed)(void *context, const struct name *owner, guint16 type, const struct rrset *old,
                    const struct rrset *now);
    void *context;
};

struct zone *
zone_new(const struct name *origin)
{
    struct zone *zone = g_new0(struct zone, 1);
    zone->origin = *origin;
    nodes_init(&zone->nodes, origin);
    return zone;
}

void
zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    if (zone->nsec != NULL)
        g_ptr_array_unref(zone->nsec);
    nodes_clear(&zone->nodes);
    g_free(zone);
}

const struct name *
zone_origin(const struct zone *zone)
{
    return &zone->origin;
}

const struct node *
zone_apex(const struct zone *zone)
{
    return nodes_apex(&zone->nodes);
}

static struct node *
find(const struct zone *zone, const struct name *name)
{
    return nodes_find(&zone->nodes, name_hash(name), name->wire, name->size);
}

const struct rrset *
zone_rrset(const struct zone *zone, const struct name *owner, guint16 type)
{
    const struct node *node = find(zone, owner);
    return node != NULL ? node_rrset(node, type) : NULL;
}

/* ---- building ---- */

static const char *
type_text(guint16 type, char text[static 16])
{
    const ldns_rr_descriptor *descriptor = ldns_rr_descript(type);
    if (descriptor != NULL && descriptor->_name != NULL)
        g_strlcpy(text, descriptor->_name, 16);
    else
        g_snprintf(text, 16, "TYPE%u", type);
    return text;
}

/* What may stand beside a CNAME: RFC 4034 2.5 and 3. */
static gboolean
is_of_dnssec(guint16 type)
{
    return type == TYPE_RRSIG || type == TYPE_NSEC;
}

static gboolean
is_single(guint16 type)
{
    return type == TYPE_SOA || type == TYPE_CNAME || type == TYPE_DNAME;
}

static gboolean
is_meta(guint16 type)
{
    return type == 0 || type == TYPE_OPT || (type >= TYPE_META_FIRST && type <= TYPE_META_LAST);
}

/* Whether a record of the type may come to what the node has; NULL, or what is wrong. */
static const char *
conflict(const struct zone *zone, const struct node *node, guint16 type)
{
    if (is_meta(type))
        return "is no type that a zone can hold";
    if (type == TYPE_SOA && node != nodes_apex(&zone->nodes))
        return "stands elsewhere than at the head of the zone";
    if (is_of_dnssec(type))
        return NULL;
    for (const struct rrset *set = node->rrsets; set != NULL; set = set->next) {
        if (set->type == type || is_of_dnssec(set->type))
            continue;
        if (type == TYPE_CNAME)
            return "is a CNAME, which must be alone, but the name has other records too";
        if (set->type == TYPE_CNAME)
            return "stands beside a CNAME, which must be alone";
    }
    return NULL;
}

static gboolean
reject(const struct name *owner, guint16 type, GError **error, const char *why)
{
    char name[NAME_TEXT_MAX], text[16];
    return fail_set(error, FAIL_USAGE, "record %s of '%s' %s", type_text(type, text),
                    name_text(owner, name), why);
}

/* Puts it there; what was there before is the caller's. */
static struct rrset *
replace(struct zone *zone, struct node *node, guint16 type, struct rrset *set)
{
    struct rrset *old = node_put(node, type, set);
    zone->rrsets += set != NULL;
    zone->rrsets -= old != NULL;
    zone->records += set != NULL ? set->count : 0;
    zone->records -= old != NULL ? old->count : 0;
    return old;
}

/* Into the node, which has been found fit for it. */
static gboolean
add(struct zone *zone, struct node *node, guint16 type, guint32 ttl, const guint8 *rdata,
    gsize size)
{
    struct rrset **link = node_link(node, type);
    guint count = *link != NULL ? (*link)->count : 0;
    if (count == 0) {
        struct rrset *set = rrset_new(type, ttl, rdata, size);
        if (set != NULL)
            replace(zone, node, type, set);
        return set != NULL;
    }
    if (!rrset_add(link, ttl, rdata, size))
        return FALSE;
    zone->records += (*link)->count - count;
    return TRUE;
}

gboolean
zone_add(struct zone *zone, const struct name *owner, guint16 type, guint32 ttl,
         const guint8 *rdata, gsize size, GError **error)
{
    if (!name_is_below(owner, &zone->origin))
        return reject(owner, type, error, "is outside of the zone");
    if (zone->records == ZONE_RECORDS_MAX)
        return reject(owner, type, error, "is one more than " G_STRINGIFY(ZONE_RECORDS_MAX));
    struct node *node = nodes_make(&zone->nodes, owner);
    const char *why = conflict(zone, node, type);
    if (why == NULL && !add(zone, node, type, ttl, rdata, size))
        why = "is damaged, or its type has more at this name than fits into an answer";
    else if (why == NULL && is_single(type) && node_rrset(node, type)->count > 1)
        why = "is there already, with other data, and can be there only once";
    if (why == NULL)
        return TRUE;
    nodes_prune(&zone->nodes, node);
    return reject(owner, type, error, why);
}

/* ---- the whole ---- */

/* Which nodes delegate and which are hidden by that. */
static void
mark(struct zone *zone)
{
    for (guint i = 0; i < zone->nodes.list->len; i++) {
        struct node *node = zone->nodes.list->pdata[i];
        node->flags = 0;
        if (node->parent != NULL && node_rrset(node, TYPE_NS) != NULL)
            node->flags |= NODE_CUT;
        if (node_rrset(node, TYPE_DNAME) != NULL)
            node->flags |= NODE_DNAME;
    }
    for (guint i = 0; i < zone->nodes.list->len; i++) {
        struct node *node = zone->nodes.list->pdata[i];
        for (const struct node *above = node->parent; above != NULL; above = above->parent)
            if (above->flags & (NODE_CUT | NODE_DNAME))
                node->flags |= NODE_HIDDEN;
    }
}

static int
in_canonical_order(gconstpointer a, gconstpointer b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    return name_compare(x->wire, y->wire);
}

static void
note_dnssec(struct zone *zone)
{
    zone->is_signed = node_rrset(zone_apex(zone), TYPE_RRSIG) != NULL;
    if (zone->nsec != NULL)
        g_ptr_array_unref(zone->nsec);
    zone->nsec = NULL;
    if (node_rrset(nodes_apex(&zone->nodes), TYPE_NSEC) == NULL)
        return;
    zone->nsec = g_ptr_array_new();
    for (guint i = 0; i < zone->nodes.list->len; i++)
        if (node_rrset(zone->nodes.list->pdata[i], TYPE_NSEC) != NULL)
            g_ptr_array_add(zone->nsec, zone->nodes.list->pdata[i]);
    g_ptr_array_sort(zone->nsec, in_canonical_order);
}

static void
compile(struct node *node)
{
    struct name owner;
    node_name(node, &owner);
    for (struct rrset **link = &node->rrsets; *link != NULL; link = &(*link)->next)
        *link = rrset_compile(*link, &owner);
}

gboolean
zone_finish(struct zone *zone, GError **error)
{
    char text[NAME_TEXT_MAX];
    const struct node *apex = nodes_apex(&zone->nodes);
    if (node_rrset(apex, TYPE_SOA) == NULL)
        return fail_set(error, FAIL_USAGE, "zone '%s' has no SOA record",
                        name_text(&zone->origin, text));
    if (node_rrset(apex, TYPE_NS) == NULL)
        return fail_set(error, FAIL_USAGE, "zone '%s' has no NS record at its head",
                        name_text(&zone->origin, text));
    mark(zone);
    for (guint i = 0; i < zone->nodes.list->len; i++)
        compile(zone->nodes.list->pdata[i]);
    note_dnssec(zone);
    return TRUE;
}

/* ---- SOA ---- */

/* What stands behind the names in a SOA's data. */
static const guint8 *
soa_numbers(const struct rrset *soa)
{
    struct rrset_record record = {0};
    gboolean found = rrset_next(soa, &record);
    g_assert(found && record.size >= SOA_TAIL);
    return record.rdata + record.size - SOA_TAIL;
}

guint32
zone_serial(const struct zone *zone)
{
    const struct rrset *soa = node_rrset(zone_apex(zone), TYPE_SOA);
    return soa != NULL ? bytes_get32(soa_numbers(soa)) : 0;
}

guint32
zone_negative_ttl(const struct zone *zone)
{
    const struct rrset *soa = node_rrset(zone_apex(zone), TYPE_SOA);
    return soa != NULL ? MIN(soa->ttl, bytes_get32(soa_numbers(soa) + SOA_MINIMUM)) : 0;
}

/* It ends both copies. */
void
zone_set_serial(struct zone *zone, guint32 serial)
{
    struct rrset *soa = node_rrset(nodes_apex(&zone->nodes), TYPE_SOA);
    if (soa == NULL)
        return;
    bytes_put32((guint8 *)soa_numbers(soa), serial);
    if (soa->compact_size > 0)
        bytes_put32(soa->records + soa->size + soa->compact_size - SOA_TAIL, serial);
}

/* ---- at run time ---- */

void
zone_watch(struct zone *zone,
           void (*changed)(void *context, const struct name *owner, guint16 type,
                           const struct rrset *old, const struct rrset *now),
           void *context)
{
    zone->changed = changed;
    zone->context = context;
}

gsize
zone_count(const struct zone *zone)
{
    return zone->rrsets;
}

static gboolean
same(const struct rrset *a, const struct rrset *b)
{
    return a == NULL || b == NULL ? a == b : rrset_equal(a, b);
}

/* The few types on which other names depend. */
static void
look_again(struct zone *zone, guint16 type)
{
    if (type == TYPE_NS || type == TYPE_DNAME)
        mark(zone);
    if (is_of_dnssec(type))
        note_dnssec(zone);
}

void
zone_set(struct zone *zone, const struct name *owner, guint16 type, guint32 ttl,
         const guint8 *rdata, gsize size)
{
    if (!name_is_below(owner, &zone->origin))
        return;
    struct rrset *set = rdata != NULL ? rrset_new(type, ttl, rdata, size) : NULL;
    struct node *node = find(zone, owner);
    if ((rdata != NULL && set == NULL) || (node == NULL && set == NULL))
        return;
    if (node == NULL)
        node = nodes_make(&zone->nodes, owner);
    if (same(node_rrset(node, type), set) || (set != NULL && conflict(zone, node, type) != NULL) ||
        (set == NULL && node->parent == NULL && (type == TYPE_SOA || type == TYPE_NS))) {
        g_free(set);
        nodes_prune(&zone->nodes, node);
        return;
    }
    if (set != NULL)
        set = rrset_compile(set, owner);
    g_autofree struct rrset *old = replace(zone, node, type, set);
    if (set == NULL)
        nodes_prune(&zone->nodes, node);
    look_again(zone, type);
    if (type != TYPE_SOA)
        zone_set_serial(zone, zone_serial(zone) + 1);
    if (zone->changed != NULL)
        zone->changed(zone->context, owner, type, old, set);
}

const struct rrset *
zone_next(const struct zone *zone, struct zone_position *position, const struct name **owner)
{
    while (position->node < zone->nodes.list->len) {
        const struct node *node = zone->nodes.list->pdata[position->node];
        const struct rrset *set = node->rrsets;
        for (gsize i = 0; i < position->rrset && set != NULL; i++)
            set = set->next;
        if (set != NULL) {
            position->rrset++;
            node_name(node, &position->owner);
            *owner = &position->owner;
            return set;
        }
        position->node++;
        position->rrset = 0;
    }
    return NULL;
}

/* ---- look-up ---- */

/* The highest delegation or DNAME at or above a node that has one. */
static enum zone_found
find_above(const struct node *node, gboolean exact, struct zone_match *match)
{
    const struct node *first = node;
    match->node = NULL;
    for (; node != NULL; node = node->parent)
        if (node->flags & NODE_CUT || (node->flags & NODE_DNAME && !(exact && node == first)))
            match->node = node;
    return match->node == NULL             ? ZONE_NOTHING
           : match->node->flags & NODE_CUT ? ZONE_CUT
                                           : ZONE_DNAME;
}

enum zone_found
zone_find(const struct zone *zone, const struct name *name, const struct name_hashes *hashes,
          struct zone_match *match)
{
    const struct node *node = NULL;
    guint i = 0;
    for (; node == NULL; i++)
        node = nodes_find(&zone->nodes, hashes->of[i], name->wire + hashes->offsets[i],
                          (gsize)(name->size - hashes->offsets[i]));
    gboolean exact = i == 1;
    match->encloser = node;
    if (node->flags != 0) {
        enum zone_found found = find_above(node, exact, match);
        if (found != ZONE_NOTHING)
            return found;
    }
    match->node = exact ? node : node->wildcard;
    return exact ? ZONE_EXACT : match->node != NULL ? ZONE_WILDCARD : ZONE_NOTHING;
}

gboolean
zone_is_signed(const struct zone *zone)
{
    return zone->is_signed;
}

const struct node *
zone_nsec(const struct zone *zone, const guint8 *wire)
{
    if (zone->nsec == NULL)
        return NULL;
    guint low = 0, high = zone->nsec->len; /* the apex, at 0, is before every name */
    while (high - low > 1) {
        guint middle = low + (high - low) / 2;
        const struct node *node = zone->nsec->pdata[middle];
        if (name_compare(node->wire, wire) <= 0)
            low = middle;
        else
            high = middle;
    }
    return zone->nsec->pdata[low];
}
