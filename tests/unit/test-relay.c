/* relay: what of an upstream's answer reaches the client. */
#include "netsvc/dns/forward/relay.h"

#include "tests/unit/dns_packet.h"

static struct cache_key
key_of(const char *name, guint16 type)
{
    struct cache_key key = {.type = type};
    g_assert_true(name_from_text(&key.name, name));
    return key;
}

static GByteArray *
answer_to(const char *name, guint16 type, enum rcode rcode)
{
    return packet_question(1, FLAG_QR | FLAG_RD | FLAG_RA | rcode, name, type);
}

/* For a client that asked `name` in its own letters, so many seconds after it came. */
static GByteArray *
written_for(struct relay *relay, const char *name, guint16 type, gint64 later)
{
    g_autoptr(GByteArray) packet = packet_question(0xbeef, FLAG_RD | FLAG_CD, name, type);
    GByteArray *out = g_byte_array_sized_new(QUERY_UDP_MAX);
    struct cache_answer answer = *relay_answer(relay);
    struct query query;
    packet_put_opt(packet, FALSE);
    g_assert_cmpint(query_parse(&query, packet->data, packet->len), ==, QUERY_GOOD);
    answer.put = 1000;
    answer.until = 1000 + relay_seconds(relay);
    g_byte_array_set_size(out, QUERY_UDP_MAX);
    struct reply reply;
    reply_begin(&reply, &query, NULL, TRUE, out->data, out->len);
    relay_write(relay, &answer, 1000 + later, FALSE, &reply);
    g_byte_array_set_size(out, (guint)reply_end(&reply));
    return out;
}

static char *
section(const GByteArray *wire, ldns_pkt_section which)
{
    return packet_section(wire->data, wire->len, which);
}

static const guint8 public4[] = {9, 9, 9, 9};

static void
test_id_letters_and_flags_are_the_clients_and_the_rest_the_upstreams(void)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("www.example", TYPE_A);
    g_autoptr(GByteArray) wire = answer_to("wWw.eXamPle", TYPE_A, RCODE_NOERROR);
    g_autoptr(GByteArray) target = g_byte_array_new();
    packet_put_name(target, "cdn.Example");
    packet_put_record(wire, 0, "", TYPE_CNAME, 60, target->data, target->len);
    packet_put_record(wire, 0, "cdn.example", TYPE_A, 30, public4, sizeof public4);
    packet_put_record(wire, 2, "evil.example", TYPE_A, 30, public4, sizeof public4);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_assert_cmpuint(relay_seconds(relay), ==, 30);

    g_autoptr(GByteArray) out = written_for(relay, "WWW.Example", TYPE_A, 0);
    g_autofree char *answers = section(out, LDNS_SECTION_ANSWER);
    g_autofree char *additional = section(out, LDNS_SECTION_ADDITIONAL);
    g_assert_cmpuint(out->data[0] << 8 | out->data[1], ==, 0xbeef);
    g_assert_cmpuint(out->data[2] << 8 | out->data[3], ==, FLAG_QR | FLAG_RD | FLAG_RA | FLAG_CD);
    g_assert_cmpmem(out->data + 12, 13,
                    "\x03WWW\x07"
                    "Example",
                    13);
    g_assert_cmpstr(answers, ==,
                    "WWW.Example.\t60\tIN\tCNAME\tcdn.Example.\n"
                    "cdn.Example.\t30\tIN\tA\t9.9.9.9\n");
    g_assert_cmpstr(additional, ==, "");
}

static void
test_ttls_run_down_and_are_short_when_they_are_over(void)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_A);
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_A, RCODE_NOERROR);
    packet_put_record(wire, 0, "", TYPE_A, 100, public4, sizeof public4);
    packet_put_record(wire, 0, "", TYPE_A, 600, public4, sizeof public4);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_assert_cmpuint(relay_seconds(relay), ==, 100);

    g_autoptr(GByteArray) later = written_for(relay, "a.example", TYPE_A, 40);
    g_autofree char *some = section(later, LDNS_SECTION_ANSWER);
    g_assert_cmpstr(some, ==, "a.example.\t60\tIN\tA\t9.9.9.9\na.example.\t560\tIN\tA\t9.9.9.9\n");
    g_assert_cmpint(packet_error(later->data, later->len), ==, ERROR_NONE);

    g_autoptr(GByteArray) over = written_for(relay, "a.example", TYPE_A, 100);
    g_autofree char *stale = section(over, LDNS_SECTION_ANSWER);
    g_assert_cmpstr(stale, ==, "a.example.\t30\tIN\tA\t9.9.9.9\na.example.\t30\tIN\tA\t9.9.9.9\n");
    g_assert_cmpint(packet_error(over->data, over->len), ==, ERROR_STALE);
}

