/*
 * writer: a reply, put together. Options are collected in the order in which they matter, and laid
 * out at the end: into the options field, then `file` and `sname` (option 52), and what has no
 * place there is left out, as RFC 2131 4.3.1 has it. Option 82 stands last in the options field,
 * where relays look for it (RFC 3046 2.1).
 *
 * Its error is sticky: what is asked too much of it makes writer_finish give 0.
 */
#pragma once

#include "netsvc/dhcp/packet/packet.h"

#define WRITER_OPTIONS_MAX 128  /* in one reply */
#define WRITER_BYTES_MAX 4096   /* of all of them */
#define WRITER_HEADERS 28       /* IP and UDP, which option 57 counts too (RFC 2131 2) */
#define WRITER_DATAGRAM_MIN 576 /* what every client takes; smaller in option 57 is wrong */

struct writer {
    guint8 head[PACKET_OPTIONS];
    struct writer_option {
        guint8 code;
        guint16 begin, size; /* in `bytes` */
    } options[WRITER_OPTIONS_MAX];
    guint n, required;
    gsize used;
    guint8 written[256 / 8]; /* which codes are there: each once */
    gboolean failed;
    guint8 bytes[WRITER_BYTES_MAX];
};

/* A reply of that type: op, htype, hlen, xid, flags, giaddr and chaddr as in the request, option
 * 53. */
void writer_begin(struct writer *writer, const struct packet *request, enum packet_type type);

void writer_ciaddr(struct writer *writer, guint32 address);
void writer_yiaddr(struct writer *writer, guint32 address);
void writer_flags(struct writer *writer, guint16 flags);

/* Of a code that is there already the first counts. */
void writer_bytes(struct writer *writer, guint8 code, const void *data, gsize size);
void writer_text(struct writer *writer, guint8 code, const char *text);
void writer_u8(struct writer *writer, guint8 code, guint8 value);
void writer_u32(struct writer *writer, guint8 code, guint32 value); /* an address too */
gboolean writer_has(const struct writer *writer, guint8 code);

/* What was written until now, and option 82, must be in: without it there is no reply. */
void writer_require(struct writer *writer);

/* How many bytes a client takes that said this in option 57; 0: it said nothing. */
gsize writer_limit(guint16 max_size);

/* The bytes that were written, at most `limit` ≤ PACKET_SEND_MAX; 0: an error. */
gsize writer_finish(struct writer *writer, gsize limit, guint8 *data);
