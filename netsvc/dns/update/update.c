#include "netsvc/dns/update/update.h"

#include "lib/base/log.h"
#include "netsvc/dns/transfer/records.h"

#include <string.h>

#define LABEL "\017_acme-challenge"
#define LABEL_SIZE 16

struct update {
    const struct config_dns *config;
    struct texts *texts;
    update_changed changed; /* NULL: nobody watches */
    gpointer context;
};

/* One request as it is being looked at. */
struct work {
    struct update *update;
    const struct update_request *request;
    struct zone *zone;
    enum rcode rcode; /* NOERROR so far, else how it ends … */
    const char *why;  /* … and the reason for people */
};

struct update *
update_new(const struct config_dns *config)
{
    struct update *update = g_new0(struct update, 1);
    update->config = config;
    update->texts = texts_new();
    return update;
}

void
update_free(struct update *update)
{
    if (update == NULL)
        return;
    texts_free(update->texts);
    g_free(update);
}

void
update_watch(struct update *update, update_changed changed, gpointer context)
{
    update->changed = changed;
    update->context = context;
}

struct texts *
update_texts(struct update *update)
{
    return update->texts;
}

static gboolean
wrong(struct work *work, enum rcode rcode, const char *why)
{
    work->rcode = rcode;
    work->why = why;
    return FALSE;
}

/* ---- who and where ---- */

