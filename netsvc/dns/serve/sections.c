#include "netsvc/dns/serve/sections.h"

#include "netsvc/bytes.h"

#include <string.h>

#define ROOT_SIZE 1 /* bytes of its name */

gboolean
sections_signed(const struct answer *answer)
{
    return answer->reply->query->dnssec_ok && zone_is_signed(answer->zone);
}

/* ---- RRsets ---- */

static void
signatures(struct answer *answer, enum section section, const guint8 *owner, gsize size,
           const struct node *node, guint16 type, guint32 ttl_max)
{
    const struct rrset *set = node_rrset(node, TYPE_RRSIG);
    if (set == NULL || type == TYPE_RRSIG)
        return;
    for (struct rrset_record record = {0}; rrset_next(set, &record);)
        if (bytes_get16(record.rdata) == type) /* covered: RFC 4034 3.1.1 */
            reply_record(answer->reply, section, owner, size, TYPE_RRSIG, CLASS_IN,
                         MIN(record.ttl, ttl_max), record.rdata, record.size);
}

void
sections_rrset(struct answer *answer, enum section section, const guint8 *owner, gsize size,
               const struct node *node, const struct rrset *set, guint32 ttl_max)
{
    for (struct rrset_record record = {0}; rrset_next(set, &record);)
        reply_record(answer->reply, section, owner, size, set->type, CLASS_IN,
                     MIN(record.ttl, ttl_max), record.rdata, record.size);
    if (sections_signed(answer))
        signatures(answer, section, owner, size, node, set->type, ttl_max);
}

void
sections_soa(struct answer *answer)
{
    const struct node *apex = zone_apex(answer->zone);
    sections_rrset(answer, SECTION_AUTHORITY, apex->wire, apex->size, apex,
                   node_rrset(apex, TYPE_SOA), zone_negative_ttl(answer->zone));
}

/* ---- proofs ---- */

void
sections_prove(struct answer *answer, const struct name *name)
{
    if (!sections_signed(answer))
        return;
    const struct node *node = zone_nsec(answer->zone, name->wire);
    for (guint i = 0; i < answer->proof_count; i++)
        if (answer->proofs[i] == node)
            return;
    if (node != NULL && answer->proof_count < SECTIONS_PROOFS_MAX)
        answer->proofs[answer->proof_count++] = node;
}

void
sections_prove_wildcard(struct answer *answer, const struct node *encloser)
{
    struct name name;
    node_name(encloser, &name);
    /* Where "*." is too long, no name was found below it either. */
    if (name_prepend(&name, "*", 1, &name))
        sections_prove(answer, &name);
}

void
sections_proofs(struct answer *answer)
{
    for (guint i = 0; i < answer->proof_count; i++) {
        const struct node *node = answer->proofs[i];
        const struct rrset *nsec = node_rrset(node, TYPE_NSEC);
        struct rrset_record record = {0};
        if (nsec == NULL || !rrset_next(nsec, &record))
            continue;
        reply_record(answer->reply, SECTION_AUTHORITY, node->wire, node->size, TYPE_NSEC, CLASS_IN,
                     record.ttl, record.rdata, record.size);
        signatures(answer, SECTION_AUTHORITY, node->wire, node->size, node, TYPE_NSEC, G_MAXUINT32);
    }
}

/* ---- additional ---- */

/* What cannot be added for want of room is left out, but not the glue without which a delegation
 * leads nowhere (RFC 9471). */
static void
add_addresses(struct answer *answer, const guint8 *owner, gsize size, const struct node *node,
              gboolean needed)
{
    static const guint16 types[] = {TYPE_A, TYPE_AAAA};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        const struct rrset *set = node_rrset(node, types[i]);
        if (set == NULL || answer->reply->full)
            continue;
        struct reply_mark mark = reply_mark(answer->reply);
        sections_rrset(answer, SECTION_ADDITIONAL, owner, size, node, set, G_MAXUINT32);
        if (answer->reply->full && !needed)
            reply_back(answer->reply, &mark);
    }
}

static gboolean
is_added(struct answer *answer, const struct node *node)
{
    for (guint i = 0; i < answer->added_count; i++)
        if (answer->added[i] == node)
            return TRUE;
    if (answer->added_count == SECTIONS_ADDED_MAX)
        return TRUE;
    answer->added[answer->added_count++] = node;
    return FALSE;
}

/* `owner` is where the target's wire form stands in the zone or the answer. */
static void
add_target(struct answer *answer, const struct name *target, const guint8 *owner)
{
    struct zone_match match;
    struct name_hashes hashes;
    if (!name_is_below(target, zone_origin(answer->zone)))
        return;
    name_hashes(target, &hashes);
    enum zone_found found = zone_find(answer->zone, target, &hashes, &match);
    gboolean needed = FALSE;
    if (found == ZONE_CUT) {
        needed = answer->glue && name_is_below(target, &answer->told);
        match.node = match.encloser->size == target->size ? match.encloser : NULL;
    } else if (found == ZONE_DNAME) {
        match.node = NULL;
    }
    if (match.node != NULL && !is_added(answer, match.node))
        add_addresses(answer, owner, target->size, match.node, needed);
}

void
sections_additional(struct answer *answer)
{
    if (answer->telling == NULL)
        return;
    guint at = (guint)rdata_target(answer->telling->type);
    for (struct rrset_record record = {0}; rrset_next(answer->telling, &record);) {
        struct name target;
        if (name_from_wire(&target, record.rdata + at, record.size - at, NULL) == 0)
            continue;
        gboolean itself = target.size == ROOT_SIZE && (answer->telling->type == TYPE_SVCB ||
                                                       answer->telling->type == TYPE_HTTPS);
        if (itself) /* RFC 9460 2.5 */
            add_target(answer, &answer->told, answer->told.wire);
        else
            add_target(answer, &target, record.rdata + at);
    }
}
