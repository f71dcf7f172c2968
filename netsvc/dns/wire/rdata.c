#include "netsvc/dns/wire/rdata.h"

#include "netsvc/dns/wire/name.h"

#include <ldns/ldns.h>

const char *
rdata_form(guint16 type)
{
    switch (type) {
    case TYPE_A:
        return "4";
    case TYPE_AAAA:
        return "4444";
    case TYPE_NS:
    case LDNS_RR_TYPE_MD:
    case LDNS_RR_TYPE_MF:
    case TYPE_CNAME:
    case LDNS_RR_TYPE_MB:
    case LDNS_RR_TYPE_MG:
    case LDNS_RR_TYPE_MR:
    case TYPE_PTR:
        return "N";
    case TYPE_SOA:
        return "NN44444";
    case LDNS_RR_TYPE_MINFO:
        return "NN";
    case TYPE_MX:
        return "2N";
    case TYPE_HINFO:
        return "ss";
    case TYPE_TXT:
    case LDNS_RR_TYPE_SPF:
        return "S";
    case LDNS_RR_TYPE_RP:
        return "LL";
    case LDNS_RR_TYPE_AFSDB:
    case LDNS_RR_TYPE_RT:
    case LDNS_RR_TYPE_KX:
        return "2L";
    case LDNS_RR_TYPE_PX:
        return "2LL";
    case LDNS_RR_TYPE_NAPTR:
        return "22sssL";
    case TYPE_SRV:
        return "222L";
    case TYPE_DNAME:
        return "L";
    case TYPE_RRSIG:
        return "224442L.";
    case TYPE_NSEC: /* RFC 6840 5.1 */
        return "K.";
    case TYPE_SVCB:
    case TYPE_HTTPS:
        return "2K.";
    default:
        return NULL;
    }
}

/* Bytes that a part takes; 0: it is damaged. */
static gsize
part_size(char part, guint8 *at, gsize left)
{
    struct name name;
    gsize size;
    switch (part) {
    case '2':
    case '4':
        size = (gsize)(part - '0');
        return size <= left ? size : 0;
    case 's':
    case 'S':
        return left > 0 && at[0] < left ? at[0] + 1U : 0;
    default:
        size = name_from_wire(&name, at, left, NULL);
        if (part != 'K')
            name_lower(at, at, size);
        return size;
    }
}

gboolean
rdata_canonical(guint16 type, guint8 *rdata, gsize size)
{
    const char *form = rdata_form(type);
    if (form == NULL)
        return TRUE;
    for (gsize at = 0;; form += *form != 'S') {
        if (*form == '\0' || *form == '.')
            return *form == '.' || at == size;
        if (*form == 'S' && at > 0 && at == size)
            return TRUE;
        gsize taken = part_size(*form, rdata + at, size - at);
        if (taken == 0)
            return FALSE;
        at += taken;
    }
}

int
rdata_target(guint16 type)
{
    switch (type) {
    case TYPE_NS:
        return 0;
    case TYPE_MX:
    case TYPE_SVCB:
    case TYPE_HTTPS:
        return 2;
    case TYPE_SRV:
        return 6;
    default:
        return -1;
    }
}