static gboolean
is_for_transfers(const struct update *update, const struct name *key)
{
    for (guint i = 0; i < update->config->zones->len; i++) {
        const struct config_zone *zone = update->config->zones->pdata[i];
        struct name name;
        if (zone->tsig != NULL && name_from_text(&name, zone->tsig) && name_equal(&name, key))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_of_others(const struct update *update, const struct name *origin)
{
    for (guint i = 0; i < update->config->zones->len; i++) {
        const struct config_zone *zone = update->config->zones->pdata[i];
        struct name name;
        if (zone->primaries != NULL && zone->primaries->len > 0 &&
            name_from_text(&name, zone->name) && name_equal(&name, origin))
            return TRUE;
    }
    return FALSE;
}

static gboolean
may_update(struct work *work, const struct tsig *tsig)
{
    const struct query *query = work->request->query;
    if (query->type != TYPE_SOA || query->class != CLASS_IN)
        return wrong(work, RCODE_FORMERR, "the zone section names no zone");
    if (tsig == NULL || tsig->key == NULL)
        return wrong(work, RCODE_REFUSED, "updates are signed with a TSIG key of [dns]");
    if (is_for_transfers(work->update, &tsig->name))
        return wrong(work, RCODE_REFUSED, "that key is for transfers of a zone");
    work->zone = zones_named(work->request->zones, &query->name);
    if (work->zone == NULL)
        return wrong(work, RCODE_NOTAUTH, "there is no such zone here");
    if (is_of_others(work->update, &query->name))
        return wrong(work, RCODE_REFUSED, "that zone is another server's");
    return !zone_is_signed(work->zone) ||
           wrong(work, RCODE_REFUSED, "that zone is signed, and is not updated");
}

/* ---- names ---- */

static gboolean
is_challenge(const struct name *name)
{
    return name->size > LABEL_SIZE && memcmp(name->wire, LABEL, LABEL_SIZE) == 0;
}

/* Its zone, and not one of ours that lies below that. */
static gboolean
is_in_zone(struct work *work, const struct name *name)
{
    struct name_hashes hashes;
    name_hashes(name, &hashes);
    return zones_of(work->request->zones, name, &hashes, 0) == work->zone ||
           wrong(work, RCODE_NOTZONE, "the name is not in that zone");
}

/* The zone has something of its own there. */
static gboolean
is_the_zones_own(const struct zone *zone, const struct name *name)
{
    return zone_rrset(zone, name, TYPE_TXT) != NULL || zone_rrset(zone, name, TYPE_CNAME) != NULL;
}

gboolean
update_may_hold(const struct update *update, const struct zones *zones, const struct name *name)
{
    struct name_hashes hashes;
    name_hashes(name, &hashes);
    const struct zone *zone = is_challenge(name) ? zones_of(zones, name, &hashes, 0) : NULL;
    return zone != NULL && !is_of_others(update, zone_origin(zone)) && !zone_is_signed(zone) &&
           !is_the_zones_own(zone, name);
}

static gboolean
has_text(const struct work *work, const struct record *record, gboolean that_one)
{
    const guint8 *rdata;
    gsize size;
    guint place = 0;
    while (
        texts_next(work->update->texts, &record->owner, work->request->now, &place, &rdata, &size))
        if (!that_one || (size == record->size && memcmp(rdata, record->rdata, size) == 0))
            return TRUE;
    return FALSE;
}

static gboolean
has_name(const struct work *work, const struct record *record)
{
    struct name_hashes hashes;
    struct zone_match match;
    name_hashes(&record->owner, &hashes);
    return has_text(work, record, FALSE) ||
           zone_find(work->zone, &record->owner, &hashes, &match) != ZONE_NOTHING;
}

/* ---- sections ---- */

/* RFC 2136, 3.2. */
static gboolean
check_prerequisite(struct work *work, const struct record *record)
{
    const gboolean any = record->type == TYPE_ANY;
    if (record->ttl != 0 || (record->class != CLASS_IN && record->size != 0))
        return wrong(work, RCODE_FORMERR, "a prerequisite has a TTL, or data");
    if (!is_in_zone(work, &record->owner))
        return FALSE;
    const gboolean there =
        any ? has_name(work, record)
        : record->type == TYPE_TXT && has_text(work, record, record->class == CLASS_IN)
            ? TRUE
            : record->class != CLASS_IN &&
                  zone_rrset(work->zone, &record->owner, record->type) != NULL;
    if (record->class == CLASS_NONE)
        return !there || wrong(work, any ? RCODE_YXDOMAIN : RCODE_YXRRSET, "it exists");
    if (record->class != CLASS_ANY && (record->class != CLASS_IN || any))
        return wrong(work, RCODE_FORMERR, "a prerequisite is of an unknown class");
    return there || wrong(work, any ? RCODE_NXDOMAIN : RCODE_NXRRSET, "it does not exist");
}

/* RFC 2136, 3.4.1, and what we take of it. */
static gboolean
check_update(struct work *work, const struct record *record)
{
    const gboolean adds = record->class == CLASS_IN;
    if (!adds && (record->ttl != 0 || (record->class == CLASS_ANY && record->size != 0)))
        return wrong(work, RCODE_FORMERR, "what is removed has a TTL, or data");
    if (!adds && record->class != CLASS_ANY && record->class != CLASS_NONE)
        return wrong(work, RCODE_FORMERR, "an update is of an unknown class");
    if (!is_in_zone(work, &record->owner))
        return FALSE;
    if (!is_challenge(&record->owner))
        return wrong(work, RCODE_REFUSED, "only names _acme-challenge.… are updated");
    if (record->type != TYPE_TXT && (record->type != TYPE_ANY || record->class != CLASS_ANY))
        return wrong(work, RCODE_REFUSED, "only TXT records are updated");
    if (is_the_zones_own(work->zone, &record->owner))
        return wrong(work, RCODE_REFUSED, "the zone itself has that name");
    return record->class == CLASS_ANY || texts_is_rdata(record->rdata, record->size) ||
           wrong(work, RCODE_REFUSED, "the text is empty, too long, or none");
}

static gboolean
do_update(struct work *work, const struct record *record)
{
    const struct update *update = work->update;
    const gboolean put = record->class == CLASS_IN;
    const guint8 *rdata = record->class == CLASS_ANY ? NULL : record->rdata;
    if (!put)
        texts_remove(update->texts, &record->owner, rdata, record->size);
    else if (!texts_add(update->texts, &record->owner, rdata, record->size, TEXTS_SECONDS,
                        work->request->now))
        return wrong(work, RCODE_SERVFAIL, "there are too many such records");
    if (update->changed != NULL)
        update->changed(update->context, put, &record->owner, rdata, record->size);
    return TRUE;
}

/* All sections, first only looked at, then done. */
static gboolean
walk(struct work *work, struct records *records, gboolean really)
{
    const struct query *query = work->request->query;
    enum records_outcome outcome;
    struct record record;
    if (!records_begin(records, query->wire, query->size))
        return wrong(work, RCODE_FORMERR, NULL);
    while ((outcome = records_next(records, &record)) == RECORDS_ONE) {
        if (record.section == SECTION_ADDITIONAL)
            continue;
        if (really ? record.section == SECTION_AUTHORITY && !do_update(work, &record)
                   : !(record.section == SECTION_ANSWER ? check_prerequisite(work, &record)
                                                        : check_update(work, &record)))
            return FALSE;
    }
    return outcome == RECORDS_END || wrong(work, RCODE_FORMERR, NULL);
}

/* Most clients speak no EDNS, and show no reason. Who has no key fills no log. */
static void
tell(const struct work *work, const struct tsig *tsig)
{
    char zone[NAME_TEXT_MAX], key[NAME_TEXT_MAX];
    if (tsig != NULL && tsig->key != NULL)
        log_notice("an update of zone '%s' with the key '%s' was refused: %s",
                   name_text(&work->request->query->name, zone), name_text(&tsig->name, key),
                   work->why);
}

gsize
update_serve(struct update *update, const struct update_request *request, const struct tsig *tsig,
             guint8 *out, gsize room)
{
    struct work work = {.update = update, .request = request, .rcode = RCODE_NOERROR};
    struct reply reply;
    g_autofree struct records *records = g_new(struct records, 1);
    gboolean done =
        may_update(&work, tsig) && walk(&work, records, FALSE) && walk(&work, records, TRUE);
    reply_begin(&reply, request->query, request->options, request->udp, out, room);
    reply.rcode = work.rcode;
    if (!done && work.why != NULL) {
        tell(&work, tsig);
        reply.error = ERROR_PROHIBITED;
        reply.error_text = work.why;
    }
    return reply_end(&reply);
}

/* ---- answers ---- */

static void
add_soa(const struct zone *zone, struct reply *reply)
{
    struct rrset_record record = {0};
    const struct name *origin = zone_origin(zone);
    const struct rrset *soa = zone_rrset(zone, origin, TYPE_SOA);
    if (soa != NULL && rrset_next(soa, &record))
        reply_record(reply, SECTION_AUTHORITY, origin->wire, origin->size, TYPE_SOA, CLASS_IN,
                     MIN(zone_negative_ttl(zone), UPDATE_TTL_MAX), record.rdata, record.size);
}

gboolean
update_has_any(const struct update *update)
{
    return texts_count(update->texts) > 0;
}

gsize
update_answer(struct update *update, const struct update_request *request, guint8 *out, gsize room)
{
    const struct query *query = request->query;
    struct name_hashes hashes;
    const guint8 *rdata;
    gsize size;
    guint place = 0;
    struct reply reply;
    if (!is_challenge(&query->name) ||
        !texts_next(update->texts, &query->name, request->now, &place, &rdata, &size))
        return 0;
    name_hashes(&query->name, &hashes);
    const struct zone *zone = zones_of(request->zones, &query->name, &hashes, 0);
    if (zone == NULL) /* it has expired, or was taken out */
        return 0;
    reply_begin(&reply, query, request->options, request->udp, out, room);
    reply.flags |= FLAG_AA;
    if (query->type == TYPE_TXT || query->type == TYPE_ANY)
        do
            reply_record(&reply, SECTION_ANSWER, query->name.wire, query->name.size, TYPE_TXT,
                         CLASS_IN, UPDATE_TTL_MAX, rdata, size);
        while (texts_next(update->texts, &query->name, request->now, &place, &rdata, &size));
    else
        add_soa(zone, &reply);
    return reply_end(&reply);
}
