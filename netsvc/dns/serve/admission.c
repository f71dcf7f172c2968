#include "netsvc/dns/serve/admission.h"

#include "netsvc/dns/serve/rate.h"

#include <time.h>

#define SECOND ((gint64)1000000000) /* nanoseconds */

static gint64
monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static gint64
wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

void
admission_init(struct admission *admission, const struct config_dns *config)
{
    *admission = (struct admission){
        .rate = rate_new(config->rate, config->networks), .monotonic = monotonic, .wall = wall};
    cookie_secret_random(&admission->secret);
}

void
admission_clear(struct admission *admission)
{
    g_clear_pointer(&admission->rate, rate_free);
}

enum serve_verdict
admission_of(struct admission *admission, const struct asker *asker, const struct query *query,
             struct reply_options *options)
{
    enum cookie_state cookie = COOKIE_NONE;
    if (query->cookie != NULL) {
        gint64 now = admission->wall();
        cookie = cookie_check(&admission->secret, query->cookie, query->cookie_size,
                              &asker->address, now);
        cookie_make(&admission->secret, query->cookie, &asker->address, now, options->cookie);
        options->cookie_size = COOKIE_SIZE;
    }
    if (cookie == COOKIE_GOOD || !serve_is_udp(asker))
        return SERVE_ANSWER;
    switch (rate_take(admission->rate, &asker->address, admission->monotonic())) {
    case RATE_SEND:
        return SERVE_ANSWER;
    case RATE_DROP:
        return SERVE_DROP;
    case RATE_TRUNCATE:
        break;
    }
    return cookie == COOKIE_NONE ? SERVE_TRUNCATE : SERVE_BAD_COOKIE;
}
