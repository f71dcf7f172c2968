/*
 * tsig: signatures are those of dnspython (the messages below, made with its time fixed), every
 * wrong one gets its error and the MAC that goes with it, and a client whose clock is wrong learns
 * the server's time.
 */
#include "lib/base/fail.h"
#include "netsvc/bytes.h"
#include "netsvc/config/config.h"
#include "netsvc/dns/transfer/records.h"
#include "netsvc/dns/transfer/tsig.h"

#define SIGNED_AT 1700000000u
#define SECRET "lifeboat-lifeboat-lifeboat!"
#define ROOM 512

/* AXFR of site.example., id 0x1234, signed at SIGNED_AT; and an answer of three messages, of which
 * the middle one is not signed. */
static const char *const request_hex =
    "1234000000010000000000010473697465076578616d706c650000fc0001087472616e7366657204736974650000"
    "fa00ff00000000003d0b686d61632d7368613235360000006553f100012c0020bb90ec675c1a0de8739186c2ed7d"
    "f225fba700865df7283e1decca271ea4d9fd123400000000";
static const char *const answer_hex[] = {
    "1234840000010001000000010473697465076578616d706c650000fc0001026130c00c000100010000003c00040a"
    "000001087472616e7366657204736974650000fa00ff00000000003d0b686d61632d736861323536000000655"
    "3f100012c0020c325e9871ec4de35d2041943fb4fc820da470646a8e5b687f139358549e885dd123400000000",
    "1234840000010001000000000473697465076578616d706c650000fc0001026131c00c000100010000003c00040a"
    "000002",
    "1234840000010001000000010473697465076578616d706c650000fc0001026132c00c000100010000003c00040a"
    "000003087472616e7366657204736974650000fa00ff00000000003d0b686d61632d736861323536000000655"
    "3f100012c0020303014cfca8e84de8d184ec71f54dc46ca747680a4206abeb345482912e541e6123400000000",
};

/* What a server whose clock is a day ahead says to the request. */
static const char *const badtime_hex =
    "1234800900010000000000010473697465076578616d706c650000fc0001087472616e7366657204736974650000"
    "fa00ff0000000000430b686d61632d7368613235360000006553f100012c00205a0b603c55fa3674c41f4c8d8b77"
    "b179147503e8291ca52dfe246a2b8d91b6dc123400120006000065554280";

struct packet {
    guint8 wire[ROOM];
    gsize size, tsig; /* offset of the record; 0: none */
};

static struct packet
locate(struct packet packet)
{
    struct records *records = g_new(struct records, 1);
    struct record record;
    packet.tsig = 0;
    g_assert_true(records_begin(records, packet.wire, packet.size));
    while (records_next(records, &record) == RECORDS_ONE)
        if (record.type == TYPE_TSIG)
            packet.tsig = record.offset;
    g_free(records);
    return packet;
}

