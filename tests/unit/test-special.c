/* special: names whose answers are fixed. */
#include "netsvc/dns/zone/special.h"

#include "tests/unit/dns_packet.h"

struct asked {
    gsize size; /* 0: not special */
    guint8 wire[QUERY_UDP_MAX];
};

static struct asked
ask_below(const char *name, guint16 type, gboolean exists)
{
    AUTO(special) *special = special_new();
    g_autoptr(GByteArray) packet = packet_question(7, FLAG_RD, name, type);
    struct query query;
    struct asked asked;
    g_assert_cmpint(query_parse(&query, packet->data, packet->len), ==, QUERY_GOOD);
    struct reply reply;
    reply_begin(&reply, &query, NULL, TRUE, asked.wire, sizeof asked.wire);
    asked.size = special_answer(special, &query.name, exists, &reply) ? reply_end(&reply) : 0;
    return asked;
}

static void
expect(const char *name, guint16 type, guint rcode, const char *answer)
{
    g_test_message("%s", name);
    struct asked asked = ask_below(name, type, FALSE);
    g_assert_cmpuint(asked.size, >, 0);
    g_assert_cmpuint(packet_rcode(asked.wire), ==, rcode);
    g_autofree char *records = packet_section(asked.wire, asked.size, LDNS_SECTION_ANSWER);
    g_autofree char *authority = packet_section(asked.wire, asked.size, LDNS_SECTION_AUTHORITY);
    g_assert_cmpstr(records, ==, answer);
    if (answer[0] == '\0')
        g_assert_nonnull(strstr(authority, "\tSOA\t")); /* RFC 2308: so that it is kept */
    else
        g_assert_cmpstr(authority, ==, "");
}

static void
test_names_that_are_no_dns_do_not_exist(void)
{
    static const char *const names[] = {
        "invalid",     "a.invalid", "test",  "a.b.test",      "local",
        "phone.local", "x.onion",   "y.alt", "wiki.internal", "use-application-dns.net",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        expect(names[i], TYPE_A, RCODE_NXDOMAIN, "");
        expect(names[i], TYPE_HTTPS, RCODE_NXDOMAIN, "");
    }
}

static void
test_localhost_is_the_asking_machine_with_all_below_it(void)
{
    expect("localhost", TYPE_A, RCODE_NOERROR, "localhost.\t3600\tIN\tA\t127.0.0.1\n");
    expect("a.localhost", TYPE_AAAA, RCODE_NOERROR, "a.localhost.\t3600\tIN\tAAAA\t::1\n");
    expect("localhost", TYPE_MX, RCODE_NOERROR, "");
    expect("1.0.0.127.in-addr.arpa", TYPE_PTR, RCODE_NOERROR,
           "1.0.0.127.in-addr.arpa.\t3600\tIN\tPTR\tlocalhost.\n");
    expect("2.0.0.127.in-addr.arpa", TYPE_PTR, RCODE_NXDOMAIN, "");
}

static void
test_nat64_is_denied_with_the_addresses_that_its_rfc_says(void)
{
    expect("ipv4only.arpa", TYPE_A, RCODE_NOERROR,
           "ipv4only.arpa.\t3600\tIN\tA\t192.0.0.170\nipv4only.arpa.\t3600\tIN\tA\t192.0.0.171\n");
    expect("ipv4only.arpa", TYPE_AAAA, RCODE_NOERROR, "");
    expect("a.ipv4only.arpa", TYPE_A, RCODE_NXDOMAIN, "");
    expect("171.0.0.192.in-addr.arpa", TYPE_PTR, RCODE_NOERROR,
           "171.0.0.192.in-addr.arpa.\t3600\tIN\tPTR\tipv4only.arpa.\n");
}

static void
test_no_encrypted_resolver_is_offered(void)
{
    expect("_dns.resolver.arpa", TYPE_SVCB, RCODE_NOERROR, "");
    expect("resolver.arpa", TYPE_SVCB, RCODE_NOERROR, "");
    expect("_x.resolver.arpa", TYPE_SVCB, RCODE_NXDOMAIN, "");
}

