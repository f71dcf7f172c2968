/* packet: what is understood and what is refused; what is written can be read again. */
#include "netsvc/dhcp/packet/packet.h"

#include "netsvc/bytes.h"
#include "netsvc/dhcp/packet/writer.h"
#include "tests/unit/dhcp_request.h"

#define AT_HTYPE 1
#define AT_HLEN 2

static struct packet packet;

static void
assert_option(guint8 code, const void *data, gsize size)
{
    g_assert_cmpmem(packet.options[code].data, (int)packet.options[code].size, data, (int)size);
}

static const char *
refusal(const struct request *request)
{
    const char *why = NULL;
    g_autofree guint8 *exact = g_memdup2(request->data, request->size);
    gboolean good = packet_parse(&packet, exact, request->size, &why);
    g_assert_true(good == (why == NULL));
    return why;
}

static void
parse(const struct request *request)
{
    const char *why = NULL;
    if (!packet_parse(&packet, request->data, request->size, &why))
        g_error("refused: %s", why);
}

static void
a_request_has_its_fields_and_options(void)
{
    struct request request;
    request_begin(&request, 7);
    bytes_put32(request.data + 12, 0x0a000007);
    bytes_put16(request.data + 10, PACKET_FLAG_BROADCAST);
    request_u8(&request, PACKET_TYPE, PACKET_REQUEST);
    request.data[request.size++] = PACKET_PAD;
    request_u32(&request, PACKET_REQUESTED, 0x0a000008);
    request_u16(&request, PACKET_MAX_SIZE, 1500);
    request_option(&request, PACKET_RAPID_COMMIT, NULL, 0);
    request_end(&request);
    request_u32(&request, PACKET_SERVER, 1); /* behind the end: not there */
    parse(&request);
    guint32 address = 0;
    guint16 size = 0;
    g_assert_cmpint(packet.type, ==, PACKET_REQUEST);
    g_assert_cmpuint(packet.ciaddr, ==, 0x0a000007);
    g_assert_cmpuint(packet.flags, ==, PACKET_FLAG_BROADCAST);
    g_assert_cmpuint(packet.chaddr[5], ==, 7);
    g_assert_true(packet_address(&packet, PACKET_REQUESTED, &address) && address == 0x0a000008);
    g_assert_true(packet_u16(&packet, PACKET_MAX_SIZE, &size) && size == 1500);
    g_assert_true(packet_has(&packet, PACKET_RAPID_COMMIT));
    g_assert_false(packet_has(&packet, PACKET_SERVER));
    g_assert_false(packet_address(&packet, PACKET_MAX_SIZE, &address));
}

static void
bootp_is_told_from_dhcp(void)
{
    struct request request;
    request_begin(&request, 7);
    request_end(&request);
    parse(&request);
    g_assert_cmpint(packet.type, ==, PACKET_BOOTP);
}

static void
pieces_are_put_together_in_the_order_of_the_fields(void)
{
    struct request request;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    request_option(&request, 43, "ab", 2);
    request_u8(&request, PACKET_OVERLOAD, 3);
    request_option(&request, 77, "first", 5);
    request_option(&request, 43, "cd", 2);
    request_end(&request);
    memcpy(request.data + PACKET_SNAME, "\x2b\2gh\xff", 5);
    memcpy(request.data + PACKET_FILE, "\x2b\2ef\x4d\1!", 7);
    parse(&request);
    assert_option(43, "abcdefgh", 8);
    assert_option(77, "first!", 6);
}

static void
many_pieces_take_the_place_that_they_had(void)
{
    struct request request;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    guint n = 0;
    for (; request.size + 6 < PACKET_MAX; n++) {
        request_option(&request, 100, &(guint8){(guint8)n}, 1);
        request_option(&request, 101, "y", 1);
    }
    request_end(&request);
    parse(&request);
    g_assert_cmpuint(packet.options[100].size, ==, n);
    g_assert_cmpuint(packet.options[101].size, ==, n);
    for (guint i = 0; i < n; i++)
        g_assert_cmpuint(packet.options[100].data[i], ==, (guint8)i);
}

