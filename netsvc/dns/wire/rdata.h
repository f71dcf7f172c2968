/*
 * rdata: what stands where in the data of a record, as far as it matters for serving it: names that
 * may be compressed, names that are compared in small letters, and whether it is well-formed.
 */
#pragma once

#include <glib.h>

/* Types that are more than bytes to us; the rest is in ldns. */
enum rr_type {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_HINFO = 13,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28,
    TYPE_SRV = 33,
    TYPE_DNAME = 39,
    TYPE_OPT = 41,
    TYPE_DS = 43,
    TYPE_RRSIG = 46,
    TYPE_NSEC = 47,
    TYPE_DNSKEY = 48,
    TYPE_NSEC3 = 50,
    TYPE_NSEC3PARAM = 51,
    TYPE_SVCB = 64,
    TYPE_HTTPS = 65,
    TYPE_TSIG = 250,
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_ANY = 255,
};

#define TYPE_META_FIRST                                                                            \
    128 /* to TYPE_META_LAST: not for zones (RFC 6895 3.1); 0 and OPT neither                      \
         */
#define TYPE_META_LAST 255

enum rr_class {
    CLASS_IN = 1,
    CLASS_CH = 3,
    CLASS_NONE = 254,
    CLASS_ANY = 255,
};

/*
 * The form of a type's data, a letter each part:
 *
 *     2 4   so many bytes         N  a name that may be compressed (RFC 3597 4: RFC 1035's alone)
 *     s     a character string    L  a name that is not, but compared in small letters
 *     S     one or more of them   K  a name that stays as it is
 *     .     whatever follows
 *
 * NULL: nothing is known of it, whatever it is.
 */
const char *rdata_form(guint16 type);

/* Whether it is well-formed and without compression; its names are put in small letters (RFC
 * 4034 6.2), so that equal data are equal bytes. */
gboolean rdata_canonical(guint16 type, guint8 *rdata, gsize size);

/* Offset of the name, of an NS, MX, SRV, SVCB or HTTPS record, whose addresses are worth adding to
 * an answer; 0 is such an offset too. -1: the type has none. */
int rdata_target(guint16 type);
