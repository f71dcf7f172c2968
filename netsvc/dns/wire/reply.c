#include "netsvc/dns/wire/reply.h"

#include "netsvc/bytes.h"

#include <string.h>

#define OPT_SIZE 11        /* with no option */
#define OPTION_HEAD 4      /* code and length */
#define OPTION_NSID 3      /* RFC 5001 */
#define OPTION_COOKIE 10   /* RFC 7873 */
#define OPTION_ERROR 15    /* RFC 8914 */
#define DNSSEC_OK 0x80     /* RFC 3225: in the third byte of the OPT record's TTL */
#define POINTER 0xC000     /* RFC 1035 4.1.4 */
#define POINTER_MAX 0x3FFF /* where it can lead to */

/* Room for so many bytes, which are then written; NULL: there is none. */
static guint8 *
take(struct reply *reply, gsize size)
{
    if (reply->full || reply->limit - reply->size < size) {
        reply->full = TRUE;
        return NULL;
    }
    reply->size += size;
    return reply->wire + reply->size - size;
}

/* ---- begin ---- */

static gsize
nsid_size(const struct reply *reply)
{
    const char *nsid = reply->options->nsid;
    return reply->query->wants_nsid && nsid != NULL ? strnlen(nsid, REPLY_NSID_MAX) : 0;
}

static gsize
options_size(const struct reply *reply)
{
    const struct query *query = reply->query;
    if (query == NULL || !query->has_opt)
        return 0;
    gsize size = OPT_SIZE;
    if (nsid_size(reply) > 0)
        size += OPTION_HEAD + nsid_size(reply);
    if (reply->options->cookie_size > 0)
        size += OPTION_HEAD + reply->options->cookie_size;
    return size;
}

static void
begin(struct reply *reply, guint8 *out, gsize room)
{
    static const struct reply_options no_options;
    /* Not all of it: what is known is long, and empty. */
    memset(reply, 0, G_STRUCT_OFFSET(struct reply, known));
    reply->wire = out;
    reply->room = reply->limit = room;
    reply->options = &no_options;
    reply->size = HEADER_SIZE;
    reply->error = ERROR_NONE;
}

void
reply_begin(struct reply *reply, const struct query *query, const struct reply_options *options,
            gboolean udp, guint8 *out, gsize room)
{
    begin(reply, out, room);
    reply->query = query;
    reply->udp = udp;
    if (options != NULL)
        reply->options = options;
    if (udp && query->udp_size < room)
        reply->room = query->udp_size;
    reply->question_end = query->question_end;
    gsize taken = reply->question_end + options_size(reply);
    g_assert(taken <= reply->room);
    memcpy(out + HEADER_SIZE, query->wire + HEADER_SIZE, reply->question_end - HEADER_SIZE);
    reply->size = reply->question_end;
    reply->limit = reply->room - options_size(reply);
}

static void
know(struct reply *reply, const guint8 *wire, gsize size, gsize offset)
{
    if (reply->known_count == REPLY_NAMES_MAX || offset > POINTER_MAX)
        return;
    reply->known[reply->known_count].wire = wire;
    reply->known[reply->known_count].size = (guint8)size;
    reply->known[reply->known_count].offset = (guint16)offset;
    reply->known_count++;
}

void
reply_begin_question(struct reply *reply, const struct name *name, guint16 type, guint16 class,
                     guint8 *out, gsize room)
{
    begin(reply, out, room);
    memcpy(out + HEADER_SIZE, name->wire, name->size);
    bytes_put16(out + HEADER_SIZE + name->size, type);
    bytes_put16(out + HEADER_SIZE + name->size + 2, class);
    reply->size = reply->question_end = HEADER_SIZE + name->size + 4U;
}

/* ---- names ---- */

/* The question's name is learnt when the first name is written: most answers are a copy and need
 * none. */
static void
know_question(struct reply *reply)
{
    if (reply->known_count > 0 || reply->question_end <= HEADER_SIZE + 1)
        return;
    const guint8 *name = reply->query != NULL ? reply->query->name.wire : reply->wire + HEADER_SIZE;
    gsize size = reply->question_end - HEADER_SIZE - 4;
    for (gsize at = 0; name[at] > 0; at += name[at] + 1U)
        know(reply, name + at, size - at, HEADER_SIZE + at);
}

