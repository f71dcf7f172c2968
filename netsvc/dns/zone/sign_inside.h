/* sign_inside: what the two halves of sign share: the keys (sign_keys.c) and signing (sign.c). */
#pragma once

#include "netsvc/dns/zone/sign.h"

#include <ldns/ldns.h>

struct sign_key {
    ldns_key_list *list; /* the key alone, as ldns wants it */
    ldns_rr *record;     /* DNSKEY */
    gboolean sep;
};

struct sign_keys {
    struct name origin;
    GPtrArray *keys; /* struct sign_key */
};

/* Whether the key signs RRsets of that type. */
gboolean sign_key_signs(const struct sign_keys *keys, const struct sign_key *key, guint16 type);
