/*
 * patience: how long we go on asking a server that fails for now.
 *
 *     while (!ask(…, &local_error))
 *         if (!patience_again(&patience, &local_error, error))
 *             return FALSE;
 *
 * Only what http_is_transient says may pass is asked again, after waits that grow from half a
 * second to half a minute and are jittered, until `seconds` have gone by without progress; a plain
 * 500, which seldom passes, only a few times. A 401 is never repeated: CouchDB would lock the
 * account.
 */
#pragma once

#include <glib.h>

struct patience {
    guint seconds; /* without progress, then it gives up */
    guint attempt; /* since the last progress */
    gint64 waited; /* milliseconds since the last progress */
    gint64 began;  /* monotonic microseconds at the first failure since then: a stall counts too */
    void (*wait)(void *context, guint milliseconds,
                 const GError *cause);  /* tells the operator and waits */
    gboolean (*stopped)(void *context); /* whether to give up; NULL: never */
    void *context;
};

/*
 * After a failure: waits, clears *failure and returns TRUE to try again; or moves it to *error,
 * says how often it was tried, and returns FALSE. FAIL_LATER when it is to stop.
 */
gboolean patience_again(struct patience *patience, GError **failure, GError **error);

/* Something went well: the next failure is a first one again. */
void patience_progress(struct patience *patience);