static guint32
seconds_of_ttl(guint32 ttl)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_A);
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_A, RCODE_NOERROR);
    packet_put_record(wire, 0, "", TYPE_A, ttl, public4, sizeof public4);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    return relay_seconds(relay);
}

static void
test_no_server_makes_us_keep_an_answer_for_more_than_a_day(void)
{
    g_assert_cmpuint(seconds_of_ttl(86399), ==, 86399);
    g_assert_cmpuint(seconds_of_ttl(604800), ==, 86400);
    g_assert_cmpuint(seconds_of_ttl(0x80000000), ==, 0); /* RFC 2181 8 */
    g_assert_cmpuint(seconds_of_ttl(0), ==, 0);
}

static void
test_what_is_no_data_of_the_internet_is_left_out(void)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_A);
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_A, RCODE_NOERROR);
    packet_put_record(wire, 0, "", TYPE_TSIG, 60, "", 0);
    packet_put_record(wire, 0, "", TYPE_OPT, 60, "", 0);
    packet_put_record(wire, 0, "", TYPE_A, 60, public4, sizeof public4);
    wire->data[wire->len - 11] = CLASS_CH;
    packet_put_record(wire, 0, "", TYPE_A, 604800, public4, sizeof public4);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_autoptr(GByteArray) out = written_for(relay, "a.example", TYPE_A, 0);
    g_autofree char *answers = section(out, LDNS_SECTION_ANSWER);
    g_assert_cmpstr(answers, ==, "a.example.\t86400\tIN\tA\t9.9.9.9\n");
}

static guint32
seconds_of_soa(guint32 ttl, guint32 minimum)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_A);
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_A, RCODE_NXDOMAIN);
    packet_put_soa(wire, "example", ttl, minimum);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_assert_cmpint(relay_rcode(relay_answer(relay)), ==, RCODE_NXDOMAIN);
    g_autoptr(GByteArray) out = written_for(relay, "a.example", TYPE_A, 0);
    g_autofree char *authority = section(out, LDNS_SECTION_AUTHORITY);
    g_autofree char *begin = g_strdup_printf("example.\t%u\tIN\tSOA\t", relay_seconds(relay));
    g_assert_true(g_str_has_prefix(authority, begin) || relay_seconds(relay) == 0);
    return relay_seconds(relay);
}

static void
test_that_there_is_none_is_kept_as_its_soa_says_but_five_minutes_at_most(void)
{
    g_assert_cmpuint(seconds_of_soa(60, 3600), ==, 60);
    g_assert_cmpuint(seconds_of_soa(3600, 60), ==, 60);
    g_assert_cmpuint(seconds_of_soa(3600, 3600), ==, 300);
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_A);
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_A, RCODE_NXDOMAIN);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_assert_cmpuint(relay_seconds(relay), ==, 0); /* RFC 2308 5: without SOA not at all */
}

static void
test_an_answer_with_private_addresses_becomes_an_empty_one(void)
{
    static const guint8 lan[] = {192, 168, 1, 1};
    static const guint8 hint[] = {0, 1, 0, 0, 4, 0, 4, 10, 0, 0, 1};
    static const struct {
        guint16 type;
        const void *rdata;
        gsize size;
    } records[] = {{TYPE_A, lan, sizeof lan}, {TYPE_HTTPS, hint, sizeof hint}};
    AUTO(relay) *relay = relay_new();
    for (gsize i = 0; i < G_N_ELEMENTS(records); i++) {
        struct cache_key key = key_of("rebind.example", records[i].type);
        g_autoptr(GByteArray) wire = answer_to("rebind.example", records[i].type, RCODE_NOERROR);
        packet_put_record(wire, 0, "", TYPE_A, 60, public4, sizeof public4);
        packet_put_record(wire, 0, "", records[i].type, 60, records[i].rdata, records[i].size);
        g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
        g_autoptr(GByteArray) out = written_for(relay, "rebind.example", records[i].type, 0);
        g_autofree char *answers = section(out, LDNS_SECTION_ANSWER);
        g_assert_cmpstr(answers, ==, "");
        g_assert_cmpuint(packet_rcode(out->data), ==, RCODE_NOERROR);
        g_assert_cmpint(packet_error(out->data, out->len), ==, ERROR_BLOCKED);
    }
}

