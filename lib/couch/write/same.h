/*
 * same: whether two JSON values mean the same, however their members are ordered and their strings
 * escaped.
 */
#pragma once

#include "lib/base/slice.h"

/* Both must be checked JSON. Numbers are the same when they are spelled alike. */
gboolean json_same(struct slice a, struct slice b);
