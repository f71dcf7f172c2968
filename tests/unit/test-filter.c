/* filter: what a firewall does is read from its rules, and nothing more is claimed. */
#include "netsvc/check/firewall/filter.h"

#include "lib/json/json.h"

#define CHAIN                                                                                      \
    "{\"chain\":{\"family\":\"inet\",\"table\":\"filter\",\"name\":\"input\",\"type\":\"filter\"," \
    "\"hook\":\"input\",\"prio\":0,\"policy\":\"%s\"}}"
#define RULE                                                                                       \
    ",{\"rule\":{\"family\":\"inet\",\"table\":\"filter\",\"chain\":\"%s\",\"handle\":1,\"expr\":" \
    "[%s]}}"

#define MATCH(left, right) "{\"match\":{\"op\":\"==\",\"left\":" left ",\"right\":" right "}},"
#define UDP_PORT "{\"payload\":{\"protocol\":\"udp\",\"field\":\"dport\"}}"
#define TCP_PORT "{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}}"
#define SOURCE "{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}}"
#define META(key) "{\"meta\":{\"key\":\"" key "\"}}"
#define STATE "{\"ct\":{\"key\":\"state\"}}"
#define ACCEPT "{\"accept\":null}"
#define DROP "{\"drop\":null}"

struct rule {
    const char *chain, *expressions;
};

static const struct filter_packet query = {
    .port = 53, .interface = "eth0", .network = 0x0a420000, .mask = 0xffff0000};

/* In one letter: a accepts, d drops, r rejects, ? perhaps held back. */
static char
judge(const char *policy, const struct rule *rules, const struct filter_packet *packet)
{
    static const char letters[] = "adr";
    g_autoptr(GString) text = g_string_new("{\"nftables\":[");
    g_autoptr(GError) error = NULL;
    struct filter_answer answer;
    g_string_append_printf(text, CHAIN, policy);
    for (; rules->chain != NULL; rules++)
        g_string_append_printf(text, RULE, rules->chain, rules->expressions);
    g_string_append(text, "]}");
    json_check((struct slice){text->str, text->len}, &error);
    g_assert_no_error(error);
    filter_judge((struct slice){text->str, text->len}, packet, &answer);
    char letter = answer.perhaps ? '?' : letters[answer.verdict];
    g_assert_true((answer.table != NULL) == (letter != 'a'));
    filter_answer_clear(&answer);
    return letter;
}

static void
test_rules(void)
{
    static const struct {
        const char *name;
        const char *rule;
        char with_drop, with_accept; /* the policy */
    } cases[] = {
        {"an empty chain", "{\"counter\":null}", 'd', 'a'},
        {"all are accepted", ACCEPT, 'a', 'a'},
        {"all are dropped", DROP, 'd', 'd'},
        {"all are rejected", "{\"reject\":null}", 'r', 'r'},
        {"counted, logged, dropped",
         "{\"counter\":{\"packets\":0}},{\"log\":{\"prefix\":\"x\"}}," DROP, 'd', 'd'},
        {"our port", MATCH(UDP_PORT, "53") ACCEPT, 'a', 'a'},
        {"another port", MATCH(UDP_PORT, "54") ACCEPT, 'd', 'a'},
        {"another protocol's port", MATCH(TCP_PORT, "53") DROP, 'd', 'a'},
        {"a set of ports", MATCH(UDP_PORT, "{\"set\":[22,{\"range\":[50,60]}]}") ACCEPT, 'a', 'a'},
        {"a set without it", MATCH(UDP_PORT, "{\"set\":[22,{\"range\":[54,60]}]}") ACCEPT, 'd',
         'a'},
        {"a named set", MATCH(UDP_PORT, "\"@ports\"") ACCEPT, '?', 'a'},
        {"our interface", MATCH(META("iifname"), "\"eth0\"") ACCEPT, 'a', 'a'},
        {"our kind of interface", MATCH(META("iifname"), "\"eth*\"") ACCEPT, 'a', 'a'},
        {"the loopback interface", MATCH(META("iif"), "\"lo\"") ACCEPT, 'd', 'a'},
        {"what is known already", MATCH(STATE, "[\"established\",\"related\"]") ACCEPT, 'd', 'a'},
        {"what is new", MATCH(STATE, "[\"established\",\"new\"]") ACCEPT, 'a', 'a'},
        {"what is invalid", MATCH(STATE, "\"invalid\"") DROP, 'd', 'a'},
        {"the LAN", MATCH(SOURCE, "{\"prefix\":{\"addr\":\"10.0.0.0\",\"len\":8}}") ACCEPT, 'a',
         'a'},
        {"a part of the LAN", MATCH(SOURCE, "\"10.66.1.1\"") ACCEPT, '?', 'a'},
        {"another LAN", MATCH(SOURCE, "{\"prefix\":{\"addr\":\"10.67.0.0\",\"len\":16}}") ACCEPT,
         'd', 'a'},
        {"ICMP", MATCH(META("l4proto"), "{\"set\":[\"icmp\",\"ipv6-icmp\"]}") ACCEPT, 'd', 'a'},
        {"UDP", MATCH(META("l4proto"), "\"udp\"") ACCEPT, 'a', 'a'},
        {"IPv6",
         MATCH("{\"payload\":{\"protocol\":\"ip6\",\"field\":\"saddr\"}}", "\"fe80::1\"") DROP, 'd',
         'a'},
        {"a limit", MATCH(UDP_PORT, "53") "{\"limit\":{\"rate\":10}}," ACCEPT, '?', 'a'},
        {"a match of xtables", "{\"xt\":{\"type\":\"match\",\"name\":\"x\"}}," ACCEPT, '?', 'a'},
        {"our port dropped where a limit is exceeded",
         MATCH(UDP_PORT, "53") "{\"limit\":{\"rate\":10}}," DROP, 'd', '?'},
        {"something dropped where a limit is exceeded", "{\"limit\":{\"rate\":10}}," DROP, 'd',
         'a'},
        {"a map of ports", "{\"vmap\":{\"key\":" UDP_PORT ",\"data\":{\"set\":[[53," ACCEPT "]]}}}",
         'a', 'a'},
        {"a map without it", "{\"vmap\":{\"key\":" UDP_PORT ",\"data\":{\"set\":[[54," DROP "]]}}}",
         'd', 'a'},
        {"a map of states, and then",
         "{\"vmap\":{\"key\":" STATE ",\"data\":{\"set\":[[\"established\"," ACCEPT "]]}}}", 'd',
         'a'},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct rule rules[] = {{"input", cases[i].rule}, {NULL, NULL}};
        g_test_message("%s", cases[i].name);
        g_assert_cmpint(judge("drop", rules, &query), ==, cases[i].with_drop);
        g_assert_cmpint(judge("accept", rules, &query), ==, cases[i].with_accept);
    }
}

