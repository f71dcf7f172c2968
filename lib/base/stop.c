/* stop: see the header. */
#include "lib/base/stop.h"

#include "lib/base/fail.h"

#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t requested;
static gint64 granted; /* monotonic microseconds */

static void
on_signal(int number)
{
    requested = number;
}

void
stop_watch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

gboolean
stop_requested(void)
{
    return requested != 0;
}

gboolean
stop_check(GError **error)
{
    return requested == 0 ? TRUE : fail_set(error, FAIL_LATER, "stopped");
}

gboolean
stop_is_due(void *context)
{
    (void)context;
    return requested != 0 && g_get_monotonic_time() >= granted;
}

void
stop_grant(guint milliseconds)
{
    granted = g_get_monotonic_time() + (gint64)milliseconds * 1000;
}

void
stop_sleep(guint milliseconds)
{
    gint64 end = g_get_monotonic_time() + (gint64)milliseconds * 1000;
    for (gint64 left; requested == 0 && (left = end - g_get_monotonic_time()) > 0;)
        poll(NULL, 0,
             (int)MIN(left / 1000 + 1, 200)); /* the signal ends it; 0.2 s if it came just before */
}
