#include "netsvc/dns/holding.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/dns/zone/load.h"
#include "netsvc/dns/zone/serial.h"
#include "netsvc/dns/zone/sign.h"
#include "netsvc/dns/zone/site.h"

#include <string.h>

#define SIGN_LOOK_SECONDS 3600 /* between two looks whether signatures are due */
#define SIGN_AT_ONCE 20        /* signatures between two rounds of answers: some 2 ms */

struct signed_zone {
    struct name origin;
    struct sign_keys *keys;
    struct sign_period period, next;
    char *ds;
    struct signer *signer; /* NULL: nothing is being signed */
};

struct holding {
    struct holding_role role;
    struct zones *zones;
    struct clients *clients;
    struct address_names address_names; /* zone NULL: none */
    struct name address_origin;
    struct serial serial;
    guint32 first_serial;
    GPtrArray *signed_zones; /* struct signed_zone */
    GPtrArray *lacking;      /* const struct config_zone *: not here, of others or unreadable */
    struct event *look, *step;
};

static gint64
wall_seconds(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

static gint64
now(const struct holding *holding)
{
    return holding->role.now();
}

/* Looked at each time, as somebody may have set the clock. */
static struct sign_period
period_from_now(const struct holding *holding)
{
    return sign_period_at(now(holding), now(holding) >= holding->role.clock_floor);
}

/* ---- zones come and go ---- */

static void
find_address_zone(struct holding *holding)
{
    if (holding->role.config->dns.address_zone != NULL)
        holding->address_names.zone = zones_named(holding->zones, &holding->address_origin);
}

static void
put(struct holding *holding, struct zone *zone)
{
    zone_free(zones_put(holding->zones, zone));
    find_address_zone(holding);
}

void
holding_arrived(struct holding *holding, struct zone *zone)
{
    for (guint i = 0; i < holding->lacking->len; i++) {
        const struct config_zone *config = holding->lacking->pdata[i];
        struct name origin;
        if (name_from_text(&origin, config->name) && name_equal(&origin, zone_origin(zone)))
            g_ptr_array_remove_index_fast(holding->lacking, i--);
    }
    put(holding, zone);
    holding->role.changed(holding->role.context, zone);
}

void
holding_expired(struct holding *holding, const struct config_zone *config)
{
    struct name origin;
    if (!g_ptr_array_find(holding->lacking, config, NULL))
        g_ptr_array_add(holding->lacking, (gpointer)config);
    if (name_from_text(&origin, config->name))
        zone_free(zones_take(holding->zones, &origin));
}

gboolean
holding_lacks(const struct holding *holding, const struct name *name)
{
    struct name_hashes hashes;
    if (G_LIKELY(holding->lacking->len == 0))
        return FALSE;
    name_hashes(name, &hashes);
    const struct zone *has = zones_of(holding->zones, name, &hashes, 0);
    for (guint i = 0; i < holding->lacking->len; i++) {
        const struct config_zone *config = holding->lacking->pdata[i];
        struct name origin;
        if (name_from_text(&origin, config->name) && name_is_below(name, &origin) &&
            (has == NULL || zone_origin(has)->labels < origin.labels))
            return TRUE;
    }
    return FALSE;
}

/* ---- signing ---- */

static struct signed_zone *
find_signed(const struct holding *holding, const struct name *origin)
{
    for (guint i = 0; i < holding->signed_zones->len; i++) {
        struct signed_zone *zone = holding->signed_zones->pdata[i];
        if (name_equal(&zone->origin, origin))
            return zone;
    }
    return NULL;
}

static void
signed_zone_free(gpointer data)
{
    struct signed_zone *zone = data;
    signer_free(zone->signer);
    sign_keys_free(zone->keys);
    g_free(zone->ds);
    g_free(zone);
}

static gboolean
sign_first(struct holding *holding, const struct config_zone *config, GError **error)
{
    gboolean made = FALSE;
    struct signed_zone *added = g_new0(struct signed_zone, 1);
    g_ptr_array_add(holding->signed_zones, added);
    name_from_text(&added->origin, config->name);
    const struct zone *plain = zones_named(holding->zones, &added->origin);
    g_assert(plain != NULL); /* of a file, or made by site_build */
    added->keys = sign_keys_open(config->keys, &added->origin, TRUE, &made, error);
    if (added->keys == NULL)
        return FALSE;
    added->ds = sign_keys_ds(added->keys);
    added->period = period_from_now(holding);
    struct zone *zone = sign_zone(plain, added->keys, &added->period, holding->first_serial, error);
    if (zone == NULL)
        return FALSE;
    put(holding, zone);
    if (made)
        log_notice("zone '%s': a key was made; the zone above it needs: %s", config->name,
                   g_strchomp(added->ds));
    return TRUE;
}

static void
sign_done(struct holding *holding, struct signed_zone *zone)
{
    struct zone *done = signer_take(zone->signer);
    g_clear_pointer(&zone->signer, signer_free);
    zone->period = zone->next;
    put(holding, done);
    holding->role.changed(holding->role.context, done);
}

/* Goes on with one that is being signed; FALSE: none is. */
static gboolean
sign_more(struct holding *holding)
{
    for (guint i = 0; i < holding->signed_zones->len; i++) {
        struct signed_zone *zone = holding->signed_zones->pdata[i];
        g_autoptr(GError) error = NULL;
        if (zone->signer == NULL)
            continue;
        switch (signer_step(zone->signer, SIGN_AT_ONCE, &error)) {
        case SIGNER_MORE:
            break;
        case SIGNER_DONE:
            sign_done(holding, zone);
            break;
        case SIGNER_FAILED:
            log_error("zones cannot be signed again: %s", error->message);
            g_clear_pointer(&zone->signer, signer_free);
        }
        return TRUE;
    }
    return FALSE;
}

static void
sign_step(evutil_socket_t fd, short what, void *context)
{
    struct holding *holding = context;
    const struct timeval soon = {.tv_usec = 1000};
    (void)fd;
    (void)what;
    if (sign_more(holding))
        evtimer_add(holding->step, &soon);
}

void
holding_look(struct holding *holding)
{
    for (guint i = 0; i < holding->signed_zones->len; i++) {
        struct signed_zone *zone = holding->signed_zones->pdata[i];
        const struct zone *served = zones_named(holding->zones, &zone->origin);
        if (zone->signer != NULL || served == NULL || !sign_is_due(&zone->period, now(holding)))
            continue;
        zone->next = period_from_now(holding);
        zone->signer = signer_new(served, zone->keys, &zone->next, zone_serial(served) + 1);
    }
    sign_step(-1, 0, holding);
}

static void
on_look(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    holding_look(context);
}

/* ---- the beginning ---- */

/* A zone of ours that is not there: an error, or told and answered SERVFAIL. */
static gboolean
lack(struct holding *holding, const struct config_zone *zone, GError **cause, GError **error)
{
    g_prefix_error(cause, "zone '%s': ", zone->name);
    if (!holding->role.lenient) {
        g_propagate_error(error, g_steal_pointer(cause));
        return FALSE;
    }
    holding_expired(holding, zone);
    g_autofree char *message = fail_message((*cause)->message);
    holding->role.trouble(holding->role.context, zone, message);
    return TRUE;
}

static gboolean
load_files(struct holding *holding, const struct config_dns *config, GError **error)
{
    for (guint i = 0; i < config->zones->len; i++) {
        const struct config_zone *zone = config->zones->pdata[i];
        g_autoptr(GError) cause = NULL;
        struct name origin;
        if (!name_from_text(&origin, zone->name))
            return fail_set(error, FAIL_USAGE, "zone '%s': this is no domain name", zone->name);
        if (zone->primaries->len > 0)
            g_ptr_array_add(holding->lacking, (gpointer)zone);
        if (zone->primaries->len > 0 || zone->file == NULL)
            continue;
        struct zone *loaded = load_file(zone->file, &origin, &cause);
        if (loaded != NULL)
            put(holding, loaded);
        else if (!lack(holding, zone, &cause, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_lacking(const struct holding *holding, const struct config_zone *zone)
{
    return g_ptr_array_find(holding->lacking, zone, NULL);
}

static gboolean
sign_all(struct holding *holding, const struct config_dns *config, GError **error)
{
    for (guint i = 0; i < config->zones->len; i++) {
        const struct config_zone *zone = config->zones->pdata[i];
        g_autoptr(GError) cause = NULL;
        if (zone->sign && !is_lacking(holding, zone) && !sign_first(holding, zone, &cause) &&
            !lack(holding, zone, &cause, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
fill(struct holding *holding, GError **error)
{
    const struct config *config = holding->role.config;
    holding->address_names.networks = config->dns.address_networks;
    if (config->dns.address_zone != NULL)
        name_from_text(&holding->address_origin, config->dns.address_zone);
    if (!serial_begin(&holding->serial, holding->role.folder, now(holding), &holding->first_serial,
                      error) ||
        !load_files(holding, &config->dns, error) ||
        !site_build(holding->zones, config, holding->first_serial, error))
        return FALSE;
    find_address_zone(holding);
    return sign_all(holding, &config->dns, error);
}

/* ---- clients ---- */

static gboolean
is_ours(gpointer context, const struct zone *zone)
{
    const struct holding *holding = context;
    const GPtrArray *zones = holding->role.config->dns.zones;
    struct name origin;
    for (guint i = 0; i < zones->len; i++) {
        const struct config_zone *config = zones->pdata[i];
        if (config->primaries->len > 0 && name_from_text(&origin, config->name) &&
            name_equal(&origin, zone_origin(zone)))
            return FALSE;
    }
    return TRUE;
}

static void
clients_tell(gpointer context, const char *text)
{
    struct holding *holding = context;
    holding->role.tell(holding->role.context, text);
}

static void
clients_changed(gpointer context, struct zone *zone)
{
    struct holding *holding = context;
    g_autoptr(GError) error = NULL;
    if (!serial_reached(&holding->serial, zone_serial(zone), &error))
        log_warning("%s", error->message);
    holding->role.changed(holding->role.context, zone);
}

void
holding_take_names(struct holding *holding, const void *data, gsize size)
{
    clients_take(holding->clients, data, size);
}

/* ---- the whole ---- */

struct holding *
holding_new(const struct holding_role *role, GError **error)
{
    AUTO(holding) *holding = g_new0(struct holding, 1);
    const struct clients_role clients = {is_ours, clients_tell, clients_changed, holding};
    holding->role = *role;
    if (role->now == NULL)
        holding->role.now = wall_seconds;
    holding->zones = zones_new();
    holding->clients = clients_new(holding->zones, &clients);
    holding->signed_zones = g_ptr_array_new_with_free_func(signed_zone_free);
    holding->lacking = g_ptr_array_new();
    return fill(holding, error) ? g_steal_pointer(&holding) : NULL;
}

void
holding_begin(struct holding *holding, struct event_base *events)
{
    const struct timeval interval = {.tv_sec = SIGN_LOOK_SECONDS};
    holding->look = event_new(events, -1, EV_PERSIST, on_look, holding);
    holding->step = evtimer_new(events, sign_step, holding);
    if (holding->signed_zones->len > 0)
        event_add(holding->look, &interval);
    for (guint i = 0; i < zones_count(holding->zones); i++)
        holding->role.changed(holding->role.context, zones_at(holding->zones, i));
}

void
holding_free(struct holding *holding)
{
    if (holding == NULL)
        return;
    if (holding->look != NULL)
        event_free(holding->look);
    if (holding->step != NULL)
        event_free(holding->step);
    clients_free(holding->clients);
    g_ptr_array_unref(holding->signed_zones);
    g_ptr_array_unref(holding->lacking);
    zones_free(holding->zones);
    g_free(holding);
}

const struct zones *
holding_zones(const struct holding *holding)
{
    return holding->zones;
}

const struct address_names *
holding_address_names(const struct holding *holding)
{
    return holding->address_names.zone != NULL ? &holding->address_names : NULL;
}

const struct journal *
holding_journal(const struct holding *holding, const struct name *origin)
{
    const struct zone *zone = zones_named(holding->zones, origin);
    return zone != NULL ? clients_journal(holding->clients, zone) : NULL;
}

/* ---- what is told of a zone ---- */

static gboolean
is_reverse(const struct name *origin)
{
    struct name in_addr, ip6;
    name_from_text(&in_addr, "in-addr.arpa");
    name_from_text(&ip6, "ip6.arpa");
    return name_is_below(origin, &in_addr) || name_is_below(origin, &ip6);
}

static gboolean
is_clients(const struct config *config, const char *name)
{
    for (guint i = 0; i < config->dhcp.subnets->len; i++)
        if (g_strcmp0(((const struct config_subnet *)config->dhcp.subnets->pdata[i])->domain,
                      name) == 0)
            return TRUE;
    return FALSE;
}

const char *
holding_kind(const struct holding *holding, const struct zone *zone)
{
    const struct config *config = holding->role.config;
    char text[NAME_TEXT_MAX];
    name_text(zone_origin(zone), text);
    for (guint i = 0; i < config->dns.zones->len; i++) {
        const struct config_zone *each = config->dns.zones->pdata[i];
        if (strcmp(each->name, text) == 0 && (each->file != NULL || each->primaries->len > 0))
            return each->file != NULL ? "file" : "secondary";
    }
    return is_reverse(zone_origin(zone))         ? "reverse"
           : zone == holding->address_names.zone ? "address"
           : is_clients(config, text)            ? "clients"
                                                 : "names";
}

const char *
holding_ds(const struct holding *holding, const struct zone *zone)
{
    const struct signed_zone *found = find_signed(holding, zone_origin(zone));
    return found != NULL ? found->ds : NULL;
}

guint
holding_clients(const struct holding *holding)
{
    return clients_count(holding->clients);
}
