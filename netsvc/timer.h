/* timer: an event of libevent's, milliseconds from now. One that waits already waits anew. */
#pragma once

#include <event2/event.h>
#include <glib.h>

static inline void
timer_set(struct event *event, guint milliseconds)
{
    const struct timeval time = {.tv_sec = milliseconds / 1000,
                                 .tv_usec = milliseconds % 1000 * 1000};
    event_add(event, &time);
}
