/*
 * dhcp_packet: whatever clients send, one after the other, no two of them have one address at a
 * time, none gets one that is not to be had, and what they are answered can be read.
 *
 * An input is a row of messages: how (a byte), size (two bytes), and so many bytes. With HOW_SHORT
 * these begin with a client's number and which ciaddr and giaddr it says (0: none), and the rest
 * are its options: so that more than the parser is reached.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dhcp_clinic.h"

#include "netsvc/bytes.h"
#include "netsvc/dhcp/packet/writer.h"

#define HOW_TO_ALL 0x01
#define HOW_LATER 0x02     /* time passes first */
#define HOW_USED 0x04      /* a probe is answered, … */
#define HOW_ITSELF 0x08    /* … by the client */
#define HOW_NO_ANSWER 0x10 /* the probe ends after the test */
#define HOW_SHORT 0x20
#define HOW_LAST 0x40  /* it asks for the address that was offered last */
#define HOW_TO_US 0x80 /* and names us */
#define LATER 40       /* seconds, or LEASE with the lowest bit too */
#define MESSAGES 64    /* of one input */

#define HELD_MAX 64 /* addresses of the model */

/* Who has what, as an onlooker of the wire would say. */
struct held {
    guint32 address;
    guint8 key[1 + LEASE_KEY_MAX];
    gsize key_size;
    guint8 mac[CONFIG_MAC_SIZE];
    gint64 until;
};

struct model {
    struct held held[HELD_MAX];
    guint n;
};

static struct held
held_of(const struct clinic *clinic, guint32 address)
{
    const struct packet *asked = &clinic->asked;
    struct held held = {.address = address};
    const struct packet_bytes *id = &asked->options[PACKET_CLIENT_ID];
    if (id->data != NULL) {
        held.key_size = id->size;
        memcpy(held.key, id->data, id->size);
    } else {
        held.key_size = 1 + (gsize)asked->hlen;
        held.key[0] = asked->htype;
        memcpy(held.key + 1, asked->chaddr, asked->hlen);
    }
    if (asked->htype == PACKET_ETHERNET)
        memcpy(held.mac, asked->chaddr, sizeof held.mac);
    return held;
}

static gboolean
is_same_client(const struct held *a, const struct held *b)
{
    return a->key_size == b->key_size && memcmp(a->key, b->key, a->key_size) == 0;
}

static struct held *
model_find(struct model *model, guint32 address)
{
    for (guint i = 0; i < model->n; i++)
        if (model->held[i].address == address)
            return &model->held[i];
    return NULL;
}

static void
model_drop(struct model *model, guint32 address)
{
    struct held *held = model_find(model, address);
    if (held != NULL)
        *held = model->held[--model->n];
}

/* May this client be told that it has, or can have, the address? */
static void
check_address(struct model *model, struct clinic *clinic, const struct held *now)
{
    static const guint8 printer[] = {2, 0, 0, 0, 0, PRINTER};
    guint32 address = now->address;
    gboolean is_printer = memcmp(now->mac, printer, sizeof printer) == 0;
    if (address == PRINTER_ADDRESS)
        g_assert_true(is_printer);
    else if (address == CAMERA_ADDRESS)
        g_assert_true(now->key_size == 3 && memcmp(now->key, "cam", 3) == 0);
    else
        g_assert_true((address >= WARD(100) && address <= WARD(119)) ||
                      (address >= ANNEX(10) && address <= ANNEX(19)) || address == SCALE_ADDRESS);
    const struct held *other = model_find(model, address);
    g_assert_true(other == NULL || other->until <= clinic->now || is_same_client(other, now) ||
                  address == PRINTER_ADDRESS);
}

/* A client has one address in each network. */
static void
model_bind(struct model *model, struct clinic *clinic, struct held now)
{
    guint32 seconds = 0;
    g_assert_true(packet_seconds(&clinic->answer, PACKET_LEASE_TIME, &seconds));
    g_assert_true(seconds >= 120 && seconds <= 4 * LEASE);
    now.until = clinic->now + seconds;
    for (guint i = model->n; i-- > 0;)
        if (is_same_client(&model->held[i], &now) &&
            (model->held[i].address & 0xffffff00) == (now.address & 0xffffff00))
            model_drop(model, model->held[i].address);
    model_drop(model, now.address);
    g_assert_true(model->n < HELD_MAX);
    model->held[model->n++] = now;
}

static gboolean
is_same_option(const struct clinic *clinic, guint8 code)
{
    const struct packet_bytes *asked = &clinic->asked.options[code],
                              *answer = &clinic->answer.options[code];
    return asked->data == NULL ||
           (asked->size == answer->size && memcmp(asked->data, answer->data, asked->size) == 0);
}

static void
check_reply(struct clinic *clinic)
{
    const struct packet *asked = &clinic->asked, *answer = &clinic->answer;
    const char *why = NULL;
    guint16 most = 0;
    guint32 ignored;
    if (!packet_parse(&clinic->answer, clinic->reply.data, clinic->reply.size, &why))
        g_error("a reply cannot be read: %s", why);
    packet_u16(asked, PACKET_MAX_SIZE, &most);
    g_assert_true(clinic->reply.size >= PACKET_MIN_SENT &&
                  clinic->reply.size <= writer_limit(most));
    g_assert_true(answer->op == PACKET_REPLY_OP && answer->xid == asked->xid);
    g_assert_cmpmem(answer->chaddr, sizeof answer->chaddr, asked->chaddr, sizeof asked->chaddr);
    g_assert_true(is_same_option(clinic, PACKET_CLIENT_ID));
    g_assert_true(is_same_option(clinic, PACKET_AGENT));
    g_assert_true(packet_address(answer, PACKET_SERVER, &ignored));
    g_assert_true(asked->giaddr == 0 ||
                  (clinic->reply.to == SERVER_TO_RELAY && clinic->reply.address == asked->giaddr));
}

