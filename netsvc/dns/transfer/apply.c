#include "apply.h"

#include "lib/base/fail.h"
#include "netsvc/bytes.h"
#include "netsvc/dns/transfer/records.h"

#include <string.h>

/* ---- what the changes come to ---- */

/* A record with what the changes make of it, its TTL aside. */
struct fate {
    struct content_record record;
    struct name owner;
    gboolean removed; /* from the base */
    gboolean added;
    gboolean met; /* in the base */
};

static guint
fate_hash(gconstpointer data)
{
    const struct fate *fate = data;
    guint hash = name_hash(&fate->owner) + fate->record.type;
    for (guint i = 0; i < fate->record.size; i++)
        hash = hash * 31 + fate->record.rdata[i];
    return hash;
}

static gboolean
fate_equal(gconstpointer a, gconstpointer b)
{
    const struct fate *x = a, *y = b;
    return x->record.type == y->record.type && x->record.size == y->record.size &&
           name_equal(&x->owner, &y->owner) &&
           memcmp(x->record.rdata, y->record.rdata, x->record.size) == 0;
}

static gboolean
change(GHashTable *fates, const struct fate *found, gboolean add, GError **error)
{
    struct fate *fate = g_hash_table_lookup(fates, found);
    if (fate == NULL) {
        fate = g_memdup2(found, sizeof *found);
        fate->removed = !add;
        fate->added = add;
        g_hash_table_add(fates, fate);
        return TRUE;
    }
    if (fate->added == add)
        return fail_set(error, FAIL_FAILED, "its changes %s a record twice",
                        add ? "add" : "remove");
    fate->added = add;
    fate->record.ttl = found->record.ttl;
    return TRUE;
}

