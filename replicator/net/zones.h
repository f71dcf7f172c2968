/*
 * zones: which names are answered, as a table for people.
 *
 *     ZONE            KIND   RECORDS  SERIAL      STATE
 *     clinic.example  file   120      2026112801  signed
 *                     DS: clinic.example. 3600 IN DS 1234 13 2 …
 *     b.example       secondary  40   7           from 10.66.0.2, expires in 6 days
 *
 *     forwarder 9.9.9.9: alive, 12 ms
 */
#pragma once

#include "lib/base/slice.h"

/* `pages` as pages_ask gives them. Caller frees. */
char *zones_text(const GPtrArray *pages);

/* One forwarder of an answer, as a sentence; *dead: it does not answer. Caller frees. */
char *zones_forwarder_text(struct slice forwarder, gboolean *dead);
