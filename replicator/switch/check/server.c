#include "replicator/switch/check/check.h"

#include <curl/curl.h>

/* What the server's clock says, seconds since 1970 UTC; 0: it does not tell. */
static gint64
clock_of(struct http *http)
{
    const struct http_request request = {.path = "/_session"};
    AUTO(http_call) *call = http_start(http, &request);
    guint status;
    const char *date = http_status(call, &status, NULL) ? http_header(call, "date") : NULL;
    time_t then = date != NULL ? curl_getdate(date, NULL) : -1;
    return then < 0 ? 0 : (gint64)then;
}

void
check_clocks(struct check *check)
{
    gint64 own = clock_of(check->own), other = clock_of(check->other);
    gint64 apart = own - other;
    if (own == 0 || other == 0 || ABS(apart) < CHECK_CLOCK_NOTE)
        return;
    if (ABS(apart) >= CHECK_CLOCK_PROBLEM)
        check_problem(check,
                      "the clock of this node's CouchDB is %" G_GINT64_FORMAT
                      " s %s the other one's, which ends sessions: set it; etc/chrony keeps the "
                      "two together",
                      ABS(apart), apart > 0 ? "ahead of" : "behind");
    else
        check_note(check,
                   "the clock of this node's CouchDB is %" G_GINT64_FORMAT " s %s the other one's",
                   ABS(apart), apart > 0 ? "ahead of" : "behind");
}
