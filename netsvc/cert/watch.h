/*
 * watch: what people are to know of certificates before they end. For each that is served, and for
 * the authority that the site's own are of, one alert with the day and what to do; it says more as
 * the end comes nearer.
 *
 * Of a chain the one that ends first counts, which is named.
 *
 *     public    at 50, 25 and 10 % of its life left, and when it has expired: a person must have it
 *               renewed
 *     own       at 25 and 10 %, and when it has: it renews itself at a third, so something is wrong
 *     root, issuing   at 10 %, and when it has: clients need a new root
 */
#pragma once

#include "netsvc/cert/site/state.h"

enum watch_level {
    WATCH_WELL,
    WATCH_HALF,    /* 50 % or less of its life is left, … */
    WATCH_QUARTER, /* 25 % */
    WATCH_TENTH,   /* 10 % */
    WATCH_EXPIRED,
};

enum watch_level watch_level(gint64 from, gint64 to, gint64 now);

/* For each name of an alert its text, "" for none. */
typedef void (*watch_tell)(gpointer context, const char *name, const char *text);

/* At a believed time. */
void watch_state(const struct state *state, gint64 now, watch_tell tell, gpointer context);