static guint16
pointer_to(const struct reply *reply, const guint8 *wire, gsize size)
{
    for (guint i = 0; i < reply->known_count; i++)
        if (reply->known[i].size == size && memcmp(reply->known[i].wire, wire, size) == 0)
            return (guint16)(POINTER | reply->known[i].offset);
    return 0;
}

static void
write_name(struct reply *reply, const guint8 *wire, gsize size)
{
    know_question(reply);
    gsize start = reply->size;
    guint known = reply->known_count;
    for (gsize at = 0;; at += wire[at] + 1U) {
        guint16 pointer = wire[at] > 0 ? pointer_to(reply, wire + at, size - at) : 0;
        if (wire[at] > 0 && pointer == 0) {
            know(reply, wire + at, size - at, start + at);
            continue;
        }
        guint8 *to = take(reply, at + (pointer > 0 ? 2 : 1));
        if (to == NULL) {
            reply->known_count = known;
            return;
        }
        memcpy(to, wire, at);
        if (pointer > 0)
            bytes_put16(to + at, pointer);
        else
            to[at] = 0;
        return;
    }
}

static void
write_bytes(struct reply *reply, const guint8 *bytes, gsize size)
{
    guint8 *to = take(reply, size);
    if (to != NULL && size > 0)
        memcpy(to, bytes, size);
}

/* ---- records ---- */

/* Its names compressed: the types of RFC 1035 only, whose form is of N, 2 and 4 alone. */
static void
write_rdata(struct reply *reply, const char *form, const guint8 *rdata, gsize size)
{
    const guint8 *end = rdata + size;
    for (; *form != '\0' && !reply->full; form++) {
        gsize taken;
        if (*form == 'N') {
            for (taken = 0; rdata[taken] > 0; taken += rdata[taken] + 1U)
                ;
            taken++;
            write_name(reply, rdata, taken);
        } else {
            taken = (gsize)(*form - '0');
            write_bytes(reply, rdata, taken);
        }
        rdata += taken;
    }
    g_assert(reply->full || rdata == end);
}

void
reply_record(struct reply *reply, enum section section, const guint8 *owner, gsize owner_size,
             guint16 type, guint16 class, guint32 ttl, const guint8 *rdata, gsize size)
{
    write_name(reply, owner, owner_size);
    guint8 *head = take(reply, 10);
    if (head == NULL)
        return;
    bytes_put16(head, type);
    bytes_put16(head + 2, class);
    bytes_put32(head + 4, ttl);
    const char *form = rdata_form(type);
    if (form != NULL && strchr(form, 'N') != NULL)
        write_rdata(reply, form, rdata, size);
    else
        write_bytes(reply, rdata, size);
    if (reply->full)
        return;
    bytes_put16(head + 8, (guint)(reply->wire + reply->size - head - 10));
    reply->counts[section]++;
}

void
reply_raw(struct reply *reply, enum section section, const guint8 *records, gsize size,
          guint16 count)
{
    write_bytes(reply, records, size);
    if (!reply->full)
        reply->counts[section] = (guint16)(reply->counts[section] + count);
}

struct reply_mark
reply_mark(const struct reply *reply)
{
    struct reply_mark mark = {reply->size, reply->known_count, {0}};
    memcpy(mark.counts, reply->counts, sizeof mark.counts);
    return mark;
}

void
reply_back(struct reply *reply, const struct reply_mark *mark)
{
    reply->size = mark->size;
    reply->known_count = mark->known_count;
    memcpy(reply->counts, mark->counts, sizeof mark->counts);
    reply->full = FALSE;
}

/* ---- end ---- */

static guint8 *
option_head(guint8 *at, guint code, gsize size)
{
    bytes_put16(at, code);
    bytes_put16(at + 2, (guint)size);
    return at + OPTION_HEAD;
}

