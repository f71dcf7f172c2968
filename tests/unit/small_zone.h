/* small_zone: a zone with SOA and NS alone, to be changed by whoever tests it; and what it holds.
 */
#pragma once

#include "netsvc/dns/zone/zones.h"

#include <arpa/inet.h>
#include <string.h>

#define SMALL_ZONE_SOA                                                                             \
    "\2ns\4test\0\1h\4test\0\0\0\0\7\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5" /* serial 7 */
#define SMALL_ZONE_NS "\2ns\4test\0"

static inline struct name
name_of(const char *text)
{
    struct name name;
    gboolean good = name_from_text(&name, text);
    g_assert_true(good);
    return name;
}

static inline struct zone *
small_zone(const char *text)
{
    struct name origin = name_of(text);
    struct zone *zone = zone_new(&origin);
    gboolean good = zone_add(zone, &origin, TYPE_SOA, 60, (const guint8 *)SMALL_ZONE_SOA,
                             sizeof SMALL_ZONE_SOA - 1, NULL) &&
                    zone_add(zone, &origin, TYPE_NS, 60, (const guint8 *)SMALL_ZONE_NS,
                             sizeof SMALL_ZONE_NS - 1, NULL) &&
                    zone_finish(zone, NULL);
    g_assert_true(good);
    return zone;
}

static inline struct zone *
zone_holding(const struct zones *zones, const char *text)
{
    struct name name = name_of(text);
    struct name_hashes hashes;
    name_hashes(&name, &hashes);
    return zones_of(zones, &name, &hashes, 0);
}

/* The addresses, or the names that NS and PTR records hold, with a blank between; "": nothing. The
 * text is valid until the next but three. */
static inline const char *
held(const struct zones *zones, const char *text, guint16 type)
{
    static char texts[4][4096];
    static guint turn;
    char *out = texts[turn++ % 4];
    const struct zone *zone = zone_holding(zones, text);
    struct name name = name_of(text);
    const struct rrset *set = zone != NULL ? zone_rrset(zone, &name, type) : NULL;
    struct rrset_record record = {0};
    *out = 0;
    while (set != NULL && rrset_next(set, &record)) {
        char one[NAME_TEXT_MAX] = "";
        struct name target;
        if (type == TYPE_A || type == TYPE_AAAA)
            inet_ntop(type == TYPE_A ? AF_INET : AF_INET6, record.rdata, one, sizeof one);
        else if (name_from_wire(&target, record.rdata, record.size, NULL) > 0)
            name_text(&target, one);
        g_strlcat(out, *out != 0 ? " " : "", sizeof texts[0]);
        g_strlcat(out, one, sizeof texts[0]);
    }
    return out;
}

#define ASSERT_HELD(zones, name, type, text) g_assert_cmpstr(held(zones, name, type), ==, text)
