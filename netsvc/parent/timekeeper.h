/*
 * timekeeper: looks at the wall clock, at the start, each minute and whenever somebody sets it;
 * keeps the floor (clock_floor.h) on disk, each hour and at the end.
 */
#pragma once

#include "lib/base/cleanup.h"

#include <event2/event.h>

struct timekeeper;

/* `judged` is told what people must know of the clock, NULL: nothing; whenever that changes, and
 * never from timekeeper_new. What cannot be written is told in the log. */
struct timekeeper *timekeeper_new(struct event_base *events, const char *state,
                                  gint64 (*now)(void), /* seconds; NULL: the system's wall clock */
                                  void (*judged)(void *context, const char *alert), void *context);
void timekeeper_free(struct timekeeper *timekeeper); /* writes it */
AUTO_DEFINE(timekeeper)

/* At a reload: the operator may have removed the file, and the clock counts again; or the folder is
 * another one. */
void timekeeper_look(struct timekeeper *timekeeper, const char *state);
