/*
 * splice: the few changes that are made to a document on its way into a server, all of them on its
 * raw bytes.
 *
 * Members that stay keep their bytes and order; nothing in them is parsed or written anew.
 */
#pragma once

#include "lib/base/slice.h"

/*
 * Appends `object` (checked JSON) with the raw members `add` ("\"a\":1", or NULL) in front and
 * without those whose names are in `drop` (ends with NULL).
 */
void splice_members(GString *out, struct slice object, const char *add, const char *const *drop);
