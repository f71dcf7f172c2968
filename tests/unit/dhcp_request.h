/* dhcp_request: a client's message, for tests: fields by name, options as bytes. */
#pragma once

#include "netsvc/dhcp/packet/packet.h"

#include "netsvc/bytes.h"

#include <string.h>

struct request {
    guint8 data[PACKET_MAX + 1];
    gsize size;
};

/* From the Ethernet address 02:00:00:00:NN:NN. */
static inline void
request_begin(struct request *request, guint16 client)
{
    memset(request, 0, sizeof *request);
    guint8 *data = request->data;
    data[0] = PACKET_REQUEST_OP;
    data[1] = PACKET_ETHERNET;
    data[2] = PACKET_ETHERNET_SIZE;
    bytes_put32(data + 4, 0x1000u + client);
    data[PACKET_CHADDR] = 0x02;
    bytes_put16(data + PACKET_CHADDR + 4, client);
    bytes_put32(data + PACKET_COOKIE, 0x63825363);
    request->size = PACKET_OPTIONS;
}

static inline void
request_option(struct request *request, guint8 code, const void *value, gsize size)
{
    g_assert_true(size <= 255 && request->size + 2 + size <= sizeof request->data);
    request->data[request->size++] = code;
    request->data[request->size++] = (guint8)size;
    if (size > 0)
        memcpy(request->data + request->size, value, size);
    request->size += size;
}

static inline void
request_u8(struct request *request, guint8 code, guint8 value)
{
    request_option(request, code, &value, 1);
}

static inline void
request_u16(struct request *request, guint8 code, guint16 value)
{
    guint8 wire[2];
    bytes_put16(wire, value);
    request_option(request, code, wire, sizeof wire);
}

static inline void
request_u32(struct request *request, guint8 code, guint32 value)
{
    guint8 wire[4];
    bytes_put32(wire, value);
    request_option(request, code, wire, sizeof wire);
}

static inline void
request_end(struct request *request)
{
    request->data[request->size++] = PACKET_END;
}
