#include "sign.h"
#include "sign_inside.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"

#include <string.h>

#define FIXED_SIZE 10 /* type, class, TTL, size of RDATA */
#define WINDOWS 256   /* of a type bitmap, 256 types each (RFC 4034, 4.1.2) */
#define WINDOW_BYTES 32
#define BITMAP_MAX (WINDOWS * (2 + WINDOW_BYTES))
#define ALL_AT_ONCE G_MAXUINT

/* A name that has RRsets. */
struct owner {
    struct name name;
    guint first, count; /* of its RRsets */
};

/* Where a name stands, which says what of it is ours to sign. */
enum standing {
    STANDING_OURS,
    STANDING_CUT,    /* delegated: NSEC and DS */
    STANDING_HIDDEN, /* below a cut or a DNAME: nothing */
};

struct signer {
    const struct sign_keys *keys;
    struct sign_period period;
    struct zone *zone; /* that is being built */
    GPtrArray *rrsets; /* const struct rrset, of the old zone */
    GArray *owners;    /* struct owner; in canonical order */
    guint32 nsec_ttl, serial;
    guint at;                /* the owner that is next */
    const struct owner *top; /* the last cut or DNAME that was passed; NULL: none */
    guint signatures;        /* that have been made */
};

struct sign_period
sign_period_at(gint64 now, gboolean clock_is_sure)
{
    return (struct sign_period){
        .from = now - (clock_is_sure ? SIGN_BACK : SIGN_BACK_UNSURE),
        .to = now + SIGN_VALID,
        .made = now,
    };
}

gboolean
sign_is_due(const struct sign_period *period, gint64 now)
{
    return now < period->from || now >= period->made + SIGN_AGAIN;
}

/* ---- the old zone ---- */

/* What we make ourselves, or what would belie it. */
static gboolean
is_left_out(guint16 type)
{
    return type == TYPE_RRSIG || type == TYPE_NSEC || type == TYPE_NSEC3 || type == TYPE_NSEC3PARAM;
}

static int
in_canonical_order(gconstpointer a, gconstpointer b)
{
    return name_compare(((const struct owner *)a)->name.wire, ((const struct owner *)b)->name.wire);
}

static void
collect(struct signer *signer, const struct zone *zone)
{
    struct zone_position position = {0};
    const struct name *name;
    const struct rrset *rrset;
    struct owner *last = NULL;
    while ((rrset = zone_next(zone, &position, &name)) != NULL) {
        if (is_left_out(rrset->type))
            continue;
        if (last == NULL || !name_equal(&last->name, name)) {
            struct owner owner = {.name = *name, .first = signer->rrsets->len};
            g_array_append_val(signer->owners, owner);
            last = &g_array_index(signer->owners, struct owner, signer->owners->len - 1);
        }
        last->count++;
        g_ptr_array_add(signer->rrsets, (gpointer)rrset);
    }
    g_array_sort(signer->owners, in_canonical_order);
}

struct signer *
signer_new(const struct zone *zone, const struct sign_keys *keys, const struct sign_period *period,
           guint32 serial)
{
    struct signer *signer = g_new0(struct signer, 1);
    signer->keys = keys;
    signer->period = *period;
    signer->rrsets = g_ptr_array_new();
    signer->owners = g_array_new(FALSE, FALSE, sizeof(struct owner));
    signer->zone = zone_new(zone_origin(zone));
    signer->nsec_ttl = zone_negative_ttl(zone); /* RFC 9077 */
    signer->serial = zone_serial(zone);
    if ((gint32)(serial - signer->serial) > 0)
        signer->serial = serial;
    collect(signer, zone);
    return signer;
}

void
signer_free(struct signer *signer)
{
    if (signer == NULL)
        return;
    g_ptr_array_unref(signer->rrsets);
    g_array_unref(signer->owners);
    zone_free(signer->zone);
    g_free(signer);
}

/* ---- ldns ---- */

/* One record in ldns' form; NULL: it does not take it. */
static ldns_rr *
rr_of(const struct name *owner, guint16 type, guint32 ttl, const guint8 *rdata, gsize size)
{
    g_autofree guint8 *wire = g_malloc(owner->size + FIXED_SIZE + size);
    ldns_rr *rr = NULL;
    size_t position = 0;
    memcpy(wire, owner->wire, owner->size);
    guint8 *at = bytes_put16(bytes_put16(wire + owner->size, type), CLASS_IN);
    at = bytes_put16(bytes_put32(at, ttl), (guint)size);
    if (size > 0)
        memcpy(at, rdata, size);
    ldns_status status =
        ldns_wire2rr(&rr, wire, owner->size + FIXED_SIZE + size, &position, LDNS_SECTION_ANSWER);
    return status == LDNS_STATUS_OK ? rr : NULL;
}

