#include "replicator/schedule/timetable.h"

#include "lib/base/fail.h"
#include "replicator/schedule/calendar.h"

struct timetable {
    GPtrArray *calendars;
};

struct timetable *
timetable_parse(const char *const *texts, GError **error)
{
    AUTO(timetable) *timetable = g_new0(struct timetable, 1);
    timetable->calendars = g_ptr_array_new_with_free_func((GDestroyNotify)calendar_free);
    for (gsize i = 0; texts[i] != NULL; i++) {
        struct calendar *calendar = calendar_parse(texts[i], error);
        if (calendar == NULL)
            return NULL;
        g_ptr_array_add(timetable->calendars, calendar);
        if (calendar_next(calendar, 0) < 0) {
            fail_set(error, FAIL_USAGE, "calendar time '%s' never comes", texts[i]);
            return NULL;
        }
    }
    return g_steal_pointer(&timetable);
}

void
timetable_free(struct timetable *timetable)
{
    if (timetable == NULL)
        return;
    g_ptr_array_unref(timetable->calendars);
    g_free(timetable);
}

gint64
timetable_next(const struct timetable *timetable, gint64 after)
{
    gint64 first = -1;
    for (guint i = 0; i < timetable->calendars->len; i++) {
        gint64 next = calendar_next(timetable->calendars->pdata[i], after);
        if (next >= 0 && (first < 0 || next < first))
            first = next;
    }
    return first;
}

gboolean
timetable_is_set(const struct timetable *timetable)
{
    return timetable->calendars->len > 0;
}
