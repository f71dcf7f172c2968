#include "netsvc/dns/forward/foreign.h"

void
foreign_absent(struct reply *reply, gboolean exists, guint32 seconds, enum reply_error error)
{
    reply->flags |= FLAG_RA;
    reply->rcode = exists ? RCODE_NOERROR : RCODE_NXDOMAIN;
    reply->error = error;
    reply_root_soa(reply, seconds);
}

void
foreign_code(struct reply *reply, enum rcode rcode, enum reply_error error)
{
    if (rcode != RCODE_REFUSED)
        reply->flags |= FLAG_RA;
    reply->rcode = rcode;
    reply->error = error;
}