/* What ldns made, into the zone. */
static gboolean
add_rr(struct signer *signer, const struct name *owner, const ldns_rr *rr, GError **error)
{
    guint8 *wire = NULL;
    size_t size = 0;
    if (ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &size) != LDNS_STATUS_OK ||
        size < (gsize)owner->size + FIXED_SIZE) {
        free(wire);
        return fail_set(error, FAIL_FAILED, "a signature cannot be written");
    }
    gsize head = owner->size + FIXED_SIZE;
    gboolean added = zone_add(signer->zone, owner, (guint16)ldns_rr_get_type(rr), ldns_rr_ttl(rr),
                              wire + head, size - head, error);
    free(wire);
    return added;
}

/* With each key that signs the type. */
static gboolean
sign_list(struct signer *signer, const struct name *owner, guint16 type, ldns_rr_list *records,
          GError **error)
{
    gboolean good = TRUE;
    for (guint i = 0; good && i < signer->keys->keys->len; i++) {
        const struct sign_key *key = signer->keys->keys->pdata[i];
        if (!sign_key_signs(signer->keys, key, type))
            continue;
        ldns_key_set_inception(ldns_key_list_key(key->list, 0), (guint32)signer->period.from);
        ldns_key_set_expiration(ldns_key_list_key(key->list, 0), (guint32)signer->period.to);
        ldns_rr_list *signatures = ldns_sign_public(records, key->list);
        if (signatures == NULL || ldns_rr_list_rr_count(signatures) != 1)
            good = fail_set(error, FAIL_FAILED, "cannot sign with key %u",
                            (guint)ldns_key_keytag(ldns_key_list_key(key->list, 0)));
        else
            good = add_rr(signer, owner, ldns_rr_list_rr(signatures, 0), error);
        ldns_rr_list_deep_free(signatures);
        signer->signatures++;
    }
    return good;
}

/* ---- one name ---- */

static gboolean
sign_rrset(struct signer *signer, const struct name *owner, const struct rrset *rrset,
           GError **error)
{
    ldns_rr_list *records = ldns_rr_list_new();
    struct rrset_record record = {0};
    gboolean good = rrset != NULL;
    while (good && rrset_next(rrset, &record)) {
        ldns_rr *rr = rr_of(owner, rrset->type, rrset->ttl, record.rdata, record.size);
        good = rr != NULL ? ldns_rr_list_push_rr(records, rr)
                          : fail_set(error, FAIL_FAILED, "ldns does not take a record of type %u",
                                     (guint)rrset->type);
    }
    good = good && sign_list(signer, owner, rrset->type, records, error);
    ldns_rr_list_deep_free(records);
    return good;
}

static gboolean
is_signed(enum standing standing, guint16 type)
{
    return standing == STANDING_OURS || (standing == STANDING_CUT && type == TYPE_DS);
}

/* Names come in canonical order, so what is below a cut follows it at once. */
static enum standing
stand(struct signer *signer, const struct owner *owner)
{
    if (signer->top != NULL && name_is_below(&owner->name, &signer->top->name))
        return STANDING_HIDDEN;
    signer->top = NULL;
    gboolean cut = FALSE, dname = FALSE;
    for (guint i = 0; i < owner->count; i++) {
        guint16 type = ((const struct rrset *)signer->rrsets->pdata[owner->first + i])->type;
        cut |= type == TYPE_NS && !name_equal(&owner->name, &signer->keys->origin);
        dname |= type == TYPE_DNAME;
    }
    if (cut || dname)
        signer->top = owner;
    return cut ? STANDING_CUT : STANDING_OURS;
}

/* Below a cut or a DNAME there is no NSEC, nor is there between. */
static const struct name *
next_name(const struct signer *signer, guint at)
{
    for (guint i = at + 1; i < signer->owners->len; i++) {
        const struct owner *owner = &g_array_index(signer->owners, struct owner, i);
        if (signer->top == NULL || !name_is_below(&owner->name, &signer->top->name))
            return &owner->name;
    }
    return &signer->keys->origin;
}

struct bitmap {
    guint8 bits[WINDOWS][WINDOW_BYTES];
};

static void
bitmap_set(struct bitmap *bitmap, guint16 type)
{
    bitmap->bits[type >> 8][(type & 0xff) / 8] |= (guint8)(0x80 >> type % 8);
}

static guint8 *
bitmap_write(const struct bitmap *bitmap, guint8 *at)
{
    for (guint window = 0; window < WINDOWS; window++) {
        guint size = WINDOW_BYTES;
        while (size > 0 && bitmap->bits[window][size - 1] == 0)
            size--;
        if (size == 0)
            continue;
        *at++ = (guint8)window;
        *at++ = (guint8)size;
        memcpy(at, bitmap->bits[window], size);
        at += size;
    }
    return at;
}

