/* courier: see the header. */
#include "replicator/daemon/work/courier.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/work/job.h"

#define WAIT_FIRST 60 /* seconds after a run that failed, doubled each time, … */
#define WAIT_MAX 3600 /* … up to this; at once so long when a person must mend it first */
#define DOUBLINGS_MAX 6

struct courier {
    struct event_base *events;
    struct courier_options options;
    char *bucket, *store; /* the options' */
    struct logbook_entry *entry;
    struct job *job; /* NULL: it waits */
    struct event *start;
    guint failures;    /* in a row */
    gboolean again;    /* the store got a snapshot meanwhile */
    gint64 next;       /* seconds since 1970 UTC; -1: when the store gets a snapshot */
    GString *progress; /* what it told last, a JSON object; empty: nothing */
    char *message;     /* what was wrong, as it told it */
};

static void
start_in(struct courier *courier, guint seconds)
{
    const struct timeval after = {.tv_sec = seconds};
    courier->next = g_get_real_time() / G_USEC_PER_SEC + seconds;
    event_add(courier->start, &after);
}

/* ---- what it tells ---- */

static void
replace(char **text, char *with)
{
    g_free(*text);
    *text = with;
}

static void
take_line(void *context, struct slice line)
{
    struct courier *courier = context;
    g_autofree char *event = NULL, *newest = NULL, *error = NULL;
    if (!json_check(line, NULL) || !json_member_text(line, "event", &event))
        return;
    if (g_str_equal(event, "progress")) {
        g_string_truncate(courier->progress, 0);
        g_string_append_len(courier->progress, line.data, (gssize)line.size);
    } else if (g_str_equal(event, "summary")) {
        if (json_member_text(line, "newest", &newest))
            replace(&courier->entry->snapshot, g_steal_pointer(&newest));
        if (json_member_text(line, "error", &error))
            replace(&courier->message, g_steal_pointer(&error));
    }
}

/* ---- its end ---- */

static guint
wait_after(const struct courier *courier, int exit_code)
{
    guint doublings = MIN(courier->failures - 1, DOUBLINGS_MAX);
    return exit_code == FAIL_LATER ? MIN(WAIT_FIRST << doublings, WAIT_MAX) : WAIT_MAX;
}

static void
tell_end(const struct courier *courier, int exit_code, guint wait)
{
    const struct logbook_entry *entry = courier->entry;
    g_autofree char *why = entry->message != NULL ? fail_message(entry->message) : NULL;
    if (exit_code == 0)
        log_info("off-site copy: complete");
    else if (exit_code == FAIL_INCOMPLETE)
        log_warning("off-site copy: incomplete: %s", why != NULL ? why : "no reason was given");
    else
        log_write(exit_code == FAIL_LATER ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                  "off-site copy: %s: %s; tried again in %u s",
                  exit_code == FAIL_LATER ? "put off" : "failed",
                  why != NULL ? why : "no reason was given", wait);
}

static void
has_ended(void *context, int exit_code)
{
    struct courier *courier = context;
    struct logbook_entry *entry = courier->entry;
    guint wait = 0;
    g_clear_pointer(&courier->job, job_free);
    entry->ended = g_get_real_time() / G_USEC_PER_SEC;
    entry->exit = exit_code;
    replace(&entry->message, g_steal_pointer(&courier->message));
    courier->next = -1;
    courier->failures = fail_is_done(exit_code) ? 0 : courier->failures + 1;
    if (exit_code == 0)
        entry->good = entry->ended;
    if (!fail_is_done(exit_code))
        wait = wait_after(courier, exit_code);
    tell_end(courier, exit_code, wait);
    if (courier->failures > 0 || courier->again)
        start_in(courier, wait);
    courier->options.changed(courier->options.context, TRUE);
}

static void
start(evutil_socket_t fd, short what, void *context)
{
    struct courier *courier = context;
    const struct job_handler handler = {take_line, has_ended, courier};
    g_autoptr(GError) failure = NULL;
    (void)fd;
    (void)what;
    courier->again = FALSE;
    courier->next = -1;
    g_string_truncate(courier->progress, 0);
    courier->job = job_start(courier->events, courier->options.command, &handler, &failure);
    if (courier->job == NULL) {
        log_error("%s", failure->message);
        start_in(courier, WAIT_MAX);
    }
    courier->options.changed(courier->options.context, FALSE);
}

/* ---- from outside ---- */

struct courier *
courier_new(struct event_base *events, const struct courier_options *options,
            struct logbook_entry *entry)
{
    struct courier *courier = g_new0(struct courier, 1);
    courier->events = events;
    courier->options = *options;
    courier->bucket = g_strdup(options->bucket);
    courier->store = g_strdup(options->store);
    courier->entry = entry;
    courier->progress = g_string_new(NULL);
    courier->start = event_new(events, -1, 0, start, courier);
    g_autofree char *there = g_build_filename(options->store, "lifeboat", "store.json", NULL);
    courier->next = -1;
    if (g_file_test(there, G_FILE_TEST_EXISTS)) /* else there is nothing to copy yet */
        start_in(courier, 0);
    return courier;
}

void
courier_free(struct courier *courier)
{
    if (courier == NULL)
        return;
    job_free(courier->job);
    event_free(courier->start);
    g_string_free(courier->progress, TRUE);
    g_free(courier->message);
    g_free(courier->bucket);
    g_free(courier->store);
    g_free(courier);
}

void
courier_wake(struct courier *courier)
{
    courier->again = courier->job != NULL;
    if (!courier->again)
        start_in(courier, 0);
}

struct logbook_entry *
courier_entry(const struct courier *courier)
{
    return courier->entry;
}

gboolean
courier_is_overdue(const struct courier *courier, guint days, gint64 now)
{
    const struct logbook_entry *entry = courier->entry;
    return timing_is_overdue(days, entry->good, entry->since, now);
}

void
courier_append(const struct courier *courier, guint days, gint64 now, GString *out)
{
    const struct logbook_entry *entry = courier->entry;
    json_text_begin_object(out);
    json_text_member_string(out, "bucket", courier->bucket);
    json_text_member_string(out, "store", courier->store);
    json_text_member_string(out, "doing", courier->job != NULL ? "copying" : NULL);
    if (courier->job != NULL && courier->progress->len > 0)
        json_text_member_raw(out, "progress",
                             (struct slice){courier->progress->str, courier->progress->len});
    logbook_append(entry, courier_is_overdue(courier, days, now), out);
    json_text_member_string(out, "newest", entry->snapshot);
    json_text_member_time(out, "next", courier->next);
    json_text_end_object(out);
}