static void
test_private_zones_are_empty_to_their_ends_and_not_beyond(void)
{
    static const char *const empty[] = {
        "10.in-addr.arpa",      "16.172.in-addr.arpa",
        "31.172.in-addr.arpa",  "168.192.in-addr.arpa",
        "64.100.in-addr.arpa",  "127.100.in-addr.arpa",
        "254.169.in-addr.arpa", "d.f.ip6.arpa",
        "b.e.f.ip6.arpa",       "home.arpa",
    };
    static const char *const beyond[] = {
        "11.in-addr.arpa",
        "15.172.in-addr.arpa",
        "32.172.in-addr.arpa",
        "63.100.in-addr.arpa",
        "128.100.in-addr.arpa",
        "167.192.in-addr.arpa",
        "c.e.f.ip6.arpa",
        "example.com",
        "arpa",
        "localhost.example",
        "nottest",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(empty); i++) {
        g_autofree char *below = g_strconcat("7.0.", empty[i], NULL);
        g_autofree char *ns = g_strdup_printf("%s.\t3600\tIN\tNS\t%s.\n", empty[i], empty[i]);
        expect(empty[i], TYPE_PTR, RCODE_NOERROR, "");
        expect(below, TYPE_PTR, RCODE_NXDOMAIN, "");
        expect(empty[i], TYPE_NS, RCODE_NOERROR, ns);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(beyond); i++) {
        g_test_message("%s", beyond[i]);
        g_assert_cmpuint(ask_below(beyond[i], TYPE_PTR, FALSE).size, ==, 0);
    }
}

static void
test_a_special_name_above_one_of_ours_is_empty_but_exists(void)
{
    struct asked asked = ask_below("0.10.in-addr.arpa", TYPE_PTR, TRUE);
    g_assert_cmpuint(packet_rcode(asked.wire), ==, RCODE_NOERROR);
    asked = ask_below("clinic.internal", TYPE_A, TRUE);
    g_assert_cmpuint(packet_rcode(asked.wire), ==, RCODE_NOERROR);
    asked = ask_below("clinic.internal", TYPE_A, FALSE);
    g_assert_cmpuint(packet_rcode(asked.wire), ==, RCODE_NXDOMAIN);
}

static void
test_that_such_a_zone_is_unsigned_is_left_to_its_parent(void)
{
    g_assert_cmpuint(ask_below("home.arpa", TYPE_DS, FALSE).size, ==, 0);
    g_assert_cmpuint(ask_below("10.in-addr.arpa", TYPE_DS, FALSE).size, ==, 0);
    expect("a.home.arpa", TYPE_DS, RCODE_NXDOMAIN, "");
}

static void
test_what_is_above_a_special_name_exists(void)
{
    AUTO(special) *special = special_new();
    static const char *const names[] = {"arpa", "in-addr.arpa", "100.in-addr.arpa", "home.arpa"};
    struct name name;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_true(name_from_text(&name, names[i]));
        g_assert_true(special_exists(special, &name));
    }
    g_assert_true(name_from_text(&name, "net"));
    g_assert_false(special_exists(special, &name));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/special/names that are no DNS do not exist",
                    test_names_that_are_no_dns_do_not_exist);
    g_test_add_func("/special/localhost is the asking machine, with all below it",
                    test_localhost_is_the_asking_machine_with_all_below_it);
    g_test_add_func("/special/NAT64 is denied, with the addresses that its RFC says",
                    test_nat64_is_denied_with_the_addresses_that_its_rfc_says);
    g_test_add_func("/special/no encrypted resolver is offered",
                    test_no_encrypted_resolver_is_offered);
    g_test_add_func("/special/private zones are empty to their ends, and not beyond",
                    test_private_zones_are_empty_to_their_ends_and_not_beyond);
    g_test_add_func("/special/a special name above one of ours is empty, but exists",
                    test_a_special_name_above_one_of_ours_is_empty_but_exists);
    g_test_add_func("/special/that such a zone is unsigned is left to its parent",
                    test_that_such_a_zone_is_unsigned_is_left_to_its_parent);
    g_test_add_func("/special/what is above a special name exists",
                    test_what_is_above_a_special_name_exists);
    return g_test_run();
}
