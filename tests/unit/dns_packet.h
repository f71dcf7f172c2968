/*
 * dns_packet: messages for tests, put together and taken apart: the latter by ldns, so that what we
 * write is read by somebody else.
 */
#pragma once

#include "netsvc/dns/wire/reply.h"

#include <ldns/ldns.h>
#include <string.h>

static inline void
packet_put16(GByteArray *packet, guint value)
{
    const guint8 bytes[] = {(guint8)(value >> 8), (guint8)value};
    g_byte_array_append(packet, bytes, sizeof bytes);
}

static inline void
packet_put32(GByteArray *packet, guint32 value)
{
    packet_put16(packet, value >> 16);
    packet_put16(packet, value & 0xffff);
}

/* In the letters that it is written in. */
static inline void
packet_put_name(GByteArray *packet, const char *name)
{
    g_auto(GStrv) labels = g_strsplit(name, ".", -1);
    for (guint i = 0; labels[i] != NULL && labels[i][0] != '\0'; i++) {
        guint8 size = (guint8)strlen(labels[i]);
        g_byte_array_append(packet, &size, 1);
        g_byte_array_append(packet, (const guint8 *)labels[i], size);
    }
    g_byte_array_append(packet, (const guint8 *)"", 1);
}

static inline GByteArray *
packet_question(guint id, guint flags, const char *name, guint type)
{
    GByteArray *packet = g_byte_array_new();
    packet_put16(packet, id);
    packet_put16(packet, flags);
    packet_put16(packet, 1);
    packet_put16(packet, 0);
    packet_put32(packet, 0);
    packet_put_name(packet, name);
    packet_put16(packet, type);
    packet_put16(packet, CLASS_IN);
    return packet;
}

/* One more in that section, 0 answer, 1 authority, 2 additional. Owner "": the question's name. */
static inline void
packet_put_record(GByteArray *packet, guint section, const char *owner, guint type, guint32 ttl,
                  const void *rdata, gsize size)
{
    if (owner[0] == '\0')
        packet_put16(packet, QUESTION_AT);
    else
        packet_put_name(packet, owner);
    packet_put16(packet, type);
    packet_put16(packet, CLASS_IN);
    packet_put32(packet, ttl);
    packet_put16(packet, (guint)size);
    g_byte_array_append(packet, rdata, (guint)size);
    guint8 *count = packet->data + 6 + section * 2;
    if (++count[1] == 0)
        count[0]++;
}

/* OPT with a size of 1232. */
static inline void
packet_put_opt(GByteArray *packet, gboolean dnssec_ok)
{
    const guint8 opt[] = {0, 0, TYPE_OPT, 4, 208, 0, 0, dnssec_ok ? 0x80 : 0, 0, 0, 0};
    g_byte_array_append(packet, opt, sizeof opt);
    packet->data[11]++;
}

static inline void
packet_put_soa(GByteArray *packet, const char *owner, guint32 ttl, guint32 minimum)
{
    g_autoptr(GByteArray) rdata = g_byte_array_new();
    packet_put_name(rdata, "ns.example");
    packet_put_name(rdata, "root.example");
    for (guint i = 0; i < 4; i++)
        packet_put32(rdata, 1);
    packet_put32(rdata, minimum);
    packet_put_record(packet, 1, owner, TYPE_SOA, ttl, rdata->data, rdata->len);
}

static inline ldns_pkt *
packet_read(const guint8 *wire, gsize size)
{
    ldns_pkt *packet = NULL;
    ldns_status status = ldns_wire2pkt(&packet, wire, size);
    if (status != LDNS_STATUS_OK)
        g_error("ldns cannot read it: %s", ldns_get_errorstr_by_id(status));
    return packet;
}

/* All records of a section, a line each, as ldns writes them: "a.example.\t60\tIN\tA\t192.0.2.1\n".
 */
static inline char *
packet_section(const guint8 *wire, gsize size, ldns_pkt_section section)
{
    ldns_pkt *packet = packet_read(wire, size);
    const ldns_rr_list *records = section == LDNS_SECTION_ANSWER      ? ldns_pkt_answer(packet)
                                  : section == LDNS_SECTION_AUTHORITY ? ldns_pkt_authority(packet)
                                                                      : ldns_pkt_additional(packet);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
        char *line = ldns_rr2str(ldns_rr_list_rr(records, i));
        g_string_append(text, line);
        free(line);
    }
    ldns_pkt_free(packet);
    return g_string_free(text, FALSE);
}

static inline guint
packet_rcode(const guint8 *wire)
{
    return wire[3] & 15u;
}

/* The extended error (RFC 8914) in its OPT record; -1: none. */
static inline int
packet_error(const guint8 *wire, gsize size)
{
    ldns_pkt *packet = packet_read(wire, size);
    ldns_rdf *options = ldns_pkt_edns_data(packet);
    int error = -1;
    for (gsize at = 0; options != NULL && at + 4 <= ldns_rdf_size(options);) {
        const guint8 *option = ldns_rdf_data(options) + at;
        gsize length = (gsize)(option[2] << 8 | option[3]);
        if (option[0] == 0 && option[1] == 15)
            error = option[4] << 8 | option[5];
        at += 4 + length;
    }
    ldns_pkt_free(packet);
    return error;
}
