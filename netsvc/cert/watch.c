#include "netsvc/cert/watch.h"

#include "netsvc/cert/x509/pem.h"

enum watch_level
watch_level(gint64 from, gint64 to, gint64 now)
{
    const gint64 left = to - now, life = MAX(to - from, 1);
    if (left <= 0)
        return WATCH_EXPIRED;
    if (left <= life / 10)
        return WATCH_TENTH;
    if (left <= life / 4)
        return WATCH_QUARTER;
    return left <= life / 2 ? WATCH_HALF : WATCH_WELL;
}

/* "ends 2027-02-27 20:58: 25 % of its life or less is left" */
static char *
tell_end(enum watch_level level, gint64 to)
{
    static const guint left[] = {[WATCH_HALF] = 50, [WATCH_QUARTER] = 25, [WATCH_TENTH] = 10};
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(to);
    g_autofree char *day = at != NULL ? g_date_time_format(at, "%Y-%m-%d %H:%M") : g_strdup("?");
    return level == WATCH_EXPIRED
               ? g_strdup_printf("HAS EXPIRED %s", day)
               : g_strdup_printf("ends %s: %u %% of its life or less is left", day, left[level]);
}

struct watched {
    const char *name;  /* of the alert */
    const char *whose; /* "the public certificate" */
    const char *chain;
    enum watch_level from; /* that it is told from */
    const char *mend;
};

/* "the public certificate", or "the certificate of 'R11', above the public certificate," */
static char *
tell_which(const struct watched *watched, const GPtrArray *chain, X509 *first)
{
    g_autofree char *name = pem_common_name(X509_get_subject_name(first));
    return first == chain->pdata[0]
               ? g_strdup(watched->whose)
               : g_strdup_printf("the certificate of '%s', above %s,", name, watched->whose);
}

/* A chain is good from its leaf's first day until one of it ends: clients get it all. */
static void
look_at(const struct watched *watched, gint64 now, watch_tell tell, gpointer context)
{
    g_autoptr(GPtrArray) chain = pem_read_chain(watched->chain);
    X509 *first = pem_ends_first(chain);
    const gint64 from = first != NULL ? pem_not_before(chain->pdata[0]) : 0;
    const gint64 to = first != NULL ? pem_not_after(first) : 0;
    const enum watch_level level = first != NULL ? watch_level(from, to, now) : WATCH_WELL;
    if (first == NULL || level < watched->from) {
        tell(context, watched->name, "");
        return;
    }
    g_autofree char *which = tell_which(watched, chain, first), *end = tell_end(level, to);
    g_autofree char *text = g_strdup_printf("%s %s; %s", which, end, watched->mend);
    tell(context, watched->name, text);
}

void
watch_state(const struct state *state, gint64 now, watch_tell tell, gpointer context)
{
    const gboolean requested = state->request.text != NULL;
    const struct watched all[] = {
        {"public", "the public certificate", state->public.chain, WATCH_HALF,
         requested ? "its request waits to be signed: insert the drive that brings the new one, or "
                     "one to take the request along"
                   : "have it renewed: lifeboat cert request, and insert a drive"},
        {"own", "the server's own certificate", state->own.chain, WATCH_QUARTER,
         "it renews itself on the active node, and did not: see the other alerts, and the journal "
         "of lifeboat-netsvc"},
        {"issuing", "the site's issuing certificate", state->issuing, WATCH_TENTH,
         "nothing is issued beyond that day: the site needs a new root, and every device that "
         "trusts this one must be given it"},
        {"root", "the site's root", state->root, WATCH_TENTH,
         "no device trusts the server's own certificate after that day: the site needs a new root, "
         "and every device must be given it"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        look_at(&all[i], now, tell, context);
}