static void
test_what_proves_a_negative_answer_is_for_those_who_asked_for_it(void)
{
    AUTO(relay) *relay = relay_new();
    static const guint8 nsec[] = {1, 'b', 0, 0, 1, 0x40};
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_MX, RCODE_NOERROR);
    packet_put_soa(wire, "example", 60, 60);
    packet_put_record(wire, 1, "a.example", TYPE_NSEC, 60, nsec, sizeof nsec);
    packet_put_record(wire, 1, "example", TYPE_NS, 60, "\0", 1);
    for (guint dnssec_ok = 0; dnssec_ok < 2; dnssec_ok++) {
        struct cache_key key = key_of("a.example", TYPE_MX);
        key.dnssec_ok = dnssec_ok == 1;
        g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
        g_autoptr(GByteArray) out = written_for(relay, "a.example", TYPE_MX, 0);
        g_autofree char *authority = section(out, LDNS_SECTION_AUTHORITY);
        g_assert_cmpint(strstr(authority, "NSEC") != NULL, ==, dnssec_ok == 1);
        g_assert_null(strstr(authority, "\tNS\t"));
    }
}

static void
test_what_does_not_fit_into_a_datagram_is_cut_and_whole_by_tcp(void)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("big.example", TYPE_TXT);
    g_autoptr(GByteArray) wire = answer_to("big.example", TYPE_TXT, RCODE_NOERROR);
    guint8 text[251];
    memset(text, 'x', sizeof text);
    text[0] = sizeof text - 1;
    for (guint i = 0; i < 8; i++)
        packet_put_record(wire, 0, "", TYPE_TXT, 60, text, sizeof text);
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_autoptr(GByteArray) out = written_for(relay, "big.example", TYPE_TXT, 0);
    g_autofree char *cut = section(out, LDNS_SECTION_ANSWER);
    g_assert_cmpuint(out->data[2] & FLAG_TC >> 8, !=, 0);
    g_assert_cmpstr(cut, ==, "");

    g_autoptr(GByteArray) packet = packet_question(9, FLAG_RD, "big.example", TYPE_TXT);
    g_autofree guint8 *whole = g_malloc(65535);
    struct query query;
    g_assert_cmpint(query_parse(&query, packet->data, packet->len), ==, QUERY_GOOD);
    struct cache_answer answer = *relay_answer(relay);
    answer.until = 60;
    struct reply reply;
    reply_begin(&reply, &query, NULL, FALSE, whole, 65535);
    relay_write(relay, &answer, 0, FALSE, &reply);
    g_autofree char *all = packet_section(whole, reply_end(&reply), LDNS_SECTION_ANSWER);
    g_assert_cmpuint(strlen(all), >, 8 * 250);
}

