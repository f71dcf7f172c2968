/* reload: the configuration is read again (daemon.h). */
#include "replicator/daemon/world.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/rfc3339.h"

#include <systemd/sd-daemon.h>

/* ---- the stores ---- */

static struct place *
find_store(const struct daemon *daemon, const char *folder)
{
    for (guint i = 0; i < daemon->places->len; i++) {
        struct place *place = daemon->places->pdata[i];
        if (g_strcmp0(place->folder, folder) == 0)
            return place;
    }
    return NULL;
}

static void
drop_stores(struct daemon *daemon)
{
    for (guint i = daemon->places->len; i > 0; i--) {
        struct place *place = daemon->places->pdata[i - 1];
        place->dropped =
            place->drive == NULL && !g_strv_contains(daemon->configured->stores, place->folder);
        if (!place->dropped || place == daemon->visited)
            continue;
        answers_run_ended(daemon, place, "it is no longer configured");
        g_ptr_array_remove_index(daemon->places, i - 1);
    }
}

void
reload_stores(struct daemon *daemon)
{
    const char *const *stores = daemon->configured->stores;
    drop_stores(daemon);
    for (gsize i = 0; stores[i] != NULL; i++)
        if (find_store(daemon, stores[i]) == NULL)
            g_ptr_array_add(daemon->places, place_new_folder(stores[i], daemon->logbook));
}

/* ---- the other node ---- */

void
reload_follower(struct daemon *daemon)
{
    g_clear_pointer(&daemon->follower, follower_free);
    role_apply(daemon);
}

/* ---- the off-site copy ---- */

static void
courier_changed(void *context, gboolean ended)
{
    struct daemon *daemon = context;
    if (ended)
        daemon_write_logbook(daemon);
    daemon_watch_offsite(daemon);
    daemon_show(daemon);
}

void
reload_courier(struct daemon *daemon)
{
    const struct configured *configured = daemon->configured;
    const struct courier_options options = {.command = daemon->options->offsite,
                                            .bucket = configured->bucket,
                                            .store = configured->offsite_store,
                                            .changed = courier_changed,
                                            .context = daemon};
    g_clear_pointer(&daemon->courier, courier_free);
    if (configured->bucket != NULL)
        daemon->courier = courier_new(
            daemon->events, &options,
            logbook_offsite(daemon->logbook, configured->bucket, configured->offsite_store));
}

/* ---- all ---- */

/* What was due is so still; where work goes on, its end plans what comes next. */
static void
plan_again(struct daemon *daemon)
{
    gint64 now = world_now();
    for (guint i = 0; i < daemon->places->len; i++)
        if (daemon->places->pdata[i] != daemon->visited)
            place_clock_set(daemon->places->pdata[i], &daemon->configured->timing, now, now);
}

static void
take_over(struct daemon *daemon, const struct configured_changes *changes)
{
    const struct configured *configured = daemon->configured;
    reload_stores(daemon);
    plan_again(daemon);
    if (changes->follower)
        reload_follower(daemon);
    if (changes->courier)
        reload_courier(daemon);
    daemon_note_since(daemon);
    log_notice("the configuration was read again, and is in force%s",
               daemon->visit != NULL ? "; what is under way goes on as it was begun" : "");
    for (guint i = 0; i < configured->waiting->len; i++)
        log_notice(CONFIGURED_WAITS, (const char *)configured->waiting->pdata[i]);
}

static void
tell_problem(const struct configured *configured)
{
    g_autofree char *read = rfc3339_local(configured->read);
    g_autofree char *problem = fail_message(configured->problem);
    g_autofree char *mistake = fail_line(problem, fail_hint(configured->problem));
    log_error("the configuration has a mistake: %s; what was read at %s stays in force", mistake,
              read);
}

void
reload(struct daemon *daemon)
{
    struct configured_changes changes = {FALSE, FALSE};
    if (daemon->ending)
        return;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
    if (configured_read_again(daemon->configured, &changes))
        take_over(daemon, &changes);
    else
        tell_problem(daemon->configured);
    sd_notify(0, "READY=1");
    daemon_show(daemon);
    daemon_arm(daemon);
}