static gboolean
add_nsec(struct signer *signer, const struct owner *owner, enum standing standing, GError **error)
{
    guint8 rdata[NAME_SIZE_MAX + BITMAP_MAX];
    struct bitmap types = {0};
    const struct name *next = next_name(signer, signer->at);
    for (guint i = 0; i < owner->count; i++) {
        guint16 type = ((const struct rrset *)signer->rrsets->pdata[owner->first + i])->type;
        if (standing == STANDING_OURS || type == TYPE_NS || type == TYPE_DS)
            bitmap_set(&types, type);
    }
    if (name_equal(&owner->name, &signer->keys->origin))
        bitmap_set(&types, TYPE_DNSKEY);
    bitmap_set(&types, TYPE_RRSIG);
    bitmap_set(&types, TYPE_NSEC);
    memcpy(rdata, next->wire, next->size);
    gsize size = (gsize)(bitmap_write(&types, rdata + next->size) - rdata);
    return zone_add(signer->zone, &owner->name, TYPE_NSEC, signer->nsec_ttl, rdata, size, error) &&
           sign_rrset(signer, &owner->name, zone_rrset(signer->zone, &owner->name, TYPE_NSEC),
                      error);
}

static gboolean
copy_rrset(struct signer *signer, const struct name *owner, const struct rrset *rrset,
           GError **error)
{
    struct rrset_record record = {0};
    while (rrset_next(rrset, &record))
        if (!zone_add(signer->zone, owner, rrset->type, rrset->ttl, record.rdata, record.size,
                      error))
            return FALSE;
    return TRUE;
}

/* Beside those that the zone file has: of a signer that is to come, say. */
static gboolean
add_dnskeys(struct signer *signer, GError **error)
{
    for (guint i = 0; i < signer->keys->keys->len; i++) {
        const struct sign_key *key = signer->keys->keys->pdata[i];
        if (!add_rr(signer, &signer->keys->origin, key->record, error))
            return FALSE;
    }
    return TRUE;
}

/* The serial is in place before the SOA is signed, and the DNSKEYs are whole. */
static gboolean
prepare_apex(struct signer *signer, const struct owner *owner, GError **error)
{
    if (!add_dnskeys(signer, error))
        return FALSE;
    zone_set_serial(signer->zone, signer->serial);
    const struct rrset *had = NULL;
    for (guint i = 0; i < owner->count; i++)
        if (((const struct rrset *)signer->rrsets->pdata[owner->first + i])->type == TYPE_DNSKEY)
            had = signer->rrsets->pdata[owner->first + i];
    return had != NULL || sign_rrset(signer, &owner->name,
                                     zone_rrset(signer->zone, &owner->name, TYPE_DNSKEY), error);
}

static gboolean
sign_owner(struct signer *signer, const struct owner *owner, GError **error)
{
    enum standing standing = stand(signer, owner);
    gboolean apex = name_equal(&owner->name, &signer->keys->origin);
    for (guint i = 0; i < owner->count; i++)
        if (!copy_rrset(signer, &owner->name, signer->rrsets->pdata[owner->first + i], error))
            return FALSE;
    if (standing == STANDING_HIDDEN)
        return TRUE;
    if (apex && !prepare_apex(signer, owner, error))
        return FALSE;
    for (guint i = 0; i < owner->count; i++) {
        guint16 type = ((const struct rrset *)signer->rrsets->pdata[owner->first + i])->type;
        if (is_signed(standing, type) &&
            !sign_rrset(signer, &owner->name, zone_rrset(signer->zone, &owner->name, type), error))
            return FALSE;
    }
    return add_nsec(signer, owner, standing, error);
}

/* ---- all ---- */

static gboolean
go_on(struct signer *signer, guint signatures, GError **error)
{
    for (guint begun = signer->signatures;
         signer->at < signer->owners->len && signer->signatures - begun < signatures; signer->at++)
        if (!sign_owner(signer, &g_array_index(signer->owners, struct owner, signer->at), error))
            return FALSE;
    return signer->at < signer->owners->len || zone_finish(signer->zone, error);
}

enum signer_state
signer_step(struct signer *signer, guint signatures, GError **error)
{
    char text[NAME_TEXT_MAX];
    if (go_on(signer, signatures, error))
        return signer->at < signer->owners->len ? SIGNER_MORE : SIGNER_DONE;
    g_prefix_error(error, "zone '%s': ", name_text(&signer->keys->origin, text));
    return SIGNER_FAILED;
}

struct zone *
signer_take(struct signer *signer)
{
    g_assert(signer->at == signer->owners->len);
    return g_steal_pointer(&signer->zone);
}

struct zone *
sign_zone(const struct zone *zone, const struct sign_keys *keys, const struct sign_period *period,
          guint32 serial, GError **error)
{
    AUTO(signer) *signer = signer_new(zone, keys, period, serial);
    return signer_step(signer, ALL_AT_ONCE, error) == SIGNER_DONE ? signer_take(signer) : NULL;
}