static void
test_an_answer_to_something_else_does_not_match(void)
{
    g_autoptr(GByteArray) asked = packet_question(7, FLAG_RD, "wWw.exAmple", TYPE_A);
    const gsize end = asked->len;
    g_autoptr(GByteArray) good = packet_question(7, FLAG_QR | FLAG_RD, "wWw.exAmple", TYPE_A);
    g_autoptr(GByteArray) folded = packet_question(7, FLAG_QR, "www.example", TYPE_A);
    g_autoptr(GByteArray) id = packet_question(8, FLAG_QR, "wWw.exAmple", TYPE_A);
    g_autoptr(GByteArray) type = packet_question(7, FLAG_QR, "wWw.exAmple", TYPE_AAAA);
    g_autoptr(GByteArray) name = packet_question(7, FLAG_QR, "xWw.exAmple", TYPE_A);
    g_autoptr(GByteArray) opcode = packet_question(7, FLAG_QR | 0x2000, "wWw.exAmple", TYPE_A);
    g_assert_true(relay_matches(asked->data, end, good->data, good->len, FALSE));
    g_assert_false(relay_matches(asked->data, end, folded->data, folded->len, FALSE));
    g_assert_true(relay_matches(asked->data, end, folded->data, folded->len, TRUE));
    GByteArray *const others[] = {asked, id, type, name, opcode};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(relay_matches(asked->data, end, others[i]->data, others[i]->len, TRUE));
    for (gsize size = 0; size < end; size++)
        g_assert_false(relay_matches(asked->data, end, good->data, size, TRUE));
}

static void
test_an_answer_that_ends_too_soon_is_broken(void)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_MX);
    g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_MX, RCODE_NOERROR);
    static const guint8 mx[] = {0, 10, 4, 'm', 'a', 'i', 'l', 0xc0, 12};
    gsize question_end = wire->len;
    packet_put_record(wire, 0, "", TYPE_MX, 60, mx, sizeof mx);
    packet_put_soa(wire, "example", 60, 60);
    for (gsize size = question_end; size < wire->len; size++) {
        g_autofree guint8 *exact = g_memdup2(wire->data, size);
        g_assert_cmpint(relay_read(relay, &key, exact, size), ==, RELAY_BROKEN);
    }
    g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, RELAY_GOOD);
    g_autoptr(GByteArray) out = written_for(relay, "a.example", TYPE_MX, 0);
    g_autofree char *answers = section(out, LDNS_SECTION_ANSWER);
    g_assert_cmpstr(answers, ==, "a.example.\t60\tIN\tMX\t10 mail.a.example.\n");
}

static void
test_codes_say_whether_to_ask_another_server(void)
{
    AUTO(relay) *relay = relay_new();
    struct cache_key key = key_of("a.example", TYPE_A);
    static const struct {
        enum rcode rcode;
        enum relay_outcome outcome;
    } codes[] = {{RCODE_SERVFAIL, RELAY_FAILED},
                 {RCODE_REFUSED, RELAY_REFUSED},
                 {RCODE_FORMERR, RELAY_NO_EDNS},
                 {RCODE_NOTIMP, RELAY_NO_EDNS},
                 {RCODE_NXDOMAIN, RELAY_GOOD}};
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        g_autoptr(GByteArray) wire = answer_to("a.example", TYPE_A, codes[i].rcode);
        g_assert_cmpint(relay_read(relay, &key, wire->data, wire->len), ==, codes[i].outcome);
    }
}

#define ADD(name, test) g_test_add_func("/relay/" name, test)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("id, letters and flags are the client's, and the rest the upstream's",
        test_id_letters_and_flags_are_the_clients_and_the_rest_the_upstreams);
    ADD("TTLs run down, and are short when they are over",
        test_ttls_run_down_and_are_short_when_they_are_over);
    ADD("no server makes us keep an answer for more than a day",
        test_no_server_makes_us_keep_an_answer_for_more_than_a_day);
    ADD("what is no data of the Internet is left out",
        test_what_is_no_data_of_the_internet_is_left_out);
    ADD("that there is none is kept as its SOA says, but five minutes at most",
        test_that_there_is_none_is_kept_as_its_soa_says_but_five_minutes_at_most);
    ADD("an answer with private addresses becomes an empty one",
        test_an_answer_with_private_addresses_becomes_an_empty_one);
    ADD("what proves a negative answer is for those who asked for it",
        test_what_proves_a_negative_answer_is_for_those_who_asked_for_it);
    ADD("what does not fit into a datagram is cut, and whole by TCP",
        test_what_does_not_fit_into_a_datagram_is_cut_and_whole_by_tcp);
    ADD("an answer to something else does not match",
        test_an_answer_to_something_else_does_not_match);
    ADD("an answer that ends too soon is broken", test_an_answer_that_ends_too_soon_is_broken);
    ADD("codes say whether to ask another server", test_codes_say_whether_to_ask_another_server);
    return g_test_run();
}
