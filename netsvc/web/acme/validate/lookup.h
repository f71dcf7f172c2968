/*
 * lookup: one question to our own DNS, over TCP: nothing to be retried, forged or cut off. Where no
 * server answers by TCP, as one that is not ours may, UDP is tried.
 */
#pragma once

#include "netsvc/web/acme/validate/world.h"

#include <ldns/ldns.h>

#define LOOKUP_ANSWERS_MAX 64

/* `values`: GBytes of each record, of TXT its strings in one; there may be none. With an error
 * NULL. */
typedef void (*lookup_done)(gpointer context, const GPtrArray *values, const GError *error);

struct lookup;

struct lookup *lookup_start(const struct world *world, const char *name, ldns_rr_type type,
                            lookup_done done, gpointer context);
void lookup_free(struct lookup *lookup);
AUTO_DEFINE(lookup)

/* The records in a message, for its fuzz target too; NULL with a problem. `id`: of the question. */
GPtrArray *lookup_parse(const guint8 *wire, gsize size, guint16 id, ldns_rr_type type,
                        GError **error);
