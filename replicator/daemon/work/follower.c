#include "replicator/daemon/work/follower.h"

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/json/json.h"
#include "replicator/daemon/work/job.h"

#define WAIT_FIRST 2 /* seconds before it is started again, doubled each time, … */
#define WAIT_MAX                                                                                   \
    300               /* … up to this; at once so long when it says that it cannot work: CouchDB \
                         locks an account after five wrong passwords in as many minutes */
#define LIVED_LONG 60 /* seconds after which its end is taken as a first one */

struct follower {
    struct event_base *events;
    const char *const *command;
    void (*changed)(void *context);
    void *context;
    struct job *job; /* NULL: it waits to be started */
    struct event *start;
    gint64 started; /* monotonic, in microseconds */
    guint wait;     /* seconds */
    GString *report;
    gboolean well; /* as it was told last */
};

static gboolean
is_well(struct slice report)
{
    guint64 behind = 0, lacking = 0;
    struct slice trouble;
    json_member_unsigned(report, "databases_behind", &behind);
    json_member_unsigned(report, "revisions_lacking", &lacking);
    return behind == 0 && lacking == 0 && json_member(report, "trouble", &trouble) &&
           json_type(trouble) == JSON_NULL;
}

static void
take_line(void *context, struct slice line)
{
    struct follower *follower = context;
    struct slice event;
    if (!json_check(line, NULL) || !json_member(line, "event", &event) ||
        !slice_is(event, "\"following\""))
        return;
    g_string_truncate(follower->report, 0);
    g_string_append_len(follower->report, line.data, (gssize)line.size);
    gboolean well = is_well(line);
    if (well != follower->well)
        follower->changed(follower->context);
    follower->well = well;
}

static void
start_in(struct follower *follower, guint seconds)
{
    const struct timeval after = {.tv_sec = seconds};
    event_add(follower->start, &after);
}

static void
has_ended(void *context, int exit_code)
{
    struct follower *follower = context;
    gint64 lived = (g_get_monotonic_time() - follower->started) / G_USEC_PER_SEC;
    gboolean hopeless = exit_code == FAIL_FAILED || exit_code == FAIL_USAGE;
    g_clear_pointer(&follower->job, job_free);
    follower->wait = hopeless              ? WAIT_MAX
                     : lived >= LIVED_LONG ? WAIT_FIRST
                                           : CLAMP(follower->wait * 2, WAIT_FIRST, WAIT_MAX);
    log_warning("following the other node ended with %d; it is begun again in %u s", exit_code,
                follower->wait);
    start_in(follower, follower->wait);
}

static void
start(evutil_socket_t fd, short what, void *context)
{
    struct follower *follower = context;
    const struct job_handler handler = {take_line, has_ended, follower};
    g_autoptr(GError) failure = NULL;
    (void)fd;
    (void)what;
    follower->started = g_get_monotonic_time();
    follower->job = job_start(follower->events, follower->command, &handler, &failure);
    if (follower->job != NULL)
        return;
    log_error("%s", failure->message);
    start_in(follower, WAIT_MAX);
}

struct follower *
follower_new(struct event_base *events, const char *const *command, void (*changed)(void *context),
             void *context)
{
    struct follower *follower = g_new0(struct follower, 1);
    follower->events = events;
    follower->command = command;
    follower->changed = changed;
    follower->context = context;
    follower->report = g_string_new(NULL);
    follower->start = event_new(events, -1, 0, start, follower);
    start_in(follower, 0);
    return follower;
}

void
follower_free(struct follower *follower)
{
    if (follower == NULL)
        return;
    job_free(follower->job);
    event_free(follower->start);
    g_string_free(follower->report, TRUE);
    g_free(follower);
}

struct slice
follower_report(const struct follower *follower)
{
    return (struct slice){follower->report->str, follower->report->len};
}
