#include "netsvc/dns/transfer/secondary_inside.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/dns/transfer/kept.h"
#include "netsvc/dns/transfer/peer.h"

#include <string.h>
#include <time.h>

/* ---- time ---- */

static gint64
boot_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

static gint64
wall_seconds(void)
{
    return time(NULL);
}

static gint64
refresh_of(const struct secondary *secondary)
{
    return CLAMP(secondary->soa.refresh, SECONDARY_TIMER_MIN, SECONDARY_TIMER_MAX);
}

static gint64
retry_of(const struct secondary *secondary)
{
    if (secondary->zone != NULL)
        return CLAMP(secondary->soa.retry, SECONDARY_TIMER_MIN, SECONDARY_TIMER_MAX);
    gint64 wait = SECONDARY_FIRST_RETRY;
    for (guint i = 1; i < secondary->failures && wait < SECONDARY_LAST_RETRY; i++)
        wait *= 2;
    return MIN(wait, SECONDARY_LAST_RETRY);
}

static gint64
expiry_of(const struct secondary *secondary)
{
    guint32 expire = MAX(secondary->soa.expire, SECONDARY_EXPIRE_MIN);
    return secondary->checked + expire;
}

static struct kept_now
kept_now(const struct secondary *secondary)
{
    return (struct kept_now){
        .boot = secondary->role.boot(),
        .wall = secondary->role.wall(),
        .wall_sure = secondary->role.clock_is_sure,
        .boot_id = secondary->role.boot_id,
    };
}

const char *
secondary_name(const struct secondary *secondary)
{
    return secondary->role.config->name;
}

/* ---- what there is ---- */

void
secondary_read_soa(struct secondary *secondary, const struct zone *zone)
{
    struct rrset_record record = {0};
    const struct rrset *rrset = zone_rrset(zone, zone_origin(zone), TYPE_SOA);
    gboolean good = rrset != NULL && rrset_next(rrset, &record) &&
                    records_soa(&secondary->soa, record.rdata, record.size);
    g_assert(good); /* zone_finish saw to it */
}

void
secondary_arrive(struct secondary *secondary, struct zone *zone)
{
    secondary_read_soa(secondary, zone);
    secondary->zone = zone;
    secondary->role.arrived(secondary->role.context, secondary->role.config, zone);
}

static gint64
save_interval(const struct secondary *secondary)
{
    gsize more = zone_count(secondary->zone) / SECONDARY_SAVE_RRSETS;
    return MIN(SECONDARY_SAVE_MIN + (gint64)more, SECONDARY_SAVE_MAX);
}

void
secondary_must_save(struct secondary *secondary, gboolean zone_too)
{
    if (secondary->role.folder < 0)
        return;
    gint64 now = secondary->role.boot();
    secondary->zone_unsaved |= zone_too;
    if (secondary->save_due < 0)
        secondary->save_due =
            secondary->saved < 0 ? now : MAX(now, secondary->saved + save_interval(secondary));
}

static void
save(struct secondary *secondary)
{
    g_autoptr(GError) error = NULL;
    struct kept_now now = kept_now(secondary);
    now.boot = secondary->checked;
    now.wall -= secondary->role.boot() - secondary->checked;
    if (secondary->save_due < 0 || secondary->zone == NULL)
        return;
    secondary->save_due = -1;
    secondary->saved = secondary->role.boot();
    if ((secondary->zone_unsaved && !kept_write(secondary->role.folder, secondary->zone, &error)) ||
        !kept_write_checked(secondary->role.folder, &secondary->origin, &now, &error))
        log_warning("zone '%s' is served, but not kept for the next start: %s",
                    secondary_name(secondary), error->message);
    secondary->zone_unsaved = FALSE;
}

static void
expire(struct secondary *secondary)
{
    log_warning("zone '%s' has expired: no primary was there for too long",
                secondary_name(secondary));
    secondary->role.expired(secondary->role.context, secondary->role.config);
    secondary->zone = NULL;
    if (secondary->connection != NULL) { /* what is asked there is about what is gone */
        secondary_hang_up(secondary);
        secondary->due = secondary->role.boot();
    }
    secondary->save_due = secondary->saved = -1;
    if (secondary->role.folder >= 0)
        kept_remove(secondary->role.folder, &secondary->origin);
}

/* ---- waiting ---- */

/* The timer comes at the next of: a check, the expiry, a save. */
static void
wait_on(struct secondary *secondary)
{
    gint64 now = secondary->role.boot(), next = G_MAXINT64;
    if (secondary->connection == NULL)
        next = secondary->due;
    if (secondary->zone != NULL)
        next = MIN(next, expiry_of(secondary));
    if (secondary->save_due >= 0)
        next = MIN(next, secondary->save_due);
    if (next == G_MAXINT64) {
        event_del(secondary->timer);
        return;
    }
    struct timeval after = {.tv_sec = CLAMP(next - now, 0, SECONDARY_TIMER_MAX)};
    event_add(secondary->timer, &after);
}

void
secondary_look(struct secondary *secondary)
{
    gint64 now = secondary->role.boot();
    if (secondary->zone != NULL && now >= expiry_of(secondary))
        expire(secondary);
    if (secondary->save_due >= 0 && now >= secondary->save_due)
        save(secondary);
    if (secondary->connection == NULL && now >= secondary->due) {
        secondary->primary = 0;
        secondary->whole = FALSE;
        secondary->again = FALSE;
        g_string_truncate(secondary->errors, 0);
        secondary_ask(secondary);
    }
    wait_on(secondary);
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    secondary_look(context);
}

