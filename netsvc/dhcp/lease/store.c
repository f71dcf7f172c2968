#include "netsvc/dhcp/lease/store.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "netsvc/dhcp/lease/carve.h"
#include "netsvc/dhcp/lease/database/database.h"

#include <string.h>
#include <unistd.h>

#define FOREVER G_MAXINT64
#define CLOCK_SECONDS 10       /* the clock goes into a commit when it was not in one for so long */
#define CLOCK_IDLE_SECONDS 600 /* the same where there is nothing else to commit */
#define CLOCK_DRIFT_SECONDS 2  /* the wall clock was set */
#define WAL_PAGES                                                                                  \
    500 /* 2 MB: the WAL is written back when nobody waits; a longer one stalls longer */

struct store {
    char *path;
    struct database *database; /* NULL: it was damaged, and no new one could be made yet */
    const struct clock *clock;
    struct leases *leases;
    gint64 ahead;               /* of the elapsed clock before the boot clock */
    struct database_clock kept; /* as it stands in the file; boot_id "": not of this boot */
    struct knowledge knowledge;
    gboolean knows_more;   /* than what is kept */
    GArray *changes;       /* struct database_change, what the next commit has */
    GHashTable *change_of; /* address → its place in `changes`, from 1 */
};

/* ---- time ---- */

static gint64
shifted(gint64 time, gint64 by)
{
    return time == FOREVER ? FOREVER : time + by;
}

static gint64
wall_if_believed(const struct clock *clock)
{
    return clock->believed(clock->context) ? MAX(clock->wall(clock->context), 0) : 0;
}

/* The elapsed clock now, from what is kept of it. */
static gint64
elapsed_since(const struct database_clock *kept, const struct clock *clock)
{
    gint64 passed = 0, wall = wall_if_believed(clock);
    if (kept->boot_id[0] != 0 && strcmp(kept->boot_id, clock->boot_id) == 0)
        passed = clock->boot(clock->context) - kept->boot;
    else if (kept->wall != 0 && wall != 0)
        passed = wall - kept->wall;
    return kept->elapsed + MAX(passed, 0);
}

static struct database_clock
clock_now(const struct store *store)
{
    const struct clock *clock = store->clock;
    struct database_clock now = {.boot = clock->boot(clock->context),
                                 .wall = wall_if_believed(clock)};
    now.elapsed = now.boot + store->ahead;
    g_strlcpy(now.boot_id, clock->boot_id, sizeof now.boot_id);
    return now;
}

/* Whether `now` is to be kept: what is kept is old, or would tell another time after a boot. */
static gboolean
is_clock_due(const struct database_clock *kept, const struct database_clock *now, gint64 seconds)
{
    gint64 drift = (now->wall - kept->wall) - (now->boot - kept->boot);
    return strcmp(kept->boot_id, now->boot_id) != 0 || now->boot - kept->boot >= seconds ||
           (now->wall == 0) != (kept->wall == 0) ||
           (now->wall != 0 && ABS(drift) > CLOCK_DRIFT_SECONDS);
}

/* ---- what is to be committed ---- */

static struct database_change *
change_of(struct store *store, guint32 address)
{
    gpointer key = GUINT_TO_POINTER(address);
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(store->change_of, key));
    if (place == 0) {
        g_array_set_size(store->changes, store->changes->len + 1);
        place = store->changes->len;
        g_hash_table_insert(store->change_of, key, GUINT_TO_POINTER(place));
    }
    struct database_change *change =
        &g_array_index(store->changes, struct database_change, place - 1);
    return change;
}

static void
put_as_stored(struct store *store, const struct lease *lease)
{
    struct database_change *change = change_of(store, lease->address);
    change->lease = *lease;
    change->gone = FALSE;
}

void
store_put(struct store *store, const struct lease *lease)
{
    if (lease->state == LEASE_OFFERED)
        return;
    struct lease stored = *lease;
    stored.until = shifted(lease->until, store->ahead);
    stored.since = shifted(lease->since, store->ahead);
    stored.acked = shifted(lease->acked, store->ahead);
    put_as_stored(store, &stored);
}

void
store_remove(struct store *store, guint32 address)
{
    *change_of(store, address) = (struct database_change){.lease.address = address, .gone = TRUE};
}

const struct knowledge *
store_knowledge(const struct store *store)
{
    return &store->knowledge;
}

void
store_know(struct store *store, const struct knowledge *knowledge)
{
    store->knowledge = *knowledge;
    store->knows_more = TRUE;
}

