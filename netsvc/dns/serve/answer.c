#include "netsvc/dns/serve/sections.h"

#include <string.h>

static const struct name *
last_name(const struct answer *answer)
{
    return &answer->names[answer->steps];
}

static guint16
asked_type(const struct answer *answer)
{
    return answer->reply->query->type;
}

/* ---- what is found ---- */

static void
put(struct answer *answer, const struct node *node, const struct rrset *set)
{
    const struct name *owner = last_name(answer);
    sections_rrset(answer, SECTION_ANSWER, owner->wire, owner->size, node, set, G_MAXUINT32);
}

static void
no_data(struct answer *answer, enum zone_found found, const struct node *node)
{
    sections_prove(answer, last_name(answer));
    if (found == ZONE_WILDCARD) {
        struct name wildcard;
        node_name(node, &wildcard);
        sections_prove(answer, &wildcard);
    }
    sections_soa(answer);
}

/* A name above another zone of ours exists, although this zone has nothing there. */
static void
no_name(struct answer *answer, const struct node *encloser)
{
    if (!zones_are_below(answer->zones, last_name(answer), &answer->hashes))
        answer->reply->rcode = RCODE_NXDOMAIN;
    sections_prove(answer, last_name(answer));
    sections_prove_wildcard(answer, encloser);
    sections_soa(answer);
}

/* One that is not about others. */
static const struct rrset *
first_rrset(const struct node *node)
{
    const struct rrset *set = node->rrsets;
    while (set->next != NULL && (set->type == TYPE_RRSIG || set->type == TYPE_NSEC))
        set = set->next;
    return set;
}

/* RFC 8482: all that there is would be long, and is of use to attackers alone. What is signed is
 * not made up: there it is one RRset of those that are there (4.1), else HINFO (4.2). */
static void
any(struct answer *answer, const struct node *node)
{
    static const guint8 hinfo[] = "\7RFC8482"; /* and an empty OS, which is its zero byte */
    const struct name *owner = last_name(answer);
    const struct rrset *set = node_rrset(node, TYPE_CNAME);
    if (set == NULL && sections_signed(answer))
        set = first_rrset(node);
    if (set != NULL)
        put(answer, node, set);
    else
        reply_record(answer->reply, SECTION_ANSWER, owner->wire, owner->size, TYPE_HINFO, CLASS_IN,
                     ANSWER_ANY_TTL, hinfo, sizeof hinfo);
}

static void
referral(struct answer *answer, const struct node *cut)
{
    const struct rrset *ns = node_rrset(cut, TYPE_NS);
    const struct rrset *ds = sections_signed(answer) ? node_rrset(cut, TYPE_DS) : NULL;
    node_name(cut, &answer->told);
    sections_rrset(answer, SECTION_AUTHORITY, cut->wire, cut->size, cut, ns, G_MAXUINT32);
    if (ds != NULL)
        sections_rrset(answer, SECTION_AUTHORITY, cut->wire, cut->size, cut, ds, G_MAXUINT32);
    else
        sections_prove(answer, &answer->told);
    answer->telling = ns;
    answer->glue = TRUE;
}

/* ---- one step ---- */

enum step {
    STEP_DONE,
    STEP_FOLLOW, /* the last name is another one now */
};

/* Where the next name goes, which names that the reply knows may be in. */
static struct name *
next_name(struct answer *answer)
{
    return &answer->names[answer->steps + 1];
}

/* Goes on with the next name, unless there were too many, or it was there before: what has been
 * written is the answer then, as others give it. */
static enum step
follow(struct answer *answer)
{
    for (guint i = 0; i <= answer->steps; i++)
        if (name_equal(&answer->names[i], next_name(answer)))
            return STEP_DONE;
    if (answer->steps == ANSWER_STEPS_MAX)
        return STEP_DONE;
    answer->steps++;
    name_hashes(last_name(answer), &answer->hashes);
    return STEP_FOLLOW;
}

/* Into the next name, from the data of CNAME or DNAME. */
static gboolean
take_target(struct answer *answer, const struct rrset *set)
{
    struct rrset_record record = {0};
    return rrset_next(set, &record) &&
           name_from_wire(next_name(answer), record.rdata, record.size, NULL) > 0;
}

static enum step
step_cname(struct answer *answer, const struct node *node, const struct rrset *set)
{
    put(answer, node, set);
    return take_target(answer, set) ? follow(answer) : STEP_DONE;
}

/* RFC 6672 3.1: the name with its end replaced, as a CNAME made up for that. */
static enum step
step_dname(struct answer *answer, const struct node *node)
{
    const struct name *name = last_name(answer);
    struct name *next = next_name(answer);
    const struct rrset *set = node_rrset(node, TYPE_DNAME);
    sections_rrset(answer, SECTION_ANSWER, node->wire, node->size, node, set, G_MAXUINT32);
    if (!take_target(answer, set))
        return STEP_DONE;
    gsize kept = (gsize)(name->size - node->size);
    if (kept + next->size > NAME_SIZE_MAX) {
        answer->reply->rcode = RCODE_YXDOMAIN;
        return STEP_DONE;
    }
    memmove(next->wire + kept, next->wire, next->size);
    memcpy(next->wire, name->wire, kept);
    next->size = (guint8)(next->size + kept);
    next->labels = (guint8)(next->labels + name->labels - node->labels);
    reply_record(answer->reply, SECTION_ANSWER, name->wire, name->size, TYPE_CNAME, CLASS_IN,
                 set->ttl, next->wire, next->size);
    return asked_type(answer) != TYPE_CNAME ? follow(answer) : STEP_DONE;
}

