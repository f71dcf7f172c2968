/*
 * timetable: when something is due, by one or several calendar times (calendar.h).
 */
#pragma once

#include "lib/base/cleanup.h"

struct timetable;

/* `texts` ends with NULL and may be empty: then nothing is ever due. FAIL_USAGE names a text that
 * is none, or never comes. */
struct timetable *timetable_parse(const char *const *texts, GError **error);
void timetable_free(struct timetable *timetable);
AUTO_DEFINE(timetable)

/* The first point after a time; both in seconds since 1970 UTC. -1: never. */
gint64 timetable_next(const struct timetable *timetable, gint64 after);

/* Whether it has any times, be they past. */
gboolean timetable_is_set(const struct timetable *timetable);