/* ---- the end of asking ---- */

static void
tell_trouble(struct secondary *secondary, const char *text)
{
    if (g_strcmp0(secondary->trouble, text) == 0)
        return;
    g_free(secondary->trouble);
    secondary->trouble = g_strdup(text);
    secondary->role.trouble(secondary->role.context, secondary->role.config, text);
}

/* It is known to be the newest. */
void
secondary_succeed(struct secondary *secondary)
{
    secondary_hang_up(secondary);
    secondary->failures = 0;
    secondary->checked = secondary->role.boot();
    secondary->due =
        secondary->checked + (secondary->again ? SECONDARY_GAP : refresh_of(secondary));
    secondary_must_save(secondary, FALSE);
    tell_trouble(secondary, NULL);
    wait_on(secondary);
}

/* The next primary, or in a while the first one again. */
void
secondary_fail(struct secondary *secondary, const char *text)
{
    char address[INET6_ADDRSTRLEN];
    g_autofree char *message = fail_message(text);
    g_string_append_printf(secondary->errors, "%sprimary %s: %s",
                           secondary->errors->len > 0 ? "; " : "",
                           peer_text(&secondary_peer(secondary)->address, address), message);
    secondary_hang_up(secondary);
    if (++secondary->primary < secondary->role.config->primaries->len) {
        secondary_ask(secondary);
        return;
    }
    secondary->failures++;
    secondary->due = secondary->role.boot() + retry_of(secondary);
    tell_trouble(secondary, secondary->errors->str);
    wait_on(secondary);
}

static void
on_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    secondary_fail(context, "it takes too long");
}

/* ---- begin and end ---- */

static void
read_kept(struct secondary *secondary)
{
    g_autoptr(GError) error = NULL;
    struct kept_now now = kept_now(secondary);
    gint64 age = 0;
    struct zone *zone =
        secondary->role.folder < 0
            ? NULL
            : kept_read(secondary->role.folder, &secondary->origin, &now, &age, &error);
    if (error != NULL)
        log_warning("zone '%s': %s, and is transferred anew", secondary_name(secondary),
                    error->message);
    if (zone == NULL)
        return;
    secondary->checked = now.boot - age;
    secondary_arrive(secondary, zone);
}

struct secondary *
secondary_new(const struct secondary_role *role, GError **error)
{
    AUTO(secondary) *secondary = g_new0(struct secondary, 1);
    secondary->role = *role;
    secondary->save_due = secondary->saved = -1;
    secondary->errors = g_string_new(NULL);
    secondary->skews = g_new0(gint64, role->config->primaries->len);
    if (role->boot == NULL)
        secondary->role.boot = boot_seconds;
    if (role->wall == NULL)
        secondary->role.wall = wall_seconds;
    if (!name_from_text(&secondary->origin, role->config->name)) {
        fail_set(error, FAIL_USAGE, "'%s' is no name for a zone", role->config->name);
        return NULL;
    }
    if (role->config->tsig != NULL) {
        secondary->key = tsig_keys_find(role->keys, role->config->tsig);
        if (secondary->key == NULL) {
            fail_set(error, FAIL_USAGE, "zone '%s': there is no TSIG key '%s'",
                     secondary_name(secondary), role->config->tsig);
            return NULL;
        }
    }
    secondary->timer = evtimer_new(role->events, on_timer, secondary);
    secondary->deadline = evtimer_new(role->events, on_deadline, secondary);
    read_kept(secondary);
    secondary->due = secondary->role.boot();
    wait_on(secondary);
    return g_steal_pointer(&secondary);
}

void
secondary_free(struct secondary *secondary)
{
    if (secondary == NULL)
        return;
    save(secondary);
    if (secondary->deadline != NULL)
        secondary_hang_up(secondary);
    if (secondary->timer != NULL)
        event_free(secondary->timer);
    if (secondary->deadline != NULL)
        event_free(secondary->deadline);
    g_string_free(secondary->errors, TRUE);
    g_free(secondary->trouble);
    g_free(secondary->skews);
    g_free(secondary);
}

gboolean
secondary_notified(struct secondary *secondary, const struct sockaddr_storage *from,
                   gboolean trusted)
{
    const GArray *primaries = secondary->role.config->primaries;
    for (guint i = 0; !trusted && i < primaries->len; i++)
        trusted = peer_is_same_host(&g_array_index(primaries, struct config_peer, i).address, from);
    if (!trusted)
        return FALSE;
    secondary->again = TRUE;
    if (secondary->connection == NULL) {
        gint64 soonest = secondary->zone != NULL ? secondary->checked + SECONDARY_GAP : 0;
        secondary->due = MIN(secondary->due, MAX(soonest, secondary->role.boot()));
        wait_on(secondary);
    }
    return TRUE;
}

const struct name *
secondary_origin(const struct secondary *secondary)
{
    return &secondary->origin;
}

gboolean
secondary_status(const struct secondary *secondary, struct secondary_status *status)
{
    gint64 now = secondary->role.boot();
    *status = (struct secondary_status){.trouble = secondary->trouble};
    if (secondary->zone == NULL)
        return FALSE;
    status->serial = secondary->soa.serial;
    status->age = now - secondary->checked;
    status->expires = expiry_of(secondary) - now;
    return TRUE;
}