/* Types that a name with a CNAME has of its own (RFC 4035 2.5). */
static gboolean
goes_with_cname(guint16 type)
{
    return type == TYPE_RRSIG || type == TYPE_NSEC;
}

static enum step
step_node(struct answer *answer, enum zone_found found, const struct node *node)
{
    const struct rrset *set = node_rrset(node, asked_type(answer));
    const struct rrset *cname = NULL;
    if (set == NULL && !goes_with_cname(asked_type(answer)))
        cname = node_rrset(node, TYPE_CNAME);
    if (found == ZONE_WILDCARD && node->rrsets != NULL)
        sections_prove(answer, last_name(answer));
    if (asked_type(answer) == TYPE_ANY && node->rrsets != NULL) {
        any(answer, node);
    } else if (cname != NULL) {
        return step_cname(answer, node, cname);
    } else if (set != NULL) {
        put(answer, node, set);
        answer->telling = rdata_target(set->type) >= 0 ? set : NULL;
        answer->told = *last_name(answer);
    } else {
        no_data(answer, found, node);
    }
    return STEP_DONE;
}

/* A zone's DS records are the parent's (RFC 4035 3.1.4.1), where that is ours too and delegates. */
static const struct zone *
zone_for(const struct answer *answer)
{
    struct zone_match match;
    const struct name *name = last_name(answer);
    const struct zone *zone = zones_of(answer->zones, name, &answer->hashes, 0);
    if (zone == NULL || asked_type(answer) != TYPE_DS || name->size != zone_origin(zone)->size)
        return zone;
    const struct zone *parent = zones_of(answer->zones, name, &answer->hashes, 1);
    gboolean delegates = parent != NULL &&
                         zone_find(parent, name, &answer->hashes, &match) == ZONE_CUT &&
                         match.node->size == name->size;
    return delegates ? parent : zone;
}

static enum step
step(struct answer *answer)
{
    struct zone_match match;
    const struct name *name = last_name(answer);
    enum zone_found found = zone_find(answer->zone, name, &answer->hashes, &match);
    if (found == ZONE_CUT && asked_type(answer) == TYPE_DS && match.node->size == name->size)
        found = ZONE_EXACT;
    if (found != ZONE_CUT)
        answer->reply->flags |= FLAG_AA;
    switch (found) {
    case ZONE_EXACT:
    case ZONE_WILDCARD:
        return step_node(answer, found, match.node);
    case ZONE_CUT:
        referral(answer, match.node);
        return STEP_DONE;
    case ZONE_DNAME:
        return step_dname(answer, match.node);
    case ZONE_NOTHING:
    default:
        no_name(answer, match.encloser);
        return STEP_DONE;
    }
}

/* ---- the whole ---- */

/* The question's own RRset, where nothing comes to it: written in advance. FALSE: it is not so. */
static gboolean
copy(const struct answer *answer)
{
    struct zone_match match;
    const struct query *query = answer->reply->query;
    if (sections_signed(answer) || rdata_target(query->type) >= 0 ||
        zone_find(answer->zone, &query->name, &answer->hashes, &match) != ZONE_EXACT)
        return FALSE;
    const struct rrset *set = node_rrset(match.node, query->type);
    if (set == NULL)
        return FALSE;
    gboolean compact = set->compact_size > 0;
    reply_raw(answer->reply, SECTION_ANSWER, set->records + (compact ? set->size : 0),
              compact ? set->compact_size : set->size, set->count);
    answer->reply->flags |= FLAG_AA;
    return TRUE;
}

/* Proofs come behind it, as they are of the authority section. FALSE: it comes later. */
static gboolean
go_beyond(const struct answer *answer, const struct answer_beyond *beyond)
{
    gboolean written = beyond->write(beyond->context, answer->reply, last_name(answer));
    answer->reply->known_count = 0; /* theirs are gone */
    return written;
}

enum answer_outcome
answer_write(const struct zones *zones, struct reply *reply, const struct answer_beyond *beyond)
{
    struct answer answer; /* large; only what is used is set */
    answer.zones = zones;
    answer.reply = reply;
    answer.steps = answer.proof_count = answer.added_count = 0;
    answer.telling = NULL;
    answer.glue = FALSE;
    answer.names[0] = reply->query->name;
    name_hashes(&answer.names[0], &answer.hashes);
    answer.zone = zone_for(&answer);
    if (answer.zone == NULL)
        return ANSWER_NONE;
    if (copy(&answer))
        return ANSWER_WRITTEN;
    while (answer.zone != NULL && step(&answer) == STEP_FOLLOW)
        answer.zone = zone_for(&answer);
    if (answer.zone == NULL && !go_beyond(&answer, beyond))
        return ANSWER_LATER;
    sections_proofs(&answer);
    sections_additional(&answer);
    reply->known_count = 0; /* the names are gone with this function */
    return ANSWER_WRITTEN;
}
