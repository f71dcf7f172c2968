#include "netsvc/dns/forward/foreign.h"

#include <string.h>

/* Of the root, made by nobody: names `.` and `.`, serial, refresh, retry, expire (a week); what
 * follows is the minimum. */
static const guint8 soa_head[] = {
    0, 0, 0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0x09, 0x3a, 0x80,
};

void
foreign_soa(struct reply *reply, guint32 seconds)
{
    static const guint8 root[] = {0};
    guint8 rdata[sizeof soa_head + sizeof seconds];
    guint32 minimum = GUINT32_TO_BE(seconds);
    memcpy(rdata, soa_head, sizeof soa_head);
    memcpy(rdata + sizeof soa_head, &minimum, sizeof minimum);
    reply_record(reply, SECTION_AUTHORITY, root, sizeof root, TYPE_SOA, CLASS_IN, seconds, rdata,
                 sizeof rdata);
}

void
foreign_absent(struct reply *reply, gboolean exists, guint32 seconds, enum reply_error error)
{
    reply->flags |= FLAG_RA;
    reply->rcode = exists ? RCODE_NOERROR : RCODE_NXDOMAIN;
    reply->error = error;
    foreign_soa(reply, seconds);
}

void
foreign_code(struct reply *reply, enum rcode rcode, enum reply_error error)
{
    if (rcode != RCODE_REFUSED)
        reply->flags |= FLAG_RA;
    reply->rcode = rcode;
    reply->error = error;
}
