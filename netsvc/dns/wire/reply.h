/*
 * reply: a message as it is written (RFC 1035 4.1): the asker's id and question, sections in their
 * order, names compressed, the OPT record last (RFC 6891).
 *
 *     reply_begin → reply_record … → reply_end
 *
 * What does not fit is noticed once, at the end (`full`): by UDP the answer is then empty with TC
 * set (RFC 2181 9). Whoever adds what can be missed takes it back with a mark. Nothing is
 * allocated; known names are borrowed and must outlive the reply.
 */
#pragma once

#include "netsvc/dns/wire/query.h"
#include "netsvc/dns/wire/rdata.h"

#define HEADER_SIZE 12      /* RFC 1035 4.1.1 */
#define QUESTION_AT 0xC00C  /* compression pointer to the question's name */
#define REPLY_NAMES_MAX 64  /* that are remembered for compression */
#define REPLY_COOKIE_MAX 40 /* client's and server's, RFC 7873 4 */
#define REPLY_NSID_MAX 64   /* bytes; what is longer is cut */

/* Bits of a header's second word, RFC 1035 4.1.1 and RFC 2535 6.1. */
enum header_flag {
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_RA = 0x0080,
    FLAG_AD = 0x0020,
    FLAG_CD = 0x0010,
};
#define FLAG_OPCODE_MASK 0x7800
#define FLAG_OPCODE_SHIFT 11
#define RCODE_MASK 0x000F /* of the header; the rest is in the OPT record */

/* Why an answer is as it is, RFC 8914. */
enum reply_error {
    ERROR_NONE = -1,
    ERROR_OTHER = 0,
    ERROR_STALE = 3,
    ERROR_NOT_READY = 14,
    ERROR_BLOCKED = 15,
    ERROR_PROHIBITED = 18,
    ERROR_STALE_NXDOMAIN = 19,
    ERROR_NOT_AUTHORITATIVE = 20,
    ERROR_NOT_SUPPORTED = 21,
    ERROR_NO_REACHABLE_AUTHORITY = 22,
    ERROR_NETWORK_ERROR = 23,
};

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTIONS };

/* What goes into the OPT record, known before the answer is. All zero: nothing. */
struct reply_options {
    const char *nsid; /* sent to who asks for it; NULL: none */
    guint8 cookie[REPLY_COOKIE_MAX];
    gsize cookie_size; /* 0: none */
};

struct reply {
    guint8 *wire;
    gsize size, limit; /* bytes written, and that may be, the OPT record's left out */
    gsize room;        /* all */
    gsize question_end;
    const struct query *query;
    const struct reply_options *options;
    guint16 flags; /* FLAG_…: set by whoever answers, without the rcode */
    enum rcode rcode;
    enum reply_error error; /* told to who speaks EDNS */
    const char *error_text; /* NULL: none */
    gboolean udp, full;
    guint16 counts[SECTIONS];
    guint known_count;
    struct {
        const guint8 *wire; /* in small letters */
        guint16 offset;
        guint8 size;
    } known[REPLY_NAMES_MAX];
};

/* Id and question are there then. `room` bytes stand behind `out`: by UDP it is QUERY_UDP_MAX, and
 * what the asker takes counts too. */
void reply_begin(struct reply *reply, const struct query *query,
                 const struct reply_options *options, gboolean udp, guint8 *out, gsize room);

/* The same of a question that nobody asked: for what is prepared in advance, and our own queries.
 */
void reply_begin_question(struct reply *reply, const struct name *name, guint16 type, guint16 class,
                          guint8 *out, gsize room);

/* One record; sections come in their order. `owner` and names in `rdata`, which is well-formed
 * (rdata_canonical), are in small letters. */
void reply_record(struct reply *reply, enum section section, const guint8 *owner, gsize owner_size,
                  guint16 type, guint16 class, guint32 ttl, const guint8 *rdata, gsize size);

/* Records as they are on the wire. */
void reply_raw(struct reply *reply, enum section section, const guint8 *records, gsize size,
               guint16 count);

/* The SOA record of the root, by which a negative answer for nobody's name is kept (RFC 2308 5). */
void reply_root_soa(struct reply *reply, guint32 seconds);

struct reply_mark {
    gsize size;
    guint known_count;
    guint16 counts[SECTIONS];
};
struct reply_mark reply_mark(const struct reply *reply);
void reply_back(struct reply *reply, const struct reply_mark *mark); /* and it is not full */

/* Header and OPT record; the size of the whole. */
gsize reply_end(struct reply *reply);

/* An answer of a code alone: begin and end in one. */
gsize reply_code(const struct query *query, const struct reply_options *options, enum rcode rcode,
                 gboolean udp, guint8 *out, gsize room);
