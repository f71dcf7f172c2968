/*
 * awkward_zones: zones with all that is hard to answer, one of them signed (with signatures that
 * nobody could check); for test-answer and fuzz-dns_query.
 */
#pragma once

#include "netsvc/dns/zone/load.h"
#include "netsvc/dns/zone/zones.h"

#include <string.h>

#define SIGNATURE " 13 2 300 20300101000000 20260101000000 1 signed. AAAA\n"

/* Twelve name servers and mail servers with addresses, which do not fit into 512 bytes. */
#define MANY(n)                                                                                    \
    "glue NS " n ".glue\n" n ".glue A 10.0.0.9\n" n ".glue AAAA fd00::9\n"                         \
    "mails MX 1 " n ".m\nmails MX 2 " n ".m\n" n ".m A 10.0.0.9\n" n ".m AAAA fd00::9\n"
#define MANY4(n) MANY(n "a") MANY(n "b") MANY(n "c") MANY(n "d")

static const char *const zone_texts[][2] = {
    {"test",
     "@ SOA ns h 1 2 3 4 60\n@ NS ns\n@ MX 10 mail\n@ HTTPS 1 . alpn=h2\nns A 10.0.0.1\n"
     "ns AAAA fd00::1\nmail A 10.0.0.2\nwww CNAME mail\nchain CNAME www\nfar CNAME www.other.\n"
     "out CNAME www.nowhere.\ndangling CNAME none\nloop1 CNAME loop2\nloop2 CNAME loop1\n"
     "self CNAME self\nc1 CNAME c2\nc2 CNAME c3\nc3 CNAME c4\nc4 CNAME c5\nc5 CNAME c6\n"
     "c6 CNAME c7\nc7 CNAME c8\nc8 CNAME c9\nc9 CNAME c10\nc10 A 1.2.3.4\n"
     "*.w A 10.0.0.3\n*.w MX 1 mail\nin.w TXT x\ndeep.ent.w TXT x\n*.wc CNAME mail\n"
     "*.we.w2 A 1.2.3.4\nx.*.we2 A 1.2.3.4\n"
     "cut NS ns.cut\ncut NS ns.sibling\ncut NS ns.elsewhere.\ncut DS 1 13 2 00\nns.cut A 10.0.0.4\n"
     "sibling NS ns.sibling\nns.sibling A 10.0.0.5\nhidden.cut A 1.2.3.4\ntocut CNAME x.cut\n"
     "d DNAME target\nd TXT \"here\"\nx.target A 10.0.0.6\n"
     "long DNAME "
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb"
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
     "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n" MANY4("x") MANY4("y") MANY4(
         "z") "srv SRV 1 1 1 mail\nchild NS ns.child\nchild DS 2 13 2 00\nns.child A 10.0.0.7\n"},
    {"other", "@ SOA ns.test. h 1 2 3 4 60\n@ NS ns.test.\nwww CNAME back.test.\nt A 10.0.1.1\n"},
    {"child.test", "@ SOA ns h 7 2 3 4 60\n@ NS ns\nns A 10.0.0.7\n"},
    {"b.a.nodelegation.test", "@ SOA ns h 7 2 3 4 60\n@ NS ns\nns A 10.0.0.7\n"},
    {"signed",
     "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n@ DNSKEY 257 3 13 AAAA\n@ NSEC *.a NS SOA\n"
     "@ RRSIG SOA" SIGNATURE "@ RRSIG NS" SIGNATURE "@ RRSIG NSEC" SIGNATURE
     "*.a TXT x\n*.a NSEC b TXT\n*.a RRSIG TXT" SIGNATURE "*.a RRSIG NSEC" SIGNATURE
     "b CNAME ns\nb NSEC cut CNAME\nb RRSIG CNAME" SIGNATURE "b RRSIG NSEC" SIGNATURE
     "cut NS ns.cut\nns.cut A 1.2.3.4\ncut NSEC x.ent NS\ncut RRSIG NSEC" SIGNATURE
     "x.ent TXT x\nx.ent NSEC ns TXT\nx.ent RRSIG TXT" SIGNATURE "x.ent RRSIG NSEC" SIGNATURE
     "ns A 10.0.0.8\nns NSEC safe A\nns RRSIG A" SIGNATURE "ns RRSIG NSEC" SIGNATURE
     "safe NS ns.test.\nsafe DS 1 13 2 00\nsafe NSEC @ NS DS\nsafe RRSIG DS" SIGNATURE
     "safe RRSIG NSEC" SIGNATURE},
};

static inline struct zones *
awkward_zones(void)
{
    struct zones *zones = zones_new();
    for (guint i = 0; i < G_N_ELEMENTS(zone_texts); i++) {
        struct name origin;
        g_autoptr(GError) error = NULL;
        name_from_text(&origin, zone_texts[i][0]);
        struct zone *zone =
            load_text(zone_texts[i][1], strlen(zone_texts[i][1]), "zone", &origin, &error);
        g_assert_no_error(error);
        zones_put(zones, zone);
    }
    return zones;
}