static void
forget_changes(struct store *store)
{
    store->knows_more = FALSE;
    g_array_set_size(store->changes, 0);
    g_hash_table_remove_all(store->change_of);
}

/* ---- damage ---- */

static void
take_salvaged(gpointer context, const struct lease *lease)
{
    put_as_stored(context, lease);
}

struct carving {
    struct store *store;
    guint salvaged; /* changes that were read as they should be: they count more */
};

/* What was carved may be old: of an address the lease that ends last counts. */
static void
take_carved(gpointer context, const struct lease *lease)
{
    const struct carving *carving = context;
    GArray *changes = carving->store->changes;
    gpointer key = GUINT_TO_POINTER(lease->address);
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(carving->store->change_of, key));
    if (place == 0 ||
        (place > carving->salvaged &&
         lease->until > g_array_index(changes, struct database_change, place - 1).lease.until))
        put_as_stored(carving->store, lease);
}

static void
put_memory(struct store *store)
{
    const struct lease *lease = leases_after(store->leases, 0);
    for (; lease != NULL; lease = leases_after(store->leases, lease->address))
        store_put(store, lease);
}

/* Sets the damaged file aside, and makes a new one of what can be read of it, what is in memory,
 * and what is to be committed: each counts more than the one before. `clock` as it is to stand in
 * the file; NULL: as it stood. */
static gboolean
rebuild(struct store *store, const struct database_clock *clock, GError **error)
{
    g_autoptr(GArray) newest = g_array_copy(store->changes);
    g_autofree char *aside = NULL;
    struct database_clock salvaged;
    forget_changes(store);
    g_clear_pointer(&store->database, database_free);
    gboolean is_whole = database_salvage(store->path, &salvaged, take_salvaged, store);
    struct carving carving = {.store = store, .salvaged = store->changes->len};
    if (!is_whole)
        carve_file(store->path, take_carved, &carving);
    guint count = store->changes->len;
    const struct database_rest rest = {.clock = clock != NULL ? clock : &salvaged,
                                       .knowledge = &store->knowledge};
    put_memory(store);
    for (guint i = 0; i < newest->len; i++) {
        const struct database_change *change = &g_array_index(newest, struct database_change, i);
        *change_of(store, change->lease.address) = *change;
    }
    gboolean done = database_replace(
        store->path, (const struct database_change *)(gpointer)store->changes->data,
        store->changes->len, &rest, store->clock->wall(store->clock->context), &aside, error);
    if (done && access(aside, F_OK) == 0)
        log_warning("leases '%s' were damaged; they are kept as '%s', and %u could be read of them",
                    store->path, aside, count);
    return done;
}

/* ---- opening ---- */

struct reading {
    struct store *store;
    gint64 now; /* elapsed */
};

static void
take_row(gpointer context, const struct lease *row)
{
    const struct reading *reading = context;
    struct store *store = reading->store;
    struct lease lease = *row;
    /* What was kept of the clock may be some seconds older than the row. */
    lease.since = MIN(lease.since, reading->now);
    if (lease.state == LEASE_LEASED && lease.until != FOREVER)
        lease.until = MIN(lease.until, reading->now + lease.seconds);
    lease.since = shifted(lease.since, -store->ahead);
    lease.until = shifted(lease.until, -store->ahead);
    lease.acked = MIN(shifted(lease.acked, -store->ahead), lease.since + CONFIG_LEASE_MAX);
    leases_put(store->leases, &lease);
}

static enum database_fault
read_all(struct store *store, GError **error)
{
    guint senseless = 0;
    struct database_clock kept;
    enum database_fault fault = database_read_clock(store->database, &kept, error);
    if (fault != DATABASE_FINE)
        return fault;
    struct reading reading = {.store = store, .now = elapsed_since(&kept, store->clock)};
    store->ahead = reading.now - store->clock->boot(store->clock->context);
    if (strcmp(kept.boot_id, store->clock->boot_id) == 0)
        store->kept = kept;
    fault = database_read_knowledge(store->database, &store->knowledge, error);
    if (fault != DATABASE_FINE)
        return fault;
    fault = database_read(store->database, take_row, &reading, &senseless, error);
    if (fault == DATABASE_FINE && senseless > 0)
        log_warning("leases '%s': ignoring %u rows that make no sense", store->path, senseless);
    return fault;
}

static enum database_fault
open_once(struct store *store, GError **error)
{
    enum database_fault fault;
    store->database = database_open(store->path, &fault, error);
    return fault == DATABASE_FINE ? read_all(store, error) : fault;
}