/* The last SOA is what the zone gets; those between only part the changes. */
static GHashTable *
fates_of(const struct content *changes, struct content_record *soa, GError **error)
{
    g_autoptr(GHashTable) fates = g_hash_table_new_full(fate_hash, fate_equal, g_free, NULL);
    struct content_position position = {0};
    struct fate fate = {0};
    gboolean add = TRUE;
    while (content_next(changes, &position, &fate.record)) {
        content_owner(&fate.record, &fate.owner);
        if (fate.record.type == TYPE_SOA) {
            add = !add;
            *soa = fate.record;
        } else if (!change(fates, &fate, add, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&fates);
}

/* ---- anew ---- */

static gboolean
add_record(struct content *content, const struct name *owner, const struct content_record *record,
           GError **error)
{
    return content_add(content, owner, record->type, record->ttl, record->rdata, record->size) ||
           fail_set(error, FAIL_FAILED, "with its changes the zone is too large");
}

/* What stays of the base. */
static gboolean
keep_base(struct content *result, const struct content *base, GHashTable *fates, GError **error)
{
    struct content_position position = {0};
    struct fate found = {0};
    while (content_next(base, &position, &found.record)) {
        content_owner(&found.record, &found.owner);
        if (found.record.type == TYPE_SOA)
            continue;
        struct fate *fate = g_hash_table_lookup(fates, &found);
        if (fate != NULL && !fate->removed)
            return fail_set(error, FAIL_FAILED, "its changes add a record that is there");
        if (fate != NULL)
            fate->met = TRUE;
        else if (!add_record(result, &found.owner, &found.record, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
add_new(struct content *result, GHashTable *fates, GError **error)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, fates);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct fate *fate = key;
        if (fate->removed && !fate->met)
            return fail_set(error, FAIL_FAILED, "its changes remove a record that is not there");
        if (fate->added && !add_record(result, &fate->owner, &fate->record, error))
            return FALSE;
    }
    return TRUE;
}

struct content *
apply_changes(const struct content *base, const struct content *changes, gsize bytes_max,
              GError **error)
{
    struct content_record soa = {0};
    struct name owner;
    g_autoptr(GHashTable) fates = fates_of(changes, &soa, error);
    if (fates == NULL)
        return NULL;
    AUTO(content) *result = content_new(bytes_max);
    g_assert(soa.rdata != NULL);
    content_owner(&soa, &owner);
    if (add_record(result, &owner, &soa, error) && keep_base(result, base, fates, error) &&
        add_new(result, fates, error))
        return g_steal_pointer(&result);
    return NULL;
}

/* ---- in place ---- */

/* What is there of the fate's name and type, if that is at most one record. */
static gboolean
find_single(const struct zone *zone, const struct fate *fate, struct rrset_record *found)
{
    const struct rrset *rrset = zone_rrset(zone, &fate->owner, fate->record.type);
    *found = (struct rrset_record){0};
    return rrset == NULL || (rrset->count == 1 && rrset_next(rrset, found));
}

static gboolean
is_record(const struct fate *fate, const struct rrset_record *record)
{
    return record->rdata != NULL && record->size == fate->record.size &&
           memcmp(record->rdata, fate->record.rdata, record->size) == 0;
}

static guint
place_hash(gconstpointer data)
{
    const struct fate *fate = data;
    return name_hash(&fate->owner) + fate->record.type;
}

static gboolean
place_equal(gconstpointer a, gconstpointer b)
{
    const struct fate *x = a, *y = b;
    return x->record.type == y->record.type && name_equal(&x->owner, &y->owner);
}

/* The record that comes to each name and type; NULL: to one come several. */
static GHashTable *
additions(GHashTable *fates)
{
    g_autoptr(GHashTable) places = g_hash_table_new(place_hash, place_equal);
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, fates);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct fate *fate = key;
        if (fate->added && !g_hash_table_add(places, key))
            return NULL;
    }
    return g_steal_pointer(&places);
}

enum fit { FIT_GOOD, FIT_SEVERAL, FIT_WRONG };

/* Whether the zone is as the fate supposes. */
static enum fit
fits(const struct zone *zone, GHashTable *fates, const struct fate *fate, GError **error)
{
    struct rrset_record there;
    if (!find_single(zone, fate, &there))
        return FIT_SEVERAL;
    gboolean same = is_record(fate, &there);
    if (fate->removed && !same)
        fail_set(error, FAIL_FAILED, "its changes remove a record that is not there");
    else if (!fate->removed && same)
        fail_set(error, FAIL_FAILED, "its changes add a record that is there");
    else if (fate->removed || !fate->added || there.rdata == NULL)
        return FIT_GOOD;
    else { /* it comes beside another, unless that goes */
        struct fate other = *fate;
        other.record.rdata = there.rdata;
        other.record.size = there.size;
        const struct fate *gone = g_hash_table_lookup(fates, &other);
        return gone != NULL && !gone->added ? FIT_GOOD : FIT_SEVERAL;
    }
    return FIT_WRONG;
}

static enum fit
all_fit(const struct zone *zone, GHashTable *fates, GError **error)
{
    GHashTableIter iter;
    gpointer key;
    enum fit fit = FIT_GOOD;
    g_hash_table_iter_init(&iter, fates);
    while (fit == FIT_GOOD && g_hash_table_iter_next(&iter, &key, NULL))
        fit = fits(zone, fates, key, error);
    return fit;
}

/* What goes first, so that a CNAME makes room. */
static void
set_all(struct zone *zone, GHashTable *fates, gboolean add)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, fates);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct fate *fate = key;
        if (add && fate->added)
            zone_set(zone, &fate->owner, fate->record.type, fate->record.ttl, fate->record.rdata,
                     fate->record.size);
        else if (!add && fate->removed)
            zone_set(zone, &fate->owner, fate->record.type, 0, NULL, 0);
    }
}

/* Not all is taken: no record beside a CNAME, and no zone without NS. */
static gboolean
has_become(const struct zone *zone, GHashTable *fates)
{
    GHashTableIter iter;
    gpointer key;
    struct rrset_record there;
    g_hash_table_iter_init(&iter, fates);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct fate *fate = key;
        if (!find_single(zone, fate, &there) || is_record(fate, &there) != fate->added)
            return FALSE;
    }
    return TRUE;
}

gboolean
apply_in_place(struct zone *zone, const struct content *changes, GError **error)
{
    struct content_record soa = {0};
    g_autoptr(GHashTable) fates = fates_of(changes, &soa, error);
    if (fates == NULL)
        return FALSE;
    g_autoptr(GHashTable) places = additions(fates);
    if (places == NULL || all_fit(zone, fates, error) != FIT_GOOD)
        return FALSE;
    g_assert(soa.rdata != NULL);
    set_all(zone, fates, FALSE);
    set_all(zone, fates, TRUE);
    zone_set(zone, zone_origin(zone), TYPE_SOA, soa.ttl, soa.rdata, soa.size);
    zone_set_serial(zone, bytes_get32(soa.rdata + soa.size - SOA_NUMBERS));
    return has_become(zone, fates) ||
           fail_set(error, FAIL_FAILED, "its changes lead to what no zone can be");
}
