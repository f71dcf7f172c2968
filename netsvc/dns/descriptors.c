#include "netsvc/dns/descriptors.h"

#include "netsvc/dns/forward/exchange.h"
#include "netsvc/dns/serve/tcp.h"

/* Standard ones, the parent's, the loop's, the folder's, notify's two, a file that is written, a
 * connection that is accepted while all are taken. */
#define PROCESS 16
#define A_LISTENER 2  /* UDP, TCP */
#define A_FORWARDER 2 /* a probe, a pulse */

/* Zones that are transferred may all be at it. */
static guint
always_open(const struct config_dns *config)
{
    return PROCESS + A_LISTENER * config->listen->len + A_FORWARDER * config->forwarders->len +
           config->zones->len;
}

guint
descriptors_wanted(const struct config_dns *config)
{
    return always_open(config) + TCP_CONNECTIONS + EXCHANGE_ASKS_MAX;
}

struct descriptors
descriptors_share(const struct config_dns *config, guint limit)
{
    const guint both = TCP_CONNECTIONS + EXCHANGE_ASKS_MAX;
    guint left = MIN(limit - MIN(limit, always_open(config)), both);
    guint connections = MAX(left * TCP_CONNECTIONS / both, 1);
    return (struct descriptors){
        .connections = connections,
        .questions = MAX(left - MIN(left, connections), 1),
    };
}