static void
lying_lengths_are_refused(void)
{
    struct request request;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    gsize good = request.size;
    request_option(&request, PACKET_HOSTNAME, "phone", 5);
    g_assert_null(refusal(&request));
    for (request.size--; request.size > good; request.size--)
        g_assert_cmpstr(refusal(&request), ==, "an option is longer than what is left");
    g_assert_null(refusal(&request));
    request_u8(&request, PACKET_OVERLOAD, 1);
    memset(request.data + PACKET_FILE, 0, PACKET_FILE_SIZE);
    g_assert_null(refusal(&request));
    memcpy(request.data + PACKET_FILE + PACKET_FILE_SIZE - 3, "\x0c\2a", 3);
    g_assert_cmpstr(refusal(&request), ==,
                    "an option in file or sname is longer than what is left");
}

static void
what_decides_the_meaning_must_be_as_it_should(void)
{
    static const struct {
        guint8 code, size;
        const char *value, *why;
    } rows[] = {
        {53, 2, "\1\1", "option 53 (message type) has not one byte"},
        {53, 1, "\2", "its type (option 53) is none of a client's, or of a server's in a reply"},
        {53, 1, "\x0d", "its type (option 53) is none of a client's, or of a server's in a reply"},
        {50, 3, "abc", "option 50 (requested address) has not 4 bytes"},
        {54, 5, "abcde", "option 54 (server identifier) has not 4 bytes"},
        {57, 1, "a", "option 57 (maximum size) has not 2 bytes"},
        {52, 1, "\4", "option 52 (overload) is neither 1, 2 nor 3"},
        {52, 1, "\0", "option 52 (overload) is neither 1, 2 nor 3"},
        {52, 2, "\1\1", "option 52 (overload) is neither 1, 2 nor 3"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct request request;
        request_begin(&request, 7);
        if (rows[i].code != PACKET_TYPE)
            request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
        request_option(&request, rows[i].code, rows[i].value, rows[i].size);
        request_end(&request);
        g_assert_cmpstr(refusal(&request), ==, rows[i].why);
    }
}

static void
overload_is_said_once(void)
{
    struct request request;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    request_u8(&request, PACKET_OVERLOAD, 1);
    g_assert_null(refusal(&request));
    request_u8(&request, PACKET_OVERLOAD, 2);
    g_assert_cmpstr(refusal(&request), ==, "option 52 (overload) is neither 1, 2 nor 3");
}

static void
a_client_identifier_has_two_to_255_bytes(void)
{
    struct request request;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    request_option(&request, PACKET_CLIENT_ID, "\1", 1);
    parse(&request);
    g_assert_false(packet_has(&packet, PACKET_CLIENT_ID));
    guint8 long_one[255] = {0};
    request_option(&request, PACKET_CLIENT_ID, long_one, 254);
    parse(&request);
    g_assert_cmpuint(packet.options[PACKET_CLIENT_ID].size, ==, 255);
    request_option(&request, PACKET_CLIENT_ID, "a", 1);
    g_assert_cmpstr(refusal(&request), ==,
                    "option 61 (client identifier) is longer than 255 bytes");
}

static void
hardware_addresses_are_of_one_machine(void)
{
    static const struct {
        guint8 htype, hlen, first, last;
        const char *why;
    } rows[] = {
        {1, 6, 0x02, 7, NULL},
        {1, 5, 0x02, 7, "its Ethernet address has not 6 bytes"},
        {1, 6, 0x03, 7, "its Ethernet address is none of one machine"},
        {1, 6, 0x00, 0, "its Ethernet address is none of one machine"},
        {32, 0, 0, 0, NULL},
        {32, 16, 0xff, 7, NULL},
        {32, 17, 0xff, 7, "its hardware address is longer than 16 bytes"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct request request;
        request_begin(&request, 7);
        request.data[AT_HTYPE] = rows[i].htype;
        request.data[AT_HLEN] = rows[i].hlen;
        request.data[PACKET_CHADDR] = rows[i].first;
        request.data[PACKET_CHADDR + 5] = rows[i].last;
        request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
        g_assert_cmpstr(refusal(&request), ==, rows[i].why);
    }
}

static void
what_is_no_dhcp_is_refused(void)
{
    struct request request;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    request.size = PACKET_OPTIONS - 1;
    g_assert_cmpstr(refusal(&request), ==, "it is no DHCP message");
    request.size = PACKET_MAX + 1;
    g_assert_cmpstr(refusal(&request), ==, "it is longer than 4096 bytes");
    request.size = PACKET_MAX;
    g_assert_null(refusal(&request));
    request.data[0] = 3;
    g_assert_cmpstr(refusal(&request), ==, "it is neither a request nor a reply");
    request.data[0] = PACKET_REQUEST_OP;
    request.data[PACKET_COOKIE] = 0;
    g_assert_cmpstr(refusal(&request), ==, "it is no DHCP message");
}

static void
suboptions_of_relays_are_found(void)
{
    struct request request;
    guint32 address = 0;
    request_begin(&request, 7);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    request_option(&request, PACKET_AGENT, "\1\2ab\5\4\x0a\0\0\1", 10);
    parse(&request);
    g_assert_true(packet_agent_address(&packet, PACKET_AGENT_LINK, &address));
    g_assert_cmpuint(address, ==, 0x0a000001);
    g_assert_false(packet_agent_address(&packet, PACKET_AGENT_SERVER, &address));
    request.size -= 1;
    request.data[request.size - 10] = 9; /* the suboption's last byte is cut off */
    parse(&request);
    g_assert_false(packet_agent_address(&packet, PACKET_AGENT_LINK, &address));
}

/* ---- writing ---- */

static struct writer writer;
static guint8 written[PACKET_SEND_MAX];

static void
begin_reply(void)
{
    struct request request;
    request_begin(&request, 7);
    bytes_put32(request.data + 24, 0x0a0000fe);
    request_u8(&request, PACKET_TYPE, PACKET_DISCOVER);
    parse(&request);
    writer_begin(&writer, &packet, PACKET_OFFER);
}

static gsize
finish(gsize limit)
{
    gsize size = writer_finish(&writer, limit, written);
    const char *why = NULL;
    if (!packet_parse(&packet, written, size, &why))
        g_error("what was written is refused: %s", why);
    g_assert_true(size >= PACKET_MIN_SENT && size <= limit);
    return size;
}

static void
a_reply_can_be_read_again(void)
{
    begin_reply();
    writer_yiaddr(&writer, 0x0a000009);
    writer_u32(&writer, PACKET_SERVER, 0x0a000001);
    writer_bytes(&writer, PACKET_AGENT, "\1\2ab", 4);
    writer_text(&writer, PACKET_DOMAIN, "clinic.example");
    writer_text(&writer, PACKET_DOMAIN, "the first counts");
    g_assert_cmpuint(finish(PACKET_SEND_MAX), ==, PACKET_MIN_SENT);
    g_assert_cmpint(packet.type, ==, PACKET_OFFER);
    g_assert_cmpuint(packet.op, ==, PACKET_REPLY_OP);
    g_assert_cmpuint(packet.xid, ==, 0x1007);
    g_assert_cmpuint(packet.yiaddr, ==, 0x0a000009);
    g_assert_cmpuint(packet.giaddr, ==, 0x0a0000fe);
    assert_option(PACKET_DOMAIN, "clinic.example", 14);
    const struct packet_bytes *agent = &packet.options[PACKET_AGENT];
    g_assert_cmpuint(agent->data[agent->size], ==, PACKET_END); /* it is last */
}

static void
a_long_option_is_cut(void)
{
    guint8 value[600];
    for (guint i = 0; i < sizeof value; i++)
        value[i] = (guint8)i;
    begin_reply();
    writer_bytes(&writer, PACKET_ROUTES, value, sizeof value);
    finish(PACKET_SEND_MAX);
    assert_option(PACKET_ROUTES, value, sizeof value);
    g_assert_true(packet.options[PACKET_ROUTES].data >= packet.scratch);
}

static void
what_is_too_much_goes_into_file_and_sname(void)
{
    guint8 value[120];
    memset(value, 'x', sizeof value);
    begin_reply();
    for (guint8 code = 200; code < 204; code++)
        writer_bytes(&writer, code, value, sizeof value);
    writer_bytes(&writer, 204, value, 50);
    writer_bytes(&writer, 205, value, 70); /* has no place any more */
    writer_bytes(&writer, 206, value, 49); /* fills what option 82 leaves */
    writer_bytes(&writer, PACKET_AGENT, "\1\2ab", 4);
    finish(writer_limit(0));
    g_assert_cmpuint(packet.options[PACKET_OVERLOAD].data[0], ==, 3);
    gsize sizes[] = {120, 120, 120, 0, 50, 0, 49}; /* two in options, one in file, one in sname */
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
        g_assert_cmpuint(packet.options[200 + i].size, ==, sizes[i]);
    const struct packet_bytes *agent = &packet.options[PACKET_AGENT];
    g_assert_cmpuint(agent->data[agent->size], ==, PACKET_END);
    g_assert_true(agent->data > written + PACKET_OPTIONS);
}

static void
a_client_says_how_much_it_takes(void)
{
    static const struct {
        guint16 said;
        gsize limit;
    } rows[] = {{0, 548}, {300, 548}, {576, 548}, {1000, 972}, {1500, 1472}, {65535, 1472}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(writer_limit(rows[i].said), ==, rows[i].limit);
}

static void
without_what_is_required_there_is_no_reply(void)
{
    guint8 value[200] = {0};
    begin_reply();
    writer_bytes(&writer, 200, value, sizeof value);
    writer_bytes(&writer, 201, value, sizeof value);
    g_assert_true(finish(writer_limit(0)) > 0); /* 201 is left out */
    g_assert_false(packet_has(&packet, 201));
    writer_require(&writer);
    g_assert_cmpuint(writer_finish(&writer, writer_limit(0), written), ==, 0);
    g_assert_true(finish(writer_limit(1000)) > 0);
}

static void
too_much_is_an_error_at_the_end(void)
{
    guint8 value[1400] = {0};
    begin_reply();
    for (guint8 code = 200; code < 204; code++)
        writer_bytes(&writer, code, value, sizeof value);
    g_assert_true(writer.failed);
    writer_u8(&writer, 100, 1);
    g_assert_cmpuint(writer_finish(&writer, PACKET_SEND_MAX, written), ==, 0);
    begin_reply();
    writer_bytes(&writer, PACKET_AGENT, value, sizeof value);
    g_assert_cmpuint(writer_finish(&writer, PACKET_SEND_MAX, written), ==, 0);
    begin_reply();
    writer_u8(&writer, PACKET_END, 1);
    g_assert_cmpuint(writer_finish(&writer, PACKET_SEND_MAX, written), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function, text) g_test_add_func("/packet/" text, function)
    TEST(a_request_has_its_fields_and_options, "a request has its fields and options");
    TEST(bootp_is_told_from_dhcp, "BOOTP is told from DHCP");
    TEST(pieces_are_put_together_in_the_order_of_the_fields,
         "pieces are put together in the order of the fields");
    TEST(many_pieces_take_the_place_that_they_had, "many pieces take the place that they had");
    TEST(lying_lengths_are_refused, "lying lengths are refused");
    TEST(what_decides_the_meaning_must_be_as_it_should,
         "what decides the meaning must be as it should");
    TEST(overload_is_said_once, "overload is said once");
    TEST(a_client_identifier_has_two_to_255_bytes, "a client identifier has 2 to 255 bytes");
    TEST(hardware_addresses_are_of_one_machine, "hardware addresses are of one machine");
    TEST(what_is_no_dhcp_is_refused, "what is no DHCP is refused");
    TEST(suboptions_of_relays_are_found, "suboptions of relays are found");
    TEST(a_reply_can_be_read_again, "a reply can be read again");
    TEST(a_long_option_is_cut, "a long option is cut");
    TEST(what_is_too_much_goes_into_file_and_sname, "what is too much goes into file and sname");
    TEST(a_client_says_how_much_it_takes, "a client says how much it takes");
    TEST(without_what_is_required_there_is_no_reply, "without what is required there is no reply");
    TEST(too_much_is_an_error_at_the_end, "too much is an error at the end");
#undef TEST
    return g_test_run();
}
