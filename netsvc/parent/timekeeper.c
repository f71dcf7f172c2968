#include "netsvc/parent/timekeeper.h"

#include "lib/base/log.h"
#include "netsvc/clock_floor.h"

#include <string.h>
#include <sys/timerfd.h>

#define LOOK_SECONDS 60
#define WRITE_SECONDS 3600

struct timekeeper {
    char *state;
    gint64 floor, written;
    gboolean kept, troubled;
    char *alert;
    int timer; /* cancelled when the clock is set; -1: the system has none */
    struct event *was_set, *look;
    gint64 (*now)(void);
    void (*judged)(void *context, const char *alert);
    void *context;
};

static gint64
wall_clock(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

static void
write_it(struct timekeeper *keeper)
{
    g_autoptr(GError) error = NULL;
    if (clock_floor_write(keeper->state, keeper->floor, &error))
        keeper->written = keeper->floor;
    else if (!keeper->troubled)
        log_warning("cannot keep the time: %s; it is tried again each minute", error->message);
    keeper->troubled = error != NULL;
}

static void
read_it(struct timekeeper *keeper)
{
    keeper->kept = clock_floor_is_kept(keeper->state);
    keeper->floor = clock_floor_read(keeper->state);
    keeper->written = keeper->kept ? keeper->floor : 0;
}

/* The release's floor is not written: what is on disk was seen here. */
static void
raise_floor(struct timekeeper *keeper, gint64 wall)
{
    const gboolean before = keeper->kept;
    keeper->kept = before || wall >= keeper->floor;
    keeper->floor = clock_floor_raise(wall, keeper->floor, before);
    if (keeper->kept && keeper->floor - keeper->written >= WRITE_SECONDS)
        write_it(keeper);
}

static void
judge(struct timekeeper *keeper)
{
    const gint64 wall = keeper->now();
    char *alert = clock_floor_judge(wall, keeper->floor, keeper->kept, keeper->state);
    gboolean changes = (keeper->alert != NULL) != (alert != NULL);
    g_free(keeper->alert);
    keeper->alert = alert;
    raise_floor(keeper, wall);
    if (changes)
        keeper->judged(keeper->context, alert);
}

/* ---- when to look ---- */

/* Far away: that it is cancelled is all that is wanted of it. */
static void
arm(struct timekeeper *keeper)
{
    const struct itimerspec never = {.it_value.tv_sec = G_MAXINT32};
    if (keeper->timer >= 0)
        timerfd_settime(keeper->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void
is_set(evutil_socket_t fd, short what, void *context)
{
    struct timekeeper *keeper = context;
    guint64 count;
    (void)what;
    if (read(fd, &count, sizeof count) >= 0)
        log_debug("the timer of 2038 has come");
    arm(keeper);
    judge(keeper);
}

static void
is_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    judge(context);
}

/* ---- the whole ---- */

struct timekeeper *
timekeeper_new(struct event_base *events, const char *state, gint64 (*now)(void),
               void (*judged)(void *context, const char *alert), void *context)
{
    const struct timeval interval = {.tv_sec = LOOK_SECONDS};
    struct timekeeper *keeper = g_new0(struct timekeeper, 1);
    keeper->state = g_strdup(state);
    keeper->now = now != NULL ? now : wall_clock;
    keeper->judged = judged;
    keeper->context = context;
    read_it(keeper);
    raise_floor(keeper, keeper->now());
    keeper->look = event_new(events, -1, EV_PERSIST, is_time, keeper);
    event_add(keeper->look, &interval);
    event_active(keeper->look, EV_TIMEOUT, 0);
    keeper->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (keeper->timer >= 0) {
        keeper->was_set = event_new(events, keeper->timer, EV_READ | EV_PERSIST, is_set, keeper);
        event_add(keeper->was_set, NULL);
    }
    arm(keeper);
    return keeper;
}

void
timekeeper_look(struct timekeeper *keeper, const char *state)
{
    if (strcmp(keeper->state, state) == 0) {
        if (!clock_floor_is_kept(state))
            read_it(keeper);
    } else {
        g_free(keeper->state);
        keeper->state = g_strdup(state);
        keeper->written = 0; /* there */
    }
    judge(keeper);
}

void
timekeeper_free(struct timekeeper *keeper)
{
    if (keeper == NULL)
        return;
    if (keeper->kept && keeper->floor > keeper->written)
        write_it(keeper);
    event_free(keeper->look);
    if (keeper->was_set != NULL)
        event_free(keeper->was_set);
    if (keeper->timer >= 0)
        close(keeper->timer);
    g_free(keeper->alert);
    g_free(keeper->state);
    g_free(keeper);
}
