/*
 * reply: what a request is answered with, as bytes, and where it goes.
 *
 * Options, in the order in which they count when a client takes little (RFC 2131 4.3.1): what the
 * protocol needs and the client's identifier (RFC 6842), the mask before the routers (RFC 2132
 * 3.3), what the client asks for in its order (option 55; all there is, if it names nothing), its
 * name, and last what a relay wants back (RFC 3046).
 */
#pragma once

#include "netsvc/dhcp/serve/server.h"

/* The options of one subnet, as bytes, made once. */
struct reply_options;

/* `dns`: guint32, the servers that clients are told of. */
struct reply_options *reply_options_new(const struct config_subnet *subnet, const GArray *dns);
void reply_options_free(struct reply_options *options);
AUTO_DEFINE(reply_options)

struct reply_terms {
    const struct packet *request;
    const struct reply_options *options; /* NULL: none (NAK) */
    enum packet_type type;
    guint32 yiaddr;
    guint32 seconds;     /* of the lease; 0: none is told (INFORM, NAK) */
    guint32 server;      /* identifier */
    guint32 from;        /* our address */
    const char *name;    /* "": none */
    const char *domain;  /* NULL: none */
    const char *message; /* of a NAK; NULL */
    gboolean rapid;      /* RFC 4039 */
};

/* reply->size is 0 if it cannot be made: more comes back than fits. */
void reply_write(const struct reply_terms *terms, struct server_reply *reply);

/* That one, with so many seconds of the lease. */
void reply_shorten(struct server_reply *reply, guint32 seconds);

/* The client's own name in option 81, in both encodings (RFC 4702 2.3); size 0: none. */
struct packet_bytes reply_fqdn_name(const struct packet *request);

/* Whether it wants no name in DNS (flag N). */
gboolean reply_fqdn_refuses(const struct packet *request);