static void
test_other_than(void)
{
    const struct rule port[] = {
        {"input", "{\"match\":{\"op\":\"!=\",\"left\":" UDP_PORT ",\"right\":53}}," DROP},
        {NULL, NULL}};
    const struct rule other[] = {
        {"input", "{\"match\":{\"op\":\"!=\",\"left\":" UDP_PORT ",\"right\":67}}," DROP},
        {NULL, NULL}};
    const struct rule tcp[] = {
        {"input", "{\"match\":{\"op\":\"!=\",\"left\":" TCP_PORT ",\"right\":67}}," DROP},
        {NULL, NULL}};
    g_assert_cmpint(judge("accept", port, &query), ==, 'a');
    g_assert_cmpint(judge("accept", other, &query), ==, 'd');
    g_assert_cmpint(judge("accept", tcp, &query), ==, 'a'); /* it is no TCP at all */
}

static void
test_chains(void)
{
    const struct rule jumps[] = {{"input", "{\"jump\":{\"target\":\"lan\"}}"},
                                 {"input", DROP},
                                 {"lan", MATCH(UDP_PORT, "53") ACCEPT},
                                 {NULL, NULL}};
    const struct rule returns[] = {{"input", "{\"jump\":{\"target\":\"lan\"}}"},
                                   {"input", ACCEPT},
                                   {"lan", "{\"return\":null}"},
                                   {"lan", DROP},
                                   {NULL, NULL}};
    const struct rule goes[] = {{"input", "{\"goto\":{\"target\":\"lan\"}}"},
                                {"input", ACCEPT},
                                {"lan", "{\"return\":null}"},
                                {NULL, NULL}};
    const struct rule circle[] = {{"input", "{\"jump\":{\"target\":\"input\"}}"}, {NULL, NULL}};
    g_assert_cmpint(judge("drop", jumps, &query), ==, 'a');
    g_assert_cmpint(judge("drop", returns, &query), ==, 'a');
    g_assert_cmpint(judge("drop", goes, &query), ==, 'd');
    g_assert_cmpint(judge("drop", circle, &query), ==, 'd');
}

/* A client without an address is from nowhere. */
static void
test_nobody(void)
{
    const struct filter_packet discover = {
        .port = 67, .from_port = 68, .interface = "eth0", .network = 0, .mask = ~0u};
    const struct rule rules[] = {
        {"input", MATCH(SOURCE, "{\"prefix\":{\"addr\":\"10.66.0.0\",\"len\":16}}") ACCEPT},
        {NULL, NULL}};
    g_assert_cmpint(judge("drop", rules, &discover), ==, 'd');
}

static void
test_others(void)
{
    static const char *const texts[] = {
        "{}",
        "{\"nftables\":3}",
        "{\"nftables\":[1,\"x\",{\"chain\":1},{\"rule\":[]}]}",
        "{\"nftables\":[{\"chain\":{\"family\":\"ip6\",\"table\":\"t\",\"name\":\"c\",\"hook\":"
        "\"input\",\"policy\":\"drop\"}}]}",
        "{\"nftables\":[{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"c\",\"hook\":"
        "\"forward\",\"policy\":\"drop\"}}]}",
        "{\"nftables\":[{\"chain\":{\"family\":\"inet\",\"table\":\"t\",\"name\":\"c\",\"hook\":"
        "\"input\"}},{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"c\",\"expr\":[3,"
        "{\"match\":1},{\"vmap\":{\"key\":1,\"data\":{\"set\":[1,[],[53]]}}},{\"drop\":null}]}}]}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct filter_answer answer;
        g_assert_true(json_check(slice_of(texts[i]), NULL));
        filter_judge(slice_of(texts[i]), &query, &answer);
        g_assert_cmpint(answer.verdict, ==, FILTER_ACCEPTS);
        filter_answer_clear(&answer);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filter/each rule says what it says", test_rules);
    g_test_add_func("/filter/all but a port is not a port", test_other_than);
    g_test_add_func("/filter/chains jump, return and go", test_chains);
    g_test_add_func("/filter/who has no address is from no network", test_nobody);
    g_test_add_func("/filter/other hooks, families and nonsense hold nothing back", test_others);
    return g_test_run();
}
