#include "lib/http/patience.h"

#include "lib/base/fail.h"
#include "lib/http/http.h"

#define FIRST_WAIT 500 /* milliseconds */
#define LONGEST_WAIT 30000
#define ATTEMPTS_500 6 /* in half a minute or less */

gboolean
patience_again(struct patience *patience, GError **failure, GError **error)
{
    guint wait = MIN((guint)FIRST_WAIT << MIN(patience->attempt, 10), LONGEST_WAIT);
    wait = wait / 2 + (guint)g_random_int_range(0, (gint)wait / 2 + 1);
    gint64 now = g_get_monotonic_time();
    if (patience->attempt == 0)
        patience->began = now;
    gint64 gone = MAX(patience->waited, (now - patience->began) / 1000);
    gboolean spent = gone + wait > (gint64)patience->seconds * 1000 ||
                     (http_has_status(*failure, 500) && patience->attempt + 1 >= ATTEMPTS_500);
    if (!http_is_transient(*failure) || patience->wait == NULL || spent) {
        g_propagate_error(error, g_steal_pointer(failure));
        if (patience->attempt > 0)
            g_prefix_error(error, "after %u attempts: ", patience->attempt + 1);
        return FALSE;
    }
    patience->attempt++;
    patience->waited += wait;
    patience->wait(patience->context, wait, *failure);
    g_clear_error(failure);
    return patience->stopped == NULL || !patience->stopped(patience->context) ||
           fail_set(error, FAIL_LATER, "stopped");
}

void
patience_progress(struct patience *patience)
{
    patience->attempt = 0;
    patience->waited = 0;
}