/* RFC 8914; its text only where that fits too. */
static guint8 *
write_error(const struct reply *reply, guint8 *at)
{
    gsize left = (gsize)(reply->wire + reply->room - at);
    gsize text = reply->error_text != NULL ? strlen(reply->error_text) : 0;
    if (OPTION_HEAD + 2 + text > left)
        text = 0;
    if (OPTION_HEAD + 2 > left)
        return at;
    at = option_head(at, OPTION_ERROR, 2 + text);
    bytes_put16(at, (guint)reply->error);
    if (text > 0)
        memcpy(at + 2, reply->error_text, text);
    return at + 2 + text;
}

static void
write_opt(struct reply *reply)
{
    const struct query *query = reply->query;
    guint8 *opt = reply->wire + reply->size;
    opt[0] = 0;
    bytes_put16(opt + 1, TYPE_OPT);
    bytes_put16(opt + 3, QUERY_UDP_MAX);
    opt[5] = (guint8)(reply->rcode >> 4);
    opt[6] = 0; /* our version */
    opt[7] = query->dnssec_ok ? DNSSEC_OK : 0;
    opt[8] = 0;
    guint8 *at = opt + OPT_SIZE;
    gsize size = nsid_size(reply);
    if (size > 0) {
        at = option_head(at, OPTION_NSID, size);
        memcpy(at, reply->options->nsid, size);
        at += size;
    }
    if (reply->options->cookie_size > 0) {
        at = option_head(at, OPTION_COOKIE, reply->options->cookie_size);
        memcpy(at, reply->options->cookie, reply->options->cookie_size);
        at += reply->options->cookie_size;
    }
    if (reply->error != ERROR_NONE)
        at = write_error(reply, at);
    bytes_put16(opt + 9, (guint)(at - opt) - OPT_SIZE);
    reply->counts[SECTION_ADDITIONAL]++;
    reply->size = (gsize)(at - reply->wire);
}

/* What does not fit: by UDP it is asked for again by TCP; where that is the case already, there is
 * no way to send it. */
static void
cut(struct reply *reply)
{
    reply->size = reply->question_end;
    memset(reply->counts, 0, sizeof reply->counts);
    if (reply->udp)
        reply->flags |= FLAG_TC;
    else
        reply->rcode = RCODE_SERVFAIL;
}

/* Of the root, made by nobody: names `.` and `.`, serial, refresh, retry, expire (a week); what
 * follows is the minimum. */
static const guint8 soa_head[] = {
    0, 0, 0, 0, 0, 1, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0x09, 0x3a, 0x80,
};

void
reply_root_soa(struct reply *reply, guint32 seconds)
{
    static const guint8 root[] = {0};
    guint8 rdata[sizeof soa_head + sizeof seconds];
    guint32 minimum = GUINT32_TO_BE(seconds);
    memcpy(rdata, soa_head, sizeof soa_head);
    memcpy(rdata + sizeof soa_head, &minimum, sizeof minimum);
    reply_record(reply, SECTION_AUTHORITY, root, sizeof root, TYPE_SOA, CLASS_IN, seconds, rdata,
                 sizeof rdata);
}

gsize
reply_end(struct reply *reply)
{
    const struct query *query = reply->query;
    if (reply->full)
        cut(reply);
    guint flags = reply->flags;
    if (query != NULL) {
        flags |= FLAG_QR | (query->flags & (FLAG_OPCODE_MASK | FLAG_RD | FLAG_CD));
        if (query->has_opt)
            write_opt(reply);
    }
    bytes_put16(reply->wire, query != NULL ? query->id : 0);
    bytes_put16(reply->wire + 2, flags | (reply->rcode & RCODE_MASK));
    bytes_put16(reply->wire + 4, reply->question_end > HEADER_SIZE);
    for (guint i = 0; i < SECTIONS; i++)
        bytes_put16(reply->wire + 6 + i * 2, reply->counts[i]);
    return reply->size;
}

gsize
reply_code(const struct query *query, const struct reply_options *options, enum rcode rcode,
           gboolean udp, guint8 *out, gsize room)
{
    struct reply reply;
    reply_begin(&reply, query, options, udp, out, room);
    reply.rcode = rcode;
    return reply_end(&reply);
}
