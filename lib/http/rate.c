#include "lib/http/rate.h"

#include <curl/curl.h>

#define REST (G_TIME_SPAN_SECOND / 4) /* that is not lost where nothing came, in microseconds */

struct rate {
    guint64 bytes; /* a second */
    gint64 due;    /* of the next piece: monotonic, in microseconds */
    GQueue held;   /* transfers: CURL */
};

struct rate *
rate_new(guint64 bytes_per_second)
{
    struct rate *rate = g_new0(struct rate, 1);
    rate->bytes = bytes_per_second;
    g_queue_init(&rate->held);
    return rate;
}

void
rate_free(struct rate *rate)
{
    if (rate == NULL)
        return;
    g_queue_clear(&rate->held);
    g_free(rate);
}

void
rate_pays(struct rate *rate, gsize size)
{
    gint64 begins = MAX(rate->due, g_get_monotonic_time() - REST);
    rate->due = begins + (gint64)(size * G_TIME_SPAN_SECOND / rate->bytes);
}

gboolean
rate_admits(struct rate *rate, void *transfer, gsize size)
{
    if (rate->due > g_get_monotonic_time()) {
        g_queue_push_tail(&rate->held, transfer);
        return FALSE;
    }
    rate_pays(rate, size);
    return TRUE;
}

/* One that goes on is given what it was held for at once, and may be held again by that. */
void
rate_let_go_on(struct rate *rate)
{
    while (!g_queue_is_empty(&rate->held) && rate->due <= g_get_monotonic_time())
        curl_easy_pause(g_queue_pop_head(&rate->held), CURLPAUSE_CONT);
}

guint
rate_wait(const struct rate *rate, guint milliseconds)
{
    gint64 left = (rate->due - g_get_monotonic_time() + 999) / 1000;
    return rate->held.length > 0 ? (guint)CLAMP(left, 0, (gint64)milliseconds) : milliseconds;
}

void
rate_forget(struct rate *rate, void *transfer)
{
    g_queue_remove_all(&rate->held, transfer);
}