static struct packet
packet_of(const char *hex)
{
    struct packet packet = {.size = strlen(hex) / 2};
    g_assert_cmpuint(packet.size, <=, ROOM);
    for (gsize i = 0; i < packet.size; i++)
        packet.wire[i] =
            (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return locate(packet);
}

static struct tsig_keys *
keys_of(const char *name, const char *algorithm, const char *secret)
{
    g_autoptr(GPtrArray) config = g_ptr_array_new();
    g_autoptr(GBytes) bytes = g_bytes_new(secret, strlen(secret));
    g_autoptr(GError) error = NULL;
    struct config_tsig entry = {(char *)name, (char *)algorithm, bytes};
    g_ptr_array_add(config, &entry);
    struct tsig_keys *keys = tsig_keys_new(config, &error);
    g_assert_no_error(error);
    return keys;
}

static struct tsig_keys *
right_keys(void)
{
    return keys_of("Transfer.site", "hmac-sha256", SECRET);
}

static enum rcode
check(struct tsig *tsig, const struct tsig_keys *keys, const struct packet *packet, guint64 now)
{
    return tsig_check(tsig, keys, packet->wire, packet->size, packet->tsig, now);
}

/* An answer with nothing in it: header and question of the request. */
static struct packet
bare_answer(struct tsig *tsig, enum rcode rcode, guint64 now)
{
    struct packet answer = packet_of(request_hex);
    answer.size = answer.tsig;
    bytes_put16(answer.wire + 2, 0x8000u | rcode);
    bytes_put16(answer.wire + 10, 0);
    answer.size = tsig_sign(tsig, answer.wire, answer.size, sizeof answer.wire, now);
    g_assert_cmpuint(answer.size, >, 0);
    return locate(answer);
}

/* Ours, signed with the first of `keys`, as it stands in `tsig`. */
static struct packet
signed_request(struct tsig *tsig, guint64 now)
{
    struct packet request = packet_of(request_hex);
    bytes_put16(request.wire + 10, 0);
    request.size = tsig_sign(tsig, request.wire, request.tsig, sizeof request.wire, now);
    return locate(request);
}

static void
a_request_of_dnspython_is_signed_right(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct packet request = packet_of(request_hex);
    struct tsig tsig;
    g_assert_cmpint(check(&tsig, keys, &request, SIGNED_AT), ==, RCODE_NOERROR);
    g_assert_true(tsig.key == tsig_keys_find(keys, "transfer.site."));
    g_assert_cmpint(tsig.error, ==, 0);
    tsig_clear(&tsig);
}

static void
our_request_is_byte_for_byte_that_of_dnspython(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct packet theirs = packet_of(request_hex);
    struct tsig tsig;
    tsig_begin(&tsig, tsig_keys_find(keys, "transfer.site"), 0);
    struct packet ours = signed_request(&tsig, SIGNED_AT);
    g_assert_cmpmem(ours.wire, (int)ours.size, theirs.wire, (int)theirs.size);
    tsig_clear(&tsig);
}

static void
each_bit_of_a_request_is_covered(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    for (gsize bit = 0; bit < 8 * packet_of(request_hex).size; bit++) {
        struct packet request = packet_of(request_hex);
        struct tsig tsig;
        request.wire[bit / 8] ^= (guint8)(1u << bit % 8);
        enum rcode rcode = check(&tsig, keys, &request, SIGNED_AT);
        gboolean id = bit < 16; /* forwarders change it: the record has the original one */
        /* letters in small or large are the same name */
        gboolean letter = bit % 8 == 5 && g_ascii_isalpha(request.wire[bit / 8]) &&
                          bit / 8 >= request.tsig && bit / 8 < request.tsig + 51;
        if (!id && !letter)
            g_assert_cmpint(rcode, !=, RCODE_NOERROR);
        tsig_clear(&tsig);
    }
}

static void
an_answer_of_many_messages_is_followed_over_an_unsigned_one(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct tsig tsig;
    g_autoptr(GError) error = NULL;
    tsig_begin(&tsig, tsig_keys_find(keys, "transfer.site"), 0);
    signed_request(&tsig, SIGNED_AT);
    for (gsize i = 0; i < G_N_ELEMENTS(answer_hex); i++) {
        struct packet answer = packet_of(answer_hex[i]);
        g_assert_cmpint(tsig_check_answer(&tsig, answer.wire, answer.size, answer.tsig,
                                          SIGNED_AT + TSIG_FUDGE, &error),
                        ==, TSIG_GOOD);
        g_assert_no_error(error);
        g_assert_cmpint(tsig_is_done(&tsig), ==, i != 1);
    }
    tsig_clear(&tsig);
}

static void
a_change_in_an_unsigned_message_is_noticed_at_the_next_signed_one(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct tsig tsig;
    g_autoptr(GError) error = NULL;
    tsig_begin(&tsig, tsig_keys_find(keys, "transfer.site"), 0);
    signed_request(&tsig, SIGNED_AT);
    enum tsig_verdict verdict = TSIG_GOOD;
    for (gsize i = 0; i < G_N_ELEMENTS(answer_hex); i++) {
        struct packet answer = packet_of(answer_hex[i]);
        g_assert_cmpint(verdict, ==, TSIG_GOOD);
        if (i == 1)
            answer.wire[answer.size - 1] ^= 1;
        verdict =
            tsig_check_answer(&tsig, answer.wire, answer.size, answer.tsig, SIGNED_AT, &error);
    }
    g_assert_cmpint(verdict, ==, TSIG_WRONG);
    tsig_clear(&tsig);
}

static void
our_stream_is_byte_for_byte_that_of_dnspython(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct packet request = packet_of(request_hex), theirs = packet_of(answer_hex[0]);
    struct tsig tsig;
    g_assert_cmpint(check(&tsig, keys, &request, SIGNED_AT), ==, RCODE_NOERROR);
    struct packet ours = theirs;
    bytes_put16(ours.wire + 10, 0);
    ours.size = tsig_sign(&tsig, ours.wire, ours.tsig, sizeof ours.wire, SIGNED_AT);
    g_assert_cmpmem(ours.wire, (int)ours.size, theirs.wire, (int)theirs.size);
    tsig_clear(&tsig);
}

static void
every_message_of_our_stream_is_covered_by_the_one_before(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct tsig client, server;
    g_autoptr(GError) error = NULL;
    tsig_begin(&client, tsig_keys_find(keys, "transfer.site"), 0);
    struct packet request = signed_request(&client, SIGNED_AT);
    g_assert_cmpint(check(&server, keys, &request, SIGNED_AT + 3), ==, RCODE_NOERROR);
    enum tsig_verdict verdict = TSIG_GOOD;
    for (int i = 0; i < 5; i++) {
        struct packet answer = bare_answer(&server, RCODE_NOERROR, SIGNED_AT + 3);
        if (i == 3)
            continue; /* lost */
        g_assert_cmpint(verdict, ==, TSIG_GOOD);
        verdict = tsig_check_answer(&client, answer.wire, answer.size, answer.tsig, SIGNED_AT,
                                    i < 3 ? &error : NULL);
        g_assert_no_error(error);
    }
    g_assert_cmpint(verdict, ==, TSIG_WRONG);
    tsig_clear(&client);
    tsig_clear(&server);
}

/* What the client makes of the answer to a request that the server did not like. */
static enum tsig_verdict
refused(struct tsig *client, const struct tsig_keys *theirs, const struct tsig_keys *ours,
        guint64 our_time, enum tsig_error expected, char **message)
{
    struct tsig server;
    g_autoptr(GError) error = NULL;
    tsig_begin(client, tsig_keys_find(ours, "transfer.site"), client->skew);
    struct packet request = signed_request(client, our_time);
    g_assert_cmpint(check(&server, theirs, &request, SIGNED_AT), ==, RCODE_NOTAUTH);
    g_assert_cmpint(server.error, ==, expected);
    struct packet answer = bare_answer(&server, RCODE_NOTAUTH, SIGNED_AT);
    enum tsig_verdict verdict =
        tsig_check_answer(client, answer.wire, answer.size, answer.tsig, our_time, &error);
    *message = error == NULL ? NULL : fail_message(error->message);
    tsig_clear(&server);
    return verdict;
}

static void
a_key_that_the_server_does_not_have_is_badkey(void)
{
    AUTO(tsig_keys) *theirs = keys_of("other.site", "hmac-sha256", SECRET);
    AUTO(tsig_keys) *ours = right_keys();
    struct tsig client = {0};
    g_autofree char *message = NULL;
    g_assert_cmpint(refused(&client, theirs, ours, SIGNED_AT, TSIG_BADKEY, &message), ==,
                    TSIG_WRONG);
    g_assert_cmpstr(message, ==, "it does not take our signature: BADKEY");
    tsig_clear(&client);
}

static void
another_algorithm_with_the_key_is_badkey(void)
{
    AUTO(tsig_keys) *theirs = keys_of("transfer.site", "hmac-sha512", SECRET);
    AUTO(tsig_keys) *ours = right_keys();
    struct tsig client = {0};
    g_autofree char *message = NULL;
    g_assert_cmpint(refused(&client, theirs, ours, SIGNED_AT, TSIG_BADKEY, &message), ==,
                    TSIG_WRONG);
    tsig_clear(&client);
}

static void
another_secret_is_badsig(void)
{
    AUTO(tsig_keys) *theirs = keys_of("transfer.site", "hmac-sha256", "another secret");
    AUTO(tsig_keys) *ours = right_keys();
    struct tsig client = {0};
    g_autofree char *message = NULL;
    g_assert_cmpint(refused(&client, theirs, ours, SIGNED_AT, TSIG_BADSIG, &message), ==,
                    TSIG_WRONG);
    g_assert_cmpstr(message, ==, "it does not take our signature: BADSIG");
    tsig_clear(&client);
}

static void
a_client_with_a_wrong_clock_learns_the_time_of_the_server(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct tsig client = {0}, server;
    g_autofree char *message = NULL;
    guint64 our_time = 5000; /* 1970: no battery */
    g_assert_cmpint(refused(&client, keys, keys, our_time, TSIG_BADTIME, &message), ==, TSIG_CLOCK);
    g_assert_cmpint(client.skew, ==, (gint64)SIGNED_AT - 5000);
    tsig_begin(&client, tsig_keys_find(keys, "transfer.site"), client.skew);
    struct packet request = signed_request(&client, our_time + 2);
    g_assert_cmpint(check(&server, keys, &request, SIGNED_AT + 2), ==, RCODE_NOERROR);
    struct packet answer = bare_answer(&server, RCODE_NOERROR, SIGNED_AT + 2);
    g_assert_cmpint(
        tsig_check_answer(&client, answer.wire, answer.size, answer.tsig, our_time + 2, NULL), ==,
        TSIG_GOOD);
    tsig_clear(&client);
    tsig_clear(&server);
}

static void
badtime_is_told_with_the_bytes_of_dnspython(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct packet request = packet_of(request_hex), theirs = packet_of(badtime_hex);
    struct tsig tsig;
    guint64 server_time = SIGNED_AT + 86400;
    g_assert_cmpint(check(&tsig, keys, &request, server_time), ==, RCODE_NOTAUTH);
    struct packet ours = bare_answer(&tsig, RCODE_NOTAUTH, server_time);
    g_assert_cmpmem(ours.wire, (int)ours.size, theirs.wire, (int)theirs.size);
    tsig_clear(&tsig);
}

static void
the_fudge_is_300_seconds_both_ways(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct packet request = packet_of(request_hex);
    static const struct {
        gint64 off;
        enum rcode rcode;
    } cases[] = {
        {-301, RCODE_NOTAUTH}, {-300, RCODE_NOERROR}, {300, RCODE_NOERROR}, {301, RCODE_NOTAUTH}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct tsig tsig;
        g_assert_cmpint(check(&tsig, keys, &request, SIGNED_AT + (guint64)cases[i].off), ==,
                        cases[i].rcode);
        tsig_clear(&tsig);
    }
}

static void
an_unsigned_answer_to_a_signed_request_is_wrong(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct tsig client, nobody = {0};
    g_autoptr(GError) error = NULL;
    tsig_begin(&client, tsig_keys_find(keys, "transfer.site"), 0);
    signed_request(&client, SIGNED_AT);
    struct packet answer = bare_answer(&nobody, RCODE_NOERROR, SIGNED_AT);
    g_assert_cmpuint(answer.tsig, ==, 0);
    g_assert_cmpint(
        tsig_check_answer(&client, answer.wire, answer.size, answer.tsig, SIGNED_AT, &error), ==,
        TSIG_WRONG);
    g_assert_cmpstr(error->message, ==, "its answer is not signed");
    tsig_clear(&client);
}

static void
a_mac_that_is_cut_off_is_badtrunc_and_one_cut_too_short_is_malformed(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    const gsize mac = 15 + 10 + 13 + 8; /* of the record: key, fixed part, algorithm, timers */
    for (guint kept = 0; kept < 32; kept++) {
        struct packet request = packet_of(request_hex);
        struct tsig tsig;
        guint8 *at = request.wire + request.tsig + mac;
        g_assert_cmpuint(bytes_get16(at), ==, 32);
        guint8 *length = request.wire + request.tsig + 15 + 8;
        g_assert_cmpuint(bytes_get16(length), ==, 61);
        memmove(at + 2 + kept, at + 2 + 32, 6);
        bytes_put16(at, kept);
        bytes_put16(length, 61 - 32 + kept);
        request.size -= 32 - kept;
        enum rcode rcode = check(&tsig, keys, &request, SIGNED_AT);
        g_assert_cmpint(rcode, ==, kept < 16 ? RCODE_FORMERR : RCODE_NOTAUTH);
        g_assert_cmpint(tsig.error, ==, kept < 16 ? 0 : TSIG_BADTRUNC);
        tsig_clear(&tsig);
    }
}

static void
every_algorithm_goes_both_ways(void)
{
    static const char *const names[] = {"hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        AUTO(tsig_keys) *keys = keys_of("transfer.site", names[i], SECRET);
        struct tsig client, server;
        tsig_begin(&client, tsig_keys_find(keys, "transfer.site"), 0);
        struct packet request = signed_request(&client, SIGNED_AT);
        g_assert_cmpint(check(&server, keys, &request, SIGNED_AT), ==, RCODE_NOERROR);
        tsig_clear(&client);
        tsig_clear(&server);
    }
}

static void
a_record_that_does_not_fit_is_not_begun(void)
{
    AUTO(tsig_keys) *keys = right_keys();
    struct packet packet = packet_of(request_hex);
    struct tsig tsig;
    tsig_begin(&tsig, tsig_keys_find(keys, "transfer.site"), 0);
    bytes_put16(packet.wire + 10, 0);
    gsize need = packet.tsig + tsig_size(&tsig);
    g_assert_cmpuint(tsig_sign(&tsig, packet.wire, packet.tsig, need - 1, SIGNED_AT), ==, 0);
    g_assert_cmpuint(tsig_sign(&tsig, packet.wire, packet.tsig, need, SIGNED_AT), >, 0);
    tsig_clear(&tsig);
}

static void
a_key_that_cannot_be_used_is_named(void)
{
    g_autoptr(GPtrArray) config = g_ptr_array_new();
    g_autoptr(GBytes) bytes = g_bytes_new("x", 1);
    g_autoptr(GError) error = NULL;
    struct config_tsig entry = {(char *)"transfer.site", (char *)"hmac-md5", bytes};
    g_ptr_array_add(config, &entry);
    g_assert_null(tsig_keys_new(config, &error));
    g_autofree char *message = fail_message(error->message);
    g_assert_cmpstr(message, ==, "TSIG key 'transfer.site': algorithm 'hmac-md5' is not known");
}

#define TEST(name) g_test_add_func("/tsig/" #name, name)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_request_of_dnspython_is_signed_right);
    TEST(our_request_is_byte_for_byte_that_of_dnspython);
    TEST(each_bit_of_a_request_is_covered);
    TEST(an_answer_of_many_messages_is_followed_over_an_unsigned_one);
    TEST(a_change_in_an_unsigned_message_is_noticed_at_the_next_signed_one);
    TEST(our_stream_is_byte_for_byte_that_of_dnspython);
    TEST(every_message_of_our_stream_is_covered_by_the_one_before);
    TEST(a_key_that_the_server_does_not_have_is_badkey);
    TEST(another_algorithm_with_the_key_is_badkey);
    TEST(another_secret_is_badsig);
    TEST(a_client_with_a_wrong_clock_learns_the_time_of_the_server);
    TEST(badtime_is_told_with_the_bytes_of_dnspython);
    TEST(the_fudge_is_300_seconds_both_ways);
    TEST(an_unsigned_answer_to_a_signed_request_is_wrong);
    TEST(a_mac_that_is_cut_off_is_badtrunc_and_one_cut_too_short_is_malformed);
    TEST(every_algorithm_goes_both_ways);
    TEST(a_record_that_does_not_fit_is_not_begun);
    TEST(a_key_that_cannot_be_used_is_named);
    return g_test_run();
}
