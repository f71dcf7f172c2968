#include "lib/base/rfc3339.h"

char *
rfc3339_now(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
}

char *
rfc3339_local(gint64 time)
{
    g_autoptr(GDateTime) local = time > 0 ? g_date_time_new_from_unix_local(time) : NULL;
    if (local == NULL)
        return NULL;
    gboolean utc = g_date_time_get_utc_offset(local) == 0;
    return g_date_time_format(local, utc ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%dT%H:%M:%S%:z");
}
