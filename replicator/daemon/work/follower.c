#include "replicator/daemon/work/follower.h"

#include "lib/base/fail.h"
#include "lib/base/jsontext.h"
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
    gint64 next;    /* when it is started again: seconds since 1970 UTC */
    GString *report;
    char *error;   /* why it ends, as it told it; NULL: it did not */
    char *trouble; /* it ended, and has reported nothing since: why; or NULL */
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
replace(char **text, char *with)
{
    g_free(*text);
    *text = with;
}

static void
take_report(struct follower *follower, struct slice report)
{
    g_string_truncate(follower->report, 0);
    g_string_append_len(follower->report, report.data, (gssize)report.size);
    gboolean well = is_well(report), changed = well != follower->well || follower->trouble != NULL;
    g_clear_pointer(&follower->trouble, g_free);
    follower->well = well;
    if (changed)
        follower->changed(follower->context);
}

static void
take_line(void *context, struct slice line)
{
    struct follower *follower = context;
    g_autofree char *event = NULL, *error = NULL;
    if (!json_check(line, NULL) || !json_member_text(line, "event", &event))
        return;
    if (g_str_equal(event, "following"))
        take_report(follower, line);
    else if (g_str_equal(event, "summary") && json_member_text(line, "error", &error))
        replace(&follower->error, g_steal_pointer(&error));
}

static void
start_in(struct follower *follower, guint seconds)
{
    const struct timeval after = {.tv_sec = seconds};
    follower->next = g_get_real_time() / G_USEC_PER_SEC + seconds;
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
    replace(&follower->trouble, follower->error != NULL
                                    ? g_steal_pointer(&follower->error)
                                    : g_strdup_printf("it ended with %d", exit_code));
    follower->well = FALSE;
    log_warning("following the other node ended with %d: %s; it is begun again in %u s", exit_code,
                follower->trouble, follower->wait);
    start_in(follower, follower->wait);
    follower->changed(follower->context);
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
    replace(&follower->trouble, g_strdup(failure->message));
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
    g_free(follower->error);
    g_free(follower->trouble);
    g_free(follower);
}

struct slice
follower_report(const struct follower *follower)
{
    return follower->trouble == NULL ? (struct slice){follower->report->str, follower->report->len}
                                     : (struct slice){NULL, 0};
}

char *
follower_trouble(const struct follower *follower)
{
    char *trouble = NULL;
    struct slice report = follower_report(follower);
    if (follower->trouble != NULL)
        return g_strdup(follower->trouble);
    if (report.size > 0)
        json_member_text(report, "trouble", &trouble);
    return trouble;
}

/* Of what it reported before it ended only this is true still. */
static void
append_kept(const struct follower *follower, const char *name, GString *out)
{
    struct slice value;
    if (follower->report->len > 0 &&
        json_member((struct slice){follower->report->str, follower->report->len}, name, &value))
        json_text_member_raw(out, name, value);
    else
        json_text_member_null(out, name);
}

static void
append_silent(const struct follower *follower, GString *out)
{
    json_text_begin_object(out);
    json_text_member_string(out, "event", follower->trouble != NULL ? "ended" : "begun");
    append_kept(follower, "source", out);
    append_kept(follower, "contact", out);
    json_text_member_string(out, "trouble", follower->trouble);
    json_text_member_time(out, "next", follower->job == NULL ? follower->next : 0);
    json_text_end_object(out);
}

void
follower_append(const struct follower *follower, GString *out)
{
    if (follower->trouble == NULL && follower->report->len > 0)
        json_text_raw(out, (struct slice){follower->report->str, follower->report->len});
    else
        append_silent(follower, out);
}