static void
check_act(struct model *model, struct clinic *clinic, enum server_act act)
{
    const struct packet *asked = &clinic->asked;
    guint32 requested = 0;
    packet_address(asked, PACKET_REQUESTED, &requested);
    if (act == SERVER_NOTHING || act == SERVER_HOLD)
        return;
    if (clinic->reply.size == 0) {
        g_assert_cmpint(act, ==, SERVER_COMMIT);
        if (asked->type == PACKET_RELEASE || asked->type == PACKET_DECLINE)
            model_drop(model, asked->type == PACKET_RELEASE ? asked->ciaddr : requested);
        return; /* else an ACK that cannot be put together */
    }
    check_reply(clinic);
    struct held held = held_of(clinic, clinic->answer.yiaddr);
    gboolean has_address = clinic->answer.type == PACKET_OFFER || act == SERVER_COMMIT;
    g_assert_true(has_address == (held.address != 0));
    if (has_address)
        check_address(model, clinic, &held);
    if (act == SERVER_COMMIT)
        model_bind(model, clinic, held);
}

/* Each client's lease is the only one that it has in its network, and its name there no other's. */
static void
check_leases(const struct clinic *clinic)
{
    for (const struct lease *a = leases_after(clinic->leases, 0); a != NULL;
         a = leases_after(clinic->leases, a->address)) {
        if (a->state != LEASE_LEASED)
            continue;
        g_assert_true(leases_of_key(clinic->leases, a->address & 0xffffff00, 0xffffff00, a->key,
                                    a->key_size) == a);
        for (const struct lease *b = leases_after(clinic->leases, a->address); b != NULL;
             b = leases_after(clinic->leases, b->address))
            g_assert_true(b->state != LEASE_LEASED || a->name[0] == '\0' ||
                          (a->address & 0xffffff00) != (b->address & 0xffffff00) ||
                          strcmp(a->name, b->name) != 0);
    }
}

/* ---- reading the input ---- */

static const guint32 ciaddrs[] = {0,         WARD(100),      WARD(101), WARD(110), PRINTER_ADDRESS,
                                  ANNEX(10), CAMERA_ADDRESS, SERVICE,   WARD(255), 0x08080808};
static const guint32 giaddrs[] = {0, RELAY, WARD(3), 0x08080808};

static gsize
make_message(guint8 how, guint32 offered, const guint8 *data, gsize size, guint8 *out)
{
    struct request request;
    if ((how & HOW_SHORT) == 0) {
        memcpy(out, data, size);
        return size;
    }
    if (size < 3 || size > PACKET_MAX - PACKET_OPTIONS - 12)
        return 0;
    request_begin(&request, data[0]);
    guint32 ciaddr = data[1] == 255 ? offered : ciaddrs[data[1] % G_N_ELEMENTS(ciaddrs)];
    bytes_put32(request.data + 12, ciaddr);
    bytes_put32(request.data + 24, giaddrs[data[2] % G_N_ELEMENTS(giaddrs)]);
    if ((how & HOW_LAST) != 0)
        request_u32(&request, PACKET_REQUESTED, offered);
    if ((how & HOW_TO_US) != 0)
        request_u32(&request, PACKET_SERVER, SERVICE);
    memcpy(request.data + request.size, data + 3, size - 3);
    memcpy(out, request.data, request.size + size - 3);
    return request.size + size - 3;
}

static void
take(struct model *model, struct clinic *clinic, guint8 how, const guint8 *data, gsize size)
{
    static const guint8 stranger[] = {2, 9, 9, 9, 9, 9};
    struct server_link link = {.index = 1, .own = OWN, .to_all = (how & HOW_TO_ALL) != 0};
    if (!packet_parse(&clinic->asked, data, size, NULL))
        return;
    for (guint i = 0; i < 2; i++) {
        clinic->reply.size = 0;
        enum server_act act =
            server_take(clinic->server, &link, &clinic->asked, &clinic->reply, &clinic->probe);
        check_act(model, clinic, act);
        if ((act != SERVER_HOLD && act != SERVER_PROBE) || (how & HOW_NO_ANSWER) != 0)
            return;
        server_probed(clinic->server, clinic->probe, (how & HOW_USED) != 0,
                      (how & HOW_ITSELF) != 0 ? clinic->asked.chaddr : stranger);
        if (act == SERVER_PROBE)
            return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(clinic) *clinic = clinic_new();
    struct model model = {.n = 0};
    guint32 offered = WARD(100);
    clinic->config.dhcp.probe = size > 0 && (data[0] & HOW_NO_ANSWER) == 0;
    for (guint i = 0; i < MESSAGES && size >= 3; i++) {
        guint8 how = data[0];
        gsize take_size = MIN((gsize)bytes_get16(data + 1), MIN(size - 3, PACKET_MAX));
        guint8 message[PACKET_MAX];
        gsize message_size = make_message(how, offered, data + 3, take_size, message);
        g_autofree guint8 *exact = g_memdup2(message, message_size);
        data += 3 + take_size;
        size -= 3 + take_size;
        if ((how & HOW_LATER) != 0)
            clinic->now += (how & HOW_TO_ALL) != 0 ? LEASE : LATER;
        server_expire(clinic->server);
        if (message_size > 0)
            take(&model, clinic, how, exact, message_size);
        if (clinic->reply.size > 0 && clinic->answer.type == PACKET_OFFER)
            offered = clinic->answer.yiaddr;
    }
    check_leases(clinic);
    return 0;
}