static void
report_damage(const struct store *store, const GError *error)
{
    g_autofree char *message = fail_message(error->message);
    log_warning("%s; making '%s' anew of what can be read of it", message, store->path);
}

struct store *
store_open(const char *path, const struct clock *clock, struct leases *leases, GError **error)
{
    AUTO(store) *store = g_new0(struct store, 1);
    g_autoptr(GError) damage = NULL;
    store->path = g_strdup(path);
    store->clock = clock;
    store->leases = leases;
    store->changes = g_array_new(FALSE, TRUE, sizeof(struct database_change));
    store->change_of = g_hash_table_new(NULL, NULL);
    enum database_fault fault = open_once(store, &damage);
    if (fault == DATABASE_DAMAGED) {
        report_damage(store, damage);
        g_clear_error(&damage);
        if (!rebuild(store, NULL, error))
            return NULL;
        forget_changes(store);
        fault = open_once(store, &damage);
    }
    if (fault != DATABASE_FINE) {
        g_propagate_error(error, g_steal_pointer(&damage));
        return NULL;
    }
    /* So that the next boot counts from this one. Where there is no room, the next commit does. */
    store_tidy(store);
    return g_steal_pointer(&store);
}

void
store_free(struct store *store)
{
    if (store == NULL)
        return;
    database_free(store->database);
    g_array_unref(store->changes);
    g_hash_table_unref(store->change_of);
    g_free(store->path);
    g_free(store);
}

/* ---- committing ---- */

static enum database_fault
write_changes(struct store *store, const struct database_clock *clock, GError **error)
{
    const struct database_rest rest = {.clock = clock,
                                       .knowledge = store->knows_more ? &store->knowledge : NULL};
    return database_commit(store->database,
                           (const struct database_change *)(gpointer)store->changes->data,
                           store->changes->len, &rest, error);
}

/* Where there was no room, the WAL may give some: it begins anew once it is written back. */
static enum database_fault
write_again(struct store *store, const struct database_clock *clock, GError **error)
{
    enum database_fault fault = database_write_back(store->database, NULL);
    return fault == DATABASE_FINE ? write_changes(store, clock, error) : fault;
}

static enum database_fault
reopen(struct store *store, GError **error)
{
    enum database_fault fault;
    store->database = database_open(store->path, &fault, error);
    return fault;
}

static gboolean
commit(struct store *store, const struct database_clock *clock, GError **error)
{
    g_autoptr(GError) failure = NULL;
    enum database_fault fault = DATABASE_DAMAGED;
    if (store->database != NULL)
        fault = write_changes(store, clock, &failure);
    if (fault == DATABASE_FAILED && database_wal_pages(store->database) > 0) {
        g_autoptr(GError) again = NULL;
        fault = write_again(store, clock, &again);
        if (again != NULL) {
            g_clear_error(&failure);
            failure = g_steal_pointer(&again);
        }
    }
    if (fault == DATABASE_FAILED) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (fault == DATABASE_DAMAGED) {
        if (failure != NULL)
            report_damage(store, failure);
        struct database_clock now = clock_now(store);
        if (!rebuild(store, &now, error) || reopen(store, error) != DATABASE_FINE)
            return FALSE;
        store->kept = now;
    }
    forget_changes(store);
    return TRUE;
}

/* Where its files were removed, or others have their names, commits would be in no file. */
static void
leave_lost(struct store *store)
{
    if (store->database == NULL || !database_is_lost(store->database))
        return;
    log_warning("leases '%s' were removed or replaced while they are in use; making them anew",
                store->path);
    database_abandon(store->database);
    store->database = NULL;
}

gboolean
store_commit(struct store *store, GError **error)
{
    leave_lost(store);
    if (store->database != NULL && store->changes->len == 0 && !store->knows_more)
        return TRUE;
    struct database_clock now = clock_now(store);
    gboolean due = is_clock_due(&store->kept, &now, CLOCK_SECONDS);
    if (!commit(store, due ? &now : NULL, error))
        return FALSE;
    if (due)
        store->kept = now;
    return TRUE;
}

void
store_tidy(struct store *store)
{
    struct database_clock now = clock_now(store);
    const struct database_rest rest = {.clock = &now};
    if (store->database == NULL)
        return;
    if (store->changes->len == 0 && is_clock_due(&store->kept, &now, CLOCK_IDLE_SECONDS) &&
        database_commit(store->database, NULL, 0, &rest, NULL) == DATABASE_FINE)
        store->kept = now;
    if (database_wal_pages(store->database) >= WAL_PAGES)
        database_write_back(store->database, NULL);
}
